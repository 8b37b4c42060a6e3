"""From a file to batches of text: every row the file has, as it says it, with its place in the file."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats import open_table
from retail_pipeline.intake.formats.table import Rows, Table
from retail_pipeline.intake.lookups import LookedUp, looked_up
from retail_pipeline.sources import FURTHER_COLUMNS, RAW_COLUMNS, Layout, SourceProfile

TEXT = pd.ArrowDtype(pa.string())

TYPED_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%z")
"""How formats that know dates by themselves give them."""

EXTRA_CHARACTERS = 4_000_000
"""What a row may have in columns that aren't mapped: in the longest UTF-8 it fits MySQL's MEDIUMTEXT."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

# The one that Arrow has by default keeps what batches give back, 45 MB of it, and isn't faster.
pa.set_memory_pool(pa.system_memory_pool())


@dataclass(frozen=True)
class TextBatch:
    """Rows of a file as text.

    `frame` has a row per data row: line_no (data rows counted from 1), file_line (where in the file the row begins),
    the RAW_COLUMNS, those FURTHER_COLUMNS that the source has (but invoiced_time, which is joined to invoiced_at),
    extra (JSON object of the columns that the RAW_COLUMNS don't show, by name, or by place as `column 9` where the
    header names none; null without any) and misfit (`too_few_columns`, `too_many_columns`, `extra_too_long` or null).
    `date_formats` are those in which its dates may be, `bytes_read` is how far into the file the batch reaches.
    """

    frame: pd.DataFrame
    bytes_read: int
    date_formats: tuple[str, ...]


def read_header(path: Path, layout: Layout, encoding: str) -> list[str]:
    """The column names of a file; raises BadFile where it has none."""
    with open_table(path, layout, encoding) as table:
        return table.header


def verify(path: Path, profile: SourceProfile, encoding: str) -> None:
    """Reads a file to its end; raises BadFile where it isn't of the source's form.

    What single rows hold is not looked at: that is for quarantine.
    """
    with open_table(path, profile, encoding, profile.numbers.decimal) as table:
        _check_header(path, table, profile)
        looked_up(path, profile)
        table.verify()


def read_batches(path: Path, profile: SourceProfile, encoding: str, batch_rows: int) -> Iterator[TextBatch]:
    """The file's rows in batches of at most `batch_rows`.

    Blank lines are no rows. Raises BadFile where the file stops being readable; batches given out until then are
    then worth nothing.
    """
    with open_table(path, profile, encoding, profile.numbers.decimal) as table:
        _check_header(path, table, profile)
        formats = profile.date_formats
        if table.has_typed_dates:
            formats = tuple(dict.fromkeys((*formats, *TYPED_DATES)))
        assembly = _Assembly(table, profile, looked_up(path, profile))
        for rows in table.batches(batch_rows):
            yield TextBatch(assembly.frame(rows), rows.bytes_read, formats)


def _check_header(path: Path, table: Table, profile: SourceProfile) -> None:
    header, line = table.header, table.header_line
    missing = [names for names in profile.needed if not set(names) & set(header)]
    if missing and (other := _other_delimiter(header, profile.delimiter)):
        expected = DELIMITERS.get(profile.delimiter, repr(profile.delimiter))
        raise BadFile(
            path.name, f"columns are separated by {other}; source {profile.name} expects {expected}", line=line
        )
    if missing:
        wanted = " or ".join(missing[0])
        raise BadFile(path.name, f"missing; the file has {', '.join(header[:20])}", line=line, column=wanted)
    for name, count in Counter(header).items():
        if count > 1:
            raise BadFile(path.name, "the header has this name twice", line=line, column=name)


def _other_delimiter(header: list[str], expected: str) -> str | None:
    return next(
        (name for mark, name in DELIMITERS.items() if len(header) == 1 and mark != expected and mark in header[0]), None
    )


