"""Connections to the warehouse, and breaking off what they do."""

import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from retail_pipeline.errors import Failure, Unreachable
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.quality.great_expectations_bridge import evaluate
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline_tests.servers import a_statement_waits_for_a_table
from retail_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.database

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n",
    "mysql": "SELECT SLEEP(600)",
}
SECONDS = 20


@retried
def work_without_end(warehouse: Warehouse) -> None:
    with warehouse.writing() as connection:
        connection.execute(sa.text(ENDLESS["sqlite" if warehouse.is_sqlite else "mysql"]))


def broken_off(
    warehouse: Warehouse, work: Callable[[], object], is_under_way: Callable[[], object] = lambda: True
) -> Exception:
    """What becomes of work in another thread, which doesn't end by itself, when it is interrupted."""
    failed = []

    def try_to() -> None:
        try:
            work()
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=try_to, daemon=True)
    thread.start()
    thread.join(1)
    wait_until(lambda: is_under_way() or not thread.is_alive())
    assert thread.is_alive(), failed
    warehouse.interrupt()
    thread.join(SECONDS)
    assert failed, "it goes on"
    return failed[0]


def test_who_interrupts_the_work_of_another_thread_ends_it_at_once_and_it_is_not_tried_again(warehouse):
    broken_off(warehouse, lambda: work_without_end(warehouse))
    with pytest.raises(Failure, match="interrupted"), warehouse.reading():
        pass
    with Warehouse(warehouse.settings) as another, another.reading() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_who_interrupts_a_check_that_waits_for_the_server_ends_it_at_once_and_it_has_found_nothing(warehouse):
    [suite] = [suite for suite in suites() if suite.table == "loads"]
    with Warehouse(warehouse.settings) as another, another.engine.connect() as other:
        other.exec_driver_sql(f"LOCK TABLES {suite.table} WRITE")

        def is_waiting() -> bool:
            with another.reading() as connection:
                return a_statement_waits_for_a_table(connection)

        assert isinstance(broken_off(warehouse, lambda: evaluate(warehouse, suite), is_waiting), Unreachable)
