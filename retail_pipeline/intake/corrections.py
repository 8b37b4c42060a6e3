"""Files of corrections: how rows in quarantine are handed out for correction, and how they are read back."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.intake.formats import open_table
from retail_pipeline.intake.formats.delimited import delimiter_of
from retail_pipeline.intake.formats.kinds import BINARY
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.spreadsheets import FORMULA_STARTS
from retail_pipeline.sources import FURTHER_COLUMNS, RAW_COLUMNS, Layout, SourceProfile

ENCODINGS = ("utf-8", "cp1252")
KEYS = ("load_id", "line_no")
TOLD = ("file_line", "reasons")
"""Columns that help who corrects, and are not read back."""

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
LONGEST_CELL = 32_767
"""Characters that a cell of Excel takes."""

MOST_ROWS = 250_000
"""Rows of a file of corrections, which is held in memory: where more are wrong, the profile is."""


@dataclass(frozen=True)
class CorrectedRow:
    """A row as somebody wants it: `texts` by order line column; `file_line` is its line in the file of corrections."""

    load_id: str
    line_no: int
    texts: dict[str, str]
    file_line: int


def columns_of(profile: SourceProfile) -> list[str]:
    """The columns in which a row of a source may be corrected."""
    said = profile.said - {"invoiced_time"}
    return [*RAW_COLUMNS, *(column for column in FURTHER_COLUMNS if column in said)]


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with an apostrophe before it where one might."""
    if text[:1] in FORMULA_STARTS | {"'"} and text and not PLAIN_NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def unguarded(text: str) -> str:
    """The text that was guarded."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA_STARTS | {"'"} and len(text) > 1 else text


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes rows for correction as CSV, or as a workbook where the file's name ends in .xlsx."""
    texts = ([guarded(text) for text in row] for row in rows)
    if path.suffix.lower() == ".xlsx":
        _write_workbook(path, header, texts)
        return
    with path.open("w", newline="", encoding="utf-8-sig") as file:  # with a mark, so that Excel reads UTF-8
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(texts)


def _write_workbook(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    import openpyxl  # a quarter of a second, which who reads corrections needn't wait
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    rows = list(rows)
    for place, row in enumerate(rows, 1):
        for column, text in zip(header, row, strict=True):
            if len(text) > LONGEST_CELL or ILLEGAL_CHARACTERS_RE.search(text):
                problem = f"row {place}, column {column} is longer than Excel takes, or has a character that it doesn't"
                raise BadInput(f"{path.name}: {problem}; write a .csv file")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("quarantine")
    sheet.freeze_panes = "A2"
    sheet.append(list(header))
    for row in rows:
        cells = [WriteOnlyCell(sheet, text) for text in row]
        for cell in cells:
            cell.data_type, cell.number_format = "s", "@"  # text, whatever it looks like
        sheet.append(cells)
    book.save(path)


def is_one(path: Path) -> bool:
    """Whether a file is one of corrections, told from its header."""
    try:
        with _opened(path) as table:
            return {*KEYS, "reasons"} <= set(table.header)
    except BadFile:
        return False


def read(path: Path, decimal: str = ".") -> list[CorrectedRow]:
    """The rows of a file of corrections. Raises BadFile, with the line, where one can't be understood."""
    found: dict[tuple[str, int], CorrectedRow] = {}
    with _opened(path, decimal) as table:
        known = {*RAW_COLUMNS, *FURTHER_COLUMNS}
        for name in table.header:
            if name not in {*KEYS, *TOLD, *known} and not re.fullmatch(r"column \d+", name):
                raise BadFile(path.name, "no such column can be corrected", line=table.header_line, column=name)
            if table.header.count(name) > 1:
                raise BadFile(path.name, "the header has this name twice", line=table.header_line, column=name)
        columns = [name for name in table.header if name in known]
        for rows in table.batches(10_000):
            misfits = rows.misfit or [None] * len(rows.file_lines)
            texts = zip(*(map(str, rows.columns[name]) for name in (*KEYS, *columns)), strict=True)
            for line, misfit, (load_id, line_no, *values) in zip(rows.file_lines, misfits, texts, strict=True):
                if misfit:
                    raise BadFile(path.name, f"{misfit.replace('_', ' ')}: a correction needs all", line=int(line))
                if not re.fullmatch(r"[0-9]{1,9}", line_no.strip()):
                    raise BadFile(path.name, f"{line_no!r} is no row's number", line=int(line), column="line_no")
                row = CorrectedRow(
                    unguarded(load_id).strip(),
                    int(line_no),
                    dict(zip(columns, map(unguarded, values), strict=True)),
                    int(line),
                )
                if (key := (row.load_id, row.line_no)) in found:
                    earlier = found[key].file_line
                    raise BadFile(path.name, f"row {row.line_no} is in line {earlier} already", line=int(line))
                found[key] = row
            if len(found) > MOST_ROWS:
                raise BadFile(path.name, f"more than {MOST_ROWS:,} rows; hand them in in several files")
    return list(found.values())


def _opened(path: Path, decimal: str = "."):
    encoding = encoding_of(path, ENCODINGS)
    delimiter = "," if encoding in BINARY else delimiter_of(path, encoding)
    return open_table(path, Layout(delimiter=delimiter), encoding, decimal)
