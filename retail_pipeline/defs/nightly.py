"""What is done every night: the marts are refreshed and compared with making them anew, and gaps are looked for."""

from collections.abc import Iterator

import dagster as dg

from retail_pipeline.defs.checks import shown_in_dagster
from retail_pipeline.defs.metadata import OWNERS
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.refresh import stale
from retail_pipeline.quality.gaps import gaps_by_source
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import check_results
from retail_pipeline.warehouse.check_results import CheckResult

ASSET = "verified_marts"
NO_DAYS_ARE_MISSING = "no_days_are_missing"


def _check_of(mart: str) -> str:
    return f"{mart}_is_as_if_made_anew"


@dg.asset(
    name=ASSET,
    deps=list(marts()),
    check_specs=[
        *(
            dg.AssetCheckSpec(
                _check_of(mart),
                asset=ASSET,
                blocking=True,
                description="Following what changed gives the same rows as making all of the mart anew.",
            )
            for mart in marts()
        ),
        dg.AssetCheckSpec(
            NO_DAYS_ARE_MISSING,
            asset=ASSET,
            description="On a weekday on which a shop usually sells there are sales, unless it is a public holiday: "
            "else an export may never have come.",
        ),
    ],
    description="What the night found: every mart compared, in the database, with making all of it anew, and the days "
    "on which sales are missing. No table.",
    group_name="care",
    kinds={"sql"},
    owners=OWNERS,
    pool=POOL,
)
def verified_marts(context: dg.AssetExecutionContext, retail: Retail) -> Iterator[dg.MaterializeResult]:
    behind = stale(retail.warehouse)
    found = [_verified(retail, mart, mart.name in behind) for mart in marts().values()]
    with retail.warehouse.reading() as connection:
        gaps = gaps_by_source(connection, retail.sources)
    told = [f"{source}: {gap}" for source, of_source in gaps.items() for gap in of_source]
    number = sum(gap.days for of_source in gaps.values() for gap in of_source)
    found.append(
        CheckResult(
            ASSET,
            "order_lines",
            NO_DAYS_ARE_MISSING,
            "warning",
            not told,
            {"missing_days": number, "sample": told} if told else {},
        )
    )
    with retail.warehouse.writing() as connection:
        check_results.enter(connection, context.run.run_id, found)
    yield dg.MaterializeResult(check_results=list(shown_in_dagster(context, found, {})))


def _verified(retail: Retail, mart: Mart, is_behind: bool) -> CheckResult:
    if is_behind:  # somebody asked for this alone
        error = f"{mart.name} doesn't show the newest lines; run the job `nightly`, which refreshes it first"
        return CheckResult(ASSET, mart.name, _check_of(mart.name), "critical", False, {"error": error})
    found = retail.engine.difference(mart)
    details = {"unexpected_rows": found.rows, "rows_missing": found.rows_missing, "rows_extra": found.rows_extra}
    sample = [{name: str(value) for name, value in row.items()} for row in found.sample]
    return CheckResult(
        ASSET,
        mart.name,
        _check_of(mart.name),
        "critical",
        found.rows == 0,
        details | ({"sample": sample} if sample else {}),
    )


EVERY_NIGHT = dg.ScheduleDefinition(
    name="every_night",
    job_name="nightly",
    cron_schedule=f"{Settings().nightly_at.minute} {Settings().nightly_at.hour} * * *",
    execution_timezone=Settings().time_zone,
    # Who lets this run unattended shouldn't find out afterwards that nobody had switched it on.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refreshes the marts, compares them with making them anew, and looks for days without sales.",
)
