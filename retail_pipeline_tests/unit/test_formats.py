"""Every format gives the same lines: the same rows, numbered, as text, or one clear error."""

import gzip
import io
import json
import lzma
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.lines import type_batch
from retail_pipeline.intake.reader import read_batches, verify
from retail_pipeline.sources import RAW_COLUMNS, SourceCatalogue, SourceProfile
from retail_pipeline_tests.workbooks import write_password_protected, write_xls, write_xlsx

PROFILE = SourceCatalogue().get("online_retail")
HEADER = list(PROFILE.columns.values())
AT = datetime.fromisoformat("2010-12-01 08:26:00")
STORED = [
    [536365, "85123A", "LANTERN", 6, AT, 2.55, 17850, "United Kingdom"],
    ["C536379", 22423, None, -1, datetime.fromisoformat("2010-12-01 09:41:30"), 10.95, None, "EIRE"],
    [536370, "POST", "POSTAGE", 3, date(2010, 12, 2), 18, 12583, "France"],
]
"""Rows as Excel, Parquet and JSON store them: ids as numbers, dates as dates."""
SAID = [
    ["536365", "85123A", "LANTERN", "6", "2010-12-01 08:26:00", "2.55", "17850", "United Kingdom"],
    ["C536379", "22423", "", "-1", "2010-12-01 09:41:30", "10.95", "", "EIRE"],
    ["536370", "POST", "POSTAGE", "3", "2010-12-02", "18", "12583", "France"],
]
"""The same as text."""


def profile(**changes) -> SourceProfile:
    return SourceProfile.model_validate(PROFILE.model_dump() | changes)


def frames(path: Path, source: SourceProfile = PROFILE, batch_rows: int = 2) -> pd.DataFrame:
    encoding = encoding_of(path, source.encodings)
    verify(path, source, encoding)
    batches = list(read_batches(path, source, encoding, batch_rows))
    reached = [batch.bytes_read for batch in batches]
    assert reached == sorted(reached)
    assert not reached or 0 < reached[-1] <= path.stat().st_size
    assert all(len(batch.frame) <= batch_rows for batch in batches)
    return pd.concat([batch.frame for batch in batches], ignore_index=True)


def said(path: Path, source: SourceProfile = PROFILE) -> list[list[str]]:
    return frames(path, source)[list(RAW_COLUMNS)].to_numpy().tolist()


def typed(path: Path, source: SourceProfile = PROFILE) -> pd.DataFrame:
    encoding = encoding_of(path, source.encodings)
    parts = [
        type_batch(batch.frame, source, batch.date_formats) for batch in read_batches(path, source, encoding, 1000)
    ]
    assert not any(len(part.rejects) for part in parts), parts[0].rejects
    return pd.concat([part.lines for part in parts], ignore_index=True)


def refusal(path: Path, source: SourceProfile = PROFILE) -> str:
    with pytest.raises(BadFile) as refused:
        frames(path, source)
    return str(refused.value)


def as_xlsx(path: Path) -> None:
    write_xlsx(path, [HEADER, *STORED])


def as_parquet(path: Path) -> None:
    columns = {}
    for name, *values in zip(HEADER, *STORED, strict=True):
        if name in ("InvoiceNo", "StockCode", "InvoiceDate"):
            values = [None if value is None else str(value) for value in values]
        columns[name] = values
    columns["UnitPrice"] = [float(value) for value in columns["UnitPrice"]]
    columns["CustomerID"] = [None if value is None else float(value) for value in columns["CustomerID"]]
    pq.write_table(pa.table(columns), path)


def records() -> list[dict]:
    def stored(value: object) -> object:
        return value if value is None or isinstance(value, int | float) else str(value)

    return [dict(zip(HEADER, map(stored, row), strict=True)) for row in STORED]


def as_json(path: Path) -> None:
    path.write_text(json.dumps(records(), indent=1), encoding="utf-8")


def as_ndjson(path: Path) -> None:
    path.write_text("\n".join(map(json.dumps, records())) + "\n", encoding="utf-8")


