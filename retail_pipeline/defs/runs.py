"""Starting jobs from the command line: in this process, on the same Dagster instance that the web UI shows."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from retail_pipeline.defs import processes
from retail_pipeline.defs.errors import message_of
from retail_pipeline.defs.processes import PROCESS_TAG
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.loading import Progress, no_progress
from retail_pipeline.warehouse.retrying import retried

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The run's log is in the web UI; what matters of it is told at the end."""


@dataclass(frozen=True)
class Check:
    """The outcome of one asset check."""

    asset: str
    name: str
    passed: bool
    critical: bool
    details: dict[str, str]


@dataclass(frozen=True)
class RunOutcome:
    """What became of a run: whether it succeeded, its checks, and the errors of steps that failed."""

    run_id: str
    success: bool
    checks: list[Check]
    errors: list[str]


def run_ingest(
    instance: dg.DagsterInstance, warehouse: Warehouse, load_ids: Sequence[str], progress: Progress
) -> Iterator[RunOutcome]:
    """Runs the job `ingest` for loads: one run for each stretch of loads that lie together in Dagster's order."""
    from retail_pipeline.defs.loads import LOADS

    instance.add_dynamic_partitions(LOADS.name, load_ids)
    runs = [(str(uuid4()), stretch) for stretch in _stretches(instance.get_dynamic_partitions(LOADS.name), load_ids)]
    _enter_runs(warehouse, runs)
    for run_id, stretch in runs:
        range_tags = {
            "dagster/asset_partition_range_start": stretch[0],
            "dagster/asset_partition_range_end": stretch[-1],
        }
        yield _run(instance, "ingest", range_tags, run_id=run_id, progress=progress)


@retried
def _enter_runs(warehouse: Warehouse, runs: Sequence[tuple[str, Sequence[str]]]) -> None:
    with warehouse.writing(lock="landing") as connection:
        for run_id, load_ids in runs:
            ledger.enter_run(connection, load_ids, run_id)


def run_refresh(instance: dg.DagsterInstance, warehouse: Warehouse, *, full: bool) -> RunOutcome:
    """Runs the job `refresh_marts`, or `marts_alone` where no load need be tested; in full, all are."""
    from retail_pipeline.defs.loads import tell_what_is_loaded
    from retail_pipeline.defs.marts import MART_ASSETS

    with warehouse.reading() as connection:
        loaded, unchecked = ledger.loaded(connection), ledger.unchecked(connection)
    tell_what_is_loaded(instance, loaded)
    ops = {asset.op.name: {"config": {"full": full}} for asset in MART_ASSETS}
    return _run(instance, "refresh_marts" if full or unchecked else "marts_alone", {}, run_config={"ops": ops})


def _run(
    instance: dg.DagsterInstance,
    job: str,
    tags: dict[str, str],
    *,
    run_config: dict | None = None,
    run_id: str | None = None,
    progress: Progress = no_progress,
) -> RunOutcome:
    from retail_pipeline.definitions import defs

    # JobDefinition.execute_in_process would take the steps one after the other, whatever the job's executor.
    whole, told = defs.resolve_job_def(job), dg.ResourceDefinition.hardcoded_resource(progress)
    result = core_execute_in_process(
        job=InMemoryJob(whole.with_top_level_resources({**whole.resource_defs, "progress": told})),
        instance=instance,
        run_tags=whole.run_tags | tags | {PROCESS_TAG: processes.this_one()},
        run_config=QUIET | (run_config or {}),
        raise_on_error=False,
        output_capturing_enabled=False,
        run_id=run_id,
    )
    checks = [
        Check(
            evaluation.asset_key.path[-1],
            evaluation.check_name,
            evaluation.passed,
            evaluation.severity == dg.AssetCheckSeverity.ERROR,
            {name: str(value.value) for name, value in evaluation.metadata.items()},
        )
        for evaluation in result.get_asset_check_evaluations()
    ]
    return RunOutcome(
        result.run_id,
        result.success,
        checks,
        [message_of(event) for event in result.filter_events(lambda e: e.is_step_failure)],
    )


def _stretches(keys: Sequence[str], wanted: Collection[str]) -> list[list[str]]:
    """The wanted keys, those that stand side by side together."""
    grouped = groupby(keys, key=set(wanted).__contains__)
    return [list(stretch) for is_wanted, stretch in grouped if is_wanted]
