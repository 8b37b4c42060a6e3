"""From a CSV file to batches of text: every row the file has, as it says it, with its place in the file."""

import csv
import io
import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from retail_pipeline.errors import BadFile
from retail_pipeline.sources import RAW_COLUMNS, SourceProfile

TEXT = pd.ArrowDtype(pa.string())

FIELD_CHARACTERS = 1 << 20
"""The longest field that is read: beyond it, a quote was never closed rather than a text that long."""

BATCH_BYTES = 32 << 20
"""A batch ends here even if its rows are few, so that long rows don't make memory grow."""

STEP_ROWS = 20
"""Rows between two looks at how many bytes a batch has taken: few, for each may have megabytes."""

NEWLINE = re.compile(r"\r\n|\r|\n")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True)
class TextBatch:
    """Rows of a file as text.

    `frame` has a row per data row: line_no (data rows counted from 1), file_line (the line of the file where the row
    begins), the RAW_COLUMNS, extra (JSON object of the columns that the profile doesn't map, by name, or by place as
    `column 9` where the header names none; null without any) and misfit (`too_few_columns`, `too_many_columns` or
    null). `bytes_read` is how far into the file the batch reaches.
    """

    frame: pd.DataFrame
    bytes_read: int


def read_header(path: Path, delimiter: str, encoding: str) -> list[str]:
    """The column names of a file; raises BadFile where its first line is none."""
    with path.open("rb") as file:
        return _header(path, _rows(file, encoding, delimiter))[0]


def verify(path: Path, profile: SourceProfile, encoding: str) -> None:
    """Reads a file to its end; raises BadFile where it isn't of the source's form.

    What single rows hold is not looked at: that is for quarantine.
    """
    with path.open("rb") as file:
        rows = _rows(file, encoding, profile.delimiter)
        _check_header(path, *_header(path, rows), profile)
        try:
            deque(rows, maxlen=0)
        except csv.Error as error:
            raise _broken(path, profile, encoding, error) from error


def read_batches(path: Path, profile: SourceProfile, encoding: str, batch_rows: int) -> Iterator[TextBatch]:
    """The file's rows in batches of at most `batch_rows`.

    Blank lines are no rows. Raises BadFile where the file stops being readable; batches given out until then are
    then worth nothing.
    """
    with path.open("rb") as file:
        rows = _rows(file, encoding, profile.delimiter)
        header, line = _header(path, rows)
        _check_header(path, header, line, profile)
        places = _Places(header, profile)
        rows_before = 0
        while True:
            lines_before = rows.line_num
            try:
                batch = _take(rows, file, batch_rows)
            except csv.Error as error:
                raise _broken(path, profile, encoding, error) from error
            if not batch:
                return
            frame = _frame(batch, places, lines_before, rows.line_num, rows_before)
            rows_before += len(frame)
            if len(frame):
                yield TextBatch(frame, file.tell())


class _Places:
    """Where in a row the profile's columns are, and which columns it doesn't map."""

    def __init__(self, header: list[str], profile: SourceProfile):
        self.width = len(header)
        self.mapped = {
            column: header.index(profile.columns[column]) for column in RAW_COLUMNS if column in profile.columns
        }
        self.unmapped = [(place, name) for place, name in enumerate(header) if place not in self.mapped.values()]


def _rows(file: io.BufferedReader, encoding: str, delimiter: str):
    csv.field_size_limit(FIELD_CHARACTERS)
    # utf-8-sig is UTF-8 that skips a byte order mark where there is one.
    text = io.TextIOWrapper(file, encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="")
    return csv.reader(text, delimiter=delimiter, strict=True)


def _header(path: Path, rows) -> tuple[list[str], int]:
    """The names in the first line that isn't blank, and which line that is."""
    line = 1
    try:
        for row in rows:
            if any(map(str.strip, row)):
                return [name.strip() or _name_of(place) for place, name in enumerate(row)], line
            line = rows.line_num + 1
    except csv.Error as error:
        raise BadFile(path.name, f"the header is not readable as CSV: {error}", line=line) from error
    raise BadFile(path.name, "no header line: the file is blank")


