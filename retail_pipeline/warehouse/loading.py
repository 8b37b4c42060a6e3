"""Loading: one landed file becomes rows, in one transaction, as often as one likes; and the way back."""

import logging
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from retail_pipeline.errors import BadFile, BadInput
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


@dataclass
class Figures:
    """What the ledger says of a load before overlaps are settled: rows, amounts in the source's currency, dates."""

    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_superseded: int = 0
    rows_repeated: int = 0
    amount_read: Decimal = Decimal(0)
    amount_loaded: Decimal = Decimal(0)
    amount_quarantined: Decimal = Decimal(0)
    amount_superseded: Decimal = Decimal(0)
    first_invoice_date: date | None = None
    last_invoice_date: date | None = None

    def count(self, text: TextBatch, typed: TypedBatch) -> None:
        """Adds a batch. What was read is counted from the batch read, not from what became of it."""
        self.rows_read += len(text.frame)
        self.rows_loaded += len(typed.lines)
        self.rows_quarantined += len(typed.rejects)
        loaded, held = _sum(typed.lines["amount"]), _sum(typed.rejects["amount"])
        self.amount_read += loaded + held
        self.amount_loaded += loaded
        self.amount_quarantined += held
        if len(typed.lines):
            days = pc.min_max(pa.array(typed.lines["invoice_date"])).as_py()
            self.first_invoice_date = min(filter(None, (self.first_invoice_date, days["min"])))
            self.last_invoice_date = max(filter(None, (self.last_invoice_date, days["max"])))


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
            said = {"currency": profile.currency, "has_totals": int(profile.has_totals)}
            ledger.enter_loaded(connection, load_id, run_id, asdict(figures) | said)
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
    if entry["status"] != "loaded":
        raise BadInput(f"{load_id} isn't in the tables: it is {entry['status']}")
    return entry["rows_read"]


@retried
def _take_back(warehouse: Warehouse, load_id: str, appending: Collection[str]) -> None:
    with warehouse.writing() as connection:
        entry = ledger.entry(connection, load_id)
        if entry["status"] == "reverted":  # by the attempt before, of which no answer came
            return
        change = _take_out(connection, load_id)
        change.note(entry["rows_read"])
        for source in appending:
            overlap.release(connection, source)
        overlap.settle(connection)
        ledger.enter_reverted(connection, load_id)


def _take_out(connection: sa.Connection, load_id: str) -> Change:
    """Deletes a load's rows, with the invoices that it shares with others left to be settled."""
    change = Change(connection, load_id)
    overlap.contest_what_it_shares(connection, load_id)
    for table in LINE_TABLES:
        connection.execute(sa.delete(table).where(table.c.load_id == load_id))
    return change


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
        raw = text.frame[["line_no", *RAW_COLUMNS, "extra"]]
        bulk.insert(connection, raw_order_lines, _arrow(raw), {"load_id": load_id})
        line_constants = {"load_id": load_id, "source": profile.name, "currency": profile.currency}
        bulk.insert(connection, order_lines, _arrow(typed.lines), line_constants)
        bulk.insert(connection, quarantined_lines, _arrow(typed.rejects), {"load_id": load_id, "status": "held"})
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


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def _sum(amounts: pd.Series) -> Decimal:
    return pc.sum(pa.array(amounts)).as_py() or Decimal(0)
