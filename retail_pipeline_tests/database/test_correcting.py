"""The way back: rows in quarantine are corrected, with a trail, and everything still adds up, on every database."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from retail_pipeline import ingestion
from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, correcting
from retail_pipeline.warehouse.landing import land, read_anew
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.tables import corrections, order_lines, quarantined_lines, raw_order_lines
from retail_pipeline_tests.exports import (
    ONLINE_RETAIL,
    assert_everything_is_accounted_for,
    entry,
    ingest,
    order_line,
    rows,
)
from retail_pipeline_tests.workbooks import write_xlsx

pytestmark = pytest.mark.database

SOURCES = SourceCatalogue()


def hand_out(warehouse: Warehouse, load_id: str, path: Path) -> list[dict[str, str]]:
    correcting.hand_out(warehouse, load_id, SOURCES, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, fixes: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(fixes[0]))
        writer.writeheader()
        writer.writerows(fixes)
    return path


def correct(warehouse: Warehouse, load_id: str, tmp_path: Path, by: str = "ann", **texts: str) -> correcting.Correction:
    """Hands out the quarantine, changes these texts in its first row, and takes it in and loads it."""
    held = hand_out(warehouse, load_id, tmp_path / "fix.csv")
    held[0] |= texts
    done = correcting.take_in(warehouse, write(tmp_path / "fixed.csv", held), SOURCES, by)
    load(warehouse, load_id, ONLINE_RETAIL)
    return done


@pytest.fixture
def load_id(warehouse, export) -> str:
    return ingest(
        warehouse,
        export(
            "day.csv",
            order_line("1"),
            order_line("1", quantity="six", description='"=HYPERLINK(""x"")"'),
            order_line("2", price="x"),
        ),
    )


def sources_with(warehouse: Warehouse, **said: object) -> SourceCatalogue:
    """The sources, with one called `own` that is as online_retail but for what is said."""
    folder = warehouse.settings.sources_folder
    folder.mkdir(parents=True)
    (folder / "own.yaml").write_text(yaml.safe_dump({"name": "own", "extends": "online_retail"} | said))
    return SourceCatalogue(folder)


def test_a_column_that_the_file_lacks_can_be_corrected_too(warehouse, export, tmp_path):
    columns = dict(ONLINE_RETAIL.columns) | {"discount": "Rebate"}
    sources = sources_with(warehouse, columns=columns, optional=["discount"])
    load_id = ingest(warehouse, export("day.csv", order_line("1", quantity="six", price="2")), sources.get("own"))
    fix = {"load_id": load_id, "line_no": "1", "quantity": "6", "discount": "5"}
    correcting.take_in(warehouse, write(tmp_path / "fix.csv", [fix]), sources, "ann")
    load(warehouse, load_id, sources.get("own"))
    assert rows(warehouse, order_lines, "amount") == [(Decimal(7),)]


def test_numbers_that_a_workbook_has_as_such_correct_a_source_that_writes_them_otherwise(warehouse, export, tmp_path):
    sources = sources_with(warehouse, numbers={"decimal": ",", "thousands": "."})
    load_id = ingest(warehouse, export("day.csv", order_line("1", quantity="x", price="8")), sources.get("own"))
    write_xlsx(tmp_path / "fix.xlsx", [["load_id", "line_no", "quantity"], [load_id, 1, 1.125]])
    correcting.take_in(warehouse, tmp_path / "fix.xlsx", sources, "ann")
    load(warehouse, load_id, sources.get("own"))
    assert rows(warehouse, order_lines, "amount") == [(Decimal(9),)]


def test_a_corrected_row_takes_the_place_of_the_quarantined_one(warehouse, load_id, tmp_path):
    assert correct(warehouse, load_id, tmp_path, quantity="6") == correcting.Correction({load_id: 1}, 1)
    assert rows(warehouse, order_lines, "line_no", "quantity", "description") == [
        (1, Decimal(6), "HEART"),
        (2, Decimal(6), '=HYPERLINK("x")'),
    ]
    assert rows(warehouse, quarantined_lines, "line_no") == [(3,)]
    assert rows(warehouse, raw_order_lines, "line_no", "quantity") == [(1, "6"), (2, "six"), (3, "6")]
    ledger_row = entry(warehouse, load_id)
    assert (ledger_row["rows_read"], ledger_row["rows_loaded"], ledger_row["rows_quarantined"]) == (3, 2, 1)
    assert ledger_row["amount_read"] == Decimal("30.6")
    assert_everything_is_accounted_for(warehouse)


def test_the_trail_says_who_changed_what_from_what_to_what_and_when(warehouse, load_id, tmp_path):
    correct(warehouse, load_id, tmp_path, quantity="6", country="EIRE")
    with warehouse.reading() as connection:
        made = correcting.trail(connection, load_id)
    assert [(row["line_no"], row["column_name"], row["old_text"], row["new_text"]) for row in made] == [
        (2, "country", "United Kingdom", "EIRE"),
        (2, "quantity", "six", "6"),
    ]
    assert {(row["corrected_by"], row["file_name"], row["is_applied"]) for row in made} == {("ann", "fixed.csv", True)}
    assert all(row["corrected_at"] >= entry(warehouse, load_id)["landed_at"] for row in made)
    kept = next((warehouse.landing_folder / "corrections").glob("*/fixed.csv"))
    assert kept.read_bytes() == (tmp_path / "fixed.csv").read_bytes()


def test_running_the_load_again_or_taking_it_out_and_in_keeps_its_corrections(warehouse, load_id, export, tmp_path):
    correct(warehouse, load_id, tmp_path, quantity="6")
    before = rows(warehouse, order_lines)
    load(warehouse, load_id, ONLINE_RETAIL)
    assert rows(warehouse, order_lines) == before
    revert(warehouse, load_id)
    assert rows(warehouse, order_lines) == []
    land(warehouse, tmp_path / "day.csv", ONLINE_RETAIL)
    load(warehouse, load_id, ONLINE_RETAIL)
    assert rows(warehouse, order_lines) == before
    assert_everything_is_accounted_for(warehouse)


def test_the_same_corrections_again_change_nothing(warehouse, load_id, tmp_path):
    correct(warehouse, load_id, tmp_path, quantity="6")
    before = rows(warehouse, corrections)
    again = correcting.take_in(warehouse, tmp_path / "fixed.csv", SOURCES, "bob")
    assert again == correcting.Correction({}, 2)
    assert rows(warehouse, corrections) == before


def test_a_correction_may_be_corrected(warehouse, load_id, tmp_path):
    correct(warehouse, load_id, tmp_path, quantity="6")
    fixed = (tmp_path / "fixed.csv").read_text().replace(",6,", ",8,", 1)
    (tmp_path / "fixed.csv").write_text(fixed)
    assert correcting.take_in(warehouse, tmp_path / "fixed.csv", SOURCES, "bob").rows_by_load == {load_id: 1}
    load(warehouse, load_id, ONLINE_RETAIL)
    assert rows(warehouse, order_lines, "line_no", "quantity")[1] == (2, Decimal(8))
    assert rows(warehouse, corrections, "correction_no", "old_text", "new_text", "corrected_by") == [
        (1, "six", "6", "ann"),
        (2, "6", "8", "bob"),
    ]


def test_a_row_that_is_still_wrong_stays_in_quarantine_with_its_new_reasons(warehouse, load_id, tmp_path):
    correct(warehouse, load_id, tmp_path, quantity="6", invoice_no="")
    assert rows(warehouse, quarantined_lines, "line_no", "reasons", "quantity") == [
        (2, "invoice_no_missing", "6"),
        (3, "unit_price_not_a_number", "6"),
    ]
    assert hand_out(warehouse, load_id, tmp_path / "next.csv")[0]["quantity"] == "6"
    assert_everything_is_accounted_for(warehouse)


def test_a_row_with_too_few_columns_is_one_when_they_are_filled(warehouse, export, tmp_path):
    load_id = ingest(warehouse, export("day.csv", "1,A,X,2,12/1/2010 8:26,1.5"))
    correct(warehouse, load_id, tmp_path, country="France")
    assert rows(warehouse, order_lines, "amount", "country") == [(Decimal(3), "France")]


def test_a_corrected_invoice_replaces_an_earlier_loads_as_any_other(warehouse, load_id, export, tmp_path):
    earlier, later = load_id, ingest(warehouse, export("2.csv", order_line("1", quantity="x"), order_line("9")))
    assert entry(warehouse, earlier)["rows_superseded"] == 0
    correct(warehouse, later, tmp_path, quantity="4")
    assert entry(warehouse, earlier)["rows_superseded"] == 1
    assert_everything_is_accounted_for(warehouse)


@pytest.mark.parametrize(
    ("line_no", "complaint"), [("1", "line 3: row 1 of .* isn't in quarantine"), ("99", "line 3: row 99 of .* isn't")]
)
def test_a_row_that_was_never_held_back_is_not_changed_and_nor_is_any_other(
    warehouse, load_id, tmp_path, line_no, complaint
):
    held = hand_out(warehouse, load_id, tmp_path / "fix.csv")
    held[0]["quantity"], held[1]["line_no"] = "6", line_no
    with pytest.raises(BadFile, match=complaint):
        correcting.take_in(warehouse, write(tmp_path / "fixed.csv", held), SOURCES, "ann")
    assert rows(warehouse, corrections) == []


def test_corrections_of_a_load_that_is_not_there_are_refused(warehouse, load_id, tmp_path):
    held = hand_out(warehouse, load_id, tmp_path / "fix.csv")
    revert(warehouse, load_id)
    with pytest.raises(BadInput, match=r"isn't in the tables: it is reverted"):
        correcting.take_in(warehouse, write(tmp_path / "fixed.csv", held), SOURCES, "ann")


def test_ingest_takes_corrections_in_and_the_marts_and_the_bridge_follow(warehouse, export, tmp_path, capsys):
    path = export("day.csv", order_line("1"), order_line("2", quantity="six"), order_line("3"))
    assert ingestion.ingest_files([path]) == 0
    (load_id,) = {row[0] for row in rows(warehouse, order_lines, "load_id")}
    held = hand_out(warehouse, load_id, tmp_path / "fix.csv")
    held[0]["quantity"] = "6"
    capsys.readouterr()
    assert ingestion.ingest_files([write(tmp_path / "fixed.csv", held)], by="ann") == 0
    said = capsys.readouterr().out
    assert f"fixed.csv: 1 rows of {load_id} corrected by ann" in said
    assert "rows 3 read, 3 loaded, 0 quarantined, 0 superseded; amount 45.90 loaded, 0.00 held back" in said
    bridge = marts()["mart_bridge"].table()
    assert {row[0]: row[1] for row in rows(warehouse, bridge, "step", "amount")} == {
        "file_total": Decimal("45.9"),
        "gross_sales": Decimal("45.9"),
        "net_revenue": Decimal("45.9"),
    }
    assert ingestion.ingest_files([tmp_path / "fixed.csv"]) == 0
    assert "Nothing is new" in capsys.readouterr().out


def test_corrections_that_were_noted_but_not_loaded_are_finished_by_the_next_ingest(
    warehouse, load_id, tmp_path, capsys
):
    held = hand_out(warehouse, load_id, tmp_path / "fix.csv")
    held[0]["quantity"] = "6"
    correcting.take_in(warehouse, write(tmp_path / "fixed.csv", held), SOURCES, "ann")  # and then the power goes
    assert ingestion.ingest_files([]) == 0
    assert "2 loaded, 1 quarantined" in capsys.readouterr().out


def test_a_profile_that_was_fixed_is_applied_to_a_load_again_without_its_file(warehouse, tmp_path, export, capsys):
    folder = warehouse.settings.sources_folder
    folder.mkdir(parents=True)
    own = {"name": "online_retail", "extends": "online_retail", "date_formats": ["%Y-%m-%d"]}
    (folder / "online_retail.yaml").write_text(yaml.safe_dump(own))
    path = export("day.csv", order_line("1"), order_line("2", at="2010-12-02"))
    assert ingestion.ingest_files([path]) == 0
    assert [quarantined for (quarantined,) in rows(warehouse, quarantined_lines, "line_no")] == [1]
    path.unlink()
    own["date_formats"] = ["%Y-%m-%d", "%m/%d/%Y %H:%M"]
    (folder / "online_retail.yaml").write_text(yaml.safe_dump(own))
    (load_id,) = {row[0] for row in rows(warehouse, order_lines, "load_id")}
    assert ingestion.reload_load(load_id, None) == 0
    assert "rows 2 read, 2 loaded, 0 quarantined" in capsys.readouterr().out
    assert_everything_is_accounted_for(warehouse)


def test_a_load_is_not_read_by_a_profile_that_its_file_doesnt_fit(warehouse, load_id):
    before = entry(warehouse, load_id)
    with pytest.raises(BadFile, match="column Name: missing"):
        read_anew(warehouse, load_id, SOURCES.get("shopify_orders"))
    assert entry(warehouse, load_id) == before
