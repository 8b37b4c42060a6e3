"""Every figure of the dashboards against the order lines and the marts, on every database."""

import re
from collections import defaultdict
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from retail_pipeline.dashboards.description import Sheet, dashboards, mart_table
from retail_pipeline.dashboards.operations import operations
from retail_pipeline.dashboards.pages import dashboard_page, operations_page, self_contained_page
from retail_pipeline.dashboards.queries import Answers, Selection, answers, choices, select, sheet_rows
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measures import measures
from retail_pipeline.marts.measuring import Scope, figures
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line

pytestmark = pytest.mark.database


@pytest.fixture
def shop(warehouse: Warehouse, states, tmp_path, export) -> Warehouse:
    """A year's sales with a return, a row in quarantine and an invoice that a later load replaces; all marts."""

    def fill(warehouse: Warehouse) -> None:
        sample = tmp_path / "sample.csv"
        write_sample(sample, orders=150)
        ingest(warehouse, sample)
        lines = [order_line("n1", country="France"), order_line("n2", country="Atlantis"), order_line(quantity="many")]
        ingest(warehouse, export("late.csv", *lines, order_line("C7", quantity=-2, at="12/9/2011 9:00")))
        for mart in marts().values():
            refresh(warehouse, mart)

    states.bring(warehouse, fill)
    return warehouse


def shown(warehouse: Warehouse, name: str, region: str | None = None, period: str | None = None) -> Answers:
    with warehouse.reading() as connection:
        return answers(connection, dashboards()[name], select(choices(connection), region, period, None))


SELECTIONS = list(product(["All countries", "Europe", "Unknown"], ["all time", "2011"]))


@pytest.mark.parametrize(("region", "period"), SELECTIONS)
def test_every_figure_is_what_its_definition_gives_over_the_order_lines(shop, region, period):
    found = shown(shop, "sales", region, period).figures
    with shop.reading() as connection:
        expected = {name: figures(connection, name, Scope(region, period)) for name in found}
    assert found == {name: one[0].value if one else None for name, one in expected.items()}


def test_every_figure_about_customers_is_what_its_definition_gives(shop):
    found = shown(shop, "customers").figures
    with shop.reading() as connection:
        for name in found.keys() & measures().keys():
            assert found[name] == figures(connection, name, Scope())[0].value
    assert len(found.keys() & measures().keys()) >= 5


def expected_rows(warehouse: Warehouse, sheet: Sheet, selection: Selection) -> dict[tuple, dict[str, Any]]:
    """What a sheet shows, added up in Python from all rows of its mart."""
    table = mart_table(sheet.mart)
    with warehouse.reading() as connection:
        rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    if selection.region != "All countries":
        rows = [row for row in rows if row["region"] == selection.region]
    if selection.period != "all time":
        rows = [row for row in rows if f"{row['month']:%Y}" == selection.period]
    for column, wanted in sheet.where.items():
        rows = [row for row in rows if row[column] == wanted or (isinstance(wanted, list) and row[column] in wanted)]
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[name] for name in sheet.by)].append(row)
    found = {}
    for key, members in groups.items():
        added = sheet.adds_up
        values = {
            name: sum((row[name] for row in members), Decimal(0)) if added else members[0][name]
            for name in (*sheet.measures, *sheet.also)
        }
        found[key] = (
            dict(zip(sheet.by, key, strict=True)) | values | ({sheet.count: len(members)} if sheet.count else {})
        )
    return found


@pytest.mark.parametrize(
    ("name", "region", "period"), [("customers", None, None), *(("sales", *chosen) for chosen in SELECTIONS)]
)
def test_every_row_of_every_sheet_is_what_the_mart_holds(shop, name, region, period):
    found = shown(shop, name, region, period)
    for sheet in dashboards()[name].sheets:
        rows, expected = found.rows[sheet.name], expected_rows(shop, sheet, found.selection)
        for row in rows:
            assert row == expected[tuple(row[column] for column in sheet.by)], sheet.name
        assert len(rows) <= sheet.limit
        left_out = len(expected) - len(rows)
        assert left_out == 0 or len(rows) == sheet.limit or sheet.thin or sheet.latest, sheet.name
        for column in sheet.order[:1]:
            values = [row[column.removeprefix("-")] for row in rows]
            assert values == sorted(values, reverse=column.startswith("-")), sheet.name


def test_the_highest_come_first_where_not_all_are_shown(shop):
    (sheet,) = (sheet for sheet in dashboards()["customers"].sheets if sheet.name == "top_customers")
    found = shown(shop, "customers")
    everyone = sorted(
        (row["net_revenue"] for row in expected_rows(shop, sheet, found.selection).values()), reverse=True
    )
    assert [row["net_revenue"] for row in found.rows["top_customers"]] == everyone[: sheet.limit]
    assert len(everyone) > sheet.limit


def test_repeat_and_one_time_customers_are_those_of_the_headline_measures(shop):
    found = shown(shop, "customers")
    counts = {row["customer_type"]: row["customers"] for row in found.rows["customers_by_type"]}
    revenue = {row["customer_type"]: row["net_revenue"] for row in found.rows["revenue_by_type"]}
    assert counts == {"Repeat": found.kpis["repeat_customers"], "One-time": found.kpis["one_time_customers"]}
    assert revenue == {"Repeat": found.kpis["repeat_net_revenue"], "One-time": found.kpis["one_time_net_revenue"]}
    assert sum(row["customers"] for row in found.rows["segments"]) == found.kpis["customers"]


