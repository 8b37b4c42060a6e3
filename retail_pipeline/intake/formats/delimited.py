"""Delimited text, such as CSV and TSV."""

import csv
import gc
import io
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.table import BATCH_BYTES, FIELD_CHARACTERS, Rows, joined, named, place_name
from retail_pipeline.intake.packing import Content, opened
from retail_pipeline.sources import Layout

DELIMITERS = (",", ";", "\t", "|")
LINES_TRIED = 100

PART_ROWS = 1_000
"""Rows that are lists of Python's at a time: those take ten times the memory of Arrow's columns, and are given back in
pieces that the next ones don't fill.
"""

STEP_ROWS = 20
"""Rows between two looks at how many bytes a batch has taken: few, for each may have megabytes."""

START_BYTES = 1 << 16
"""In so many bytes the first line has to end for a file whose lines end in carriage returns alone to be known."""

STAND_IN = "\udc0d"
"""Stands for a carriage return or line feed that ends no line, while csv reads: no decoder makes half a surrogate."""

FIRST_LINE_END = re.compile(r'(?:[^"\r\n]++|"[^"]*+"?+)*+(\r\n|\r|\n)')


@contextmanager
def open_table(content: Content, layout: Layout, encoding: str, decimal: str) -> Iterator["DelimitedText"]:
    yield DelimitedText(content, layout, encoding)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps Python's collector away from a part's many lists: none is in a cycle, and it took a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def delimiter_of(path: Path, encoding: str) -> str:
    """The mark that cuts the first lines of a file into the same number of fields, more than one; else a comma."""
    found = {}
    for mark in DELIMITERS:
        try:
            with opened(path) as content:
                text = DelimitedText(content, Layout(delimiter=mark), encoding)
                rows = next(text.batches(LINES_TRIED), None)
        except BadFile:
            continue
        if len(text.header) > 1:
            misfits = sum(misfit is not None for misfit in (rows.misfit or ())) if rows else 0
            found[mark] = (-misfits, len(text.header))
    return max(found, key=found.__getitem__, default=",")


