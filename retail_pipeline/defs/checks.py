"""The asset checks: one per expectation, those of loads before the marts and those of marts after them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from retail_pipeline.defs.resources import Retail
from retail_pipeline.quality import under_test
from retail_pipeline.quality.catalogue import Expectation, Suite, suites
from retail_pipeline.quality.great_expectations_bridge import Verdict, evaluate
from retail_pipeline.warehouse import check_results, ledger
from retail_pipeline.warehouse.check_results import CheckResult

SEVERITIES = {"critical": dg.AssetCheckSeverity.ERROR, "warning": dg.AssetCheckSeverity.WARN}

MART_SUITES = [suite for suite in suites() if not suite.is_of_loads]
LOAD_SUITES = [suite for suite in suites() if suite.is_of_loads]


def _specs(chosen: Iterable[Suite]) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(
            expectation.name,
            asset=suite.asset_name,
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


@dg.multi_asset_check(specs=_specs(LOAD_SUITES), can_subset=True, compute_kind="great_expectations")
def load_checks(context: dg.AssetCheckExecutionContext, retail: Retail) -> Iterator[dg.AssetCheckResult]:
    """Tests the loads that haven't passed yet; where there are none, all of them.

    All expectations are evaluated whichever were asked for, so that what the ledger says of a load holds for all.
    """
    with retail.warehouse.reading() as connection:
        unchecked = ledger.unchecked(connection)
        load_ids = unchecked or [
            entry["load_id"] for entry in ledger.entries(connection) if entry["status"] == "loaded"
        ]
    found = _found(LOAD_SUITES, {suite.table: evaluate(retail.warehouse, suite, load_ids) for suite in LOAD_SUITES})
    passed = all(result.passed for result in found if result.severity == "critical")
    with retail.warehouse.writing() as connection:
        check_results.enter(connection, context.run.run_id, found)
        ledger.enter_checked(connection, load_ids, context.run.run_id, passed=passed)
    yield from _shown_in_dagster(context, found, {"loads": len(load_ids)})


@dg.multi_asset_check(specs=_specs(MART_SUITES), can_subset=True, compute_kind="great_expectations")
def mart_checks(context: dg.AssetCheckExecutionContext, retail: Retail) -> Iterator[dg.AssetCheckResult]:
    """Tests of the marts that were asked for what changed since they last passed; else, or if they failed, all of it.

    All expectations of a mart are evaluated whichever were asked for, so that what is noted of it holds for all.
    """
    wanted = {key.asset_key.path[-1] for key in context.selected_asset_check_keys}
    chosen = [suite for suite in MART_SUITES if suite.asset_name in wanted]
    with retail.warehouse.reading() as connection:
        scopes = under_test.scopes(connection, chosen)
    verdicts = {suite.table: evaluate(retail.warehouse, suite, since=scopes[suite.table].since) for suite in chosen}
    found = _found(chosen, verdicts)
    passed = {mart: all(verdict.passed for verdict in of_mart.values()) for mart, of_mart in verdicts.items()}
    with retail.warehouse.writing() as connection:
        check_results.enter(connection, context.run.run_id, found)
        under_test.enter(connection, scopes, passed)
    yield from _shown_in_dagster(context, found, {})


def _found(chosen: Iterable[Suite], verdicts: Mapping[str, Mapping[str, Verdict]]) -> list[CheckResult]:
    """The verdicts on each table's expectations, as they are kept."""
    return [
        CheckResult(
            suite.asset_name, suite.table, expectation.name, expectation.severity, verdict.passed, verdict.details
        )
        for suite in chosen
        for expectation in suite.expectations
        for verdict in [verdicts[suite.table][expectation.name]]
    ]


def _shown_in_dagster(
    context: dg.AssetCheckExecutionContext, found: Iterable[CheckResult], about: Mapping[str, Any]
) -> Iterator[dg.AssetCheckResult]:
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