def as_csv(path: Path) -> None:
    path.write_text("\n".join(map(",".join, [HEADER, *SAID])) + "\n", encoding="utf-8")


WRITERS: dict[str, Callable[[Path], None]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
    "parquet": as_parquet,
    "json": as_json,
    "ndjson": as_ndjson,
}


def as_zip(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("folder/", "")
        file.writestr("folder/sales", content)
        file.writestr("__MACOSX/folder/._sales", "left by a Mac")
    return archive.getvalue()


PACKINGS = {"plain": bytes, "gzip": gzip.compress, "xz": lzma.compress, "zip": as_zip}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("format", WRITERS)
def test_each_format_packed_or_not_gives_the_same_rows(tmp_path, format, packing):
    path = tmp_path / "sales"
    WRITERS[format](path)
    path.write_bytes(PACKINGS[packing](path.read_bytes()))
    rows = said(path, profile(date_formats=[*PROFILE.date_formats, "%Y-%m-%d"]))
    assert rows == SAID
    assert list(frames(path)["line_no"]) == [1, 2, 3]


@pytest.mark.parametrize("format", WRITERS)
def test_each_format_gives_the_same_lines(tmp_path, format):
    as_csv(tmp_path / "csv")
    WRITERS[format](tmp_path / "other")
    source = profile(date_formats=["%Y-%m-%d %H:%M:%S", "%Y-%m-%d"])
    pd.testing.assert_frame_equal(typed(tmp_path / "other", source), typed(tmp_path / "csv", source))


# Excel


def test_rows_of_a_sheet_have_the_numbers_that_excel_shows(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [[], ["", None], HEADER, STORED[0], [], [], STORED[1]])
    assert list(frames(path)["file_line"]) == [4, 7]


def test_numbers_in_cells_have_no_exponent_no_empty_fraction_and_fifteen_digits(tmp_path):
    numbers = {
        **{17850.0: "17850", 0.1 + 0.2: "0.3", 1e-7: "0.0000001", 2.675: "2.675", -0.5: "-0.5"},
        **{1e15: "1000000000000000", 123456789012345.0: "123456789012345", 1e300: "1e300"},
    }
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, *([n, "A", "", 1, AT, 1, n, ""] for n in numbers)])
    frame = frames(path, batch_rows=100)
    assert [text.upper().replace("+", "") for text in frame["customer_id"]] == [
        text.upper() for text in numbers.values()
    ]


def test_a_date_counted_from_1904_is_the_same_date(tmp_path):
    book = Workbook()
    book.epoch = CALENDAR_MAC_1904
    for row in [HEADER, STORED[0]]:
        book.active.append(row)
    book.save(tmp_path / "mac.xlsx")
    assert said(tmp_path / "mac.xlsx") == SAID[:1]


def test_a_sheet_is_read_by_its_name_and_the_only_visible_one_without(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [["Notes"], ["x"]], "Notes", Year=[HEADER, STORED[0]])
    assert said(path, profile(sheet="Year")) == SAID[:1]
    assert refusal(path) == (
        'a.xlsx: has 2 sheets (Notes, Year); say which in the source\'s profile, such as `sheet: "Notes"`'
    )
    assert refusal(path, profile(sheet="May")) == "a.xlsx: has no sheet 'May'; it has Notes, Year"
    book = load_workbook(path)
    book["Notes"].sheet_state = "hidden"
    book.save(path)
    assert said(path) == SAID[:1]


def test_merged_cells_leave_the_others_empty(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, STORED[0], STORED[1]])
    book = load_workbook(path)
    book["Orders"].merge_cells("A2:A3")
    book.save(path)
    assert [row[0] for row in said(path)] == ["536365", ""]


def test_a_formula_is_what_excel_last_computed_or_nothing(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, ["=1+1", *STORED[0][1:]]])
    assert said(path)[0][0] == ""


