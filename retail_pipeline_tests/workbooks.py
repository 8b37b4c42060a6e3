"""Making workbooks for tests: today's with openpyxl, and by hand old ones and ones behind a password."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
SECTOR = 512
NO_ONE = 0xFFFFFFFF


def write_xlsx(
    path: Path, rows: Iterable[Sequence[Any]], sheet: str = "Orders", **more: Iterable[Sequence[Any]]
) -> Path:
    """A workbook with a sheet, and `more` sheets by name."""
    book = Workbook()
    book.remove(book.active)
    for name, content in {sheet: rows, **more}.items():
        page = book.create_sheet(name)
        for row in content:
            page.append(list(row))
    book.save(path)
    return path


def write_xls(path: Path, rows: Iterable[Sequence[str | float]]) -> Path:
    """A workbook as Excel 97 wrote it (BIFF8, [MS-XLS]), with texts and numbers."""
    cells = b""
    for place, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, str):
                text = struct.pack("<HB", len(value), 1) + value.encode("utf-16-le")
                cells += _record(0x0204, struct.pack("<HHH", place, column, 0) + text)
            else:
                cells += _record(0x0203, struct.pack("<HHHd", place, column, 0, value))
    sheet = _begin(0x0010) + cells + _record(0x000A, b"")
    name = "Orders"
    bound = struct.pack("<IBBBB", 0, 0, 0, len(name), 0) + name.encode()
    length = len(_begin(0x0005) + _record(0x0085, bound) + _record(0x000A, b""))
    bound = struct.pack("<I", length) + bound[4:]
    path.write_bytes(compound_file("Workbook", _begin(0x0005) + _record(0x0085, bound) + _record(0x000A, b"") + sheet))
    return path


def write_password_protected(path: Path) -> Path:
    """A file as Excel writes a workbook behind a password: an encrypted package in a compound file ([MS-OFFCRYPTO])."""
    path.write_bytes(compound_file("EncryptedPackage", bytes(range(256)) * 20))
    return path


def compound_file(stream: str, content: bytes) -> bytes:
    """A compound file ([MS-CFB]) with one stream."""
    content = content.ljust(4096, b"\0")  # smaller ones are kept in another way
    sectors = -(-len(content) // SECTOR)
    content = content.ljust(sectors * SECTOR, b"\0")
    table = [FAT, END, *range(3, sectors + 2), END]
    fat = struct.pack(f"<{SECTOR // 4}I", *table, *[FREE] * (SECTOR // 4 - len(table)))
    entries = _entry("Root Entry", 5, END, 0, child=1) + _entry(stream, 2, 2, len(content))
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, 1, 1, 0, 4096, END, 0, END, 0, 0),
    )
    header = header.ljust(SECTOR, b"\xff")
    return header + fat + entries.ljust(SECTOR, b"\0") + content


def _entry(name: str, kind: int, start: int, size: int, child: int = NO_ONE) -> bytes:
    text = name.encode("utf-16-le")
    place = struct.pack(
        "<64sHBBIII16sIQQIQ", text, len(text) + 2, kind, 1, NO_ONE, NO_ONE, child, b"", 0, 0, 0, start, size
    )
    return place


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _begin(kind: int) -> bytes:
    return _record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))
