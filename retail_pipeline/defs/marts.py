"""The mart assets: one per .sql file, downstream of what the SQL reads."""

from datetime import timedelta
from functools import cache

import dagster as dg

from retail_pipeline.defs.automation import WHEN_LINES_CHANGED
from retail_pipeline.defs.executor import WORK_TAG
from retail_pipeline.defs.metadata import OWNERS, derived, described
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.errors import few_of
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.lineage import column_lineage
from retail_pipeline.settings import Settings

CHANGES_WITH = {"superseded_lines": "order_lines", "loads": "order_lines"}
"""Tables that are no assets of their own, and the asset in whose transaction they change."""

WORK_ON_LINES = "5"
"""How many times the work of others a mart is that reads the order lines themselves, and not what they add up to."""

FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=Settings().stale_fail_hours), warn_window=timedelta(hours=Settings().stale_warn_hours)
)
"""For all marts alike: the nightly run refreshes each of them, whether anything changed or not."""


class RefreshConfig(dg.Config):
    """`full` makes all of a mart anew, also where nothing or little of what it is computed from has changed."""

    full: bool = False


def mart_asset(mart: Mart) -> dg.AssetsDefinition:
    """The asset that refreshes a mart."""

    @dg.asset(
        name=mart.name,
        # One that reads nothing comes after the lines too, lest it seem to be behind them.
        deps=sorted({CHANGES_WITH.get(table, table) for table in mart.reads} or {"order_lines"}),
        description=f"{mart.description}\n\n```sql\n{mart.query.sql('mysql', pretty=True)}\n```",
        metadata=described(mart.table()),
        group_name="marts" if mart.is_for_people else "running_totals",
        kinds={"table", "sql"},
        owners=OWNERS,
        automation_condition=WHEN_LINES_CHANGED,
        freshness_policy=FRESHNESS,
        op_tags={WORK_TAG: WORK_ON_LINES} if "order_lines" in mart.reads else {},
        pool=POOL,
    )
    def asset(retail: Retail, config: RefreshConfig) -> dg.MaterializeResult:
        if mart.reads:
            _refuse_unchecked_loads(retail)
        outcome = retail.engine.refresh(mart, full=config.full)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": outcome.rows,
                "dagster/column_lineage": lineage(mart.name),
                "refreshed": outcome.way,
            }
        )

    return asset


@cache
def lineage(name: str) -> dg.TableColumnLineage:
    """What each column of a mart is computed from, as Dagster draws it."""
    return derived(column_lineage(marts()[name]))


def _refuse_unchecked_loads(retail: Retail) -> None:
    """A critical check blocks the marts also where it failed, or was left out, in another run."""
    if retail.unchecked:
        raise dg.Failure(
            f"loads that haven't passed the critical checks: {few_of(retail.unchecked)}. "
            "Run the job refresh_marts, which checks them first, or look at the failed checks of order_lines.",
            allow_retries=False,
        )


MART_ASSETS = [mart_asset(mart) for mart in marts().values()]
