"""Checks of marts read what changed since they passed, miss nothing in it, and all of a mart where that isn't known."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import Phase, given

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.quality import under_test
from retail_pipeline.quality.catalogue import Suite, suites
from retail_pipeline.quality.great_expectations_bridge import evaluate
from retail_pipeline.warehouse import Warehouse, changes
from retail_pipeline.warehouse.loading import revert
from retail_pipeline.warehouse.tables import changed_invoices, tested_parts
from retail_pipeline_tests.database.test_refreshing import empty, lines, refresh_all
from retail_pipeline_tests.exports import ingest, order_line, rows
from retail_pipeline_tests.properties import on_a_database

pytestmark = pytest.mark.database

MART_SUITES = {suite.table: suite for suite in suites() if not suite.is_of_loads}
BY_PARTS = [
    suite.model_copy(update={"expectations": by_parts})
    for suite in MART_SUITES.values()
    if (by_parts := [expectation for expectation in suite.expectations if suite.parts_of(expectation)])
]
"""The suites with those expectations alone that can be tested by parts."""


def scopes(warehouse: Warehouse, of: Iterable[Suite] = MART_SUITES.values()) -> dict[str, int | None]:
    """For each mart, the version since which its changes are to be tested; None for all of it."""
    with warehouse.reading() as connection:
        return {suite.table: under_test.scope_of(connection, suite).since for suite in of}


def check(warehouse: Warehouse, of: Iterable[Suite] = MART_SUITES.values()) -> dict[str, dict]:
    """Tests marts as the pipeline does; returns the details of what failed."""
    of = list(of)
    with warehouse.reading() as connection:
        chosen = {suite.table: under_test.scope_of(connection, suite) for suite in of}
    verdicts = {suite.table: evaluate(warehouse, suite, since=chosen[suite.table].since) for suite in of}
    passed = {mart: all(verdict.passed for verdict in found.values()) for mart, found in verdicts.items()}
    with warehouse.writing() as connection:
        for mart, scope in chosen.items():
            under_test.enter(connection, mart, scope, passed=passed[mart])
    assert rows_of(warehouse, tested_parts) == []
    return {
        f"{mart}.{name}": dict(verdict.details)
        for mart, found in verdicts.items()
        for name, verdict in found.items()
        if not verdict.passed
    }


def rows_of(warehouse: Warehouse, table: sa.Table) -> list:
    with warehouse.reading() as connection:
        return list(connection.execute(sa.select(table)))


def change(warehouse: Warehouse, statement: str) -> None:
    with warehouse.writing() as connection:
        connection.execute(sa.text(statement))


@pytest.fixture
def passed(warehouse, states, export) -> Warehouse:
    """A warehouse whose marts passed, and then got an invoice of a customer that they knew."""

    def fill(warehouse: Warehouse) -> None:
        ingest(warehouse, export("1.csv", order_line("1"), order_line("2", customer="18")))
        refresh_all(warehouse)
        assert set(scopes(warehouse).values()) == {None}
        assert check(warehouse) == {}
        ingest(warehouse, export("2.csv", order_line("3", customer="18", at="1/4/2011 9:00")))
        refresh_all(warehouse)

    states.bring(warehouse, fill)
    return warehouse


def test_a_violation_is_found_where_something_changed_and_only_there(passed):
    assert set(scopes(passed).values()) == {1}
    change(passed, "UPDATE mart_orders SET orders = 2 WHERE invoice_no IN ('1', '3')")
    found = check(passed, [MART_SUITES["mart_orders"]])["mart_orders.an_invoice_is_one_order_or_none"]
    assert found["sample"] == [{"source": "online_retail", "invoice_no": "3", "orders": 2}]
    assert (found["tested"], found["rows_tested"]) == ("what changed", 1)


def test_what_failed_is_tested_as_a_whole_until_it_passes(passed, export):
    orders = [MART_SUITES["mart_orders"]]
    change(passed, "UPDATE mart_orders SET orders = 2 WHERE invoice_no IN ('1', '3')")
    check(passed, orders)
    assert scopes(passed, orders) == {"mart_orders": None}
    ingest(passed, export("3.csv", order_line("4")))
    refresh_all(passed)
    found = check(passed, orders)["mart_orders.an_invoice_is_one_order_or_none"]
    assert (found["unexpected_rows"], found["tested"], found["rows_tested"]) == (2, "everything", 4)
    change(passed, "UPDATE mart_orders SET orders = 1")
    assert check(passed, orders) == {}
    ingest(passed, export("4.csv", order_line("5")))
    refresh_all(passed)
    assert scopes(passed, orders) == {"mart_orders": 3}
    assert check(passed, orders) == {}


def test_nothing_that_changed_goes_untested_however_long_nobody_tests(passed, export):
    assert {row.invoice_no for row in rows_of(passed, changed_invoices)} == {"3"}
    ingest(passed, export("3.csv", order_line("4", customer="19")))
    refresh_all(passed)
    assert {row.invoice_no for row in rows_of(passed, changed_invoices)} == {"3", "4"}
    change(passed, "UPDATE mart_orders SET orders = 2 WHERE invoice_no = '3'")
    failed = check(passed)
    assert failed.keys() == {"mart_orders.an_invoice_is_one_order_or_none"}
    assert rows(passed, changed_invoices) == []  # mart_orders will be tested as a whole


def test_where_nothing_changed_since_a_mart_passed_all_of_it_is_tested(passed):
    assert check(passed) == {}
    assert set(scopes(passed).values()) == {None}
    change(passed, "UPDATE mart_orders SET orders = 2 WHERE invoice_no = '1'")
    assert check(passed).keys() == {"mart_orders.an_invoice_is_one_order_or_none"}


def test_all_of_a_mart_is_tested_after_it_or_one_that_it_is_compared_with_was_made_anew(passed):
    refresh(passed, marts()["mart_invoice_days"], full=True)
    whole = {mart for mart, since in scopes(passed).items() if since is None}
    assert whole == {mart for mart, suite in MART_SUITES.items() if "mart_invoice_days" in suite.reads}
    assert {"mart_invoice_days", "mart_orders", "mart_sales_daily", "running_customers"} <= whole
    refresh_all(passed, full=True)
    whole = {mart for mart, since in scopes(passed).items() if since is None}
    assert {mart.name for mart in marts().values() if mart.refresh != "whole"} <= whole


def test_all_of_a_mart_is_tested_after_a_change_of_most_lines_or_of_its_expectations(passed, export, monkeypatch):
    suite = MART_SUITES["mart_orders"]
    fewer = suite.model_copy(update={"expectations": suite.expectations[1:]})
    assert scopes(passed, [suite]) == {"mart_orders": 1}
    assert scopes(passed, [fewer]) == {"mart_orders": None}
    monkeypatch.setattr(changes, "NOTED_LINES", 2)
    ingest(passed, export("many.csv", *(order_line(str(number)) for number in range(10, 20))))
    refresh_all(passed)
    assert set(scopes(passed).values()) == {None}


@on_a_database(examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_after_any_loads_and_reverts_what_changed_passes_where_everything_would(warehouse, export, data):
    empty(warehouse)
    loaded = []
    for number in range(4):
        if loaded and data.draw(st.integers(0, 3)) == 0:
            revert(warehouse, loaded.pop(data.draw(st.integers(0, len(loaded) - 1))))
        loaded.append(ingest(warehouse, export(f"{number}.csv", *data.draw(lines), order_line(f"own{number}"))))
        if data.draw(st.booleans()):
            refresh_all(warehouse)
            assert check(warehouse, BY_PARTS) == {}
    refresh_all(warehouse)
    assert check(warehouse, BY_PARTS) == {}


def test_marts_that_are_tested_side_by_side_are_found_right_and_wrong_as_one_after_the_other(passed):
    change(passed, "UPDATE mart_orders SET gross_sales = gross_sales + 1")
    change(passed, "UPDATE mart_sales_daily SET gross_sales = gross_sales + 1")
    of = list(MART_SUITES.values())
    one_after_the_other = [evaluate(passed, suite) for suite in of]
    with ThreadPoolExecutor(4) as threads:
        side_by_side = list(threads.map(lambda suite: evaluate(passed, suite), of))
    assert side_by_side == one_after_the_other
    wrong = {
        suite.table
        for suite, found in zip(of, side_by_side, strict=True)
        if not all(verdict.passed for verdict in found.values())
    }
    assert {"mart_orders", "mart_sales_daily"} <= wrong < MART_SUITES.keys()
