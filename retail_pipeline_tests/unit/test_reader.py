"""Reading a file as text: every row once, numbered, as the file says it, or one clear error."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats.table import FIELD_CHARACTERS
from retail_pipeline.intake.reader import TextBatch, read_batches, read_header, verify
from retail_pipeline.sources import RAW_COLUMNS, SourceCatalogue, SourceProfile

PROFILE = SourceCatalogue().get("online_retail")
HEADER = ",".join(PROFILE.columns.values())
ROW = "536365,85123A,LANTERN,6,12/1/2010 8:26,2.55,17850,United Kingdom"
FIELDS = ROW.split(",")


def profile(**changes) -> SourceProfile:
    return SourceProfile.model_validate(PROFILE.model_dump() | changes)


def batches(
    content: str | bytes, batch_rows: int = 2, source: SourceProfile = PROFILE, encoding: str = "utf-8"
) -> Iterator[TextBatch]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sales.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        yield from read_batches(path, source, encoding, batch_rows)


def read(content: str | bytes, *arguments, **options) -> pd.DataFrame:
    frames = [batch.frame for batch in batches(content, *arguments, **options)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["line_no", "file_line"])


def places(content: str | bytes, *arguments, **options) -> list[tuple[int, int]]:
    """(line_no, file_line) of each row."""
    frame = read(content, *arguments, **options)
    return list(zip(frame["line_no"], frame["file_line"], strict=True))


def texts(frame: pd.DataFrame) -> list[list[str]]:
    return frame[list(RAW_COLUMNS)].to_numpy().tolist()


def extras(frame: pd.DataFrame) -> list[dict | None]:
    return [None if pd.isna(extra) else json.loads(extra) for extra in frame["extra"]]


def misfits(frame: pd.DataFrame) -> list[str | None]:
    return [None if pd.isna(misfit) else misfit for misfit in frame["misfit"]]


def refusal(content: str | bytes, *arguments, **options) -> str:
    with pytest.raises(BadFile) as refused:
        read(content, *arguments, **options)
    return str(refused.value)


def written(rows: list[list[str]], line_end: str = "\r\n") -> str:
    text = io.StringIO()
    # With another line end than its own, the writer leaves the remaining ones unquoted.
    quoting = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)
    return text.getvalue()


# Rows come back as they were written

FIELD = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0")) | st.sampled_from(
    [
        "",
        " ",
        '"',
        '""',
        ",",
        "\n",
        "\r",
        "\r\n",
        "\n\r",
        "a\nb",
        "\x0b",
        "\x0c",
        "\x85",
        "\u2028",
        "\ufeff",
        "😀",
        "\\",
    ]
)
ROWS = st.lists(st.lists(FIELD, min_size=8, max_size=8), max_size=12)


@given(rows=ROWS, line_end=st.sampled_from(["\n", "\r\n", "\r"]), batch_rows=st.integers(1, 13))
def test_any_rows_that_a_csv_writer_writes_come_back_as_they_were_in_batches_of_any_size(rows, line_end, batch_rows):
    content = HEADER + line_end + written(rows, line_end)
    frames = [batch.frame for batch in batches(content, batch_rows)]
    assert [row for frame in frames for row in texts(frame)] == rows
    assert [number for frame in frames for number in frame["line_no"]] == list(range(1, len(rows) + 1))
    assert all(0 < len(frame) <= batch_rows for frame in frames)
    assert all(frame[["extra", "misfit"]].isna().all(axis=None) for frame in frames)


@given(rows=ROWS, line_end=st.sampled_from(["\n", "\r\n", "\r"]), batch_rows=st.integers(1, 13))
def test_the_file_line_of_any_row_is_the_line_where_it_begins(rows, line_end, batch_rows):
    line, expected = 2, []
    for number, row in enumerate(rows, 1):
        expected.append((number, line))
        line += written([row], line_end).count(line_end[-1])
    assert places(HEADER + line_end + written(rows, line_end), batch_rows) == expected


@settings(max_examples=40)
@given(
    lines=st.lists(st.sampled_from(["", ROW, "1,2", ROW + ",x", '"a\n\nb"' + ROW[6:], '""', " "])),
    size=st.integers(1, 9),
)
def test_the_size_of_batches_changes_nothing_of_the_rows(lines, size):
    content = "\n".join([HEADER, *lines])
    pd.testing.assert_frame_equal(read(content, size), read(content, 1000))


@pytest.mark.parametrize("around", [8192, 16384])
@pytest.mark.parametrize("inside", ["\r\n", "\r", "\n", "€", '""'])
def test_nothing_happens_to_what_lies_across_two_reads_of_the_file(around, inside):
    for filling in range(around - len(HEADER) - 12, around - len(HEADER) + 4):
        description = "x" * filling + inside + "y"
        frame = read(f'{HEADER}\r\n1,A,"{description}",1,2,3,4,5\r\n{ROW}\r\n')
        assert texts(frame) == [["1", "A", description.replace('""', '"'), "1", "2", "3", "4", "5"], FIELDS]
        assert list(frame["file_line"]) == [2, 4 if "\n" in inside else 3]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_may_end_in_any_way_and_the_last_need_not(line_end, last):
    content = line_end.join([HEADER, ROW, ROW]) + (line_end if last else "")
    assert texts(read(content)) == [FIELDS, FIELDS]
    assert places(content) == [(1, 2), (2, 3)]


def test_line_feeds_may_follow_a_carriage_return_in_some_lines_and_not_in_others():
    assert places(f"{HEADER}\n{ROW}\r\n{ROW}\n") == [(1, 2), (2, 3)]


@pytest.mark.parametrize("odd", ["A\rB", "\rA", "A\r", "A\r\rB", "\r"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_lone_carriage_return_in_a_file_with_line_feeds_is_a_character_and_splits_no_row(odd, line_end):
    rows = [ROW, ROW.replace("LANTERN", odd), ROW.replace("United Kingdom", odd + "x"), ROW]
    frame = read(line_end.join([HEADER, *rows]))
    assert texts(frame) == [row.split(",") for row in rows]
    assert list(frame["file_line"]) == [2, 3, 4, 5]


def test_a_lone_line_feed_in_a_file_with_carriage_returns_is_a_character_and_splits_no_row():
    frame = read("\r".join([HEADER, ROW.replace("LANTERN", "A\nB"), ROW]))
    assert texts(frame) == [ROW.replace("LANTERN", "A\nB").split(","), FIELDS]
    assert list(frame["file_line"]) == [2, 3]


def test_only_carriage_returns_and_line_feeds_end_a_line():
    odd = "a\x0bb\x0cc\x1cd\x1ee\x85f\u2028g\u2029h"
    frame = read(f"{HEADER}\n{ROW.replace('LANTERN', odd)}\n{ROW}\n")
    assert frame["description"][0] == odd
    assert list(frame["file_line"]) == [2, 3]


def test_blank_lines_are_no_rows_but_count_as_lines_of_the_file():
    assert places(f"\n\n{HEADER}\n\n{ROW}\n\n\n\n{ROW}\n\n", 1) == [(1, 5), (2, 9)]


def test_rows_after_a_field_with_line_breaks_have_their_right_line():
    content = f'{HEADER}\n1,A,"one\ntwo\r\nthree\rfour",1,2,3,4,5\n\n{ROW}\n1,A,B,1,2,3,4,"U\nK"\n{ROW}\n'
    assert places(content, 3) == [(1, 2), (2, 6), (3, 7), (4, 9)]


def test_a_header_with_a_line_break_in_a_name_is_a_header():
    frame = read(f'{HEADER},"in\nstock"\n{ROW},7\n')
    assert extras(frame) == [{"in\nstock": "7"}]
    assert list(frame["file_line"]) == [3]


@pytest.mark.parametrize("tail", ["", "\n", "\r\n", "\n\n\n"])
def test_a_file_with_only_a_header_has_no_rows(tail):
    assert list(batches(HEADER + tail)) == []


def test_batches_say_how_far_into_the_file_they_reach():
    content = "\n".join([HEADER, *[ROW] * 1000])
    reached = [batch.bytes_read for batch in batches(content, 100)]
    assert reached == sorted(reached)
    assert reached[-1] == len(content)


def test_a_batch_of_long_rows_ends_before_its_number_of_rows():
    content = "\n".join([HEADER, *[ROW.replace("LANTERN", "x" * (1 << 20))] * 45])
    sizes = [len(batch.frame) for batch in batches(content, 1000)]
    assert sum(sizes) == 45
    assert max(sizes) <= 40


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_text_is_read_in_the_encoding_that_was_found(encoding):
    frame = read((HEADER + "\n" + ROW.replace("LANTERN", "CAFÉ £5")).encode(encoding), encoding=encoding)
    assert frame["description"][0] == "CAFÉ £5"


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("InvoiceNo", '"InvoiceNo"')])
def test_a_byte_order_mark_is_no_part_of_the_first_column_name(header):
    assert texts(read(b"\xef\xbb\xbf" + f"{header}\n{ROW}\n".encode())) == [FIELDS]


def test_text_is_left_as_it_is_however_it_is_padded_and_composed():
    row = [" 536365 ", "\t85123a", " CAFE\u0301\u00a0", "+6", "12/1/2010 8:26 ", "2.550", "17850.0", ""]
    assert texts(read(written([HEADER.split(","), row]))) == [row]


# Quotes


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('"12"" RULER"', '12" RULER'),
        ('"a, b"', "a, b"),
        ('6" BOX', '6" BOX'),
        ("back\\slash", "back\\slash"),
        ('""', ""),
        ("'a'", "'a'"),
    ],
)
def test_quotes_are_read_as_csv_has_them(field, text):
    assert read(f"{HEADER}\n{ROW.replace('LANTERN', field)}\n")["description"][0] == text


def test_a_field_cut_off_inside_its_quotes_is_refused_with_the_line_where_its_row_begins():
    assert refusal(f'{HEADER}\n{ROW}\n"x\ny",2\n\n536366,"85123A\n{ROW}\n{ROW}') == (
        "sales.csv, line 6: the row that begins here has a quoted field that is never closed; is the file cut short?"
    )


def test_a_stray_quote_is_refused_with_the_line_where_its_row_begins():
    assert refusal(f'{HEADER}\n{ROW}\n1,A,"LID" BLUE,1,2,3,4,5\n') == (
        "sales.csv, line 3: the row that begins here is not readable as CSV "
        "(',' expected after '\"'); is there a stray quote?"
    )


def test_a_broken_row_is_refused_with_its_line_however_far_into_the_file():
    content = "\n".join([HEADER, *[ROW] * 2500, '1,"A"B'])
    assert refusal(content, 1000).startswith("sales.csv, line 2502: the row that begins here is not readable as CSV")


def test_a_field_of_the_greatest_length_is_read_and_a_longer_one_refused():
    longest = "x" * FIELD_CHARACTERS
    assert read(f"{HEADER}\n{ROW.replace('LANTERN', longest)}\n")["description"][0] == longest
    assert refusal(f"{HEADER}\n{ROW}\n{ROW.replace('LANTERN', longest + 'x')}\n") == (
        "sales.csv, line 3: the row that begins here has a field of over 1,048,576 characters; is a quote left open?"
    )


# Ragged rows, unmapped columns


def test_rows_with_too_few_or_too_many_columns_are_kept_and_marked():
    frame = read(f"{HEADER}\n1,A\n{ROW}\n{ROW},x,y\n", 10)
    assert misfits(frame) == ["too_few_columns", None, "too_many_columns"]
    assert texts(frame) == [["1", "A", *[""] * 6], FIELDS, FIELDS]
    assert extras(frame) == [None, None, {"column 9": "x", "column 10": "y"}]


@pytest.mark.parametrize("line", ["   ", '""', ";"])
def test_a_line_that_is_not_blank_is_a_row_even_if_it_says_nothing(line):
    assert misfits(read(f"{HEADER}\n{line}\n")) == ["too_few_columns"]


def test_a_row_of_nothing_but_delimiters_is_a_row():
    assert texts(read(f"{HEADER}\n{',' * 7}\n")) == [[""] * 8]


def test_delimiters_at_the_end_of_a_row_are_no_columns():
    frame = read(f"{HEADER}\n{ROW},\n{ROW},,,\n{ROW}\n")
    assert texts(frame) == [FIELDS] * 3
    assert frame[["extra", "misfit"]].isna().all(axis=None)


def test_columns_that_the_profile_does_not_map_are_kept_by_name():
    frame = read(f"Colour,{HEADER}, Till no. ,\nröd,{ROW},7,\nblue,{ROW},,z\n")
    assert extras(frame) == [
        {"Colour": "röd", "Till no.": "7", "column 11": ""},
        {"Colour": "blue", "Till no.": "", "column 11": "z"},
    ]
    assert texts(frame) == [FIELDS, FIELDS]


def test_a_surplus_field_takes_no_other_columns_place():
    frame = read(f"{HEADER},surplus\n{ROW},a,b\n")
    assert extras(frame) == [{"surplus": "a", "column 10": "b"}]


def test_columns_may_come_in_any_order():
    backwards = ",".join(reversed(HEADER.split(",")))
    assert texts(read(f"{backwards}\n{','.join(reversed(FIELDS))}\n")) == [FIELDS]


def test_a_column_that_the_profile_leaves_out_is_empty():
    short = {column: name for column, name in PROFILE.columns.items() if column != "country"}
    frame = read(f"{HEADER}\n{ROW}\n", source=profile(columns=short))
    assert texts(frame) == [[*FIELDS[:-1], ""]]
    assert extras(frame) == [{"Country": "United Kingdom"}]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "¦"])
def test_a_source_may_have_another_delimiter(delimiter):
    content = f"{HEADER}\n{ROW}\n".replace(",", delimiter)
    assert texts(read(content, source=profile(delimiter=delimiter))) == [FIELDS]


def test_a_header_of_very_many_columns_takes_no_time_to_speak_of():
    wide = [f"c{number}" for number in range(30_000)]
    frame = read(f"{HEADER},{','.join(wide)}\n{ROW},{','.join(wide)}\n{ROW}{',x' * 60_000}\n", 10)
    assert extras(frame)[0] == dict(zip(wide, wide, strict=True))
    assert misfits(frame) == [None, "too_many_columns"]


# Headers


@pytest.mark.parametrize("content", ["\n", "\n\n \n\t\n", ",,,\n", "\ufeff", '""\n'])
def test_a_blank_file_is_refused(content):
    assert refusal(content) == "sales.csv: no header line: the file is blank"


def test_lines_that_say_nothing_may_come_before_the_header():
    assert places(f" \n,,,\n\n{HEADER}\n{ROW}\n") == [(1, 5)]


def test_blanks_around_column_names_do_not_count():
    assert texts(read(f"{HEADER.replace(',', ' , ')}\n{ROW}\n")) == [FIELDS]


@pytest.mark.parametrize("name", HEADER.split(","))
def test_a_missing_column_is_named_with_those_that_are_there(name):
    header = HEADER.replace(name, "Other")
    assert refusal(f"{header}\n{ROW}\n") == (
        f"sales.csv, line 1, column {name}: missing; the file has {', '.join(header.split(','))}"
    )


@pytest.mark.parametrize("more", ["Country", "Colour,Colour", " Colour,Colour ", "column 10,"])
def test_a_name_that_stands_twice_in_the_header_is_refused(more):
    name = "column 10" if "10" in more else more.split(",")[0].strip()
    assert refusal(f"{HEADER},{more}\n{ROW}\n") == (f"sales.csv, line 1, column {name}: the header has this name twice")


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_a_wrong_delimiter_is_refused_by_name(delimiter, name):
    assert refusal(f"{HEADER}\n{ROW}\n".replace(",", delimiter)) == (
        f"sales.csv, line 1: columns are separated by {name}; source online_retail expects commas"
    )


def test_a_wrong_delimiter_is_told_apart_from_the_one_that_the_source_has():
    assert refusal(f"{HEADER}\n{ROW}\n", source=profile(delimiter="\t")) == (
        "sales.csv, line 1: columns are separated by commas; source online_retail expects tabs"
    )


def test_a_header_cut_off_inside_its_quotes_is_refused():
    assert refusal(f'\n{HEADER},"Col\n{ROW}\n') == (
        "sales.csv, line 2: the header is not readable as CSV: unexpected end of data"
    )


def test_an_error_in_the_header_names_the_line_where_the_header_is():
    assert refusal("\n\nInvoiceNo,Quantity\n").startswith("sales.csv, line 3, column StockCode: missing")
    assert refusal(f"\n{HEADER},Country\n") == "sales.csv, line 2, column Country: the header has this name twice"


def test_a_header_can_be_read_before_the_source_is_known(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(f'\ufeff a , "b, c",,a\n{ROW}\n', encoding="utf-8")
    assert read_header(path, PROFILE, "utf-8") == ["a", '"b', 'c"', "column 4", "a"]


def test_a_header_is_checked_against_the_source_where_that_is_known(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(HEADER)
    assert read_header(path, PROFILE, "utf-8") == HEADER.split(",")
    with pytest.raises(BadFile, match="columns are separated by commas"):
        verify(path, profile(delimiter=";"), "utf-8")
