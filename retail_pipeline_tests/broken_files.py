"""Broken exports of every kind that people send, made anew for each run, and how they are broken further."""

import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from openpyxl import load_workbook

from retail_pipeline_tests.workbooks import write_password_protected, write_xls, write_xlsx

HEADER = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
AT = datetime.fromisoformat("2010-12-01 08:26:00")
GOOD = [
    [
        *(f"5363{n // 4:02}", f"85{n:03}A", "HEART, WHITE" if n % 3 else 'BOX "6"', str(n % 9 - 2), "12/1/2010 8:26"),
        *(f"{n}.55", "17850" if n % 5 else "", "United Kingdom"),
    ]
    for n in range(24)
]


def csv_text(rows: list[list[str]], end: str = "\r\n") -> str:
    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text

    return "".join(",".join(map(field, row)) + end for row in rows)


def with_row(*fields: str) -> bytes:
    return csv_text([HEADER, *GOOD[:3], list(fields), *GOOD[3:]]).encode()


def as_text(*changed: Callable[[str], str]) -> bytes:
    text = csv_text([HEADER, *GOOD])
    for change in changed:
        text = change(text)
    return text.encode()


def workbook(change: Callable | None = None, rows: list | None = None) -> bytes:
    stored = [[*row[:3], int(row[3]), AT, float(row[5]), int(row[6] or 0) or None, row[7]] for row in GOOD]
    file = io.BytesIO()
    write_xlsx(file, [HEADER, *(rows or stored)])
    if change:
        book = load_workbook(file)
        change(book["Orders"])
        file = io.BytesIO()
        book.save(file)
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(HEADER, map(list, zip(*GOOD, strict=True)), strict=True))), file)
    return file.getvalue()


def records() -> list[dict[str, str]]:
    return [dict(zip(HEADER, row, strict=True)) for row in GOOD]


def made(write: Callable[[Path], object]) -> Callable[[Path], bytes]:
    def content(folder: Path) -> bytes:
        write(folder / "made")
        return (folder / "made").read_bytes()

    return content


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sales.csv", content)
    return file.getvalue()


def zipped_without_a_name(content: bytes) -> bytes:
    """As `zipped`, with the bytes of the name told as an extra field."""
    data = bytearray(zipped(content).replace(b"sales.csv", b"-" * 9))
    for lengths in (26, data.index(b"PK\1\2") + 28):  # of the name and of the extra field, in both headers
        data[lengths : lengths + 4] = b"\0\0\x09\0"
    return bytes(data).replace(b"-" * 9, b"\xfe\xca\x05\0-----")


PLAIN = as_text()
LONG = "x" * (1 << 20)

