"""Making small exports and loading them, as tests of the warehouse need it."""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.sources import SourceCatalogue, SourceProfile
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load

ONLINE_RETAIL = SourceCatalogue().get("online_retail")
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def order_line(
    invoice: str = "536365",
    product: str = "85123A",
    quantity: object = 6,
    price: object = "2.55",
    at: str = "12/1/2010 8:26",
    customer: str = "17850",
    country: str = "United Kingdom",
    description: str = "HEART",
) -> str:
    """A line of an online_retail export."""
    return f"{invoice},{product},{description},{quantity},{at},{price},{customer},{country}"


def ingest(warehouse: Warehouse, path: Path, profile: SourceProfile = ONLINE_RETAIL) -> str:
    """Lands a file and loads it; returns its load_id."""
    load_id = land(warehouse, path, profile).load_id
    load(warehouse, load_id, profile)
    return load_id


def rows(warehouse: Warehouse, table: sa.Table, *columns: str) -> list[tuple]:
    """All rows of a table in the order of its key, whole or some columns of it."""
    chosen = [table.c[column] for column in columns] if columns else list(table.columns)
    with warehouse.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*chosen).order_by(*table.primary_key.columns))]


def entry(warehouse: Warehouse, load_id: str) -> sa.RowMapping:
    """A load's row in the ledger."""
    with warehouse.reading() as connection:
        return ledger.entry(connection, load_id)


def assert_everything_is_accounted_for(warehouse: Warehouse) -> None:
    """The ledger's identities, and that its figures are those of the tables."""
    from retail_pipeline.warehouse.tables import order_lines, quarantined_lines, raw_order_lines, superseded_lines

    with warehouse.reading() as connection:
        entries = [entry for entry in ledger.entries(connection) if entry["status"] == "loaded"]

        def found(table: sa.Table) -> Callable[[str], tuple[int, Decimal]]:
            counts, sums = Counter(), defaultdict(Decimal)
            for load_id, amount in connection.execute(sa.select(table.c.load_id, table.c.amount)):
                counts[load_id] += 1
                sums[load_id] += amount or 0
            return lambda load_id: (counts[load_id], sums[load_id])

        loaded, held, replaced = found(order_lines), found(quarantined_lines), found(superseded_lines)
        raw = Counter(connection.scalars(sa.select(raw_order_lines.c.load_id)))
    for entry in entries:
        load_id = entry["load_id"]
        assert (entry["rows_loaded"], entry["amount_loaded"]) == loaded(load_id)
        assert (entry["rows_quarantined"], entry["amount_quarantined"]) == held(load_id)
        assert (entry["rows_superseded"], entry["amount_superseded"]) == replaced(load_id)
        assert entry["rows_read"] == entry["rows_loaded"] + entry["rows_quarantined"] + entry["rows_superseded"]
        assert entry["amount_read"] == (
            entry["amount_loaded"] + entry["amount_quarantined"] + entry["amount_superseded"]
        )
        assert raw[load_id] == entry["rows_read"]