def test_months_and_countries_add_up_to_the_headline(shop):
    for region, period in SELECTIONS:
        found = shown(shop, "sales", region, period)
        for name in ("revenue_by_month", "revenue_map"):
            total = sum((row["net_revenue"] for row in found.rows[name]), Decimal(0))
            assert total == found.figures["net_revenue"] or (total == 0 and not found.kpis)


def test_a_curve_of_many_keeps_the_first_ten_and_the_last_and_few_between(shop):
    (sheet,) = (sheet for sheet in dashboards()["customers"].sheets if sheet.thin)
    sparse = sheet.model_copy(update={"limit": 30})
    with shop.reading() as connection:
        everyone = [row["revenue_rank"] for row in sheet_rows(connection, sheet, Selection("GBP"))]
        ranks = [row["revenue_rank"] for row in sheet_rows(connection, sparse, Selection("GBP"))]
    assert len(everyone) > 30 >= len(ranks) > 15
    assert ranks[:10] == list(range(1, 11))
    assert ranks[-1] == everyone[-1]


def test_amounts_of_two_currencies_are_never_added_up(warehouse, export):
    abroad = ONLINE_RETAIL.model_copy(update={"name": "abroad", "currency": "EUR"})
    ingest(warehouse, export("home.csv", order_line("1", price="10"), order_line("2", price="10")))
    ingest(
        warehouse, export("abroad.csv", order_line("3", price="7"), order_line("C3", price="7", quantity=-1)), abroad
    )
    for mart in marts().values():
        refresh(warehouse, mart)
    with warehouse.reading() as connection:
        found = choices(connection)
        assert found.currencies == ("GBP", "EUR")
        for currency, revenue, orders in (("GBP", 120, 2), ("EUR", 35, 1)):
            for name, dashboard in dashboards().items():
                shown_in = answers(connection, dashboard, select(found, None, None, currency))
                assert (shown_in.kpis["net_revenue"], shown_in.kpis["orders"]) == (revenue, orders)
                assert f"in {currency}" in dashboard_page(connection, name, {"currency": currency})
        html = dashboard_page(connection, "sales", {"currency": "EUR"})
    assert "€35.00" in html
    assert "£" not in html


def test_what_cannot_be_chosen_is_told_with_what_can(shop):
    for chosen in ({"region": "Mars"}, {"period": "1999"}, {"currency": "XXX"}, {"region": "France"}):
        with shop.reading() as connection, pytest.raises(BadInput, match=f"no {next(iter(chosen))} .*; there are "):
            dashboard_page(connection, "sales", chosen)


def test_a_shop_without_sales_says_so(warehouse):
    with warehouse.reading() as connection, pytest.raises(BadInput, match="retail ingest"):
        dashboard_page(connection, "sales", {})
    for mart in marts().values():
        refresh(warehouse, mart)
    with warehouse.reading() as connection:
        with pytest.raises(BadInput, match="there are no sales yet"):
            dashboard_page(connection, "customers", {})
        assert "No row is held back" in operations_page(connection, None)


def test_marts_of_another_version_are_told_instead_of_failing_somewhere(shop):
    with shop.writing() as connection:
        connection.execute(sa.text("UPDATE mart_refreshes SET definition = 'of old' WHERE mart = 'mart_products'"))
    with (
        shop.reading() as connection,
        pytest.raises(BadInput, match=r"mart_products has not been made .*retail ingest"),
    ):
        dashboard_page(connection, "sales", {})


def test_operations_shows_every_load_with_its_bridge_and_what_is_held_back(shop):
    with shop.reading() as connection:
        page = operations(connection)
        alone = [operations(connection, load["load_id"])["bridge"] for load in page["loads"]]
        html = operations_page(connection, page["loads"][0]["load_id"])
    assert page["number_of_loads"] == len(page["loads"]) == 2
    late = page["loads"][0]["load_id"]
    held = [(group["load_id"], group["reasons"], group["line_count"]) for group in page["quarantine"]]
    assert (late, "quantity_not_a_number", 1) in held
    assert (
        page["rows_held"]
        == sum(count for _, _, count in held)
        == sum(load["rows_quarantined"] for load in page["loads"])
    )
    assert f"/quarantine?load_id={late}&amp;format=csv" in html
    steps = {step["step"]: step["amount"] for step in page["bridge"]}
    assert steps["file_total"] == sum(load["amount_read"] for load in page["loads"])
    for step, amount in steps.items():
        assert amount == sum(one["amount"] for bridge in alone for one in bridge if one["step"] == step)
    assert steps["net_revenue"] == shown(shop, "sales").figures["net_revenue"]
    assert page["behind"] == []
    with shop.reading() as connection, pytest.raises(BadInput, match="there is no load"):
        operations_page(connection, "nothing")


def test_operations_says_which_marts_are_behind(shop, export):
    ingest(shop, export("newer.csv", order_line("n9")))
    with shop.reading() as connection:
        page = operations(connection)
    assert "mart_kpis" in {mart["mart"] for mart in page["behind"]}
    assert page["unchecked"]


def test_the_page_to_be_mailed_needs_nothing_beside_it(shop):
    with shop.reading() as connection:
        html = self_contained_page(connection, {"region": "Europe"})
    assert "<script" not in html
    assert " src=" not in html
    assert "url(" not in html.replace("url(#", "")
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert html.count("<svg") == sum(len(dashboard.sheets) for dashboard in dashboards().values())
    value = shown(shop, "sales", "Europe").figures["net_revenue"]
    assert f'<data id="sales-net_revenue" value="{value}">' in html
