"""What an executor does with a landed file: the intake's code reads and types it, and its rows become Parquet."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.figures import Figures
from retail_pipeline.intake.lines import type_batch
from retail_pipeline.intake.reader import read_batches
from retail_pipeline.sources import SourceProfile
from retail_pipeline.spark.store import ARRIVING, Store, load_folder
from retail_pipeline.warehouse.correcting import Texts, corrected
from retail_pipeline.warehouse.loading import rows_of
from retail_pipeline.warehouse.streaming import table_schema
from retail_pipeline.warehouse.tables import order_lines, quarantined_lines, raw_order_lines

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LINES = table_schema(order_lines).append(pa.field("overlap", pa.string())).append(pa.field("repeats", pa.string()))
"""Typed lines, those that count and those that don't; the last columns are what the source's profile says of it."""

SCHEMAS = {
    raw_order_lines.name: table_schema(raw_order_lines),
    order_lines.name: LINES,
    quarantined_lines.name: table_schema(quarantined_lines),
}
"""The rows that a load leaves, by table."""

OUTCOME = "load_id string, rows_read bigint, rows_loaded bigint, rows_quarantined bigint, rows_superseded bigint, \
rows_repeated bigint, amount_read decimal(20, 4), amount_loaded decimal(20, 4), amount_quarantined decimal(20, 4), \
amount_superseded decimal(20, 4), first_invoice_date date, last_invoice_date date, error string"


@dataclass(frozen=True)
class Export:
    """A landed file to be read, with the corrections of its rows, into the folders that bear `loaded_at`."""

    load_id: str
    path: Path
    file_bytes: int
    encoding: str
    profile: SourceProfile
    corrections: Mapping[int, Texts]
    loaded_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of an export: its figures, or why it can't be read."""

    export: Export
    figures: Figures
    error: str | None


def read_exports(session: "SparkSession", store: Store, exports: Sequence[Export], batch_rows: int) -> list[Outcome]:
    """Reads files wherever Spark has room, each as a task of its own."""
    if not exports:
        return []

    def read(ids: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in ids:
            yield pd.DataFrame([_read(store, exports[place], batch_rows) for place in frame["id"]])

    numbers = session.range(0, len(exports), 1, len(exports))
    found = {row["load_id"]: row.asDict() for row in numbers.mapInPandas(read, OUTCOME).collect()}
    outcomes = []
    for export in exports:
        told = found[export.load_id]
        figures = Figures(**{name: told[name] for name in Figures.__dataclass_fields__})
        outcomes.append(Outcome(export, figures, told["error"]))
    return outcomes


def _read(store: Store, export: Export, batch_rows: int) -> dict:
    """A row of OUTCOME, after the file's rows are in the store.

    Another executor may do the same at the same time, or have done it before it was killed: files appear as a whole,
    and are alike.
    """
    figures, error = Figures(), None
    marks = {"overlap": export.profile.overlap, "repeats": export.profile.repeats}  # for the table that has them
    with ExitStack() as closing:
        tables = {
            name: closing.enter_context(_Table(store, load_folder(name, export.load_id, export.loaded_at), schema))
            for name, schema in SCHEMAS.items()
        }
        try:
            for text in read_batches(export.path, export.profile, export.encoding, batch_rows):
                typed = type_batch(corrected(text.frame, export.corrections), export.profile, text.date_formats)
                for table, (rows, constants) in rows_of(text, typed, export.load_id, export.profile).items():
                    tables[table.name].add(rows, constants | marks)
                figures.count(text, typed)
        except BadFile as problem:
            error = str(problem)
        else:
            for table in tables.values():
                table.finish()
    return {"load_id": export.load_id, **asdict(figures), "error": error}


class _Table:
    """A Parquet file that appears when it is finished."""

    def __init__(self, store: Store, folder: str, schema: pa.Schema):
        self._files, self._schema = store.files, schema
        self._path = store.path(f"{folder}/rows.parquet")
        self._arriving = store.path(f"{folder}/{ARRIVING}{uuid4().hex}.parquet")
        self._files.create_dir(store.path(folder), recursive=True)
        self._writer = pq.ParquetWriter(self._arriving, schema, filesystem=self._files, compression="zstd")
        self._is_finished = False

    def __enter__(self) -> "_Table":
        return self

    def add(self, frame: pd.DataFrame, constants: Mapping[str, str]) -> None:
        found = pa.Table.from_pandas(frame, preserve_index=False)

        def column(field: pa.Field) -> pa.ChunkedArray | pa.Array:
            if field.name in found.column_names:
                return found[field.name].cast(field.type)
            return pa.repeat(pa.scalar(constants.get(field.name), field.type), found.num_rows)

        self._writer.write_table(pa.table([column(field) for field in self._schema], schema=self._schema))

    def finish(self) -> None:
        self._writer.close()
        self._files.move(self._arriving, self._path)
        self._is_finished = True

    def __exit__(self, *_: object) -> None:
        if not self._is_finished:
            self._writer.close()
            self._files.delete_file(self._arriving)
