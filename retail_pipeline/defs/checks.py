"""The asset checks: one per expectation, those of loads before the marts and those of marts after them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from retail_pipeline.defs.loads import tell_what_is_loaded
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.engines import Engine
from retail_pipeline.quality import under_test
from retail_pipeline.quality.catalogue import Expectation, Suite, suites
from retail_pipeline.quality.great_expectations_bridge import Verdict
from retail_pipeline.warehouse import Warehouse, check_results, ledger
from retail_pipeline.warehouse.check_results import CheckResult
from retail_pipeline.warehouse.retrying import retried

SEVERITIES = {"critical": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}

LOAD_SUITES = [suite for suite in suites() if suite.is_of_loads]


def _specs(chosen: Iterable[Suite]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=suite.asset_name,
            additional_deps=sorted(suite.reads - {suite.table}),
            description=expectation.why,
            blocking=expectation.severity == "critical",
            metadata=_definition(suite, expectation),
        )
        for suite in chosen
        for expectation in suite.expectations
    ]


def _definition(suite: Suite, expectation: Expectation) -> dict[str, Any]:
    shown = {"table": suite.table, "expectation": expectation.expect}
    if expectation.query:
        return shown | {"query": dg.MetadataValue.md(f"```sql\n{expectation.query}\n```")}
    return shown | {"arguments": dg.MetadataValue.json(expectation.arguments)}


@dg.multi_asset_check(specs=_specs(LOAD_SUITES), can_subset=True, compute_kind="great_expectations", pool=POOL)
def load_checks(context: dg.AssetCheckExecutionContext, retail: Retail) -> Iterator[dg.AssetCheckResult]:
    """Tests the loads that haven't passed yet; where there are none, all of them.

    All expectations are evaluated whichever were asked for, so that what the ledger says of a load holds for all.
    """
    found, load_ids, loaded = _test_loads(retail.warehouse, retail.engine, context.run.run_id)
    tell_what_is_loaded(context.instance, loaded)
    yield from shown_in_dagster(context, found, {"loads": len(load_ids)})


@retried
def _test_loads(
    warehouse: Warehouse, engine: Engine, run_id: str
) -> tuple[list[CheckResult], list[str], list[Mapping[str, Any]]]:
    """What was found, of which loads, and the ledger's rows of all that are in the tables."""
    with warehouse.reading() as connection:
        loaded = ledger.loaded(connection)
        load_ids = ledger.unchecked(connection) or [entry["load_id"] for entry in loaded]
    found = [result for suite in LOAD_SUITES for result in _found(suite, engine.evaluate(suite, load_ids))]
    passed = all(result.passed for result in found if result.severity == "critical")
    with warehouse.writing() as connection:
        check_results.enter(connection, run_id, found)
        ledger.enter_checked(connection, load_ids, run_id, passed=passed)
    return found, load_ids, loaded


def mart_checks(suite: Suite) -> dg.AssetChecksDefinition:
    """The checks of one mart: a step of its own, for it waits for all marts that this one is compared with."""

    @dg.multi_asset_check(
        name=f"{suite.table}_checks",
        specs=_specs([suite]),
        can_subset=True,
        compute_kind="great_expectations",
        pool=POOL,
    )
    def checks(context: dg.AssetCheckExecutionContext, retail: Retail) -> Iterator[dg.AssetCheckResult]:
        """Tests what changed since the mart last passed; all of it where it didn't, or where nothing changed.

        All expectations are evaluated whichever were asked for, so that what is noted of the mart holds for all.
        """
        yield from shown_in_dagster(context, _test_mart(retail.warehouse, retail.engine, suite, context.run.run_id), {})

    return checks


@retried
def _test_mart(warehouse: Warehouse, engine: Engine, suite: Suite, run_id: str) -> list[CheckResult]:
    with warehouse.reading() as connection:
        scope = under_test.scope_of(connection, suite)
    found = _found(suite, engine.evaluate(suite, since=scope.since))
    with warehouse.writing(lock=suite.table) as connection:
        check_results.enter(connection, run_id, found)
        under_test.enter(connection, suite.table, scope, passed=all(result.passed for result in found))
    return found


def _found(suite: Suite, verdicts: Mapping[str, Verdict]) -> list[CheckResult]:
    """The verdicts on a table's expectations, as they are kept."""
    return [
        CheckResult(
            suite.asset_name, suite.table, expectation.name, expectation.severity, verdict.passed, verdict.details
        )
        for expectation in suite.expectations
        for verdict in [verdicts[expectation.name]]
    ]


def shown_in_dagster(
    context: dg.AssetCheckExecutionContext | dg.AssetExecutionContext,
    found: Iterable[CheckResult],
    about: Mapping[str, Any],
) -> Iterator[dg.AssetCheckResult]:
    """What was found, of those checks that were asked for."""
    for result in found:
        key = dg.AssetCheckKey(dg.AssetKey(result.asset), result.name)
        if key in context.selected_asset_check_keys:
            details = {name: _shown(value) for name, value in result.details.items()}
            yield dg.AssetCheckResult(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=result.passed,
                severity=SEVERITIES[result.severity],
                metadata={**about, **details},
            )


def _shown(value: Any) -> Any:
    """A detail as Dagster shows it; decimals and dates in samples as text."""
    if isinstance(value, list):
        return dg.MetadataValue.json([_row(row) for row in value])
    return value if isinstance(value, int | float | str) else str(value)


def _row(row: Any) -> Any:
    return {name: str(value) for name, value in row.items()} if isinstance(row, dict) else str(row)


MART_CHECKS = [mart_checks(suite) for suite in suites() if not suite.is_of_loads]