def _check_header(path: Path, header: list[str], line: int, profile: SourceProfile) -> None:
    missing = [name for name in profile.columns.values() if name not in header]
    if missing and (other := _other_delimiter(header, profile.delimiter)):
        expected = DELIMITERS.get(profile.delimiter, repr(profile.delimiter))
        raise BadFile(
            path.name, f"columns are separated by {other}; source {profile.name} expects {expected}", line=line
        )
    if missing:
        raise BadFile(path.name, f"missing; the file has {', '.join(header[:20])}", line=line, column=missing[0])
    for name, count in Counter(header).items():
        if count > 1:
            raise BadFile(path.name, "the header has this name twice", line=line, column=name)


def _name_of(place: int) -> str:
    return f"column {place + 1}"


def _other_delimiter(header: list[str], expected: str) -> str | None:
    return next(
        (name for mark, name in DELIMITERS.items() if len(header) == 1 and mark != expected and mark in header[0]), None
    )


def _take(rows, file: io.BufferedReader, batch_rows: int) -> list[list[str]]:
    batch: list[list[str]] = []
    start = file.tell()
    while len(batch) < batch_rows and file.tell() - start < BATCH_BYTES:
        step = list(islice(rows, min(STEP_ROWS, batch_rows - len(batch))))
        if not step:
            break
        batch += step
    return batch


def _broken(path: Path, profile: SourceProfile, encoding: str, error: csv.Error) -> BadFile:
    if "unexpected end of data" in str(error):
        problem = "the row that begins here has a quoted field that is never closed; is the file cut short?"
    elif "field limit" in str(error):
        problem = f"the row that begins here has a field of over {FIELD_CHARACTERS:,} characters; is a quote left open?"
    else:
        problem = f"the row that begins here is not readable as CSV ({error}); is there a stray quote?"
    return BadFile(path.name, problem, line=_line_after_last_good_row(path, profile, encoding))


def _line_after_last_good_row(path: Path, profile: SourceProfile, encoding: str) -> int:
    """Reads the file once more, row by row: batches don't know where in them a row broke."""
    with path.open("rb") as file:
        rows = _rows(file, encoding, profile.delimiter)
        line = 0
        try:
            for _ in rows:
                line = rows.line_num
        except csv.Error:
            pass
        return line + 1


def _frame(
    rows: list[list[str]], places: _Places, lines_before: int, lines_after: int, rows_before: int
) -> pd.DataFrame:
    file_lines = np.arange(lines_before + 1, lines_before + len(rows) + 1)
    if lines_after - lines_before != len(rows):
        spans = np.array([1 + sum(len(NEWLINE.findall(field)) for field in row) for row in rows])
        file_lines = lines_before + 1 + np.concatenate(([0], np.cumsum(spans)[:-1]))
    if not all(rows):
        kept = np.array([bool(row) for row in rows])
        file_lines, rows = file_lines[kept], [row for row in rows if row]

    misfit, surplus = None, [()] * len(rows)
    if set(map(len, rows)) - {places.width}:
        surplus = [tuple(row[places.width :]) for row in rows]
        misfit = [
            "too_few_columns" if len(row) < places.width else "too_many_columns" if any(beyond) else None
            for row, beyond in zip(rows, surplus, strict=True)
        ]
        rows = [(row + [""] * places.width)[: places.width] for row in rows]

    columns = list(zip(*rows, strict=True)) or [()] * places.width
    frame = {"line_no": np.arange(rows_before + 1, rows_before + len(rows) + 1), "file_line": file_lines}
    for column in RAW_COLUMNS:
        values = columns[places.mapped[column]] if column in places.mapped else [""] * len(rows)
        frame[column] = pd.array(pa.array(values, pa.string()), dtype=TEXT)
    frame["extra"] = pd.array(pa.array(_extra(columns, places, surplus, len(rows)), pa.string()), dtype=TEXT)
    frame["misfit"] = pd.array(pa.array(misfit or [None] * len(rows), pa.string()), dtype=TEXT)
    return pd.DataFrame(frame)


def _extra(columns: list[tuple], places: _Places, surplus: list[tuple], count: int) -> list[str | None]:
    if not places.unmapped and not any(surplus):
        return [None] * count
    names = [name for _, name in places.unmapped]
    values = zip(*(columns[place] for place, _ in places.unmapped), strict=True) if names else [()] * count
    extras = (
        dict(zip(names, row, strict=True))
        | {_name_of(place): value for place, value in enumerate(beyond, places.width) if value}
        for row, beyond in zip(values, surplus, strict=True)
    )
    return [json.dumps(extra, ensure_ascii=False) if extra else None for extra in extras]
