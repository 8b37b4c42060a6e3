"""JSON: a list of records, alone or somewhere in a document, or a record per line (NDJSON)."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from typing import Any

import ijson
import numpy as np

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.table import BATCH_BYTES, FIELD_CHARACTERS, Rows, named, plain_number
from retail_pipeline.intake.packing import Content
from retail_pipeline.sources import Layout

HEADER_RECORDS = 1000
"""Records whose keys are the header; a key that only later ones have is kept as well."""

LINE_BYTES = BATCH_BYTES
"""The longest line that is read as one record."""

MOST_OPEN_BRACKETS = 10_000

Record = dict[str, str]
"""Texts by name; members of an object in an object have names like `customer.id`."""


@contextmanager
def open_table(content: Content, layout: Layout, encoding: str, decimal: str) -> Iterator["Records"]:
    if encoding != "utf-8":
        raise BadFile(content.path.name, f"JSON has to be in UTF-8, not in {encoding}")
    yield Records(content, layout.records, decimal)


class Records:
    """The records of a JSON document; numbered from 1, or by their lines where each has one."""

    has_typed_dates = False
    header_line = None

    def __init__(self, content: Content, place: str | None, decimal: str):
        self._content, self._name, self._decimal = content, content.path.name, decimal
        if content.stream.peek(3).startswith(b"\xef\xbb\xbf"):
            content.stream.read(3)
        self._has_lines = place is None and _begins_with_a_record(content.stream)
        records = self._lines() if self._has_lines else self._items(place)
        first = list(islice(records, HEADER_RECORDS))
        if not first:
            where = f" at {place}" if place else "; say in the source's profile where in it they are: records"
            raise BadFile(self._name, f"holds no list of records{where}")
        self._records = chain(first, records)
        self.header_is_whole = len(first) < HEADER_RECORDS
        self.header = named(list(dict.fromkeys(key for _, record in first for key in record)))

    def batches(self, batch_rows: int) -> Iterator[Rows]:
        while taken := self._take(batch_rows):
            numbers, records = zip(*taken, strict=True)
            names = dict.fromkeys(chain(self.header, *records))
            columns = {name: [record.get(name, "") for record in records] for name in names}
            yield Rows(columns, np.array(numbers), self._content.packed.tell())

    def verify(self) -> None:
        for _ in self._records:
            pass

    def _take(self, batch_rows: int) -> list[tuple[int, Record]]:
        taken, size = [], 0
        for number, record in islice(self._records, batch_rows):
            taken.append((number, record))
            size += sum(map(len, record.values())) + 64 * len(record)
            if size > BATCH_BYTES:
                break
        return taken

    def _lines(self) -> Iterator[tuple[int, Record]]:
        number = 0
        while line := self._content.stream.readline(LINE_BYTES):
            number += 1
            if len(line) == LINE_BYTES:
                raise BadFile(self._name, f"the line has over {LINE_BYTES:,} bytes", line=number)
            if not line.strip():
                continue
            try:
                value = json.loads(line, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=_object)
            except (ValueError, RecursionError, InvalidOperation) as error:
                raise BadFile(self._name, f"is not readable as JSON: {error}", line=number) from error
            yield number, self._record(value, number)

    def _items(self, place: str | None) -> Iterator[tuple[int, Record]]:
        number = 0
        stream = _Shallow(self._content.stream, self._name)
        items = ijson.items(stream, f"{place}.item" if place else "item", buf_size=1 << 16)
        while True:
            try:
                value = next(items)
            except StopIteration:
                return
            except (ijson.JSONError, ValueError, InvalidOperation, RecursionError) as error:
                problem = f"is not readable as JSON after {number:,} records: {error}; is it cut short?"
                raise BadFile(self._name, problem) from error
            number += 1
            stream.open_brackets = 0
            yield number, self._record(value, number)

    def _record(self, value: Any, number: int) -> Record:
        if not isinstance(value, dict):
            raise BadFile(self._name, f"record {number:,} is no object with names and values")
        record: Record = {}
        try:
            _flatten(value, "", record, self._decimal)
        except RecursionError as error:
            raise BadFile(self._name, f"record {number:,} is nested too deeply") from error
        except KeyError as error:
            raise BadFile(self._name, f"record {number:,} has the name {error} twice") from error
        for name, text in record.items():
            if not _is_storable(name + text):
                problem = f"record {number:,} has a character that no text file can have, NUL or half a surrogate"
                raise BadFile(self._name, problem, column=ascii(name))
            if len(text) > FIELD_CHARACTERS:
                problem = f"record {number:,} has a field of over {FIELD_CHARACTERS:,} characters"
                raise BadFile(self._name, problem, column=name)
        return record


class _Shallow:
    """A stream for ijson, whose work grows with the square of how deep brackets are nested.

    Brackets in texts count as well, so the limit is far above what any record has.
    """

    def __init__(self, stream: io.BufferedReader, file_name: str):
        self._stream, self._file_name = stream, file_name
        self.open_brackets = 0

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        opening, closing = (sum(map(piece.count, marks)) for marks in ((b"[", b"{"), (b"]", b"}")))
        self.open_brackets += opening - closing
        if self.open_brackets > MOST_OPEN_BRACKETS:
            raise BadFile(self._file_name, "is not readable as JSON: it is nested too deeply")
        return piece


def _begins_with_a_record(stream: io.BufferedReader) -> bool:
    """Whether the first line that isn't blank is a whole object: then each line is one."""
    line = stream.peek(1 << 16).lstrip().partition(b"\n")[0]
    if not line.startswith(b"{"):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        # Longer than what can be seen, or the beginning of a document over several lines.
        return len(line) > 1024 and not line.rstrip().endswith(b"{")
    return True


def _is_storable(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {max(names, key=names.count)!r} stands twice in an object")
    return found


def _flatten(value: dict[str, Any], prefix: str, record: Record, decimal: str) -> None:
    for key, member in value.items():
        name = prefix + key.strip()
        if isinstance(member, dict):
            _flatten(member, f"{name}.", record, decimal)
        elif name in record:
            raise KeyError(name)
        else:
            record[name] = _text(member, decimal)


def _text(value: Any, decimal: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return plain_number(Decimal(value)).replace(".", decimal)
    if isinstance(value, float):  # NaN and Infinity, which aren't JSON
        return str(value)
    return json.dumps(value, ensure_ascii=True, default=str)
