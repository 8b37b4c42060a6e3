"""What marts promise an analyst, one small shop each; that they are right on real data is `test_marts`' matter."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.tables import loads
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line

pytestmark = pytest.mark.database


def select(warehouse: Warehouse, mart: str, *columns: str, **where: Any) -> list[tuple]:
    """A mart's columns after a refresh of all, money and ratios as text; in the order of the columns."""
    for one in marts().values():
        refresh(warehouse, one)
    table = marts()[mart].table()
    conditions = [table.c[name] == value for name, value in where.items()]
    chosen = [table.c[name] for name in columns]
    with warehouse.reading() as connection:
        found = connection.execute(sa.select(*chosen).where(*conditions).order_by(*chosen))
        return [tuple(value if isinstance(value, int | None) else f"{value}" for value in row) for row in found]


def sold(*orders: tuple[str, str, str], **others: Any) -> Sequence[str]:
    """Order lines from (invoice, customer, day of December 2010)."""
    return [
        order_line(invoice, customer=customer, at=f"12/{day}/2010 9:00", **others) for invoice, customer, day in orders
    ]


def test_a_return_finds_the_latest_sale_of_the_product_to_the_customer_that_was_large_enough(warehouse, export):
    lines = [
        order_line("1", "A", 10, at="12/1/2010 9:00"),
        order_line("2", "A", 9, at="12/2/2010 9:00"),
        order_line("3", "A", 2, at="12/3/2010 9:00"),
        order_line("4", "E", 99, at="12/4/2010 9:00"),
        order_line("5", "A", 99, at="12/4/2010 9:00", customer="somebody else"),
        order_line("C6", "A", -5, at="1/7/2011 9:00"),
        order_line("7", "A", 99, at="1/8/2011 9:00"),
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("invoice_no", "is_matched", "sale_invoice_no", "sale_date", "sale_month", "days_until_return")
    assert select(warehouse, "mart_returns", *columns) == [("C6", 1, "2", "2010-12-02", "2010-12-01", 36)]


def test_returns_share_a_sale_in_the_order_of_time_until_its_units_are_used_up(warehouse, export):
    lines = [
        order_line("1", "A", 10, at="12/1/2010 9:00"),
        *(order_line(f"C{day}", "A", -4, at=f"12/{day}/2010 9:00") for day in (2, 3, 4)),
    ]
    ingest(warehouse, export("1.csv", *lines))
    found = select(warehouse, "mart_returns", "invoice_no", "is_matched", "sale_invoice_no")
    assert found == [("C2", 1, "1"), ("C3", 1, "1"), ("C4", 0, None)]


def test_a_guests_return_is_matched_with_nothing(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1", "A", 10, customer=""), order_line("C2", "A", -1, customer="")))
    assert select(warehouse, "mart_returns", "invoice_no", "is_matched") == [("C2", 0)]


def test_returns_are_told_by_the_month_they_were_booked_and_by_that_of_the_sale(warehouse, export):
    lines = [
        order_line("1", "A", 10, "1", at="12/1/2010 9:00"),
        order_line("2", "E", 10, "1", at="1/31/2011 9:00"),
        order_line("C3", "A", -4, "1", at="1/5/2011 9:00"),
        order_line("C4", "Z", -1, "1", at="1/6/2011 9:00"),
        order_line("C5", "E", -10, "1", at="1/31/2011 10:00"),
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("month", "returns_value", "returns_of_sales_value", "matched_share", "same_day_reversals_value")
    assert select(warehouse, "mart_returns_monthly", *columns) == [
        ("2010-12-01", "0.0000", "4.0000", None, "0.0000"),
        ("2011-01-01", "15.0000", "10.0000", "0.933333", "10.0000"),
    ]


@pytest.mark.parametrize(
    ("back", "is_reversal"),
    [
        (order_line("C2", "A", -10, "2", at="12/1/2010 18:00"), 1),
        (order_line("C2", "A", -9, "2", at="12/1/2010 18:00"), 0),
        (order_line("C2", "A", -10, "1.99", at="12/1/2010 18:00"), 0),
        (order_line("C2", "A", -10, "2", at="12/2/2010 9:00"), 0),
    ],
)
def test_only_a_whole_line_taken_back_on_its_day_at_its_price_never_was(warehouse, export, back, is_reversal):
    ingest(warehouse, export("1.csv", order_line("1", "A", 10, "2", at="12/1/2010 9:00"), back))
    assert select(warehouse, "mart_returns", "is_same_day_reversal") == [(is_reversal,)]


def test_the_bridge_leads_from_what_the_file_says_to_net_revenue(warehouse, export):
    first = ingest(
        warehouse,
        export(
            "1.csv",
            order_line("1", "A", 10, "1"),
            order_line("1", "POST", 1, "7"),
            order_line("1", "D", -1, "2"),
            order_line("C2", "A", -3, "1"),
            order_line("3", "A", 5, "0", customer=""),
            order_line("4", "A", 2, "1"),
            order_line("5", "A", 3, "1", "tomorrow"),
        ),
    )
    ingest(warehouse, export("2.csv", order_line("4", "A", 1, "1")))
    columns = ("step_no", "step", "adjustment_code", "line_count", "amount")
    assert select(warehouse, "mart_bridge", *columns, load_id=first) == [
        (1, "file_total", "", 1, "3.0000"),
        (1, "file_total", "", 6, "14.0000"),
        (2, "quarantined", "", 1, "-3.0000"),
        (3, "superseded", "", 1, "-2.0000"),
        (4, "adjustment", "D", 1, "2.0000"),
        (4, "adjustment", "POST", 1, "-7.0000"),
        (5, "stock_movement", "", 1, "0.0000"),
        (6, "gross_sales", "", 1, "10.0000"),
        (7, "returns", "", 1, "-3.0000"),
        (8, "net_revenue", "", 2, "7.0000"),
    ]


def test_a_month_that_the_data_does_not_cover_is_partial_and_told_per_day(warehouse, export):
    ingest(warehouse, export("1.csv", *sold(("1", "17", "1")), order_line("2", at="1/10/2011 9:00", price="10")))
    columns = ("month", "is_partial", "days_covered", "net_revenue_per_day")
    monthly = select(warehouse, "mart_sales_monthly", *columns)
    assert monthly == [("2010-12-01", 0, 31, "0.4935"), ("2011-01-01", 1, 10, "6.0000")]
    assert select(warehouse, "mart_kpis", "period", "is_partial", "days_covered", scope_type="all") == [
        ("2010", 1, 31),
        ("2011", 1, 10),
        ("all time", 0, 41),
    ]
    ingest(warehouse, export("2.csv", order_line("3", at="2/1/2011 9:00")))
    monthly = select(warehouse, "mart_sales_monthly", "month", "is_partial", "days_covered")
    assert monthly == [("2010-12-01", 0, 31), ("2011-01-01", 0, 31), ("2011-02-01", 1, 1)]


def test_a_month_is_partial_where_one_of_two_shops_does_not_cover_it(warehouse, export):
    other = ONLINE_RETAIL.model_copy(update={"name": "other_shop"})
    ingest(warehouse, export("1.csv", order_line("1", at="12/1/2010 9:00"), order_line("2", at="12/31/2010 9:00")))
    ingest(
        warehouse, export("2.csv", order_line("1", at="12/1/2010 9:00"), order_line("2", at="12/20/2010 9:00")), other
    )
    assert select(warehouse, "mart_periods", "period", "is_partial", period_type="month") == [("2010-12", 1)]


def test_a_load_that_changes_a_month_already_reported_is_a_restatement(warehouse, export):
    ingest(warehouse, export("dec.csv", order_line("1", "A", 1, "10", "12/31/2010 9:00")))
    ingest(warehouse, export("jan.csv", order_line("2", "A", 1, "5", "1/5/2011 9:00")))
    late = ingest(warehouse, export("late.csv", order_line("3", "A", 1, "7", "12/30/2010 9:00")))
    fixed = ingest(warehouse, export("fix.csv", order_line("1", "A", 1, "8", "12/31/2010 9:00"), order_line("2")))
    columns = ("load_id", "month", "lines_added", "lines_removed", "net_revenue_before", "net_revenue_after")
    assert sorted(select(warehouse, "mart_restatements", *columns)) == sorted(
        [
            (late, "2010-12-01", 1, 0, "10.0000", "17.0000"),
            (fixed, "2010-12-01", 2, 1, "17.0000", "30.3000"),
        ]
    )


def test_restatements_keep_what_each_load_did_when_a_third_one_does_it_again(warehouse, export):
    ids = [
        ingest(warehouse, export(f"{number}.csv", order_line("1", "A", number, "1", "12/31/2010 9:00")))
        for number in (1, 2, 3)
    ]
    columns = ("load_id", "net_revenue_before", "net_revenue_after", "net_revenue_change")
    assert sorted(select(warehouse, "mart_restatements", *columns)) == sorted(
        [(ids[1], "1.0000", "2.0000", "1.0000"), (ids[2], "2.0000", "3.0000", "1.0000")]
    )
    with warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(loads)) == 3


def test_equal_customers_have_equal_scores_and_the_best_fifth_has_five(warehouse, export):
    lines = [
        line
        for customer in range(1, 11)
        for line in sold(*((f"{customer}-{n}", f"{customer:02}", f"{customer}") for n in range(max(1, customer - 5))))
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("customer_id", "orders", "recency_score", "frequency_score", "segment")
    assert select(warehouse, "mart_customers", *columns) == [
        ("01", 1, 1, 1, "Hibernating"),
        ("02", 1, 1, 1, "Hibernating"),
        ("03", 1, 2, 1, "Hibernating"),
        ("04", 1, 2, 1, "Hibernating"),
        ("05", 1, 3, 1, "About to sleep"),
        ("06", 1, 3, 1, "About to sleep"),
        ("07", 2, 4, 4, "Loyal customers"),
        ("08", 3, 4, 4, "Loyal customers"),
        ("09", 4, 5, 5, "Champions"),
        ("10", 5, 5, 5, "Champions"),
    ]


def test_cohorts_mark_cells_that_are_not_over_and_the_first_month_in_which_all_are_new(warehouse, export):
    lines = [
        *sold(("1", "17", "1"), ("2", "18", "2")),
        order_line("3", customer="17", at="1/31/2011 9:00"),
        order_line("4", customer="19", at="1/31/2011 9:00"),
        order_line("5", customer="19", at="2/2/2011 9:00"),
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("cohort_month", "months_since", "cohort_customers", "active_customers", "retention", "is_partial")
    assert select(warehouse, "mart_customer_cohorts", *columns, "is_first_month_of_data") == [
        ("2010-12-01", 0, 2, 2, "1.000000", 0, 1),
        ("2010-12-01", 1, 2, 1, "0.500000", 0, 1),
        ("2010-12-01", 2, 2, 0, "0.000000", 1, 1),
        ("2011-01-01", 0, 1, 1, "1.000000", 0, 0),
        ("2011-01-01", 1, 1, 1, "1.000000", 1, 0),
    ]


def test_a_product_shows_the_name_that_most_of_its_sales_carry_and_its_class(warehouse, export):
    lines = [
        order_line("1", "A", 1, "80", description="CUP"),
        order_line("2", "A", 1, "0.1", description="CUP"),
        order_line("3", "A", 1, "0.1", description="wrong code?"),
        order_line("4", "E", 1, "15", description="MUG"),
        order_line("5", "F", 1, "5", description=""),
        order_line("C6", "G", -1, "5", description="POT"),
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("product_code", "description", "descriptions", "revenue_rank", "abc_class")
    assert select(warehouse, "mart_products", *columns) == [
        ("A", "CUP", 2, 1, "A"),
        ("E", "MUG", 1, 2, "B"),
        ("F", None, 0, 3, "C"),
        ("G", None, 0, None, "C"),
    ]


def test_pairs_tell_how_much_more_often_two_products_are_bought_together_than_by_chance(warehouse, export):
    lines = [
        *(order_line(f"both{n}", product) for n in range(6) for product in ("A", "E")),
        *(order_line(f"a{n}", "A") for n in range(2)),
        *(order_line(f"none{n}", "F") for n in range(4)),
        *(order_line(f"rare{n}", product) for n in range(4) for product in ("F", "G")),
    ]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("product_a", "product_b", "orders_together", "support", "confidence_a_to_b", "confidence_b_to_a", "lift")
    assert select(warehouse, "mart_product_pairs", *columns) == [
        ("A", "E", 6, "0.375000", "0.750000", "1.000000", "2.000000")
    ]


def test_pairs_are_sought_among_the_hundred_products_of_most_orders_alone(warehouse, export):
    lines = [order_line(f"{n}", f"P{product:03}") for n in range(5) for product in range(101)]
    lines += [order_line("more", f"P{product:03}") for product in range(1, 101)]
    ingest(warehouse, export("1.csv", *lines))
    found = select(warehouse, "mart_product_pairs", "product_a")
    assert len(found) == 100 * 99 // 2
    assert ("P000",) not in found


def test_concentration_tells_the_share_of_the_first_and_how_uneven_all_are(warehouse, export):
    lines = [order_line(str(n), quantity=1, price="10", customer=f"{n:02}") for n in range(10)]
    lines += [order_line("big", quantity=1, price="100", customer="big", country="France")]
    ingest(warehouse, export("1.csv", *lines))
    columns = ("dimension", "members", "top_10_share", "top_fifth_share", "gini")
    assert select(warehouse, "mart_concentration", *columns) == [
        ("country", 2, "1.000000", "0.500000", "0.000000"),
        ("customer", 11, "0.950000", "0.600000", "0.409091"),
    ]


def test_amounts_that_doubles_would_tell_apart_rank_as_equals(warehouse, export):
    lines = [
        order_line("1", "E", 1, "625.8", customer="1"),
        order_line("2", "A", 1, "634.1", customer="2"),
        order_line("C3", "A", -1, "8.3", customer="2"),
    ]
    ingest(warehouse, export("1.csv", *lines))
    assert select(warehouse, "mart_products", "product_code", "revenue_rank") == [("A", 1), ("E", 2)]
    assert select(warehouse, "mart_customers", "customer_id", "monetary_score") == [("1", 1), ("2", 1)]
