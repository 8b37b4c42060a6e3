"""Starting jobs from the command line: in this process, on the same Dagster instance that the web UI shows."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import uuid4

import dagster as dg
import yaml

from retail_pipeline.defs import processes
from retail_pipeline.defs.errors import message_of
from retail_pipeline.defs.processes import PROCESS_TAG, close_abandoned_runs
from retail_pipeline.defs.resources import POOL
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.connection import file_lock
from retail_pipeline.warehouse.loading import Progress
from retail_pipeline.warehouse.retrying import retried

INSTANCE = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "concurrency": {"runs": {"max_concurrent_runs": 1}, "pools": {"granularity": "run", "default_limit": 1}},
    "run_monitoring": {"enabled": True},
    "run_retries": {"enabled": True, "max_retries": 1, "retry_on_asset_or_op_failure": False},
    "python_logs": {"managed_python_loggers": ["retail_pipeline"], "python_log_level": "INFO"},
    "retention": {
        "schedule": {"purge_after_days": 90},
        "sensor": {"purge_after_days": {"skipped": 7, "failure": 30, "success": 90}},
    },
}
"""dagster.yaml of the instance under RETAIL_HOME: nothing is sent anywhere; runs queue up, for the warehouse lets in
one at a time, and crashed ones are tried once more; our log's lines are in each run's log too; and what sensors did is
forgotten in time. A deployment brings its own."""

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


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of RETAIL_HOME, made when it is first opened."""
    settings.dagster_folder.mkdir(parents=True, exist_ok=True)
    config = settings.dagster_folder / "dagster.yaml"
    if not config.exists():
        config.write_text(yaml.safe_dump(INSTANCE), encoding="utf-8")
    with file_lock(settings.dagster_folder / ".lock", settings.lock_seconds):  # two that make its tables would collide
        instance = dg.DagsterInstance.from_config(str(settings.dagster_folder))
        instance.get_dynamic_partitions("loads")  # the event log makes its tables when it is first read
        if POOL not in instance.event_log_storage.get_concurrency_keys():
            # Otherwise it has no limit until runs have been waiting for it, and the first ones all start.
            instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        close_abandoned_runs(instance)
    return instance


def know_loads(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    """Makes every load of the ledger a partition, as they are where an instance saw them come."""
    from retail_pipeline.defs.loads import LOADS

    with warehouse.reading() as connection:
        instance.add_dynamic_partitions(LOADS.name, [entry["load_id"] for entry in ledger.entries(connection)])


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
        yield _run(instance, "ingest", range_tags, run_id=run_id, resources={"progress": progress})


@retried
def _enter_runs(warehouse: Warehouse, runs: Sequence[tuple[str, Sequence[str]]]) -> None:
    with warehouse.writing(lock="landing") as connection:
        for run_id, load_ids in runs:
            ledger.enter_run(connection, load_ids, run_id)


def run_refresh(instance: dg.DagsterInstance, *, full: bool) -> RunOutcome:
    """Runs the job `refresh_marts`."""
    from retail_pipeline.defs.marts import MART_ASSETS

    ops = {asset.op.name: {"config": {"full": full}} for asset in MART_ASSETS}
    return _run(instance, "refresh_marts", {}, run_config={"ops": ops})


def _run(
    instance: dg.DagsterInstance, job: str, tags: dict[str, str], run_config: dict | None = None, **kwargs
) -> RunOutcome:
    from retail_pipeline.definitions import defs

    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        tags=tags | {PROCESS_TAG: processes.this_one()},
        run_config=QUIET | (run_config or {}),
        raise_on_error=False,
        **kwargs,
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