def test_an_old_workbook_is_read_as_a_new_one(tmp_path):
    texts = ["2010-12-01 08:26:00"]
    path = write_xls(tmp_path / "a.xls", [HEADER, [536365, "85123A", "LANTERN", 6, *texts, 2.55, 17850, "EIRE"]])
    assert said(path) == [["536365", "85123A", "LANTERN", "6", *texts, "2.55", "17850", "EIRE"]]


def test_an_old_workbook_with_a_cell_in_an_impossible_place_does_not_end_the_process(tmp_path):
    path = write_xls(tmp_path / "a.xls", [HEADER, [1.0], [2.0]])
    number = struct.pack("<HHHHHd", 0x0203, 14, 2, 0, 0, 2.0)
    content = path.read_bytes()
    assert number in content
    path.write_bytes(content.replace(number, number[:4] + b"\xff\xff\xff\xff" + number[8:]))
    said = subprocess.run(
        [sys.executable, "-m", "retail_pipeline", "sources", "check", str(path), "--source", "online_retail"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert len(said.stderr.splitlines()) == 1


def test_a_workbook_behind_a_password_is_refused_as_such(tmp_path):
    path = write_password_protected(tmp_path / "secret.xlsx")
    assert refusal(path) == "secret.xlsx: is protected by a password; save a copy without one"


def test_a_cell_far_out_does_not_take_all_memory(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, STORED[0]])
    book = load_workbook(path)
    book["Orders"]["XFD1048576"] = "here"
    book.save(path)
    assert "a sheet reaches over 16,384 columns and 1,048,576 rows, more than 40,000,000 cells" in refusal(path)


def test_a_zip_archive_that_is_no_workbook_or_a_damaged_one_is_refused(tmp_path):
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, *STORED])
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:200] + bytes(100) + whole[300:]):
        path.write_bytes(content)
        assert "damaged" in refusal(path)


def test_numbers_of_cells_are_written_as_the_source_writes_numbers(tmp_path):
    german = profile(numbers={"decimal": ",", "thousands": "."})
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, [*STORED[0][:5], "1.234,50", *STORED[0][6:]], STORED[1]])
    assert list(typed(path, german)["unit_price"]) == [Decimal("1234.5"), Decimal("10.95")]


# Parquet


