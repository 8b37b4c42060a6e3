"""Processes that are killed, and processes that work at the same time, on every database."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, changes, ledger
from retail_pipeline.warehouse.tables import order_lines, raw_order_lines
from retail_pipeline_tests.exports import assert_everything_is_accounted_for, entry, ingest, order_line, rows
from retail_pipeline_tests.killing import exit_status, in_a_process, kill_before_statement

pytestmark = pytest.mark.database


def test_a_process_killed_before_any_statement_leaves_no_trace_and_the_next_run_finishes(warehouse, export):
    ingest(warehouse, export("first.csv", order_line("1"), order_line("2")))
    for number in count(1):
        path = export(
            f"{number}.csv", order_line("1", quantity=number), order_line(f"9{number}"), order_line(quantity="x")
        )
        lines_before, version = rows(warehouse, order_lines), _version(warehouse)

        def work(number: int = number, path: Path = path) -> None:
            own = Warehouse(Settings())
            kill_before_statement(number)
            ingest(own, path)

        status = exit_status(in_a_process(work))
        assert status in (0, -signal.SIGKILL)
        if _version(warehouse) == version:
            assert rows(warehouse, order_lines) == lines_before
        assert_everything_is_accounted_for(warehouse)

        load_id = ingest(warehouse, path)
        assert entry(warehouse, load_id)["status"] == "loaded"
        assert {(load_id, "1"), (load_id, f"9{number}")} <= set(rows(warehouse, order_lines, "load_id", "invoice_no"))
        assert_everything_is_accounted_for(warehouse)
        if status == 0:
            break
    assert number > 20, "a load has more steps than that"


@pytest.mark.parametrize("name", ["mart_returns", "mart_product_customers"])  # one by parts, one by adding
def test_a_refresh_killed_before_any_statement_leaves_the_mart_as_it_was_and_the_next_one_finishes(
    warehouse, export, name
):
    mart = marts()[name]
    ingest(warehouse, export("first.csv", order_line("C1", quantity=-1)))
    refresh(warehouse, mart)
    for number in count(1):
        ingest(warehouse, export(f"{number}.csv", order_line("C1", quantity=-1 - number)))
        before = rows(warehouse, mart.table(), "units_returned")

        def work(number: int = number) -> None:
            own = Warehouse(Settings())
            kill_before_statement(number)
            refresh(own, mart)

        status = exit_status(in_a_process(work))
        after = [(-quantity,) for (quantity,) in rows(warehouse, order_lines, "quantity")]
        assert rows(warehouse, mart.table(), "units_returned") in (before, after)
        refresh(warehouse, mart)
        assert rows(warehouse, mart.table(), "units_returned") == after
        if status == 0:
            break
    assert number > 5


def test_the_same_file_ingested_by_many_processes_at_once_is_one_load(warehouse, export):
    path = export("day.csv", *(order_line(str(number)) for number in range(50)))
    pids = [in_a_process(lambda: ingest(Warehouse(Settings()), path) and None) for _ in range(6)]
    assert [exit_status(pid) for pid in pids] == [0] * 6
    with warehouse.reading() as connection:
        assert len(ledger.entries(connection)) == 1
    assert len(rows(warehouse, order_lines)) == 50
    assert_everything_is_accounted_for(warehouse)


def test_overlapping_files_ingested_at_the_same_time_end_as_if_one_after_the_other(warehouse, export):
    paths = [
        export(f"{number}.csv", *(order_line(str(invoice), quantity=number) for invoice in range(number, number + 30)))
        for number in range(1, 7)
    ]
    pids = [in_a_process(lambda path=path: ingest(Warehouse(Settings()), path) and None) for path in paths]
    assert [exit_status(pid) for pid in pids] == [0] * len(pids)
    with warehouse.reading() as connection:
        landing_order = {row["load_id"]: row["landing_no"] for row in ledger.entries(connection)}
    latest: dict[str, str] = {}
    for load_id, invoice_no in rows(warehouse, raw_order_lines, "load_id", "invoice_no"):
        rivals = [load_id, latest.get(invoice_no, load_id)]
        latest[invoice_no] = max(rivals, key=landing_order.__getitem__)
    assert {
        invoice_no: load_id for load_id, invoice_no in rows(warehouse, order_lines, "load_id", "invoice_no")
    } == latest
    assert_everything_is_accounted_for(warehouse)


def test_readers_never_see_half_a_load(warehouse, export):
    warehouse.settings.batch_rows = 10
    path = export("day.csv", *(order_line(str(number)) for number in range(300)))
    seen, done = set(), threading.Event()

    def watch() -> None:
        with Warehouse(Settings()) as own:
            while True:
                has_ended = done.is_set()
                with own.reading() as connection:
                    seen.add(connection.scalar(sa.select(sa.func.count()).select_from(order_lines)))
                if has_ended:  # so that the end was seen too
                    return

    with ThreadPoolExecutor(1) as threads:
        watcher = threads.submit(watch)
        try:
            for _ in range(2):
                ingest(warehouse, path)
        finally:
            done.set()
        watcher.result()
    assert 300 in seen
    assert seen <= {0, 300}


def _version(warehouse: Warehouse) -> int:
    with warehouse.reading() as connection:
        return changes.version(connection)
