"""Loading: one landed file becomes rows, in one transaction, as often as one likes; and the way back."""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.intake.figures import Figures
from retail_pipeline.intake.lines import TypedBatch, type_batch
from retail_pipeline.intake.reader import TextBatch, read_batches
from retail_pipeline.sources import RAW_COLUMNS, SourceProfile
from retail_pipeline.warehouse import bulk, correcting, ledger, overlap
from retail_pipeline.warehouse.changes import Change
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.landing import kept_file
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import LINE_TABLES, order_lines, quarantined_lines, raw_order_lines

log = logging.getLogger(__name__)

T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Told, after each batch, the load's id, the bytes read so far and the bytes of the file."""


def no_progress(load_id: str, bytes_read: int, file_bytes: int) -> None:
    """For whoever doesn't watch."""


@retried
def load(
    warehouse: Warehouse,
    load_id: str,
    profile: SourceProfile,
    *,
    run_id: str | None = None,
    progress: Progress = no_progress,
) -> None:
    """Reads a landed file into the tables, in place of whatever an earlier run of the same load left there.

    Rows that somebody corrected are loaded as corrected; raw_order_lines keeps what the file says.
    All of it becomes visible in one transaction. Raises BadFile, with the tables as they were and the reason in the
    ledger, where the file can't be read to its end.
    """
    began = time.monotonic()
    try:
        with warehouse.writing() as connection:
            entry = ledger.entry(connection, load_id)
            change = _take_out(connection, load_id)
            figures = _insert_batches(warehouse, connection, entry, profile, progress)
            figures.rows_repeated = overlap.repeated_rows(connection, load_id)
            ledger.enter_loaded(connection, load_id, run_id, said(figures, profile))
            correcting.enter_applied(connection, load_id)
            change.note(figures.rows_read)
            if profile.repeats == "drop":
                overlap.drop_repeats(connection, load_id)
            if profile.overlap == "replace":
                overlap.contest_what_others_carry(connection, load_id)
            else:
                overlap.release(connection, profile.name)
            overlap.settle(connection)
            way = bulk.way(connection)
        pa.default_memory_pool().release_unused()  # whoever tests the lines next needs memory too
    except BadFile as error:
        with warehouse.writing() as connection:
            ledger.enter_failed(connection, load_id, run_id, str(error))
        log.warning("%s can't be loaded: %s", load_id, error, extra={"load_id": load_id})
        raise
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
    facts = {name: entry[name] for name in ("rows_read", "rows_loaded", "rows_quarantined", "rows_superseded")}
    facts |= {"load_id": load_id, "seconds": round(time.monotonic() - began, 3), "loaded_by": way}
    log.info("%s: %s of %s rows loaded", load_id, entry["rows_loaded"], entry["rows_read"], extra=facts)


def revert(warehouse: Warehouse, load_id: str, appending: Collection[str] = ()) -> None:
    """Takes a load back out, in one transaction: lines that it superseded count again, its own are in no table.

    `appending` are the sources whose exports add to each other. The file is kept, and may be ingested again. Raises
    BadInput where the load isn't in the tables.
    """
    rows = _rows_to_take_back(warehouse, load_id)
    _take_back(warehouse, load_id, appending)
    log.info("%s is taken back out", load_id, extra={"load_id": load_id, "rows_read": rows})


@retried
def _rows_to_take_back(warehouse: Warehouse, load_id: str) -> int:
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
    _refuse_absent(entry)
    return entry["rows_read"]


@retried
def _take_back(warehouse: Warehouse, load_id: str, appending: Collection[str]) -> None:
    with warehouse.writing() as connection:
        entry = ledger.entry(connection, load_id)
        if entry["status"] == "reverted":  # by the attempt before, of which no answer came
            return
        _refuse_absent(entry)
        change = _take_out(connection, load_id)
        change.note(entry["rows_read"])
        for source in appending:
            overlap.release(connection, source)
        overlap.settle(connection)
        ledger.enter_reverted(connection, load_id)


def _refuse_absent(entry: sa.RowMapping) -> None:
    if entry["status"] != "loaded":
        raise BadInput(f"{entry['load_id']} isn't in the tables: it is {entry['status']}")


def _take_out(connection: sa.Connection, load_id: str) -> Change:
    """Deletes a load's rows, with the invoices that it shares with others left to be settled."""
    change = Change(connection, load_id)
    overlap.contest_what_it_shares(connection, load_id)
    delete_lines(connection, load_id)
    return change


def delete_lines(connection: sa.Connection, load_id: str) -> None:
    """Deletes a load's rows of all tables."""
    for table in LINE_TABLES:
        connection.execute(sa.delete(table).where(table.c.load_id == load_id))


def said(figures: Figures, profile: SourceProfile) -> dict[str, Any]:
    """What the ledger says of a load's figures, with what they depend on."""
    return asdict(figures) | {"currency": profile.currency, "has_totals": int(profile.has_totals)}


def rows_of(
    text: TextBatch, typed: TypedBatch, load_id: str, profile: SourceProfile
) -> dict[sa.Table, tuple[pd.DataFrame, dict[str, str]]]:
    """The rows that a batch leaves in each table, and the columns that are alike in all of them."""
    of_load = {"load_id": load_id}
    return {
        raw_order_lines: (text.frame[["line_no", *RAW_COLUMNS, "extra"]], of_load),
        order_lines: (typed.lines, of_load | {"source": profile.name, "currency": profile.currency}),
        quarantined_lines: (typed.rejects, of_load | {"status": "held"}),
    }


def _insert_batches(
    warehouse: Warehouse, connection: sa.Connection, entry: sa.RowMapping, profile: SourceProfile, progress: Progress
) -> Figures:
    load_id, figures = entry["load_id"], Figures()
    path = kept_file(warehouse, entry)
    corrections = correcting.of_load(connection, load_id)
    texts = read_batches(path, profile, entry["encoding"], warehouse.settings.batch_rows)
    typed_batches = (
        (text, type_batch(correcting.corrected(text.frame, corrections), profile, text.date_formats)) for text in texts
    )
    for text, typed in one_ahead(typed_batches):
        for table, (rows, constants) in rows_of(text, typed, load_id, profile).items():
            bulk.insert(connection, table, pa.Table.from_pandas(rows, preserve_index=False), constants)
        figures.count(text, typed)
        progress(load_id, text.bytes_read, entry["file_bytes"])
    return figures


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made while the one before it is in use: here, while the server has the batch before."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="one ahead") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item
