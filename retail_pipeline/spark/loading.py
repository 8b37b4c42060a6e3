"""Loading on Spark, and the way back: files are read side by side, and count together when the ledger says so."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.spark.reading import SCHEMAS, Export, Outcome, read_exports
from retail_pipeline.spark.store import Store, load_folder, superseded_folder
from retail_pipeline.spark.tables import Loads, Tables
from retail_pipeline.warehouse import Warehouse, bulk, changes, correcting, ledger
from retail_pipeline.warehouse.landing import kept_file, unpruned
from retail_pipeline.warehouse.loading import Progress, delete_lines, said
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import quarantined_lines, raw_order_lines

log = logging.getLogger(__name__)

Superseded = Mapping[str, tuple[int, Decimal]]
"""Number and amount of the lines that don't count, by load."""


def load(
    tables: Tables, load_ids: Iterable[str], sources: SourceCatalogue, run_id: str | None, progress: Progress
) -> dict[str, BadInput]:
    """Reads landed files, and those of loads that aren't in the store; they become visible in one transaction.

    Returns what is wrong with those that can't be read; the reason is in the ledger, and what they were they stay.
    """
    warehouse, store, began = tables.warehouse, tables.store, time.monotonic()
    with unpruned(warehouse):
        exports, problems = _exports(tables, load_ids, sources)
        outcomes = read_exports(tables.session, store, exports, warehouse.settings.batch_rows)
    read = [outcome for outcome in outcomes if not outcome.error]
    refused = [outcome for outcome in outcomes if outcome.error]
    _enter_failed(warehouse, refused, run_id)
    if read:
        loaded = _with(tables, read)
        new = {outcome.export.load_id for outcome in read}
        repeated = tables.repeated([load for load in loaded if load["load_id"] in new])
        for outcome in read:
            outcome.figures.rows_repeated = repeated.get(outcome.export.load_id, 0)
        _enter_loaded(warehouse, store, read, tables.settle(loaded), run_id)
        store.sweep(superseded_folder(loaded))
    for outcome in read:
        export, figures = outcome.export, outcome.figures
        for table in SCHEMAS:
            store.sweep(load_folder(table, export.load_id, export.loaded_at))
        facts = {"load_id": export.load_id, "seconds": round(time.monotonic() - began, 3), "loaded_by": "Spark"}
        facts |= {"rows_read": figures.rows_read, "rows_quarantined": figures.rows_quarantined}
        log.info("%s is loaded", export.load_id, extra=facts)
        progress(export.load_id, export.file_bytes, export.file_bytes)
    return problems | {outcome.export.load_id: BadInput(outcome.error) for outcome in refused}


def revert(tables: Tables, load_id: str) -> None:
    """Takes a load back out, in one transaction: lines that it superseded count again, its own are in no table."""
    with tables.warehouse.reading() as connection:
        entry, loaded = ledger.entry(connection, load_id), ledger.loaded(connection)
    if entry["status"] != "loaded":
        raise BadInput(f"{load_id} isn't in the tables: it is {entry['status']}")
    left = [load for load in loaded if load["load_id"] != load_id]
    _enter_reverted(tables.warehouse, load_id, tables.settle(left))
    tables.store.sweep(superseded_folder(left))
    for table in SCHEMAS:
        tables.store.delete(load_folder(table, load_id, entry["loaded_at"]))
    log.info("%s is taken back out", load_id, extra={"load_id": load_id, "rows_read": entry["rows_read"]})


def _exports(
    tables: Tables, load_ids: Iterable[str], sources: SourceCatalogue
) -> tuple[list[Export], dict[str, BadInput]]:
    """What executors need to read files, and what is wrong with those that can't be read at all."""
    exports: list[Export] = []
    problems: dict[str, BadInput] = {}
    with tables.warehouse.reading() as connection:
        also = tables.missing(ledger.loaded(connection))
        for load_id in dict.fromkeys([*load_ids, *also]):
            try:
                entry = ledger.entry(connection, load_id)
                path = kept_file(tables.warehouse, entry)
                corrections = correcting.of_load(connection, load_id)
                profile = sources.get(entry["source"])
            except BadInput as problem:
                problems[load_id] = problem
            else:
                exports.append(
                    Export(load_id, path, entry["file_bytes"], entry["encoding"], profile, corrections, ledger.now())
                )
    return exports, problems


def _with(tables: Tables, read: Sequence[Outcome]) -> Loads:
    """The ledger's rows of what will be loaded once these loads are."""
    new = {outcome.export.load_id: outcome.export for outcome in read}
    with tables.warehouse.reading() as connection:
        before = [load for load in ledger.loaded(connection) if load["load_id"] not in new]
        entries = ledger.entries(connection, list(new))
    entered = [dict(entry) | {"loaded_at": new[entry["load_id"]].loaded_at, "raw_pruned_at": None} for entry in entries]
    return [*before, *entered]


@retried
def _enter_loaded(
    warehouse: Warehouse, store: Store, read: Sequence[Outcome], superseded: Superseded, run_id: str | None
) -> None:
    with warehouse.writing() as connection:
        changes.enter_unnoted(connection)
        for outcome in read:
            export = outcome.export
            delete_lines(connection, export.load_id)
            _keep_held_rows(connection, store, export)
            figures = said(outcome.figures, export.profile)
            ledger.enter_loaded(connection, export.load_id, run_id, figures, at=export.loaded_at)
            if correcting.of_load(connection, export.load_id) == export.corrections:  # none came since it was read
                correcting.enter_applied(connection, export.load_id)
        _enter_superseded(connection, superseded)


@retried
def _enter_reverted(warehouse: Warehouse, load_id: str, superseded: Superseded) -> None:
    with warehouse.writing() as connection:
        changes.enter_unnoted(connection)
        delete_lines(connection, load_id)
        ledger.enter_reverted(connection, load_id)
        _enter_superseded(connection, superseded)


@retried
def _enter_failed(warehouse: Warehouse, refused: Sequence[Outcome], run_id: str | None) -> None:
    with warehouse.writing() as connection:
        for outcome in refused:
            ledger.enter_failed(connection, outcome.export.load_id, run_id, str(outcome.error))
            log.warning("%s can't be loaded: %s", outcome.export.load_id, outcome.error)


def _enter_superseded(connection: sa.Connection, superseded: Superseded) -> None:
    for load in ledger.loaded(connection):
        rows, amount = superseded.get(load["load_id"], (0, Decimal(0)))
        more, worth = rows - load["rows_superseded"], amount - load["amount_superseded"]
        if more or worth:
            ledger.move_figures(connection, load["load_id"], more, worth)


def _keep_held_rows(connection: sa.Connection, store: Store, export: Export) -> None:
    """Puts a load's rows in quarantine into the database, and what the file says of them and of corrected rows.

    That is what people correct; all other lines are in the store alone.
    """

    def rows(table: sa.Table) -> ds.Dataset:
        folder = store.path(load_folder(table.name, export.load_id, export.loaded_at))
        return ds.dataset(folder, filesystem=store.files, format="parquet")

    held = rows(quarantined_lines).to_table()
    bulk.insert(connection, quarantined_lines, held, {})
    numbers = pa.array({*held["line_no"].to_pylist(), *export.corrections}, pa.int64())
    if len(numbers):
        raw = rows(raw_order_lines).to_table(filter=pc.field("line_no").isin(numbers))
        bulk.insert(connection, raw_order_lines, raw, {})
