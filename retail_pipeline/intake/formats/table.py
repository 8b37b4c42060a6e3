"""What every format makes of a file: a table, read in batches of text of bounded size."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

T = TypeVar("T")

BATCH_BYTES = 32 << 20
"""A batch ends here even if its rows are few, so that long rows don't make memory grow."""

FIELD_CHARACTERS = 1 << 20
"""The longest field that is read: beyond it, a quote was never closed rather than a text that long."""

DIGITS = 40
"""Places before or after the point beyond which a number is left in scientific notation, where it is no amount."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a table, in the order of the file.

    `columns` are texts by name, all of the same length. `file_lines` says where each row is in the file: the line,
    the row of the sheet, or the number of the record. `bytes_read` is how far into the file the rows reach. By row, if
    any has them: `misfit` is `too_few_columns`, `too_many_columns` or None, `surplus` what the header has no name for.
    """

    columns: Mapping[str, Sequence[str] | pa.Array]
    file_lines: np.ndarray
    bytes_read: int
    misfit: Sequence[str | None] | None = None
    surplus: Sequence[Mapping[str, str]] | None = None


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows that follow each other as one; their columns are Arrow's."""
    return Rows(
        {name: pa.concat_arrays([part.columns[name] for part in parts]) for name in parts[0].columns},
        np.concatenate([part.file_lines for part in parts]),
        parts[-1].bytes_read,
        _by_row(parts, [part.misfit for part in parts], None),
        _by_row(parts, [part.surplus for part in parts], {}),
    )


def _by_row(parts: Sequence[Rows], said: Sequence[Sequence[T] | None], nothing: T) -> list[T] | None:
    """What parts say of each of their rows, where any says something."""
    if not any(said):
        return None
    return [
        of_row
        for part, of_rows in zip(parts, said, strict=True)
        for of_row in of_rows or [nothing] * len(part.file_lines)
    ]


class Table(Protocol):
    """A file that is open. `header_line` is where the header stands, None in formats that have no such line."""

    header: list[str]
    header_line: int | None
    header_is_whole: bool
    """Whether no later row can have a column of another name."""
    has_typed_dates: bool
    """Whether the format itself knows dates: then they are given in ISO 8601, whatever the source's dates look like."""

    def batches(self, batch_rows: int) -> Iterator[Rows]:
        """All rows in batches of at most so many; raises BadFile where the file stops being readable."""
        ...

    def verify(self) -> None:
        """Reads to the end; raises BadFile where the file stops being readable."""
        ...


def place_name(place: int) -> str:
    """What a column without a name is called."""
    return f"column {place + 1}"


def named(header: Sequence[str]) -> list[str]:
    """A header without blanks around names and without nameless columns."""
    return [name.strip() or place_name(place) for place, name in enumerate(header)]


def plain_number(number: Decimal) -> str:
    """A number's digits without an exponent and without an empty fraction: 17850, never 17850.0 or 1.785E4."""
    if not number.is_finite() or abs(number.adjusted()) > DIGITS:
        return str(number)
    text = f"{number:f}"
    return re.sub(r"\.?0*$", "", text) if "." in text else text


def plain_float(number: float) -> str:
    """A double in the fifteen digits that spreadsheets show, or all of a whole number, as far as doubles have them.

    Beyond, different numbers are the same double: it keeps its exponent, so that it is taken for no code.
    """
    if number.is_integer():
        return str(int(number)) if abs(number) < 1 << 53 else str(number)
    return plain_number(Decimal(f"{number:.15g}"))
