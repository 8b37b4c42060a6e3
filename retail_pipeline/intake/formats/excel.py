"""Excel workbooks, .xlsx and .xls: one sheet of them, with numbers and dates as Excel stores them."""

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import python_calamine as calamine

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.excel_errors import ErrorCells, column_number, errors_of
from retail_pipeline.intake.formats.table import BATCH_BYTES, Rows, named, plain_float
from retail_pipeline.intake.packing import BUFFER_BYTES, DAMAGE, Content, is_zip
from retail_pipeline.sources import Layout

MOST_CELLS = 40_000_000
"""The reader takes 32 bytes for each place between the first cell and the last, used or not: 1.3 GB."""

TRIAL_SECONDS = 60
"""An old workbook has at most 65,536 rows in a sheet, which takes a second."""

HALF_A_SECOND = timedelta(milliseconds=500)

CELL = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
ERROR = re.compile(rb"""\bt\s*=\s*["']e["']""")
LONGEST_ADDRESS = 32
"""Bytes that an address takes at most: so many of a piece are looked at again with the next."""


@contextmanager
def open_table(content: Content, layout: Layout, encoding: str, decimal: str) -> Iterator["Sheet"]:
    with content.as_file() as path:
        yield Sheet(content, path, layout.sheet, decimal)


class Sheet:
    """A sheet of a workbook: the one that the source names, or the only one that people see."""

    has_typed_dates = True
    header_is_whole = True

    def __init__(self, content: Content, path: Path, sheet: str | None, decimal: str):
        self._texts = (
            _TEXTS if decimal == "." else _TEXTS | {float: lambda value: plain_float(value).replace(".", decimal)}
        )
        self._name, self._file_bytes = content.path.name, content.path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
        may_hold_errors = False
        if is_zip(start):
            may_hold_errors = _checked(self._name, path)
        else:
            _try_in_another_process(self._name, path)
        self._sheet = self._opened(path, sheet)
        errors = self._errors(path) if may_hold_errors else {}
        self._cells = _with_errors(self._sheet, errors)
        self.header, self.header_line = self._read_header()

    def batches(self, batch_rows: int) -> Iterator[Rows]:
        width = len(self.header)
        # Of very wide sheets few rows at a time.
        rows_at_a_time = max(1, min(batch_rows, BATCH_BYTES // (width * 8)))
        while taken := list(islice(self._cells, rows_at_a_time)):
            said = [(number, cells) for number, cells in taken if any(cell != "" for cell in cells)]
            if said:
                numbers, rows = zip(*said, strict=True)
                columns = [[self._texts[type(cell)](cell) for cell in column] for column in zip(*rows, strict=True)]
                done = numbers[-1] / max(1, self._sheet.total_height)
                yield Rows(
                    dict(zip(self.header, columns, strict=True)),
                    np.array(numbers),
                    round(min(done, 1) * self._file_bytes),
                )

    def verify(self) -> None:
        """A workbook is read whole when it is opened."""

    def _opened(self, path: Path, sheet: str | None) -> "calamine.CalamineSheet":
        try:
            with _without_panics_on_standard_error():
                workbook = calamine.CalamineWorkbook.from_path(str(path))
                return workbook.get_sheet_by_name(self._chosen(workbook, sheet))
        except BadFile:
            raise
        except calamine.PasswordError as error:
            raise BadFile(self._name, "is protected by a password; save a copy without one") from error
        except BaseException as error:  # a panic of the reader, at a damaged workbook, is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
                raise
            raise BadFile(self._name, f"is a damaged workbook, or none of Excel's: {error}") from error

    def _errors(self, path: Path) -> ErrorCells:
        try:
            return errors_of(path, self._sheet.name)
        except (*DAMAGE, ElementTree.ParseError) as error:
            raise BadFile(self._name, f"is a damaged workbook, or none of Excel's: {error}") from error

    def _chosen(self, workbook: "calamine.CalamineWorkbook", sheet: str | None) -> str:
        if sheet is not None:
            if sheet not in workbook.sheet_names:
                raise BadFile(self._name, f"has no sheet {sheet!r}; it has {', '.join(workbook.sheet_names)}")
            return sheet
        seen = [
            data.name
            for data in workbook.sheets_metadata
            if data.visible == calamine.SheetVisibleEnum.Visible and data.typ == calamine.SheetTypeEnum.WorkSheet
        ]
        if len(seen) != 1:
            raise BadFile(
                self._name,
                f"has {len(seen)} sheets ({', '.join(seen)}); say which in the source's profile, "
                f"such as `sheet: {json.dumps(seen[0], ensure_ascii=False)}`"
                if seen
                else "has no sheet that is shown and holds cells",
            )
        return seen[0]

    def _read_header(self) -> tuple[list[str], int]:
        for number, cells in self._cells:
            texts = [self._texts[type(cell)](cell) for cell in cells]
            if any(map(str.strip, texts)):
                return named(texts), number
        raise BadFile(self._name, "no header line: the sheet is blank")


@contextmanager
def _without_panics_on_standard_error() -> Iterator[None]:
    """Keeps back what the reader says of its own panics: they are told as what they are, a damaged file."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _with_errors(sheet: "calamine.CalamineSheet", errors: ErrorCells) -> Iterator[tuple[int, list[Any]]]:
    """A sheet's rows with their numbers; the reader takes cells that hold an error for blank ones."""
    _, first_column = sheet.start or (0, 0)
    for number, cells in enumerate(sheet.iter_rows(), 1):
        for place, text in errors.get(number, {}).items():
            if 0 <= place - first_column < len(cells):
                cells[place - first_column] = text
        yield number, cells


def _checked(name: str, path: Path) -> bool:
    """Refuses a workbook with a cell so far out that the reader would need all memory for what lies between.

    All of it is read to the end, where zipfile compares checksums, which the reader doesn't. Gives whether any of its
    cells may hold an error.
    """
    may_hold_errors = False
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as part:
                    if "worksheets/" in member.lower():
                        may_hold_errors |= _check_sheet(name, part)
                    while part.read(BUFFER_BYTES):
                        pass
    except DAMAGE as error:
        raise BadFile(name, f"is a damaged workbook, or none of Excel's: {error}") from error
    return may_hold_errors


def _try_in_another_process(name: str, path: Path) -> None:
    """Refuses an old workbook at which the reader ends its process: a damaged one may make it ask for all memory."""
    trial = (
        "import sys, python_calamine as calamine\n"
        "try: calamine.CalamineWorkbook.from_path(sys.argv[1])\n"
        "except BaseException: pass"
    )
    try:
        ended = subprocess.run(
            [sys.executable, "-c", trial, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TRIAL_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        ended = -1
    if ended != 0:
        raise BadFile(name, "is a damaged workbook, or none of Excel's")


def _check_sheet(name: str, sheet: Any) -> bool:
    may_hold_errors, columns = False, set[bytes]()
    first, last, kept = 1 << 24, 0, b""
    while piece := sheet.read(BUFFER_BYTES):
        may_hold_errors |= ERROR.search(kept + piece) is not None
        cells = CELL.findall(kept + piece)
        if cells:
            columns.update(letters for letters, _ in cells)
            # Rows come in their order in a sound file; in another, each piece is looked at by its ends.
            rows = [int(number) for _, number in (cells if len(cells) < 64 else (cells[0], cells[-1]))]
            first, last = min(first, *rows), max(last, *rows)
        kept = piece[-LONGEST_ADDRESS:]
    if not columns:
        return may_hold_errors
    places = [column_number(letters) for letters in columns]
    if (last - first + 1) * (max(places) - min(places) + 1) > MOST_CELLS:
        raise BadFile(
            name,
            f"a sheet reaches over {max(places):,} columns and {last:,} rows, more than {MOST_CELLS:,} cells; "
            "delete what stands far out, or export it as CSV",
        )
    return may_hold_errors


def _moment(value: datetime) -> str:
    is_inexact = value.microsecond and value.year < 9999  # a time is a fraction of a day, and rarely exact
    rounded = value + HALF_A_SECOND if is_inexact else value
    return rounded.replace(microsecond=0).isoformat(" ")


_TEXTS: dict[type, Callable[[Any], str]] = {
    str: str,
    float: plain_float,
    int: str,
    bool: lambda value: "TRUE" if value else "FALSE",
    datetime: _moment,
    date: date.isoformat,
    time: lambda value: value.isoformat("seconds"),
    timedelta: str,
}
"""How each kind of cell is written as text."""