class _Assembly:
    """Makes frames out of a table's rows, batch by batch, by what a profile says of its columns."""

    def __init__(self, table: Table, profile: SourceProfile, lookups: Sequence[LookedUp]):
        there = set(table.header)
        if not table.header_is_whole:
            there.update(name for column in profile.columns for name in profile.names_of(column))
        self._profile, self._lookups = profile, lookups
        self._names = {
            column: found
            for column in profile.columns
            if (found := [name for name in profile.names_of(column) if name in there])
        }
        said = profile.looked_up | {*self._names, *profile.defaults}
        self._has_times = "invoiced_time" in said
        self._columns = [*RAW_COLUMNS, *(name for name in FURTHER_COLUMNS if name in said and name != "invoiced_time")]
        # A raw column shows what one column of the export says; what is put together out of several stays in extra.
        self._shown = {
            names[0]
            for column, names in self._names.items()
            if column in RAW_COLUMNS and len(names) == 1 and not (column == "invoiced_at" and self._has_times)
        }
        self._rows_before = 0
        self._carried: dict[str, str] = {}
        self._invoice: str | None = None

    def frame(self, rows: Rows) -> pd.DataFrame:
        count = len(rows.file_lines)
        texts = {column: self._text(column, rows, count) for column in self._columns}
        if self._has_times:
            times = self._text("invoiced_time", rows, count)
            texts["invoiced_at"] = pc.utf8_trim_whitespace(
                pc.binary_join_element_wise(texts["invoiced_at"], times, " ")
            )
        if self._profile.carry_down:
            self._carry_down(texts)
        extra = pa.array(self._extra(rows, count), pa.string())
        misfit = pa.array(rows.misfit or [None] * count, pa.string())
        too_long = pc.fill_null(pc.greater(pc.utf8_length(extra), EXTRA_CHARACTERS), False)
        if pc.any(too_long).as_py():
            extra = pc.if_else(too_long, pa.scalar(None, pa.string()), extra)
            misfit = pc.if_else(too_long, "extra_too_long", misfit)

        frame = {
            "line_no": np.arange(self._rows_before + 1, self._rows_before + count + 1),
            "file_line": rows.file_lines,
        }
        for column, values in (*texts.items(), ("extra", extra), ("misfit", misfit)):
            frame[column] = pd.array(values, dtype=TEXT)
        self._rows_before += count
        return pd.DataFrame(frame)

    def _text(self, column: str, rows: Rows, count: int) -> pa.Array:
        """What the rows say in an order line column: the export's first filled column, a look-up, or the default."""
        found = [_texts(rows.columns[name]) for name in self._names.get(column, ()) if name in rows.columns]
        found += [
            lookup.find(column, _texts(rows.columns[lookup.by])) for lookup in self._lookups if column in lookup.columns
        ]
        default = self._profile.defaults.get(column)
        if default and column not in self._profile.carry_down:  # where the invoice's first row says more
            found.append(pa.repeat(pa.scalar(default, pa.string()), count))
        if not found:
            return pa.repeat(pa.scalar("", pa.string()), count)
        text = found[0]
        for other in found[1:]:
            text = pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), ""), other, text)
        return text

    def _carry_down(self, texts: dict[str, pa.Array]) -> None:
        """Gives a row what only the first row of its invoice says; an invoice may go on from the batch before."""
        invoices = texts["invoice_no"].to_numpy(zero_copy_only=False)
        if not len(invoices):
            return
        begins = np.concatenate(([invoices[0] != self._invoice], invoices[1:] != invoices[:-1]))
        places = np.arange(len(invoices))
        first = np.maximum.accumulate(np.where(begins, places, -1))
        for column in self._profile.carry_down:
            if column not in texts:
                continue
            values = texts[column].to_numpy(zero_copy_only=False)
            filled = values != ""
            last = np.maximum.accumulate(np.where(filled, places, -1))
            before = self._carried.get(column, "")
            values = np.where(last >= np.maximum(first, 0), values[last], "")
            # What goes on from the batch before, and hasn't said anything of its own yet.
            values = np.where((first < 0) & (last < 0), before, values)
            self._carried[column] = values[-1]
            default = self._profile.defaults.get(column, "")
            texts[column] = pa.array(np.where(values == "", default, values), pa.string())
        self._invoice = invoices[-1]

    def _extra(self, rows: Rows, count: int) -> list[str | None]:
        names = [name for name in rows.columns if name not in self._shown]
        if not names and not rows.surplus:
            return [None] * count
        columns = [
            values.to_pylist() if isinstance(values := rows.columns[name], pa.Array) else values for name in names
        ]
        extras = (
            dict(zip(names, row, strict=True)) | beyond
            for row, beyond in zip(
                zip(*columns, strict=True) if names else repeat((), count),
                rows.surplus or repeat({}, count),
                strict=True,
            )
        )
        return [json.dumps(extra, ensure_ascii=False) if extra else None for extra in extras]


def _texts(values: Sequence[str] | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
