"""Trying a file out without a database: what it would become, and which profile it might need."""

import gzip
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from retail_pipeline.cli import main
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.intake.inference import propose
from retail_pipeline.sources.profile import SourceProfile
from retail_pipeline_tests.platforms import PLATFORMS, write_platform_sample
from retail_pipeline_tests.workbooks import write_xlsx


def check(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["sources", "check", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def infer(path: Path) -> str:
    result = CliRunner().invoke(main, ["sources", "infer", str(path)])
    assert result.exit_code == 0, result.output
    return result.output


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


# The dry run


def test_a_dry_run_says_what_would_be_loaded_and_held_back_and_keeps_nothing(tmp_path):
    write_sample(tmp_path / "sample.csv")
    said = check(tmp_path / "sample.csv")
    for told in (
        "sample.csv: source online_retail, cp1252; nothing was loaded, this is a dry run.",
        "would load          19,798         518,181.01 GBP   2010-12-01 to 2011-12-09",
        "sale              18,754         551,423.70",
        "quarantined              7             106.04   0.04% of the rows",
        "line 12,225: '1.785E+04'",
    ):
        assert told in said
    assert not (tmp_path / "home").exists()


def test_a_dry_run_takes_a_profile_that_is_not_installed(tmp_path):
    path = write(tmp_path / "till.csv", "no;sku;qty;at;price", "1;A;2;1.5.2024;3,50", "2;A;x;1.5.2024;3,50")
    profile = {
        **{"name": "till", "description": "x", "delimiter": ";", "numbers": {"decimal": ","}, "currency": "EUR"},
        **{"date_formats": ["%d.%m.%Y"], "time_zone": "Europe/Vienna"},
        "columns": {
            "invoice_no": "no",
            "product_code": "sku",
            "quantity": "qty",
            "invoiced_at": "at",
            "unit_price": "price",
        },
    }
    (tmp_path / "till.yaml").write_text(yaml.safe_dump(profile))
    said = check(path, "--source", tmp_path / "till.yaml")
    assert "7.00 EUR" in said
    assert "quantity not a number" in said


@pytest.mark.parametrize("command", ["check", "infer"])
def test_a_file_that_cant_be_read_is_bad_input(tmp_path, command):
    (tmp_path / "empty.csv").touch()
    result = CliRunner().invoke(main, ["sources", command, str(tmp_path / "empty.csv")])
    assert (result.exit_code, result.output) == (2, "retail: empty.csv: the file is empty\n")


# The proposal


def test_a_proposal_for_a_plain_export_needs_only_what_no_file_can_say(tmp_path):
    path = write(
        tmp_path / "kasse 2024.csv",
        "Bestellung;Artikel;Bezeichnung;Menge;Datum;Einzelpreis in Stück;Kunde;Land",
        *(
            f"R{n // 3};A{n % 7};Ware {n % 7};{n % 5 + 1};{n % 28 + 1}.5.2024 12:{n % 60:02};"
            f"{n % 90 + 1},50;K{n % 9};Italien"
            for n in range(200)
        ),
    )
    text = infer(path)
    proposed = yaml.safe_load(text)
    assert {key for key, value in proposed.items() if value == "TODO"} == {"time_zone", "currency"}
    profile = SourceProfile.model_validate(proposed | {"time_zone": "Europe/Vienna", "currency": "EUR"})
    assert profile.columns == {
        **{"invoice_no": "Bestellung", "product_code": "Artikel", "description": "Bezeichnung", "quantity": "Menge"},
        **{"invoiced_at": "Datum", "unit_price": "Einzelpreis in Stück", "customer_id": "Kunde", "country": "Land"},
    }
    assert (profile.delimiter, profile.numbers.decimal) == (";", ",")
    assert profile.date_formats == ("%d.%m.%Y %H:%M",)
    assert "# sure: its name, and whole numbers: '1', '2', '3'" in text


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_proposal_becomes_a_profile_that_reads_the_file_once_its_questions_are_answered(tmp_path, name):
    path = write_platform_sample(name, tmp_path)
    proposed = yaml.safe_load(propose(path))
    answers = {"time_zone": "Europe/London", "currency": "USD"}
    proposed |= {key: answer for key, answer in answers.items() if proposed[key] == "TODO"}
    proposed["columns"] |= {
        role: {"invoice_no": "Name", "unit_price": "Net Sales"}[role]
        for role, column in proposed["columns"].items()
        if column == "TODO"
    }
    SourceProfile.model_validate(proposed)


def dated(tmp_path: Path, *dates: str) -> dict:
    path = write(
        tmp_path / "a.csv", "invoice,sku,qty,date,unit price", *(f"{n},A,1,{at},2" for n, at in enumerate(dates))
    )
    return yaml.safe_load(propose(path))


def test_day_and_month_are_never_told_apart_by_guessing(tmp_path):
    assert dated(tmp_path, "1/2/2024", "3/4/2024")["date_formats"] == "TODO"
    assert 'one of ["%d/%m/%Y", "%m/%d/%Y"]' in propose(tmp_path / "a.csv")
    assert dated(tmp_path, "1/2/2024", "13/4/2024")["date_formats"] == ["%d/%m/%Y"]
    assert dated(tmp_path, "1/2/2024", "4/13/2024")["date_formats"] == ["%m/%d/%Y"]
    assert dated(tmp_path, *["1/2/2024"] * 25_000, "4/13/2024")["date_formats"] == ["%m/%d/%Y"]


def test_dates_in_two_orders_in_one_column_are_a_question(tmp_path):
    assert dated(tmp_path, "13/4/2024", "4/13/2024")["date_formats"] == "TODO"
    assert "some dates have the day first and others the month first" in propose(tmp_path / "a.csv")


def test_a_price_that_may_be_the_lines_is_a_question(tmp_path):
    path = write(tmp_path / "a.csv", "invoice,sku,qty,date,price", *(f"{n % 3},A,1,2024-01-02,2.5" for n in range(9)))
    assert "TODO confirm" in next(line for line in propose(path).splitlines() if "unit_price" in line)


def test_a_proposal_is_made_for_every_format(tmp_path):
    rows = [["invoice", "sku", "qty", "date", "unit price"], *[[n % 2, "A", 1, "2024-01-02", 2.5] for n in range(9)]]
    paths = [write_xlsx(tmp_path / "a.xlsx", rows), tmp_path / "a.csv.gz"]
    paths[1].write_bytes(gzip.compress("\n".join(",".join(map(str, row)) for row in rows).encode()))
    for path in paths:
        assert yaml.safe_load(propose(path))["columns"]["unit_price"] == "unit price"
