"""The marts against an independent computation from the files, row by row, on every database."""

import csv
import lzma
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from retail_pipeline.demo.sample import write_sample
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.refresh import Refresh, refresh, stale
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.geography import country_rows
from retail_pipeline.warehouse.tables import order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, assert_everything_is_accounted_for, ingest, order_line, rows
from retail_pipeline_tests.independent import differences, expected_marts

pytestmark = pytest.mark.database

DATA_VARIABLE = "RETAIL_TEST_DATA"
GEOGRAPHY = {row["label"]: (row["iso2"], row["region"]) for row in country_rows()}
NAME_LOADS = {"mart_returns", "mart_bridge", "mart_restatements", "running_load_months"}


@pytest.fixture(scope="session", params=["sample", "online_retail"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """An export as one file and as daily files in the other dialect: the made-up one, and UCI's where it is at hand."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sample":
        whole = folder / "sample.csv"
        write_sample(whole)
        return whole, cut_by_day(whole, folder / "days")
    real = os.environ.get(DATA_VARIABLE)
    if not real:
        pytest.skip(f"set {DATA_VARIABLE} to a folder with UCI's Online Retail as data.csv.xz and by_day.tar.xz")
    whole = folder / "online_retail.csv"
    with lzma.open(Path(real, "data.csv.xz")) as packed, whole.open("wb") as file:
        shutil.copyfileobj(packed, file)
    with tarfile.open(Path(real, "by_day.tar.xz")) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        archive.extractall(folder / "days")
    return whole, sorted((folder / "days").rglob("*.csv"))


@pytest.fixture(scope="session")
def expected(dataset: tuple[Path, list[Path]]) -> dict[str, pd.DataFrame]:
    """The marts of the whole file, computed independently."""
    return expected_marts([dataset[0]], GEOGRAPHY)


def cut_by_day(whole: Path, folder: Path) -> list[Path]:
    """The export's rows in a file per day, in the dialect of the daily files; rows that can't be dated are left out."""
    folder.mkdir()
    days: dict[str, list[list[str]]] = {}
    with whole.open(encoding="cp1252", newline="") as file:
        header, *data = csv.reader(file)
    for row in data:
        if (
            len(row) == len(header)
            and row[3] != "six"
            and row[0]
            and row[1].strip()
            and "E+" not in row[6]
            and "," not in row[5]
        ):
            try:
                moment = datetime.strptime(row[4], "%m/%d/%Y %H:%M")  # noqa: DTZ007 - the shop's clock
            except ValueError:
                continue
            customer = row[6] and f"{row[6]}.0"
            days.setdefault(f"{moment:%Y-%m-%d}", []).append(
                [*row[:4], f"{moment:%Y-%m-%d %H:%M:%S}", row[5], customer, row[7]]
            )
    for day, lines in days.items():
        with (folder / f"{day}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *lines])
    return sorted(folder.iterdir())


def differing(warehouse: Warehouse, expected: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    """The marts that aren't as computed independently, each with what differs; mart_measures is data."""
    found = {
        mart.name: differences(expected[mart.name], actual.drop(columns="landed_at", errors="ignore"), [*mart.grain])
        for mart, actual in refreshed(warehouse)
        if mart.name != "mart_measures"
    }
    return {name: places for name, places in found.items() if places}


def refreshed(warehouse: Warehouse) -> Iterator[tuple[Mart, pd.DataFrame]]:
    """Each mart after a refresh, with its rows."""
    for mart in marts().values():
        refresh(warehouse, mart)
    for mart in marts().values():
        with warehouse.reading() as connection:
            found = connection.execute(sa.select(mart.table())).all()
        yield mart, pd.DataFrame(found, columns=list(mart.columns), dtype=object)


def test_every_mart_equals_an_independent_computation_from_the_file(warehouse, dataset, expected):
    ingest(warehouse, dataset[0])
    assert differing(warehouse, expected) == {}
    assert_everything_is_accounted_for(warehouse)


def test_daily_files_give_the_same_lines_and_marts_as_one_big_file(warehouse, dataset, expected):
    whole, days = dataset
    is_sample = "sample" in whole.name
    if is_sample:
        days = days[::5]  # all of the year's days are in the real data
    of_days = expected_marts(days, GEOGRAPHY)
    if is_sample:
        expected = of_days  # the whole file has rows that no day can hold
    for day in days:
        ingest(warehouse, day)
    assert differing(warehouse, expected | {name: of_days[name] for name in NAME_LOADS}) == {}

    columns = [column.name for column in order_lines.columns if column.name not in ("load_id", "line_no")]
    daily = Counter(rows(warehouse, order_lines, *columns))
    if not is_sample:
        ingest(warehouse, whole)
        assert Counter(rows(warehouse, order_lines, *columns)) == daily
        with warehouse.reading() as connection:
            assert connection.scalar(sa.select(sa.func.count(order_lines.c.load_id.distinct()))) == 1


def test_a_mart_that_shows_the_newest_lines_is_left_alone(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1")))
    mart = marts()["mart_invoice_days"]
    assert refresh(warehouse, mart) == Refresh(rows=1, way="full")
    assert refresh(warehouse, mart) == Refresh(rows=1, way="none")
    assert refresh(warehouse, mart, full=True) == Refresh(rows=1, way="full")
    ingest(warehouse, export("2.csv", order_line("2")))
    assert refresh(warehouse, mart) == Refresh(rows=2, way="incremental")


def test_a_mart_computed_from_a_stale_mart_stays_stale(warehouse, export):
    for mart in marts().values():
        refresh(warehouse, mart)
    assert stale(warehouse) == []
    ingest(warehouse, export("1.csv", order_line("1")))
    assert set(stale(warehouse)) == set(marts())
    refresh(warehouse, marts()["mart_orders"])
    assert "mart_orders" in stale(warehouse)
    for mart in marts().values():
        refresh(warehouse, mart)
    assert stale(warehouse) == []
    assert len(rows(warehouse, marts()["mart_orders"].table())) == 1


def test_a_mart_whose_columns_changed_is_made_anew(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1")))
    mart = marts()["mart_sales_daily"]
    with warehouse.writing() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS mart_sales_daily"))
        connection.execute(sa.text("CREATE TABLE mart_sales_daily (something_else INTEGER)"))
    refresh(warehouse, marts()["mart_invoice_days"])
    assert refresh(warehouse, mart).rows == 1
    assert len(rows(warehouse, mart.table())) == 1


def test_amounts_of_different_currencies_are_never_added_up(warehouse, export):
    euros = ONLINE_RETAIL.model_copy(update={"name": "euro_shop", "currency": "EUR"})
    ingest(warehouse, export("1.csv", order_line("1", quantity=1, price="10")))
    ingest(warehouse, export("2.csv", order_line("1", quantity=1, price="7")), euros)
    kpis = next(actual for mart, actual in refreshed(warehouse) if mart.name == "mart_kpis")
    whole = kpis[(kpis.scope_type == "all") & (kpis.period == "all time")]
    assert {(row.currency, str(row.gross_sales), row.orders) for row in whole.itertuples()} == {
        ("GBP", "10.0000", 1),
        ("EUR", "7.0000", 1),
    }


def test_equal_invoice_and_customer_numbers_of_two_shops_are_two_orders_of_two_customers(warehouse, export):
    other = ONLINE_RETAIL.model_copy(update={"name": "other_shop"})
    ingest(warehouse, export("1.csv", order_line("1", quantity=1)))
    ingest(warehouse, export("2.csv", order_line("1", quantity=2)), other)
    kpis = next(actual for mart, actual in refreshed(warehouse) if mart.name == "mart_kpis")
    row = kpis[(kpis.scope_type == "all") & (kpis.period == "all time")].iloc[0]
    assert (row.orders, row.customers, row.repeat_customers) == (2, 2, 0)


@pytest.mark.parametrize(
    ("label", "region"),
    [("EIRE", "Europe"), ("RSA", "Africa"), ("côte d'Ivoire", "Africa"), ("Mordor", "Unknown"), ("", "Unknown")],
)
def test_a_country_label_finds_its_region(warehouse, export, label, region):
    ingest(warehouse, export("1.csv", order_line(country=label)))
    found = next(actual for mart, actual in refreshed(warehouse) if mart.name == "mart_invoice_days")
    assert list(found.region) == [region]
