"""No expectation always holds: each is broken on purpose, on every database, and then it fails and no other does."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
import yaml
from sqlglot import exp

from retail_pipeline.marts.catalogue import marts, schema
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.quality.catalogue import Expectation, Suite, suites
from retail_pipeline.quality.great_expectations_bridge import Verdict, evaluate
from retail_pipeline.quality.queries import SAMPLE_ROWS
from retail_pipeline.warehouse import Warehouse, ledger, mart_states
from retail_pipeline_tests.exports import ingest, order_line

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Violation:
    """Statements that break an expectation, all that fails then, and what takes back a change of columns.

    `unseen` are those that only a test of the whole mart sees, because a row that belongs to no part that changed is
    what contradicts them.
    """

    expectation: str
    statements: tuple[str, ...]
    fails: frozenset[str]
    unseen: frozenset[str]
    mend: str | None

    @cached_property
    def changes(self) -> dict[str, set[str]]:
        """The columns that it changes, by table."""
        parsed = [sqlglot.parse_one(statement, read="mysql") for statement in self.statements]
        return {statement.find(exp.Table).name: _columns_changed(statement) for statement in parsed}


def _columns_changed(statement: exp.Expression) -> set[str]:
    if isinstance(statement, exp.Update):
        return {assignment.this.name for assignment in statement.expressions}
    return set(schema()[statement.find(exp.Table).name])


def planted() -> Iterator[Violation]:
    """The violations of violations.yaml, which says what its keys mean."""
    for content in yaml.safe_load(Path(__file__).with_name("violations.yaml").read_text(encoding="utf-8")):
        name = content["expectation"]
        fails, unseen = frozenset([name, *content.get("also", [])]), frozenset(content.get("unseen_in_parts", []))
        if spoil := content.get("spoil"):
            yield Violation(
                name, (spoil,) if isinstance(spoil, str) else tuple(spoil), fails, unseen, content.get("mend")
            )
        for column, step in content.get("off_by", {}).items():
            moved = sqlglot.parse_one(f"{column} + {step}")
            update = exp.update(name.partition(".")[0], {column: moved}, where=content["where"])
            yield Violation(name, (update.sql("mysql"),), fails, unseen, None)


VIOLATIONS = list(planted())
NOTHING = 0
"""The version of order_lines in which there were none: every part of a mart changed since."""


@pytest.fixture
def good(warehouse: Warehouse, states, export) -> Warehouse:
    """A warehouse in which every expectation holds, with amounts that are large, and awkward for floats."""
    french = {"customer": "2", "country": "France"}
    next_year = "1/4/2011 9:00"
    first = [
        order_line("SMALL", "DIME", 1, "0.1", customer="1"),
        order_line("SMALL", "A", 1, "0.2", customer="1"),
        order_line("SMALL", "B", 3, "0.1", customer="1"),
        order_line("SMALL", "C", 7, "0.7", customer="1"),
        order_line("LARGE", "LARGEST AMOUNT", "99999999.999", "1000", **french),
        order_line("LARGE", "LARGEST PRICE", 1, "99999999.9999", **french),
        order_line("LARGE", "FRACTION", "0.003", "33.3", **french),
        order_line("C1", "A", -3, "0.1", customer="1"),
        order_line("C2", "LARGEST PRICE", -1, "99999999.9999", **french),
        order_line("C3", "A", -1, "0.1", customer="never ordered"),
        order_line("GUEST", "A", 2, "0.3", customer=""),
        order_line("POSTAGE", "POST", 1, "18.0001", **french),
        order_line("STOCK", "A", 5, "0", customer=""),
        order_line("AGAIN", "A", 1, "0.3", next_year, customer="1"),
        order_line("C4", "C", -2, "0.1", next_year, customer="1"),
        order_line("REPLACED", "SHARED", 3, "0.1", customer="3"),
        order_line("REPLACED", "CHANGED", 1, "0.2", customer="3"),
        *(order_line(f"PAIR{number}", product, 1, "0.1") for number in range(5) for product in ("LEFT", "RIGHT")),
        *(order_line("MANY", f"M{number}", number, "0.1", customer="4") for number in range(1, 201)),
        order_line("HELD", "A", "six"),
        order_line("HELD", "A", 3, "0.1", "tomorrow"),
    ]
    second = [
        order_line("REPLACED", "SHARED", 3, "0.1", customer="3"),
        order_line("REPLACED", "CHANGED", 2, "0.2", customer="3"),
        order_line("LATE", "LAST", 1, "99999999.9999", next_year, customer="5"),
    ]

    def fill(warehouse: Warehouse) -> None:
        for mart in marts().values():  # so that what changes from here on is noted
            refresh(warehouse, mart)
        with warehouse.writing() as connection:  # and stays noted
            mart_states.enter_tested(connection, "mart_orders", version=NOTHING, terms="", passed=True)
        ingest(warehouse, export("first.csv", *first))
        ingest(warehouse, export("second.csv", *second))
        for mart in marts().values():
            refresh(warehouse, mart)

    states.bring(warehouse, fill)
    return warehouse


def load_ids(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return ledger.unchecked(connection)


def verdicts(
    warehouse: Warehouse,
    *tables: str,
    loads: list[str] | None = None,
    of: Iterable[Suite] = suites(),
    since: int | None = None,
) -> dict[str, Verdict]:
    """Verdicts by `table.expectation`: on all tables or some, of all loads or some, of all of a mart or some parts."""
    tested = load_ids(warehouse) if loads is None else loads
    return {
        f"{suite.table}.{name}": verdict
        for suite in of
        if suite.table in tables or not tables
        for name, verdict in evaluate(warehouse, suite, tested, since).items()
    }


def failing(found: dict[str, Verdict]) -> set[str]:
    return {name for name, verdict in found.items() if not verdict.passed}


def concerned(violation: Violation) -> Iterator[Suite]:
    """The suites with those expectations alone whose verdict the violation could change: testing all takes minutes."""
    for suite in suites():
        noticing = [expectation for expectation in suite.expectations if may_notice(suite, expectation, violation)]
        if noticing:
            yield suite.model_copy(update={"expectations": noticing})


def may_notice(suite: Suite, expectation: Expectation, violation: Violation) -> bool:
    if not expectation.query:
        return suite.table in violation.changes
    stands_for = {"batch": suite.table, "loads": "NULL"}
    written = re.sub(r"\{(\w+)\}", lambda found: stands_for.get(found[1], found[1]), expectation.query)
    tables, columns = names(written)
    return any(table in tables and columns & changed for table, changed in violation.changes.items())


@cache
def names(query: str) -> tuple[set[str], set[str]]:
    """The tables and columns that a query names."""
    parsed = sqlglot.parse_one(query, read="mysql")
    return {table.name for table in parsed.find_all(exp.Table)}, {column.name for column in parsed.find_all(exp.Column)}


def change(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@contextmanager
def spoiled(warehouse: Warehouse, violation: Violation) -> Iterator[None]:
    """The warehouse with the violation in it, and as it was afterwards."""
    with warehouse.reading() as connection:
        kept = {
            table: connection.execute(sa.select(sa.text("*")).select_from(sa.table(table))).mappings().all()
            for table in violation.changes
        }
    change(warehouse, *violation.statements)
    try:
        yield
    finally:
        if violation.mend:
            change(warehouse, violation.mend)
        with warehouse.writing() as connection:
            for name, rows in kept.items():
                table = sa.table(name, *map(sa.column, rows[0]))
                connection.execute(sa.delete(table))
                connection.execute(sa.insert(table), rows)


def test_every_expectation_has_a_violation():
    expectations = {f"{suite.table}.{expectation.name}" for suite in suites() for expectation in suite.expectations}
    assert {violation.expectation for violation in VIOLATIONS} == expectations


@pytest.mark.parametrize("since", [None, NOTHING, NOTHING + 1])
def test_all_expectations_hold_in_a_good_warehouse_whatever_its_amounts(good, since):
    found = verdicts(good, since=since)
    assert {name: dict(verdict.details) for name, verdict in found.items() if not verdict.passed} == {}


def of_marts(violation: Violation) -> bool:
    return violation.expectation.startswith(("mart_", "running_"))


@pytest.mark.parametrize("violations", [[v for v in VIOLATIONS if of_marts(v) == marts] for marts in (False, True)])
def test_a_violation_fails_the_expectations_it_contradicts_and_no_other(good, violations):
    found = {}
    for violation in violations:
        with spoiled(good, violation):
            found[violation.statements] = failing(verdicts(good, of=concerned(violation)))
    assert found == {violation.statements: violation.fails for violation in violations}


def test_a_violation_in_parts_that_changed_is_found_by_testing_these_alone(good):
    found = {}
    violations = list(filter(of_marts, VIOLATIONS))
    for violation in violations:
        with spoiled(good, violation):
            found[violation.statements] = failing(verdicts(good, of=concerned(violation), since=NOTHING))
    assert found == {violation.statements: violation.fails - violation.unseen for violation in violations}


def test_rows_that_contradict_a_query_are_counted_and_some_are_shown(good):
    change(good, "UPDATE order_lines SET product_code = 'm' WHERE invoice_no = 'MANY'")
    verdict = verdicts(good, "order_lines")["order_lines.product_codes_are_trimmed_and_upper_case"]
    assert verdict.details["unexpected_rows"] == 200
    assert len(verdict.details["sample"]) == SAMPLE_ROWS
    assert all(row.keys() == {"load_id", "line_no", "product_code"} for row in verdict.details["sample"])
    assert verdict.details["sample"][0]["product_code"] == "m"


def test_values_that_are_not_allowed_are_counted_and_shown(good):
    change(good, "UPDATE order_lines SET kind = 'gift' WHERE product_code IN ('DIME', 'LAST')")
    verdict = verdicts(good, "order_lines")["order_lines.kinds_are_known"]
    assert verdict.details == {"rows": 228, "unexpected_rows": 2, "sample": ["gift", "gift"]}


def plain(value: Any) -> bool:
    if type(value) in (dict, list):
        return all(plain(item) for item in (value.values() if isinstance(value, dict) else value))
    return type(value) in (bool, int, float, str, type(None))


def test_details_are_plain_values_of_json(good):
    change(
        good,
        "UPDATE order_lines SET kind = 'gift', amount = amount + 0.5, invoice_date = '2999-01-01', customer_id = NULL",
        "UPDATE loads SET amount_read = amount_read + 0.0001",
        "UPDATE mart_kpis SET net_revenue = net_revenue + 0.0001, customers = customers + 1",
    )
    found = verdicts(good)
    assert len(failing(found)) > 8
    for name, verdict in found.items():
        assert type(verdict.passed) is bool
        assert plain(verdict.details), name
        assert json.loads(json.dumps(verdict.details)) == verdict.details
    money = found["loads.every_penny_is_accounted_for"].details["sample"]
    assert len(money) == 2


def test_a_column_that_is_gone_fails_what_needs_it_with_the_error_of_the_database(good):
    change(good, "ALTER TABLE order_lines RENAME COLUMN kind TO sort")
    found = verdicts(good, "order_lines")
    assert failing(found) == {
        "order_lines.columns_are_as_declared",
        "order_lines.kinds_are_known",
        "order_lines.sales_have_a_positive_amount",
        "order_lines.returns_have_a_negative_quantity",
    }
    assert "kind" in found["order_lines.kinds_are_known"].details["error"]
    error = found["order_lines.sales_have_a_positive_amount"].details["error"]
    assert "no such column: order_lines.kind" in error or "Unknown column 'kind'" in error


def test_a_table_that_is_gone_fails_what_needs_it_with_the_error_of_the_database(good):
    change(good, "DROP TABLE mart_invoice_days")
    found = verdicts(good, "mart_invoice_days", "mart_sales_daily", "raw_order_lines")
    assert failing(found) == {
        "mart_invoice_days.columns_are_as_declared",
        "mart_invoice_days.all_lines_and_money_are_in",
        "mart_sales_daily.totals_reconcile",
    }
    for name in failing(found):
        error = found[name].details["error"]
        assert "no such table: mart_invoice_days" in error or "mart_invoice_days' doesn't exist" in error


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_a_connection_that_the_server_closed_is_opened_again(good):
    assert failing(verdicts(good, "mart_orders")) == set()
    with good.reading() as connection:
        own = connection.scalar(sa.text("SELECT CONNECTION_ID()"))
        others = sa.text("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> :own")
        for number in connection.scalars(others, {"own": own}).all():
            connection.exec_driver_sql(f"KILL {number}")
    assert failing(verdicts(good, "mart_orders")) == set()


def test_a_warehouse_without_loads_contradicts_nothing(warehouse):
    for mart in marts().values():
        refresh(warehouse, mart)
    assert failing(verdicts(warehouse, loads=[])) == set()
    assert failing(verdicts(warehouse, "loads", "order_lines", loads=["no such load"])) == set()


def test_suites_of_loads_look_only_at_the_loads_they_are_given(good):
    first, second = load_ids(good)
    change(
        good,
        "UPDATE loads SET rows_read = rows_read + 1 WHERE landing_no = 1",
        f"UPDATE raw_order_lines SET line_no = 0 WHERE line_no = 1 AND load_id = '{first}'",  # noqa: S608
        f"UPDATE order_lines SET kind = 'gift', product_code = 'x' WHERE load_id = '{first}'",  # noqa: S608
        "UPDATE quarantined_lines SET reasons = ''",
    )
    tables = ["loads", "raw_order_lines", "order_lines", "quarantined_lines", "superseded_lines"]
    assert failing(verdicts(good, *tables, loads=[second])) == set()
    of_the_first = failing(verdicts(good, *tables, loads=[first]))
    assert {name.partition(".")[0] for name in of_the_first} == set(tables) - {"superseded_lines"}
    assert failing(verdicts(good, *tables, loads=[first, second])) == of_the_first
    found = verdicts(good, "loads", loads=[first, second])["loads.every_row_is_accounted_for"]
    assert [row["load_id"] for row in found.details["sample"]] == [first]


def test_replaced_invoices_are_a_matter_of_the_load_that_replaced_them(good):
    first, second = load_ids(good)
    change(good, "UPDATE order_lines SET product_code = 'OTHER' WHERE product_code = 'SHARED'")
    assert failing(verdicts(good, "superseded_lines", loads=[first])) == set()
    assert failing(verdicts(good, "superseded_lines", loads=[second])) == {
        "superseded_lines.replaced_invoices_share_a_line"
    }
