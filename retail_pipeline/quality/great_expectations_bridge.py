"""Runs suites with Great Expectations' SQL engine on the tables as stored.

Great Expectations takes seconds to import, so it is imported where a check runs and nowhere else.
"""

import threading
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from retail_pipeline.errors import Unreachable
from retail_pipeline.marts.catalogue import schema
from retail_pipeline.quality import tester
from retail_pipeline.quality.catalogue import Expectation, Suite
from retail_pipeline.quality.importing import great_expectations
from retail_pipeline.quality.queries import SAMPLE_ROWS, Batch, contradictions
from retail_pipeline.quality.under_test import chosen_parts
from retail_pipeline.redaction import redacted
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.connection import MYSQL_SESSION
from retail_pipeline.warehouse.dialect import dialect_of
from retail_pipeline.warehouse.failures import is_about_the_connection, may_pass

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

_data_sources: MutableMapping[Warehouse, Any] = WeakKeyDictionary()
"""One for each warehouse, as its engine is: a new one connects twice, which takes as long as testing a mart."""


_validating = threading.Lock()
"""Great Expectations keeps what it is testing at the moment in objects that all threads have in common."""


class Ground(Protocol):
    """Where the tables under test are, if that isn't the database."""

    dialect: str

    def batch(self, gx: Any, table: str) -> Any:
        """A table's rows as Great Expectations tests them."""


