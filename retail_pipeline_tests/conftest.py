"""Fixtures that all tests share: databases to run on, and a warehouse with nothing in it."""

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from retail_pipeline.cli import NEW_OBJECTS
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline_tests import servers
from retail_pipeline_tests.exports import HEADER
from retail_pipeline_tests.states import States

gc.set_threshold(NEW_OBJECTS)  # as the command itself has it


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors, for tests wait for servers and processes as well."""
    return (os.cpu_count() or 1) + 1


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
def states_in_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[States]:
    with ExitStack() as databases:
        yield States(tmp_path_factory.mktemp("states"), databases)


@pytest.fixture(scope="session")
def states_on_server(mysql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[States]:
    with ExitStack() as databases:  # dropped before the server goes away
        yield States(tmp_path_factory.mktemp("states"), databases)


@pytest.fixture
def states(database_url: str, request: pytest.FixtureRequest) -> States:
    """States that tests begin with, on the same database."""
    return request.getfixturevalue("states_on_server" if database_url else "states_in_files")


@pytest.fixture
def warehouse(database_url: str, states: States, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A warehouse with tables and no loads, on each database; Dagster's resources find the same one."""
    monkeypatch.setenv("RETAIL_DATABASE_URL", database_url)
    with Warehouse(Settings()) as warehouse:
        states.bring(warehouse, upgrade)
        yield warehouse


Export = Callable[..., Path]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writes an export of the source online_retail, with lines as `order_line` makes them."""

    def write(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
        return path

    return write
