"""The sensors that start the runs of files which landed while nobody could start them, and end abandoned runs."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from typing import Any

import dagster as dg

from retail_pipeline.defs.loads import LOADS
from retail_pipeline.defs.processes import close_abandoned_runs
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.migrations import ensure_current

EVERY_SECONDS = 15

ABANDONED_AFTER = timedelta(minutes=2)
"""Who landed a file starts its run within seconds, or says that it couldn't; after this time its process is gone."""


@dg.sensor(
    job_name="ingest",
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the run of each file that landed while Dagster couldn't be reached.",
)
def waiting_loads(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for one run for each load that waits in the landing store with nobody to start it."""
    warehouse = Warehouse(Settings())
    ensure_current(warehouse)
    with warehouse.writing(lock="landing") as connection:
        taken = ledger.take_over(connection, ABANDONED_AFTER)
        started = {entry["load_id"]: _run_of(context.instance, entry) for entry in taken}
        for load_id, run_id in started.items():
            if run_id:
                ledger.enter_run(connection, [load_id], run_id)
    without_run = [entry for entry in taken if not started[entry["load_id"]]]
    if not without_run:
        return dg.SkipReason("No landed file waits for a run.")
    return dg.SensorResult(
        run_requests=[
            # A load that was reverted and landed again has another landing_no, and is run again.
            dg.RunRequest(partition_key=entry["load_id"], run_key=f"{entry['load_id']}/{entry['landing_no']}")
            for entry in without_run
        ],
        dynamic_partitions_requests=[LOADS.build_add_request([entry["load_id"] for entry in without_run])],
    )


@dg.sensor(
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process was killed: they would be shown as running, and hold up others, for ever.",
)
def abandoned_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Looks for runs that lived on this host in a process that is gone."""
    close_abandoned_runs(context.instance)
    return dg.SkipReason("Runs whose process is gone are told as failed.")


def _run_of(instance: dg.DagsterInstance, entry: Mapping[str, Any]) -> str | None:
    """The run that loads it, or tried: whoever launched it may have been killed before the ledger said so."""
    filters = dg.RunsFilter(
        tags={"dagster/partition": entry["load_id"]}, created_after=entry["landed_at"].replace(tzinfo=UTC)
    )
    return next((run.run_id for run in instance.get_runs(filters=filters, limit=1)), None)
