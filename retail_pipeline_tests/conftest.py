"""Fixtures that all tests share: databases to run on, and a warehouse with nothing in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations import upgrade
from retail_pipeline_tests import servers


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


@pytest.fixture
def warehouse(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A warehouse with tables and no loads, on each database; Dagster's resources find the same one."""
    monkeypatch.setenv("RETAIL_DATABASE_URL", database_url)
    warehouse = Warehouse(Settings())
    upgrade(warehouse)
    yield warehouse
    warehouse.engine.dispose()


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
