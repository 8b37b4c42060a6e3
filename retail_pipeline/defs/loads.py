"""The assets that belong to a load: what the file said, the lines that count, the rows held back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_pipeline.defs.metadata import OWNERS, described
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.loading import Progress
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import countries, order_lines, quarantined_lines, raw_order_lines

LOADS = dg.DynamicPartitionsDefinition(name="loads")

TABLES = (raw_order_lines, order_lines, quarantined_lines)
"""The tables of a load, upstream first, as Dagster wants them."""

TOLD_AT_ONCE = 500
"""Loads that a run tells Dagster of: an instance that is new to a full database learns of them by and by."""

EXPORT_FILES = dg.AssetSpec(
    "export_files",
    description="The landing store. One file per load, kept byte for byte.",
    group_name="intake",
    kinds={"file"},
    owners=OWNERS,
)
COUNTRIES = dg.AssetSpec(
    "countries",
    description=countries.comment,
    metadata=described(countries),
    group_name="reference",
    kinds={"table"},
    owners=OWNERS,
)


def _table(table: sa.Table, reads: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        deps=[reads],
        description=table.comment,
        metadata=described(table),
        group_name="intake",
        kinds={"table", "pandas"},
        owners=OWNERS,
        skippable=True,
    )


@dg.multi_asset(
    name="load_tables",
    specs=[
        _table(raw_order_lines, reads="export_files"),
        _table(order_lines, reads="raw_order_lines"),
        _table(quarantined_lines, reads="raw_order_lines"),
    ],
    partitions_def=LOADS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
    pool=POOL,
)
def load_assets(
    context: dg.AssetExecutionContext, retail: Retail, progress: dg.ResourceParam[Progress]
) -> Iterator[dg.MaterializeResult]:
    """Loads files into all three tables: they change together or not at all, whichever of them was asked for."""
    problems = retail.engine.load(context.partition_keys, retail.sources, context.run.run_id, progress)
    for problem in problems.values():
        context.log.error(str(problem))
    _show(context, retail, [load_id for load_id in context.partition_keys if load_id not in problems])
    if problems:
        raise dg.Failure("\n".join(map(str, problems.values())), allow_retries=False)
    for table in TABLES:
        if dg.AssetKey(table.name) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=table.name)


def _show(context: dg.AssetExecutionContext, retail: Retail, load_ids: Sequence[str]) -> None:
    way = retail.engine.way()
    for entry in _entries(retail.warehouse, load_ids):
        shown = _shown(entry)
        shown["order_lines"]["loaded_by"] = way
        for key in context.selected_asset_keys:
            context.add_asset_metadata(shown[key.path[-1]], asset_key=key, partition_key=entry["load_id"])


@retried
def _entries(warehouse: Warehouse, load_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    with warehouse.reading() as connection:
        return ledger.entries(connection, load_ids)


def tell_what_is_loaded(instance: dg.DagsterInstance, entries: Iterable[Mapping[str, Any]]) -> None:
    """Tells Dagster of loads that are in the tables and of which it doesn't know.

    A process that was killed between the commit and Dagster's event couldn't say so itself.
    """
    known = {table: instance.get_materialized_partitions(dg.AssetKey(table.name)) for table in TABLES}
    unknown = [entry for entry in entries if not all(entry["load_id"] in loads for loads in known.values())]
    for entry in unknown[:TOLD_AT_ONCE]:
        load_id, shown = entry["load_id"], _shown(entry)
        instance.add_dynamic_partitions(LOADS.name, [load_id])
        for table, loads in known.items():
            if load_id not in loads:
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(table.name, partition=load_id, metadata=shown[table.name])
                )


def _shown(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What Dagster shows of a load, by table."""
    return {
        "raw_order_lines": {
            "dagster/partition_row_count": entry["rows_read"],
            "amount_read": str(entry["amount_read"]),
            "encoding": entry["encoding"],
        },
        "order_lines": {
            "dagster/partition_row_count": entry["rows_loaded"],
            "amount_loaded": str(entry["amount_loaded"]),
            "rows_superseded": entry["rows_superseded"],
            "amount_superseded": str(entry["amount_superseded"]),
            "rows_repeated": entry["rows_repeated"],
            "first_invoice_date": str(entry["first_invoice_date"]),
            "last_invoice_date": str(entry["last_invoice_date"]),
        },
        "quarantined_lines": {
            "dagster/partition_row_count": entry["rows_quarantined"],
            "amount_quarantined": str(entry["amount_quarantined"]),
        },
    }
