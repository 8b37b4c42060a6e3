"""The files for Tableau against the database: the same types, the same rows, the same figures as in the browser."""

import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import dagster as dg
import pytest
import sqlalchemy as sa

from retail_pipeline.dashboards.description import dashboard_marts, dashboards, mart_table
from retail_pipeline.dashboards.queries import answers, choices, select
from retail_pipeline.dashboards.tableau.datasource import EXTRACT
from retail_pipeline.dashboards.tableau.files import LIVE, PACKAGED, MissingPart, write, write_live
from retail_pipeline.dashboards.tableau.worksheets import figure_name
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.column_types import TYPES
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.exact import ExactDecimal
from retail_pipeline_tests.database.test_dashboards import shop as shop  # the same shop
from retail_pipeline_tests.tableau_linter import lint, lint_packaged
from retail_pipeline_tests.tiny_tableau import Workbook

pytestmark = pytest.mark.database

pantab = pytest.importorskip("pantab", reason="pantab isn't installed, so no extract for Tableau was written or read")


@pytest.fixture
def package(shop: Warehouse, tmp_path: Path) -> Path:
    """The packaged workbook of a shop."""
    list(write(shop, tmp_path / "out", "18.1"))
    return tmp_path / "out" / PACKAGED


def extracted(package: Path) -> dict[str, Any]:
    """The tables of the extract, as Arrow has them."""
    with zipfile.ZipFile(package) as archive:
        archive.extract(EXTRACT, package.parent)
    logs = {"log_dir": str(package.parent)}
    found = pantab.frames_from_hyper(package.parent / EXTRACT, return_type="pyarrow", process_params=logs)
    return {name[-1].name.unescaped if hasattr(name[-1], "name") else name[-1]: table for name, table in found.items()}


def as_written(row: dict[str, Any], name: str) -> dict[str, Any]:
    """A row of the extract with its doubles as the decimals that they stand for."""
    kinds = {column: TYPES[described.type].stored for column, described in marts()[name].columns.items()}
    return {
        column: Decimal(str(value)).quantize(Decimal(1).scaleb(-kinds[column].impl.scale))
        if isinstance(kinds[column], ExactDecimal) and value is not None
        else value
        for column, value in row.items()
    }


def test_the_extract_holds_the_marts_to_the_last_decimal(shop, package):
    tables = extracted(package)
    assert {*tables} == {*dashboard_marts()}
    for name, table in tables.items():
        with shop.reading() as connection:
            expected = [dict(row) for row in connection.execute(sa.select(mart_table(name))).mappings()]
        found = [as_written(row, name) for row in table.to_pylist()]
        assert sorted(map(repr, found)) == sorted(map(repr, expected)), name


def test_amounts_between_a_tenth_below_and_zero_are_written_too(shop, tmp_path):
    """pantab 5.3 refuses them as NUMERIC."""
    with shop.writing() as connection:
        connection.execute(sa.text("UPDATE mart_products SET net_revenue = -0.02"))
    list(write(shop, tmp_path, "18.1"))
    values = extracted(tmp_path / PACKAGED)["mart_products"]["net_revenue"].to_pylist()
    assert {*values} == {-0.02}


def test_the_linter_finds_nothing_against_the_types_of_the_extract(package):
    kinds = {"string": "string", "large_string": "string", "double": "real", "int64": "integer", "int16": "integer"}
    kinds |= {"date32[day]": "date", "timestamp[us]": "datetime"}
    tables = {
        name: {field.name: kinds[str(field.type)] for field in table.schema}
        for name, table in extracted(package).items()
    }
    assert lint_packaged(package, tables) == []


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_the_linter_finds_nothing_against_the_types_of_the_database(shop, tmp_path):
    list(write(shop, tmp_path, "18.1"))
    kinds = {int: "integer", str: "string", Decimal: "real"}
    with shop.reading() as connection:
        inspector = sa.inspect(connection)
        tables = {
            name: {
                column["name"]: kinds.get(column["type"].python_type) or str(column["type"]).lower()
                for column in inspector.get_columns(name)
            }
            for name in marts()
        }
    assert lint(ET.parse(tmp_path / LIVE).getroot(), tables) == []