@dataclass(frozen=True)
class Verdict:
    """What came of an expectation; `details` are plain values that say why."""

    passed: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What is to be tested of a suite's table: the rows of loads, or a mart, or with `in_parts` its chosen parts.

    `tested` is added to the details of each expectation that could be evaluated, by its name.
    """

    suite: Suite
    load_ids: tuple[str, ...] = ()
    in_parts: bool = False
    tested: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def evaluate(
    warehouse: Warehouse,
    suite: Suite,
    load_ids: Iterable[str] = (),
    since: int | None = None,
    ground: Ground | None = None,
) -> dict[str, Verdict]:
    """A verdict for every expectation of a suite, by name; one that can't be evaluated has failed, and says why.

    Raises what may pass, such as a lost connection, for whoever tries again: then nothing was found out.
    A suite of load tables looks at the rows of `load_ids` alone, a mart's suite at the parts that changed after version
    `since` of order_lines, or at the whole mart where that is left out; its verdicts say which.
    """
    try:
        if suite.is_of_loads:
            return _verdicts(warehouse, ground, Task(suite, tuple(load_ids)))
        with chosen_parts(warehouse, suite, since) as rows:
            tested = {expectation.name: _tested(suite, expectation, rows, since) for expectation in suite.expectations}
            return _verdicts(warehouse, ground, Task(suite, in_parts=since is not None, tested=tested))
    except Exception as error:  # a database that can't be read must not pass for one that is right
        if may_pass(error):
            raise
        _refuse_lost(suite, str(error))
        return {expectation.name: _errored(str(error)) for expectation in suite.expectations}


def _tested(
    suite: Suite, expectation: Expectation, rows: Mapping[tuple[str, ...], int], since: int | None
) -> dict[str, Any]:
    """How much of a mart an expectation looked at."""
    parts = suite.parts_of(expectation) if since is not None else ()
    return {"tested": "what changed" if parts else "everything", "rows_tested": rows[parts]}


def _verdicts(warehouse: Warehouse, ground: Ground | None, task: Task) -> dict[str, Verdict]:
    if ground is None and (beside := tester.current()):
        return beside.ask(task)
    return verdicts(ground or Database(warehouse), task)


def verdicts(ground: Ground, task: Task) -> dict[str, Verdict]:
    """A verdict for every expectation of a suite.

    Raises whatever keeps the table from being tested at all, and Unreachable where the connection was lost.
    """
    results = _validate(ground, task)
    found = {
        expectation.name: _verdict(results[expectation.name], task.tested.get(expectation.name, {}))
        if expectation.name in results
        else _errored("no result")
        for expectation in task.suite.expectations
    }
    for verdict in found.values():
        _refuse_lost(task.suite, verdict.details.get("error", ""))
    return found


def _refuse_lost(suite: Suite, error: str) -> None:
    """Great Expectations hands on the text of an error alone, or wraps it in one of its own."""
    if is_about_the_connection(error):
        raise Unreachable(f"{suite.table} couldn't be tested: {error}")


def _validate(ground: Ground, task: Task) -> dict[str, "ExpectationValidationResult"]:
    gx = great_expectations()
    expectations = expectations_of(ground.dialect, task.suite, list(task.load_ids), in_parts=task.in_parts)
    with _validating:
        outcome = ground.batch(gx, task.suite.table).validate(
            gx.ExpectationSuite(task.suite.table, expectations=expectations),
            result_format={"result_format": "BASIC", "partial_unexpected_count": SAMPLE_ROWS},
        )
    return {result.expectation_config.meta["name"]: result for result in outcome.results}


class Database:
    """The tables under test are those of a warehouse."""

    def __init__(self, warehouse: Warehouse):
        self._warehouse, self.dialect = warehouse, dialect_of(warehouse.engine)

    def batch(self, gx: Any, table: str) -> Any:
        asset = _table(_data_source(gx, self._warehouse), table)
        return asset.get_batch(asset.build_batch_request())


def _data_source(gx: Any, warehouse: Warehouse) -> Any:
    if warehouse not in _data_sources:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        url = warehouse.url.render_as_string(hide_password=False)
        add = context.data_sources.add_sqlite if warehouse.is_sqlite else context.data_sources.add_sql
        session = {} if warehouse.is_sqlite else {"connect_args": {"init_command": MYSQL_SESSION}}
        source = add("warehouse", connection_string=url, kwargs={"pool_pre_ping": True} | session)
        if not warehouse.is_sqlite:  # whose statements nobody else has to break off: they end with the process
            for engine in (source.get_engine(), source.get_execution_engine().engine):
                warehouse.note_connections(engine)
        _data_sources[warehouse] = source
    return _data_sources[warehouse]


def _table(source: Any, name: str) -> Any:
    """A table of a data source, kept: each that is added makes Great Expectations write out its configuration.

    A table, not a query: to know a query's columns, Great Expectations fetches all of its rows.
    """
    return source.get_asset(name) if name in source.get_asset_names() else source.add_table_asset(name)


def expectations_of(dialect: str, suite: Suite, load_ids: list[str], *, in_parts: bool = False) -> list[Any]:
    """A suite's expectations as Great Expectations has them; raises where it knows no such class or argument.

    With `in_parts` they look at the chosen parts of a mart, as far as they can be tested by parts.
    """
    gx = great_expectations()
    return [
        _built(gx, expectation, suite, dialect, load_ids, suite.parts_of(expectation) if in_parts else ())
        for expectation in suite.expectations
    ]


def _built(
    gx: Any, expectation: Expectation, suite: Suite, dialect: str, load_ids: list[str], parts: tuple[str, ...]
) -> Any:
    from great_expectations.expectations.row_conditions import Column

    from retail_pipeline.quality.no_rows import ExpectNoRows

    stated = {"severity": expectation.severity, "meta": {"name": expectation.name}}
    if expectation.query:
        loads_by = suite.loads_by if suite.is_of_loads else None
        about = Batch(suite.table, loads_by, tuple(load_ids), parts)
        return ExpectNoRows(query=contradictions(expectation.query, about, dialect), **stated)
    kind = getattr(gx.expectations, expectation.expect)
    arguments = dict(expectation.arguments)
    if arguments.get("column_list") == "declared":
        arguments["column_list"] = list(schema()[suite.table])
    if suite.is_of_loads and "row_condition" in kind.__fields__:
        arguments["row_condition"] = Column(suite.loads_by).is_in(load_ids)
    return kind(**arguments, **stated)


def _verdict(result: "ExpectationValidationResult", tested: Mapping[str, Any]) -> Verdict:
    errors = [info["exception_message"] for info in _exceptions(result.exception_info)]
    if errors:
        return _errored(errors[0])
    found = result.result
    details = {
        "rows": found.get("element_count"),
        "unexpected_rows": found.get("unexpected_count"),
        "observed": found.get("observed_value"),
        "sample": [row for row in found.get("partial_unexpected_list", []) if row is not None],
    }
    return Verdict(
        bool(result.success),
        {**tested, **{name: _plain(value) for name, value in details.items() if value not in (None, [])}},
    )


def _plain(value: Any) -> Any:
    """A value as JSON has it: counts as whole numbers, dates and decimals as text."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _exceptions(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Great Expectations gives one exception's facts, or a mapping of metrics to them."""
    candidates = [info] if "raised_exception" in info else list(info.values())
    return [candidate for candidate in candidates if candidate.get("raised_exception")]


def _errored(message: str) -> Verdict:
    return Verdict(False, {"error": redacted(message)})
