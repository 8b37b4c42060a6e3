"""The files of expectations can be read, and Great Expectations and every database understand what they say."""

import re
import subprocess
import sys

import pytest
import sqlglot

from retail_pipeline.defs.checks import MART_CHECKS, SEVERITIES, load_checks
from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import schema
from retail_pipeline.quality import catalogue, great_expectations_bridge
from retail_pipeline.quality.catalogue import Expectation, Suite, suites
from retail_pipeline.quality.great_expectations_bridge import evaluate, expectations_of
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

EXPECTATIONS = [(suite, expectation) for suite in suites() for expectation in suite.expectations]

WITHOUT_CONNECTING = {"sqlite": "sqlite:///:memory:", "mysql": "mysql://nobody@nowhere/retail"}


def suite_of(**expectation: object) -> Suite:
    stated = {"name": "it_is_so", "severity": "critical", "why": "Because."} | expectation
    return Suite(table="order_lines", expectations=[Expectation(**stated)])


@pytest.fixture(params=WITHOUT_CONNECTING)
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    return Warehouse(Settings(database_url=WITHOUT_CONNECTING[request.param]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("table: [", "lines.yaml: not a readable YAML file: "),
        ("", "lines.yaml: Input should be "),
        ("expectations: []", "lines.yaml: table: Field required"),
        ("table: order_lines\nexpectation: []", "lines.yaml: expectations: Field required"),
        (
            "table: order_lines\nexpectations: [{name: x, query: SELECT 1, severity: critical}]",
            "lines.yaml: expectations.0.why: Field required",
        ),
        (
            "table: order_lines\nexpectations: [{name: x, query: SELECT 1, severity: fatal, why: Because.}]",
            "lines.yaml: expectations.0.severity: Input should be 'critical' or 'warning'",
        ),
        (
            "table: order_lines\nexpectations: [{name: x, qwery: SELECT 1, severity: warning, why: Because.}]",
            "lines.yaml: expectations.0.qwery: Extra inputs are not permitted",
        ),
        (
            "table: order_lines\nexpectations: [{name: x, severity: warning, why: Because.}]",
            "lines.yaml: expectations.0: give either `expect` with `arguments`, or `query`",
        ),
        (
            "table: order_lines\nexpectations:\n"
            "  - {name: x, query: SELECT 1, expect: ExpectColumnToExist, severity: warning, why: Because.}",
            "lines.yaml: expectations.0: give either `expect` with `arguments`, or `query`",
        ),
        (
            "table: order_lines\nexpectations:\n"
            "  - {name: x, query: SELECT 1, arguments: {mostly: 0.9}, severity: warning, why: Because.}",
            "lines.yaml: expectations.0: give either `expect` with `arguments`, or `query`",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_named_with_the_key(tmp_path, monkeypatch, content, message):
    (tmp_path / "lines.yaml").write_text(content, encoding="utf-8")
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    with pytest.raises(BadInput) as raised:
        suites.__wrapped__()
    assert str(raised.value).startswith(message)


def test_every_suite_is_of_a_table_that_exists():
    for suite in suites():
        assert suite.table in schema()
        assert suite.asset_name in schema()
        assert suite.loads_by in schema()[suite.table] or not suite.is_of_loads


def test_every_expectation_says_why_in_a_sentence():
    for _, expectation in EXPECTATIONS:
        assert expectation.why.strip().endswith("."), expectation.name
        assert " " in expectation.why


def test_no_two_expectations_of_an_asset_share_a_name():
    names = [(suite.asset_name, expectation.name) for suite, expectation in EXPECTATIONS]
    assert len(names) == len(set(names))


def test_every_query_is_about_the_batch():
    for _, expectation in EXPECTATIONS:
        assert expectation.query is None or "{batch}" in expectation.query, expectation.name


def test_parts_are_told_apart_by_columns_that_every_table_in_braces_has():
    for suite, expectation in EXPECTATIONS:
        parts = suite.parts_of(expectation)
        in_braces = set(re.findall(r"{(\w+)}", expectation.query or "")) - {"batch", "loads"}
        assert not in_braces or parts, expectation.name
        for table in {suite.table, *in_braces} if parts else ():
            assert {*parts} <= schema()[table].keys(), (table, expectation.name)


def test_only_a_query_can_be_tested_by_parts():
    with pytest.raises(ValueError, match="`parts` are of a `query`"):
        suite_of(expect="ExpectColumnValuesToNotBeNull", arguments={"column": "kind"}, parts=["source"])


def test_great_expectations_knows_every_class_and_argument(warehouse):
    for suite in suites():
        built = expectations_of(warehouse.engine.dialect.name, suite, ["a load-0123456789ab"])
        assert [expectation.meta["name"] for expectation in built] == [item.name for item in suite.expectations]
        assert [expectation.severity for expectation in built] == [item.severity for item in suite.expectations]


def test_every_query_is_sql_of_the_database_that_runs_it(warehouse):
    dialect = warehouse.url.get_backend_name()
    for suite in suites():
        for built, stated in zip(expectations_of(dialect, suite, ["a-load"]), suite.expectations, strict=True):
            if stated.query:
                assert sqlglot.parse_one(built.query, read=dialect), stated.name


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ({"expect": "ExpectTheUnexpected"}, "ExpectTheUnexpected"),
        ({"expect": "ExpectColumnValuesToNotBeNull", "arguments": {"kolumn": "kind"}}, "kolumn"),
        ({"query": "SELECT FROM WHERE {batch}"}, "WHERE"),
    ],
)
def test_what_great_expectations_or_sql_do_not_know_is_noticed(warehouse, expectation, problem):
    with pytest.raises(Exception, match=problem):
        expectations_of(warehouse.engine.dialect.name, suite_of(**expectation), [])


def test_a_misspelt_column_is_noticed_without_a_database():
    warehouse = Warehouse(Settings(database_url=WITHOUT_CONNECTING["sqlite"]))
    suite = suite_of(query="SELECT lines.load_id FROM {batch} AS lines WHERE lines.kined = 'sale'")
    with pytest.raises(Exception, match="kined"):
        expectations_of(warehouse.engine.dialect.name, suite, [])


def test_an_expectation_that_can_not_be_evaluated_has_failed(warehouse):
    verdict = evaluate(warehouse, suite_of(expect="ExpectTheUnexpected"))["it_is_so"]
    assert not verdict.passed
    assert "ExpectTheUnexpected" in verdict.details["error"]


def test_an_expectation_that_came_back_without_a_result_has_failed(warehouse, monkeypatch):
    monkeypatch.setattr(great_expectations_bridge, "_validate", lambda *_: {})
    verdict = evaluate(warehouse, suite_of(query="SELECT 1 FROM {batch}"))["it_is_so"]
    assert (verdict.passed, verdict.details) == (False, {"error": "no result"})


def test_what_is_critical_is_an_error_that_blocks_and_the_rest_is_a_warning():
    assert {name: severity.value for name, severity in SEVERITIES.items()} == {"critical": "ERROR", "warning": "WARN"}
    blocking = {
        (spec.asset_key.path[-1], spec.name): spec.blocking
        for spec in [spec for checks in (load_checks, *MART_CHECKS) for spec in checks.check_specs]
    }
    assert blocking == {
        (suite.asset_name, expectation.name): expectation.severity == "critical" for suite, expectation in EXPECTATIONS
    }


@pytest.mark.parametrize("module", ["quality", "quality.great_expectations_bridge", "definitions", "cli"])
def test_great_expectations_is_not_imported_before_a_check_runs(module):
    code = f"import sys, retail_pipeline.{module}; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