def test_parquet_columns_of_every_kind_become_text(tmp_path):
    table = pa.table(
        {
            "InvoiceNo": pa.array([536365], pa.int32()),
            "StockCode": pa.array(["A"]).dictionary_encode(),
            "Description": pa.array([b"bytes"], pa.binary()),
            "Quantity": pa.array([6.0], pa.float32()),
            "InvoiceDate": pa.array([AT], pa.timestamp("ns")),
            "UnitPrice": pa.array([Decimal("2.5500")], pa.decimal128(10, 4)),
            "CustomerID": pa.array([float("nan")]),
            "Country": pa.array([None], pa.null()),
            "tags": pa.array([["a", "b"]]),
            "day": pa.array([AT.date()]),
            "sure": pa.array([True]),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    frame = frames(tmp_path / "a.parquet")
    assert frame[list(RAW_COLUMNS)].to_numpy().tolist() == [
        ["536365", "A", "bytes", "6", "2010-12-01 08:26:00", "2.5500", "", ""]
    ]
    assert json.loads(frame["extra"][0]) == {"tags": '["a", "b"]', "day": "2010-12-01", "sure": "true"}


def test_a_moment_with_a_zone_is_told_by_the_clock_of_the_shop(tmp_path):
    as_parquet(tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet").drop_columns(["InvoiceDate"])
    summer = datetime.fromisoformat("2011-07-01T23:30:00+00:00")
    table = table.append_column("InvoiceDate", pa.array([summer] * 3, pa.timestamp("ms", "UTC")))
    pq.write_table(table, tmp_path / "a.parquet")
    assert {str(at) for at in typed(tmp_path / "a.parquet")["invoiced_at"]} == {"2011-07-02 00:30:00"}


def test_a_damaged_parquet_file_is_refused(tmp_path):
    as_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:-50])
    assert refusal(tmp_path / "a.parquet").startswith("a.parquet: is not readable as Parquet: ")


# JSON


def test_records_may_lie_deep_in_a_document_and_have_objects_in_them(tmp_path):
    row = {**records()[0], "CustomerID": None, "customer": {"id": 17850, "home": {"country": "EIRE"}}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": {"orders": [row]}, "next": None}))
    source = profile(
        records="data.orders",
        columns=dict(PROFILE.columns) | {"customer_id": "customer.id", "country": "customer.home.country"},
    )
    assert said(path, source)[0][-2:] == ["17850", "EIRE"]


def test_keys_that_only_some_records_have_are_kept(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([records()[0], {**records()[1], "note": "gift"}]))
    assert [json.loads(extra) for extra in frames(path)["extra"]] == [{"note": ""}, {"note": "gift"}]


def test_numbers_in_json_are_what_their_digits_say(tmp_path):
    path = tmp_path / "a.json"
    text = json.dumps(records()).replace("2.55", "0.1000000000000000055").replace("12583", "1.2583E4")
    path.write_text(text)
    rows = said(path)
    assert (rows[0][5], rows[2][6]) == ("0.1000000000000000055", "12583")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[{"a": 1}, {"a": ', "is not readable as JSON after 1 records"),
        ('[{"a": 1}, 7]', "record 2 is no object with names and values"),
        ('{"a": 1}\n{"a": \n', "line 2: is not readable as JSON"),
        ('{"a": 1, "a": 2}\n{}', "line 1: is not readable as JSON: the name 'a' stands twice in an object"),
        ("[]", "holds no list of records; say in the source's profile where in it they are: records"),
        ('[{"a": "\\u0000"}]', "has a character that no text file can have"),
        ('{"a": "\\ud800"}\n', "has a character that no text file can have"),
        ("[" * 100_000, "is not readable as JSON"),
        ('{"a":' * 100_000, "is not readable as JSON"),
        ('[{"a": 1e999999999}]', "missing"),
    ],
)
def test_json_that_holds_no_records_is_refused(tmp_path, content, complaint):
    path = tmp_path / "a.json"
    path.write_text(content)
    assert complaint in refusal(path)


def test_json_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps([{**records()[0], "Country": "Österreich"}], ensure_ascii=False).encode("cp1252"))
    assert refusal(path) == "a.json: JSON has to be in UTF-8, not in cp1252"


# What is packed


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RETAIL_UNPACKED_MB", "1")
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(",".join(HEADER).encode() + b"\n")
        for _ in range(40):
            file.write(",".join(SAID[0]).encode() * 1000 + b"\n")
    assert refusal(path) == ("bomb.csv.gz: unpacks to more than 1 MB; if that is right, raise RETAIL_UNPACKED_MB")


def test_a_packed_file_that_is_cut_short_or_damaged_is_refused(tmp_path):
    as_csv(tmp_path / "sales")
    for pack in (gzip.compress, lzma.compress, as_zip):
        packed = pack((tmp_path / "sales").read_bytes() * 50)
        path = tmp_path / "packed"
        path.write_bytes(packed[:-20])
        assert "damaged" in refusal(path)


def test_an_archive_of_several_files_is_refused_with_their_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "2")
    assert refusal(tmp_path / "a.zip") == "a.zip: holds 2 files (a.csv, b.csv); pack each by itself"


def test_a_file_that_is_packed_twice_is_refused(tmp_path):
    as_csv(tmp_path / "sales")
    path = tmp_path / "sales.gz.gz"
    path.write_bytes(gzip.compress(gzip.compress((tmp_path / "sales").read_bytes())))
    assert refusal(path) == "sales.gz.gz: is packed twice; unpack it once"