def near(value: Any, expected: Any) -> bool:
    """Whether two numbers are the same but for what doubles add up to."""
    return (value is None) == (expected is None) and (
        value is None or abs(Decimal(value) - expected) < Decimal("0.0001")
    )


@pytest.mark.parametrize(("region", "period"), [(None, None), ("Europe", "2011"), ("Unknown", "all time")])
def test_every_worksheet_shows_what_the_browser_shows(shop, package, region, period):
    with zipfile.ZipFile(package) as archive:
        root = ET.fromstring(archive.read(LIVE))
    workbook = Workbook(root, {name: table.to_pylist() for name, table in extracted(package).items()})
    for caption, value in (("Region", region), ("Period", period)):
        if value:
            workbook.choose(caption, value)
    compared = 0
    for dashboard in dashboards().values():
        with shop.reading() as connection:
            found = answers(connection, dashboard, select(choices(connection), region, period, None))
        for figure in dashboard.figures:
            (mark,) = workbook.shown(figure_name(dashboard, figure))
            assert near(mark[figure.column], found.figures[figure.column]), figure
            compared += 1
        for sheet in dashboard.sheets:
            expected = [row for row in found.rows[sheet.name] if row.get("months_since") != 0]
            marks = workbook.shown(sheet.title)
            told_apart = [column for column in sheet.by if marks and column in marks[0]]
            by_key = {tuple(str(mark[column]) for column in told_apart): mark for mark in marks}
            assert len(by_key) == len(marks)
            assert len(marks) == len(expected) or sheet.thin, sheet.name
            for row in expected:
                mark = by_key[tuple(str(row[column]) for column in told_apart)]
                for column in sheet.drawn:
                    assert near(mark[column], row[column]), (sheet.name, row)
                    compared += 1
    assert compared > 100


def test_the_files_are_assets_that_dagster_writes_where_they_can_be(shop):
    from retail_pipeline.definitions import defs

    run = defs.get_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey("tableau_workbook"), dg.AssetKey("tableau_packaged_workbook")]
    )
    assert run.success
    written = {event.asset_key.path[-1] for event in run.get_asset_materialization_events()}
    folder = shop.settings.tableau_folder
    assert written == {"tableau_packaged_workbook"} | ({"tableau_workbook"} if not shop.is_sqlite else set())
    assert (folder / PACKAGED).exists()
    assert (folder / LIVE).exists() == (not shop.is_sqlite)


def test_a_password_is_written_nowhere(shop, tmp_path):
    elsewhere = Warehouse(Settings(database_url="mysql://retail:sesame@db-host:3307/shop"))
    with shop.reading() as connection:
        files = write_live(elsewhere, connection, tmp_path, "18.1")
    assert len(files) > 15
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "sesame" not in text
        assert 'server="db-host"' in text
        assert 'port="3307"' in text


def test_tableau_is_told_where_it_finds_the_server_if_that_is_elsewhere(shop, tmp_path):
    behind = Settings(database_url="mysql://retail@mysql/shop", tableau_server="db.example:3308")
    with shop.reading() as connection:
        live, *_ = write_live(Warehouse(behind), connection, tmp_path, "18.1")
    assert 'server="db.example"' in live.read_text(encoding="utf-8")
    assert 'port="3308"' in live.read_text(encoding="utf-8")


def test_what_cannot_be_written_is_told_and_the_rest_is_written(shop, tmp_path, monkeypatch):
    told = list(write(shop, tmp_path / "some", "18.1"))
    assert (f"Left out: {LIVE} needs" in " ".join(told)) == shop.is_sqlite
    monkeypatch.setattr("retail_pipeline.dashboards.tableau.files.find_spec", lambda name: None)
    if shop.is_sqlite:
        with pytest.raises(Exception, match="retail-pipeline\\[tableau\\]") as refused:
            list(write(shop, tmp_path / "none", "18.1"))
        assert not isinstance(refused.value, MissingPart)
    else:
        assert any("needs pantab" in one for one in write(shop, tmp_path / "none", "18.1"))
