"""What always holds, as a function over a warehouse: the design's promises, whatever has just happened to it."""

import hashlib
from collections.abc import Collection

import sqlalchemy as sa

from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.landing import landed_file
from retail_pipeline.warehouse.tables import contested_invoices, order_lines, superseded_lines
from retail_pipeline_tests.exports import assert_everything_is_accounted_for
from retail_pipeline_tests.faults.work import Contents, contents


def assert_all_holds(warehouse: Warehouse, states: Collection[Contents]) -> None:
    """Raises AssertionError where something is lost, counted twice, or half done.

    `states` are those that each table may be in: before the work that was going on, and after it.
    """
    assert_everything_is_accounted_for(warehouse)
    _assert_files_are_kept(warehouse)
    _assert_the_latest_load_counts(warehouse)
    found = contents(warehouse)
    for table, rows in found.items():
        assert any(rows == state.get(table, []) for state in states), f"{table} shows half of something"


def _assert_files_are_kept(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        entries = ledger.entries(connection)
    for entry in entries:
        path = landed_file(warehouse, entry["load_id"], entry["file_name"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"], f"{path} isn't what was handed in"


def _assert_the_latest_load_counts(warehouse: Warehouse) -> None:
    """Of the loads in the tables that carry an invoice, the lines of the one that landed last count, and no others."""
    with warehouse.reading() as connection:
        landed = {
            entry["load_id"]: entry["landing_no"] for entry in ledger.entries(connection) if entry["status"] == "loaded"
        }
        carried = connection.execute(
            sa.union(*(sa.select(lines.c.load_id, lines.c.invoice_no) for lines in (order_lines, superseded_lines)))
        )
        latest: dict[str, str] = {}
        for load_id, invoice_no in carried:
            rivals = [load_id, latest.get(invoice_no, load_id)]
            latest[invoice_no] = max(rivals, key=landed.__getitem__)
        counting = connection.execute(sa.select(order_lines.c.load_id, order_lines.c.invoice_no).distinct()).all()
        wrong = [(load_id, invoice) for load_id, invoice in counting if latest[invoice] != load_id]
        assert not wrong, f"lines of a load that was replaced count: {wrong[:3]}"
        assert connection.scalar(sa.select(sa.func.count()).select_from(contested_invoices)) == 0