# Delimited text


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"quote": ""}, '536365|85123A|6" "LANTERN|6|12/1/2010 8:26|2.55|17850|"UK"'),
        ({"quote": "'"}, "536365|85123A|'6\" ''LANTERN|'|6|12/1/2010 8:26|2.55|17850|UK"),
        ({"escape": "\\"}, '536365|85123A|"6\\" LANTERN|"|6|12/1/2010 8:26|2.55|17850|UK'),
    ],
)
def test_quotes_may_be_none_or_others_or_escaped(tmp_path, changes, row):
    path = tmp_path / "a.txt"
    path.write_text("|".join(HEADER) + "\n" + row + "\n")
    found = said(path, profile(delimiter="|", **changes))[0]
    assert len(found) == 8
    assert found[2] == {"'": "6\" 'LANTERN|", "": '6" "LANTERN'}.get(changes.get("quote", "x"), '6" LANTERN|')


def test_utf16_text_as_excel_saves_it_is_read(tmp_path):
    path = tmp_path / "unicode.txt"
    path.write_bytes(
        ("\t".join(HEADER) + "\r\n" + "\t".join(SAID[0]).replace("LANTERN", "CAFÉ") + "\r\n").encode("utf-16")
    )
    assert said(path, profile(delimiter="\t"))[0][2] == "CAFÉ"


def test_a_column_that_only_late_records_have_counts_as_any_other(tmp_path):
    guest = {name: text for name, text in zip(HEADER, SAID[0], strict=True) if name != "CustomerID"}
    path = tmp_path / "late.ndjson"
    path.write_text("\n".join(map(json.dumps, [*[guest] * 1100, guest | {"CustomerID": "17850"}])), encoding="utf-8")
    customers = frames(path, profile(optional=["customer_id"]), batch_rows=1000)["customer_id"]
    assert (customers.iloc[0], customers.iloc[-1]) == ("", "17850")


def test_whole_numbers_that_doubles_can_tell_apart_stay_apart_and_others_are_no_codes(tmp_path):
    path = tmp_path / "ids.parquet"
    ids = [4111111111111112.0, 4111111111111113.0, 12345678901234567.0]
    columns = {name: [text] * 3 for name, text in zip(HEADER, SAID[0], strict=True)}
    pq.write_table(pa.table(columns | {"CustomerID": ids}), path)
    assert list(frames(path)["customer_id"]) == ["4111111111111112", "4111111111111113", "1.2345678901234568e+16"]


def test_a_text_that_is_none_in_utf_8_is_refused_before_anything_remembers_it(tmp_path):
    path = tmp_path / "bytes.parquet"
    columns = {name: [text] for name, text in zip(HEADER, SAID[0], strict=True)}
    broken = pc.cast(pa.array([b"\xff"]), options=pc.CastOptions(pa.string(), allow_invalid_utf8=True))
    pq.write_table(pa.table(columns | {"Description": broken}), path)
    with pytest.raises(BadFile, match=r"bytes.parquet: is not readable as Parquet: .*UTF8"):
        verify(path, PROFILE, encoding_of(path, PROFILE.encodings))


def test_the_last_moment_that_excel_knows_is_one(tmp_path):
    path = tmp_path / "last.xlsx"
    row = [*STORED[0][:4], datetime.fromisoformat("9999-12-31 23:59:59.700"), *STORED[0][5:]]
    write_xlsx(path, [HEADER, row])
    ((*_, at, _, _, _),) = said(path)
    assert at.startswith("9999-12-31 23:59:59")


def test_a_cell_that_holds_an_error_says_so_and_is_not_blank(tmp_path):
    path = tmp_path / "errors.xlsx"
    broken = [*STORED[0][:5], "#N/A", "#REF!", STORED[0][7]]
    write_xlsx(path, [[None], [None, *HEADER], [None, *STORED[0]], [None, *broken]], Notes=[["#DIV/0!"]])
    book = load_workbook(path)
    assert [cell.data_type for cell in book["Orders"][4][6:8]] == ["e", "e"]
    assert [row[5:7] for row in said(path, profile(sheet="Orders"))] == [["2.55", "17850"], ["#N/A", "#REF!"]]
