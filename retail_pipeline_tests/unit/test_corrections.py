"""Files of corrections: no spreadsheet takes a text in them for a formula, and every text comes back as it was."""

import csv
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.intake.corrections import guarded, is_one, read, unguarded, write

HEADER = ["load_id", "line_no", "file_line", "reasons", "description", "quantity"]
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def handed_out(path: Path, *texts: str) -> Path:
    write(
        path, HEADER, [["day-1", str(number), str(number + 1), "x", text, "6"] for number, text in enumerate(texts, 1)]
    )
    return path


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_may_be_a_formula_is_guarded_and_comes_back(text):
    assert guarded(text) == "'" + text
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["", "-6", "+6.50", "-1,5", "6", "HEART", "a=b", "12/1/2010 8:26", "'twas", "O'Hara"])
def test_numbers_and_plain_texts_are_left_as_they_are(text):
    assert unguarded(text) == text
    assert guarded(text) in (text, "'" + text)
    assert (guarded(text) == text) != (text == "'twas")


@given(TEXT | st.sampled_from(FORMULAS))
def test_any_text_is_itself_again_after_guarding(text):
    assert unguarded(guarded(text)) == text


@settings(max_examples=40)
@given(st.lists(TEXT | st.sampled_from(FORMULAS), min_size=1, max_size=6))
def test_any_text_comes_back_out_of_csv_as_it_went_in(tmp_path_factory, texts):
    path = handed_out(tmp_path_factory.mktemp("csv") / "fix.csv", *texts)
    assert [row.texts["description"] for row in read(path)] == texts


HOLDABLE = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"), max_size=20
)


@settings(max_examples=25)
@given(st.lists(HOLDABLE | st.sampled_from(FORMULAS), min_size=1, max_size=6))
def test_any_text_comes_back_out_of_a_workbook_but_for_its_line_ends(tmp_path_factory, texts):
    path = handed_out(tmp_path_factory.mktemp("xlsx") / "fix.xlsx", *texts)

    def kept(text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n")

    assert [kept(row.texts["description"]) for row in read(path)] == [kept(text) for text in texts]


def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    path = handed_out(tmp_path / "fix.xlsx", *FORMULAS)
    sheet = openpyxl.load_workbook(path).active
    assert {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row} == {"s"}


def test_a_file_saved_by_another_spreadsheet_is_still_understood(tmp_path):
    path = tmp_path / "fix.csv"
    with path.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([HEADER, ["day-1", "3", "4", "x", "CAFÉ", "7"]])
    assert is_one(path)
    (row,) = read(path)
    assert (row.load_id, row.line_no, row.texts) == ("day-1", 3, {"description": "CAFÉ", "quantity": "7"})


def test_an_export_is_no_file_of_corrections(tmp_path, export):
    assert not is_one(export("day.csv"))
    (tmp_path / "empty.csv").touch()
    assert not is_one(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ["load_id,line_no,reasons,colour", "a,1,x,red"],
            "fix.csv, line 1, column colour: no such column can be corrected",
        ),
        (["load_id,line_no,reasons,country", "a,x1,x,UK"], "fix.csv, line 2, column line_no: 'x1' is no row's number"),
        (["load_id,line_no,reasons,country", "a,1,x,UK", "a,1,x,US"], "fix.csv, line 3: row 1 is in line 2 already"),
        (["load_id,line_no,reasons,country", "a,1,x"], "fix.csv, line 2: too few columns: a correction needs all"),
    ],
)
def test_a_correction_that_cant_be_understood_is_named_by_its_line(tmp_path, lines, complaint):
    (tmp_path / "fix.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(BadFile) as refused:
        read(tmp_path / "fix.csv")
    assert str(refused.value) == complaint


@pytest.mark.parametrize("text", ["x" * 40_000, "bell\x07"])
def test_a_text_that_no_cell_can_hold_is_told_before_anything_is_written(tmp_path, text):
    with pytest.raises(BadInput, match=r"row 1, column description is longer .*; write a \.csv file"):
        handed_out(tmp_path / "fix.xlsx", text)
    assert not (tmp_path / "fix.xlsx").exists()
