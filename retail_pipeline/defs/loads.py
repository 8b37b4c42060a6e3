"""The assets that belong to a load: what the file said, the lines that count, the rows held back."""

from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from retail_pipeline.defs.metadata import OWNERS, described
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import bulk, ledger
from retail_pipeline.warehouse.loading import Progress, load
from retail_pipeline.warehouse.tables import countries, order_lines, quarantined_lines, raw_order_lines

LOADS = dg.DynamicPartitionsDefinition(name="loads")

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
    failures = []
    for load_id in context.partition_keys:
        try:
            _load(context, retail, load_id, progress)
        except BadInput as error:
            context.log.error(str(error))
            failures.append(str(error))
    if failures:
        raise dg.Failure("\n".join(failures), allow_retries=False)
    for table in (raw_order_lines, order_lines, quarantined_lines):  # Dagster wants them upstream first
        if dg.AssetKey(table.name) in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=table.name)


def _load(context: dg.AssetExecutionContext, retail: Retail, load_id: str, progress: Progress) -> None:
    with retail.warehouse.reading() as connection:
        source = ledger.entry(connection, load_id)["source"]
    load(retail.warehouse, load_id, retail.sources.get(source), run_id=context.run.run_id, progress=progress)
    with retail.warehouse.reading() as connection:
        entry, way = ledger.entry(connection, load_id), bulk.way(connection)
    context.log.info(f"{load_id}: {entry['rows_loaded']} of {entry['rows_read']} rows loaded by {way}")
    shown = {
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
            "loaded_by": way,
        },
        "quarantined_lines": {
            "dagster/partition_row_count": entry["rows_quarantined"],
            "amount_quarantined": str(entry["amount_quarantined"]),
        },
    }
    for key in context.selected_asset_keys:
        context.add_asset_metadata(shown[key.path[-1]], asset_key=key, partition_key=load_id)