CORPUS: dict[str, bytes | Callable[[Path], bytes]] = {
    "good": PLAIN,
    "empty": b"",
    "blank": b"\r\n \r\n",
    "header only": csv_text([HEADER]).encode(),
    "cut short in a row": PLAIN[: len(PLAIN) * 2 // 3],
    "cut short in a quoted field": PLAIN[: PLAIN.index(b"HEART, W") + 4],
    "cut short in a character": with_row(*GOOD[0][:2], "CAFÉ", *GOOD[0][3:])[:-2] + "É".encode()[:1],
    "latin-1": with_row(*GOOD[0][:2], "CAFE", *GOOD[0][3:]).replace(b"CAFE", b"CAF\xc9"),
    "two encodings": with_row(*GOOD[0][:2], "É", *GOOD[0][3:]) + b"1,A,CAF\xc9,1,12/1/2010 8:26,1,,UK\r\n",
    "utf-16": csv_text([HEADER, *GOOD]).encode("utf-16"),
    "utf-16 without a mark": csv_text([HEADER, *GOOD]).encode("utf-16-le"),
    "utf-16 cut short in a character": csv_text([HEADER]).strip().encode("utf-16")[:-1],
    "byte order mark in the middle": PLAIN + b"\xef\xbb\xbf" + PLAIN,
    "two files in one": PLAIN + PLAIN,
    "ragged rows": csv_text([HEADER, *GOOD[:3], ["1", "A"], [*GOOD[4], "x", "y"], [""], GOOD[5]]).encode(),
    "stray quote": as_text(lambda text: text.replace("85001A", '85"001"A')),
    "quote that stands alone": as_text(lambda text: text.replace("85001A", '"85"001A')),
    "open quote": as_text(lambda text: text.replace("85020A", '"85020A')),
    "NUL": as_text(lambda text: text.replace("85001A", "85\x00001A")),
    "embedded line feeds": with_row(*GOOD[0][:2], "one\ntwo\r\nthree", *GOOD[0][3:]),
    "lone carriage return": as_text(lambda text: text.replace("85001A", "85\r001A")),
    "carriage returns only": csv_text([HEADER, *GOOD], "\r").encode(),
    "other line ends": csv_text([HEADER, *GOOD[:9]], "\n").encode() + csv_text(GOOD[9:]).encode(),
    "control characters": with_row(*GOOD[0][:2], "\x01\x08\x1b[31m\x7f\x85", *GOOD[0][3:]),
    "a million columns": csv_text([HEADER + [f"c{n}" for n in range(10**6)], GOOD[0] + ["1"] * 10**6]).encode(),
    "one enormous field": with_row(*GOOD[0][:2], LONG + LONG, *GOOD[0][3:]),
    "one long field": with_row(*GOOD[0][:2], LONG[:-9], *GOOD[0][3:]),
    "enormous numbers": with_row(*GOOD[0][:3], "9" * 9000, GOOD[0][4], "1e999999", *GOOD[0][6:]),
    "formulas": with_row("=1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "+1", "12/1/2010 8:26", "-2", "\t=1", "=UK"),
    "duplicate names in the header": csv_text([[*HEADER, "Country"], *([*row, "x"] for row in GOOD)]).encode(),
    "no header": csv_text(GOOD).encode(),
    "another delimiter": as_text(lambda text: text.replace(",", ";")),
    "dates in two orders": csv_text(
        [HEADER, *([*r[:4], d, *r[5:]] for r, d in zip(GOOD, ["13/1/2010 8:26", "1/13/2010 8:26"] * 12, strict=True))]
    ).encode(),
    "dates that are none": csv_text(
        [
            HEADER,
            *(
                [*r[:4], d, *r[5:]]
                for r, d in zip(GOOD, ["2/30/2010 8:26", "now", "12/1/2010 24:00", ""] * 6, strict=True)
            ),
        ]
    ).encode(),
    "odd unicode": with_row("\u202e1", "\u200b", "A\u0301\ufeff\u2028B", "١", "12/1/2010 8:26", "１", "😀", "İı"),
    "markup": b"<html><table><tr><td>InvoiceNo</td></tr></table></html>",
    "pdf": b"%PDF-1.7\n1 0 obj",
    "workbook": workbook(),
    "workbook with merged cells": workbook(lambda sheet: (sheet.merge_cells("A2:A5"), sheet.merge_cells("C7:H7"))),
    "workbook with a title over the header": workbook(
        lambda sheet: (sheet.insert_rows(1), sheet.merge_cells("A1:H1"), sheet.cell(1, 1, "Sales"))
    ),
    "workbook with formulas": workbook(lambda sheet: sheet.cell(3, 4, "=1+1")),
    "workbook with errors": workbook(lambda sheet: sheet.cell(3, 6, "#DIV/0!")),
    "workbook with a cell far out": workbook(lambda sheet: sheet.cell(1_048_576, 16_384, "x")),
    "workbook cut short": workbook()[:-700],
    "workbook behind a password": made(write_password_protected),
    "old workbook": made(lambda path: write_xls(path, [HEADER, *([*r[:3], float(r[3]), *r[4:]] for r in GOOD)])),
    "parquet": parquet(),
    "parquet cut short": parquet()[:-200],
    "parquet without a beginning": parquet()[4:],
    "json": json.dumps(records()).encode(),
    "json cut short": json.dumps(records()).encode()[:-40],
    "json of something else": b'{"orders": 7}',
    "json nested deeply": b"[" * 50_000,
    "ndjson": "\n".join(map(json.dumps, records())).encode(),
    "ndjson with a broken line": "\n".join([*map(json.dumps, records()), '{"InvoiceNo": ']).encode(),
    "ndjson with duplicate names": json.dumps(records()[0]).encode()[:-1] + b', "Country": "x"}\n',
    "gzip": gzip.compress(PLAIN, mtime=0),
    "gzip cut short": gzip.compress(PLAIN, mtime=0)[:-30],
    "gzip of nothing": gzip.compress(b"", mtime=0),
    "gzip of gzip": gzip.compress(gzip.compress(PLAIN, mtime=0), mtime=0),
    "gzip with something behind it": gzip.compress(PLAIN, mtime=0) + b"garbage",
    "xz": lzma.compress(PLAIN),
    "zip": zipped(PLAIN),
    "zip of a workbook": zipped(workbook()),
    "zip of a file without a name": zipped_without_a_name(PLAIN),
    "zip cut short": zipped(PLAIN)[:-60],
    "zip of nothing": zipped(b""),
}
"""By what is wrong with it: the bytes of a file, or how they are made in a folder."""

TOO_LARGE_TO_MUTATE = 1 << 18
PIECES = (
    b"",
    b",",
    b'"',
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\t",
    b";",
    b"{",
    b"[",
    b"}",
    b"'",
    b"=",
    b"-",
    b"9" * 400,
    b"x" * 5000,
)


def content(name: str, folder: Path) -> bytes:
    """The bytes of a file of the corpus."""
    found = CORPUS[name]
    return found if isinstance(found, bytes) else found(folder)


def mutated(original: bytes, rng: random.Random) -> bytes:
    """The same bytes with up to eight things done to them: what transfers, editors and attackers do."""
    data = bytearray(original)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.choice((1, 1, 2, 8, 64, 1024)))
        match rng.randrange(7):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                data[at:at] = rng.choice(PIECES)
            case 2:
                data[at:end] = rng.choice(PIECES)
            case 3:
                del data[at:end]
            case 4:
                data[at:at] = data[at:end] * rng.randint(1, 4)
            case 5:
                data[at:end] = rng.randbytes(end - at)
            case _:
                del data[at if rng.randrange(4) == 0 else end :]
    return bytes(data)
