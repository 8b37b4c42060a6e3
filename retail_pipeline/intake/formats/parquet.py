"""Parquet files."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.table import Rows, named, plain_float
from retail_pipeline.intake.packing import Content
from retail_pipeline.sources import Layout

DAMAGE = (pa.ArrowException, OSError, ValueError, KeyError)
"""What pyarrow raises for a damaged file."""


@contextmanager
def open_table(content: Content, layout: Layout, encoding: str, decimal: str) -> Iterator["ParquetTable"]:
    with content.as_file() as path:
        yield ParquetTable(content, path, decimal)


class ParquetTable:
    """A Parquet file; its rows are numbered from 1 where other formats have lines."""

    has_typed_dates = True
    header_is_whole = True
    header_line = None

    def __init__(self, content: Content, path: Path, decimal: str):
        self._decimal, self._name, self._file_bytes = decimal, content.path.name, content.path.stat().st_size
        try:
            self._file = pq.ParquetFile(path)
            self.header = named(self._file.schema_arrow.names)
        except DAMAGE as error:
            raise self._damaged(error) from error

    def batches(self, batch_rows: int) -> Iterator[Rows]:
        done, total = 0, max(1, self._file.metadata.num_rows)
        batches = self._file.iter_batches(batch_size=batch_rows)
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                columns = [_texts(column, self._decimal) for column in batch.columns]
            except DAMAGE as error:
                raise self._damaged(error) from error
            numbers = np.arange(done + 1, done + batch.num_rows + 1)
            done += batch.num_rows
            if batch.num_rows:
                reached = round(min(1, done / total) * self._file_bytes)
                yield Rows(dict(zip(self.header, columns, strict=True)), numbers, reached)

    def verify(self) -> None:
        for _ in self.batches(1 << 16):
            pass

    def _damaged(self, error: Exception) -> BadFile:
        return BadFile(self._name, f"is not readable as Parquet: {error}")


def _texts(column: pa.Array, decimal: str) -> pa.Array:
    """A column as text: decimals and whole numbers by their digits, moments in ISO 8601, nulls as nothing."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_floating(kind):
        texts = pa.array([None if value is None else plain_float(value) for value in _doubles(column)], pa.string())
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        texts = pa.array([None if value is None else _as_json(value) for value in column.to_pylist()], pa.string())
    elif pa.types.is_timestamp(kind):
        texts = pc.strftime(pc.floor_temporal(column, unit="second"), "%Y-%m-%d %H:%M:%S" + ("%z" if kind.tz else ""))
        texts = pc.replace_substring_regex(texts, r"\.\d+", "")  # %S has the unit's decimals
    else:
        column.validate(full=True)  # a text may be none in UTF-8
        texts = pc.cast(column, pa.string())
    if decimal != "." and (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        texts = pc.replace_substring(texts, ".", decimal)
    return pc.fill_null(texts, "")


def _doubles(column: pa.Array) -> list[float | None]:
    values = pc.cast(column, pa.float64()).to_pylist()
    return [None if value is None or value != value else value for value in values]


def _as_json(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return json.dumps(value, ensure_ascii=False, default=str)
