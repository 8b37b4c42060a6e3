"""A mart is compared with making it anew, on every database."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.marts.verification import difference
from retail_pipeline.quality.gaps import gaps_by_source
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.loading import revert
from retail_pipeline.warehouse.tables import loads
from retail_pipeline_tests.exports import ingest, order_line

pytestmark = pytest.mark.database


def follow(warehouse) -> None:
    for mart in marts().values():
        refresh(warehouse, mart)


def differing(warehouse) -> dict[str, tuple[int, int]]:
    found = {name: difference(warehouse, mart) for name, mart in marts().items()}
    return {name: (each.rows_missing, each.rows_extra) for name, each in found.items() if each.rows}


def test_marts_that_follow_loads_overlaps_and_reverts_are_as_if_made_anew(warehouse, export):
    lines = [
        order_line(
            str(number), at=f"12/{number % 28 + 1}/2010 8:26", customer=number % 7, price="0.07", quantity=number
        )
        for number in range(1, 60)
    ]
    ingest(warehouse, export("many.csv", *lines))
    follow(warehouse)
    second = ingest(
        warehouse, export("overlap.csv", *lines[:5], order_line("C9", quantity=-3), order_line("x", price="y"))
    )
    follow(warehouse)
    assert differing(warehouse) == {}
    revert(warehouse, second)
    follow(warehouse)
    assert differing(warehouse) == {}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("UPDATE mart_customers SET orders = orders + 1", (1, 1)),
        ("UPDATE mart_customers SET last_order_date = NULL", (1, 1)),
        ("DELETE FROM mart_customers", (1, 0)),
        ("UPDATE mart_orders SET net_revenue = net_revenue + 0.0001", (2, 2)),
        ("UPDATE mart_orders SET country = UPPER(country)", (2, 2)),
    ],
)
def test_a_mart_with_other_rows_is_named_with_their_number_and_keys(warehouse, export, change, expected):
    ingest(warehouse, export("day.csv", order_line("1"), order_line("2", customer="")))
    follow(warehouse)
    with warehouse.writing() as connection:
        connection.execute(sa.text(change))
    table = change.replace("FROM ", "").split()[1]
    found = difference(warehouse, marts()[table])
    assert (found.rows_missing, found.rows_extra) == expected
    assert set(found.sample[0]) == set(marts()[table].grain)
    assert table in differing(warehouse)


def test_a_source_that_sends_files_as_it_goes_is_missed_and_a_closed_one_is_not(warehouse, export):
    def lines(until: date, but: timedelta) -> list[str]:
        days = [until - timedelta(days=number) for number in range(60)]
        return [order_line(str(day), at=f"{day:%m/%d/%Y} 8:26") for day in days if day != until - but]

    today = ledger.now().date()
    load_id = ingest(warehouse, export("days.csv", *lines(today - timedelta(days=4), timedelta(days=20))))
    follow(warehouse)
    with warehouse.reading() as connection:
        found = gaps_by_source(connection, SourceCatalogue())["online_retail"]
    named = {found[0].first, found[-1].last}
    assert named <= {today - timedelta(days=number) for number in (24, 3, 2, 1)}  # a holiday may be among them
    with warehouse.writing() as connection:
        later = ledger.now() + timedelta(days=30)
        connection.execute(sa.update(loads).where(loads.c.load_id == load_id).values(landed_at=later))
    with warehouse.reading() as connection:
        found = gaps_by_source(connection, SourceCatalogue()).get("online_retail", [])
    assert len(found) <= 1
