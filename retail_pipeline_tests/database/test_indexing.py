"""The indexes of order_lines around a large first load, on every database."""

import signal
from itertools import count

import pytest
import sqlalchemy as sa
from pymysql.cursors import DictCursor

from retail_pipeline.engines import DatabaseEngine
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, indexing, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import no_progress, revert
from retail_pipeline.warehouse.tables import order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, order_line, rows
from retail_pipeline_tests.killing import exit_status, in_a_process, kill_before_statement

pytestmark = pytest.mark.database

ALL = {index.name: index.columns.keys() for index in order_lines.indexes}


@pytest.fixture
def any_file_is_large(monkeypatch):
    monkeypatch.setattr(indexing, "MUCH_BYTES", 1)


def load_all(warehouse: Warehouse, *paths) -> None:
    load_ids = [land(warehouse, path, ONLINE_RETAIL).load_id for path in paths]
    assert DatabaseEngine(warehouse).load(load_ids, SourceCatalogue(), None, no_progress) == {}


def indexes(warehouse: Warehouse) -> dict[str, list[str]]:
    return {index["name"]: index["column_names"] for index in sa.inspect(warehouse.engine).get_indexes("order_lines")}


def changes_of_indexes(warehouse: Warehouse) -> list[str]:
    """Filled with the statements that drop or add an index from now on."""
    told = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def tell(_connection, _cursor, statement, *_) -> None:
        if statement.lstrip().startswith(("DROP INDEX", "CREATE INDEX", "ALTER TABLE")):
            told.append(statement)

    return told


def test_a_large_first_load_builds_the_indexes_when_its_lines_are_in(warehouse, export, any_file_is_large):
    changes = changes_of_indexes(warehouse)
    load_all(warehouse, export("1.csv", order_line("1"), order_line("2")), export("2.csv", order_line("2", "Z")))
    dropped = [change for change in changes if "DROP" in change]
    assert len(dropped) == len(ALL) - 1, "the invoices of both files are compared by one of them"
    assert changes[: len(dropped)] == dropped
    assert indexes(warehouse) == ALL
    assert rows(warehouse, order_lines, "invoice_no", "product_code") == [("1", "85123A"), ("2", "Z")]


def test_later_loads_and_small_ones_leave_the_indexes_as_they_are(warehouse, export, monkeypatch):
    changes = changes_of_indexes(warehouse)
    load_all(warehouse, export("small.csv", order_line("1")))
    monkeypatch.setattr(indexing, "MUCH_BYTES", 1)
    load_all(warehouse, export("later.csv", order_line("2")))
    assert changes == []


def test_whatever_kills_a_first_load_the_next_run_has_all_indexes(warehouse, export, any_file_is_large):
    for number in count(1, 4):  # from the first moment to the last, in steps
        with warehouse.reading() as connection:
            loaded = [entry["load_id"] for entry in ledger.loaded(connection)]
        for load_id in loaded:
            revert(warehouse, load_id)
        path = export(f"{number}.csv", order_line(str(number)))

        def work(number: int = number, path=path) -> None:
            own = Warehouse(Settings())
            kill_before_statement(number)
            load_all(own, path)

        status = exit_status(in_a_process(work))
        assert status in (0, -signal.SIGKILL)
        indexing.complete(warehouse)
        assert indexes(warehouse) == ALL
        if status == 0:
            break
    assert number > 30, "a load has more steps than that"


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_invoices_are_compared_by_their_index_also_where_the_server_takes_the_table_for_empty(
    warehouse, export, any_file_is_large
):
    plans = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def explain(connection, _cursor, statement, parameters, *_) -> None:
        if statement.startswith("INSERT INTO contested_invoices") and "order_lines AS" in statement:
            with connection.connection.cursor(DictCursor) as cursor:
                form = "" if connection.dialect.is_mariadb else "FORMAT=TRADITIONAL"
                cursor.execute(f"EXPLAIN {form} {statement}", parameters)
                plans.append({row["table"]: row["key"] for row in cursor.fetchall()})

    with warehouse.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE order_lines STATS_AUTO_RECALC = 0")
    files = (export(f"{n}.csv", *(order_line(f"{n}{invoice}") for invoice in range(2000))) for n in (1, 2))
    load_all(warehouse, *files)
    assert [plan["order_lines_1"] for plan in plans] == ["ix_order_lines_invoice"]
