"""When the marts are refreshed by themselves: once for many loads, in one run, as soon as nothing is being loaded."""

import logging
import warnings
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache

import dagster as dg

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import behind
from retail_pipeline.warehouse import changes, ledger
from retail_pipeline.warehouse.migrations import open_warehouse

LOADING_JOBS = ("load", "ingest")

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

LOOKS_EVERY_SECONDS = 5
"""How long a load waits for its marts, at the most, where nothing else is being loaded."""

RUN_COMES_WITHIN = timedelta(minutes=5)
"""A file that landed has a run after this time, or nobody will start one: the marts don't wait for it any longer."""

PATIENCE = timedelta(minutes=15)
"""How long the marts wait for an end of the loading, lest a shop that never stops sending has no figures."""


class ShowsOlderLines(dg.AutomationCondition):
    """That a mart doesn't show the newest lines, all loads passed their checks, and no load is on its way.

    Dagster's own conditions compare events, and know partitions that were never made: a load that was refused would
    hold the marts back for ever. The ledger knows. It is true once for each state of the lines, so that a refresh that
    fails isn't asked for again until something has changed.
    """

    @property
    def name(self) -> str:
        return "the newest lines are checked and not shown, and nothing is being loaded"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        if context.candidate_subset.is_empty:
            return dg.AutomationResult(context, context.get_empty_subset(), cursor=context.cursor)
        wanted = _refreshable(context.evaluation_time, context.asset_graph_view.instance).get(context.key.path[-1])
        if wanted in (None, context.cursor):
            return dg.AutomationResult(context, context.get_empty_subset(), cursor=context.cursor)
        return dg.AutomationResult(context, context.candidate_subset, cursor=wanted)


@lru_cache(maxsize=1)
def _refreshable(_evaluation_time: datetime, instance: dg.DagsterInstance) -> Mapping[str, str]:
    """The marts that can be refreshed now, and the state that they don't show.

    One look for all marts of a tick, or some might be asked for and the others not.
    """
    with open_warehouse() as warehouse, warehouse.reading() as connection:
        version, late = changes.version(connection), behind(connection)
        have_passed = not ledger.unchecked(connection)
        is_landing = ledger.lands_since(connection, ledger.now() - RUN_COMES_WITHIN)
        waiting_since = ledger.first_not_shown(connection)
    is_late = waiting_since is not None and ledger.now() - waiting_since > PATIENCE
    if not version or not have_passed or (not is_late and (is_landing or _is_loading(instance))):
        return {}
    return {name: f"{version}/{marts()[name].definition}" for name in late}


def _is_loading(instance: dg.DagsterInstance) -> bool:
    return any(instance.get_runs_count(dg.RunsFilter(job_name=job, statuses=UNFINISHED)) for job in LOADING_JOBS)


WITH_ITS_MARTS = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())
"""In the run that refreshes the marts which it is made of, and by itself where somebody else refreshed them."""

WHEN_LINES_CHANGED = ~dg.AutomationCondition.in_progress() & ShowsOlderLines()


class _Quiet(dg.AutomationConditionSensorDefinition):
    """A sensor that doesn't say at each look that it looks."""

    def evaluate_tick(self, context: dg.SensorEvaluationContext):
        context.log.setLevel(logging.WARNING)
        return super().evaluate_tick(context)


def marts_follow_loads(*assets: dg.AssetsDefinition) -> dg.AutomationConditionSensorDefinition:
    """The sensor that asks for marts, and for what is made of them, in one run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter `use_user_code_server`")  # in beta
        return _Quiet(
            "marts_follow_loads",
            target=dg.AssetSelection.assets(*assets),
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=LOOKS_EVERY_SECONDS,
            use_user_code_server=True,  # Dagster's daemon knows no condition but its own
            run_tags={"dagster/priority": "1"},  # where loading never ends, a refresh doesn't wait for its end either
            description="Refreshes and checks the marts, and writes the files for Tableau anew, in one run for however "
            "many loads there were: as soon as none is on its way and all have passed their critical checks.",
        )
