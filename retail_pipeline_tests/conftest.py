"""Fixtures that all tests share: databases to run on, and a warehouse with nothing in it."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations import upgrade
from retail_pipeline_tests import servers


@sa.event.listens_for(sa.Engine, "connect")
def _never_wait_for_the_disk(opened: Any, _record: Any) -> None:
    """What a test writes has to outlive processes that are killed, not a power failure."""
    if isinstance(opened, sqlite3.Connection):
        opened.execute("PRAGMA synchronous = OFF")


def pytest_sessionstart(session: pytest.Session) -> None:
    servers.start_for_workers(session.config)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests neither read nor touch the warehouse of whoever runs them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RETAIL_{name.upper()}", raising=False)
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """A MySQL-protocol server, without a database in the URL."""
    with servers.mysql_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("mysql", marks=pytest.mark.mysql)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """RETAIL_DATABASE_URL for each database in turn, with nothing in it; empty for SQLite under RETAIL_HOME."""
    if request.param == "sqlite":
        yield ""
        return
    with servers.database_url(request.getfixturevalue("mysql_url"), "retail_test") as url:
        yield url


@pytest.fixture(scope="session")
def made_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a SQLite database with tables and no loads."""
    return _made(Settings(_env_file=None, home=tmp_path_factory.mktemp("made"), database_url="")).database


@pytest.fixture(scope="session")
def made_database(mysql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database on the server with tables and no loads."""
    with servers.database_url(mysql_url, "retail_made") as url:
        yield _made(Settings(_env_file=None, home=tmp_path_factory.mktemp("made"), database_url=url)).database


def _made(settings: Settings) -> sa.URL:
    with Warehouse(settings) as warehouse:
        upgrade(warehouse)
    return warehouse.url


@pytest.fixture
def warehouse(
    database_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A warehouse with tables and no loads, on each database; Dagster's resources find the same one.

    Its tables are copied from a database that was made once: making them takes ten times as long.
    """
    monkeypatch.setenv("RETAIL_DATABASE_URL", database_url)
    with Warehouse(Settings()) as warehouse:
        if warehouse.is_sqlite:
            file = Path(warehouse.url.database)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(request.getfixturevalue("made_file"), file)
        else:
            servers.copy_tables(request.getfixturevalue("made_database"), database_url)
        yield warehouse


Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writes an export of the source online_retail, with lines as `order_line` makes them."""

    def write(name: str, *lines: str) -> Path:
        header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
        path = tmp_path / name
        path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
        return path

    return write