class DelimitedText:
    """A delimited text; lines end as the first one does, so that a lone carriage return can be part of a text."""

    has_typed_dates = False
    header_is_whole = True

    def __init__(self, content: Content, layout: Layout, encoding: str):
        self._content, self._layout, self._encoding = content, layout, encoding
        self._rows, self._lines = _reader(content, layout, encoding)
        self.header, self.header_line = self._read_header()

    def batches(self, batch_rows: int) -> Iterator[Rows]:
        try:
            while parts := self._parts(batch_rows):
                rows = joined(parts)
                if len(rows.file_lines):
                    yield rows
        except csv.Error as error:
            raise self._broken(error) from error

    def verify(self) -> None:
        try:
            deque(self._rows, maxlen=0)
        except csv.Error as error:
            raise self._broken(error) from error

    def _read_header(self) -> tuple[list[str], int]:
        """The names in the first line that isn't blank, and which line that is."""
        line = 1
        try:
            for row in self._rows:
                if any(map(str.strip, row)):
                    return named(self._lines.restored([row])[0]), line
                line = self._rows.line_num + 1
        except csv.Error as error:
            name = self._content.path.name
            raise BadFile(name, f"the header is not readable as CSV: {error}", line=line) from error
        except UnicodeDecodeError as error:  # recognition reads it before the whole file is looked at
            name, problem = self._content.path.name, f"the header is not readable as {self._encoding}"
            raise BadFile(name, f"{problem} ({error.reason}): it was cut short; export it again", line=line) from error
        raise BadFile(self._content.path.name, "no header line: the file is blank")

    def _parts(self, batch_rows: int) -> list[Rows]:
        """A batch, in parts that follow each other; none at the end of the file."""
        parts, rows_left, end = [], batch_rows, self._content.stream.tell() + BATCH_BYTES
        while rows_left and self._content.stream.tell() < end:
            lines_before = self._rows.line_num
            with _uncollected():
                part = self._take(min(PART_ROWS, rows_left), end)
                if not part:
                    break
                parts.append(self._as_rows(part, lines_before))
            rows_left -= len(part)
        return parts

    def _take(self, count: int, end: int) -> list[list[str]]:
        rows: list[list[str]] = []
        while len(rows) < count and self._content.stream.tell() < end:
            step = list(islice(self._rows, min(STEP_ROWS, count - len(rows))))
            if not step:
                break
            rows += step
        return self._lines.restored(rows)

    def _as_rows(self, rows: list[list[str]], lines_before: int) -> Rows:
        file_lines = np.arange(lines_before + 1, lines_before + len(rows) + 1)
        if self._rows.line_num - lines_before != len(rows):
            end = self._lines.end
            spans = np.array([1 + sum(field.count(end) for field in row) for row in rows])
            file_lines = lines_before + 1 + np.concatenate(([0], np.cumsum(spans)[:-1]))
        if not all(rows):
            kept = np.array([bool(row) for row in rows])
            file_lines, rows = file_lines[kept], [row for row in rows if row]

        width, misfit, surplus = len(self.header), None, None
        if set(map(len, rows)) - {width}:
            beyond = [row[width:] for row in rows]
            misfit = [
                "too_few_columns" if len(row) < width else "too_many_columns" if any(more) else None
                for row, more in zip(rows, beyond, strict=True)
            ]
            surplus = [{place_name(at): text for at, text in enumerate(more, width) if text} for more in beyond]
            rows = [(row + [""] * width)[:width] for row in rows]
        texts = zip(*rows, strict=True) if rows else [()] * width
        columns = {name: pa.array(values, pa.string()) for name, values in zip(self.header, texts, strict=True)}
        return Rows(columns, file_lines, self._content.packed.tell(), misfit, surplus)

    def _broken(self, error: csv.Error) -> BadFile:
        if "unexpected end of data" in str(error):
            problem = "the row that begins here has a quoted field that is never closed; is the file cut short?"
        elif "field limit" in str(error):
            problem = (
                f"the row that begins here has a field of over {FIELD_CHARACTERS:,} characters; is a quote left open?"
            )
        else:
            problem = f"the row that begins here is not readable as CSV ({error}); is there a stray quote?"
        return BadFile(self._content.path.name, problem, line=self._line_after_last_good_row())

    def _line_after_last_good_row(self) -> int:
        """Reads the file once more, row by row: batches don't know where in them a row broke."""
        with opened(self._content.path) as content:
            rows, _ = _reader(content, self._layout, self._encoding)
            line = 0
            try:
                for _ in rows:
                    line = rows.line_num
            except csv.Error:
                pass
            return line + 1


class _Lines:
    """The lines of a text. What ends the first one ends them all: `end` is a line feed or a carriage return."""

    def __init__(self, content: Content, encoding: str):
        # utf-8-sig is UTF-8 that skips a byte order mark where there is one.
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        start = content.stream.peek(START_BYTES)[:START_BYTES].decode(codec, errors="ignore")
        first = FIRST_LINE_END.match(start)
        self.end = "\r" if first and first[1] == "\r" else "\n"
        self._text = io.TextIOWrapper(content.stream, encoding=codec, newline=self.end)
        self._has_stand_ins = False

    def __iter__(self) -> Iterator[str]:
        other = "\r" if self.end == "\n" else "\n"
        for line in self._text:
            if other in line and (line.count(other) > 1 or not line.endswith("\r\n")):
                line = self._with_stand_ins(line)
            yield line

    def restored(self, rows: list[list[str]]) -> list[list[str]]:
        """Rows as the file has them. Call it for all rows that csv read: it forgets."""
        if not self._has_stand_ins:
            return rows
        self._has_stand_ins = False
        other = "\r" if self.end == "\n" else "\n"
        return [[field.replace(STAND_IN, other) for field in row] for row in rows]

    def _with_stand_ins(self, line: str) -> str:
        self._has_stand_ins = True
        if self.end == "\r":
            return line.replace("\n", STAND_IN)
        body = line.removesuffix("\n")
        ending = line[len(body) :]
        if body.endswith("\r"):
            body, ending = body[:-1], "\r" + ending
        return body.replace("\r", STAND_IN) + ending


def _reader(content: Content, layout: Layout, encoding: str):
    """The csv reader of a text, and the lines that it reads."""
    csv.field_size_limit(FIELD_CHARACTERS)
    lines = _Lines(content, encoding)
    quoting = {"quotechar": layout.quote} if layout.quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    if layout.escape:
        quoting |= {"escapechar": layout.escape, "doublequote": False}
    return csv.reader(lines, delimiter=layout.delimiter, strict=True, **quoting), lines
