"""The sensors that take files out of the inbox, start the runs of files which landed, and end abandoned runs."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from retail_pipeline.defs.loads import LOADS
from retail_pipeline.defs.processes import close_abandoned_runs
from retail_pipeline.errors import Busy
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.inbox import look
from retail_pipeline.warehouse.migrations import open_warehouse

EVERY_SECONDS = 15

ABANDONED_AFTER = timedelta(minutes=2)
"""Who landed a file starts its run within seconds, or says that it couldn't; after this time its process is gone."""


@dg.sensor(
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes in the files in the inbox that are complete, and moves them to `done`, or to `failed` with a "
    "text that says why. Their runs are started by `waiting_loads`.",
)
def inbox(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Lands files by the same code as `retail ingest`; no run is asked for here, so that there is one place for that.

    The cursor holds what was there at the last look, for a file that changes is still being written.
    """
    settings = Settings()
    with open_warehouse(settings) as warehouse:
        try:
            found = look(warehouse, SourceCatalogue(settings.sources_folder), json.loads(context.cursor or "{}"))
        except Busy:
            return dg.SkipReason("Somebody else is looking into the inbox.")
    context.update_cursor(json.dumps(found.seen))
    for name, load_id in found.landed.items():
        context.log.info(f"{name} landed as {load_id}")
    for name, load_id in found.known.items():
        context.log.info(f"{name}: nothing new, its bytes are load {load_id}")
    for refused in found.refused:
        context.log.warning(f"{refused.name} is refused: {refused.reason}")
    for trouble in found.troubles:
        context.log.error(f"{trouble}; it is tried again")
    counts = {
        "landed": len(found.landed),
        "known": len(found.known),
        "refused": len(found.refused),
        "tried again": len(found.troubles),
        "not complete yet": len(found.seen) - len(found.troubles),
    }
    told = ", ".join(f"{number} {what}" for what, number in counts.items() if number)
    return dg.SkipReason(f"{settings.inbox_folder}: {told or 'no files'}.")


@dg.sensor(
    job_name="load",
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the run of each file that came through the inbox or landed while Dagster couldn't be reached, "
    "and of each load that was corrected then.",
)
def waiting_loads(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Asks for one run for each load that waits in the landing store with nobody to start it."""
    with open_warehouse() as warehouse, warehouse.writing(lock="landing") as connection:
        corrected = ledger.to_be_corrected(connection)
        taken = ledger.take_over(connection, ABANDONED_AFTER)
        since = {entry["load_id"]: corrected.get(entry["load_id"], entry["landed_at"]) for entry in taken}
        started = {load_id: _run_of(context.instance, load_id, moment) for load_id, moment in since.items()}
        for load_id, run_id in started.items():
            if run_id:
                ledger.enter_run(connection, [load_id], run_id)
    without_run = [entry for entry in taken if not started[entry["load_id"]]]
    if not without_run:
        return dg.SkipReason("No landed file waits for a run.")
    return dg.SensorResult(
        run_requests=[
            # A load that was reverted and landed again has another landing_no, and is run again; so is a corrected one.
            dg.RunRequest(
                partition_key=entry["load_id"],
                run_key=f"{entry['load_id']}/{entry['landing_no']}/{since[entry['load_id']]:%Y%m%dT%H%M%S.%f}",
            )
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


def _run_of(instance: dg.DagsterInstance, load_id: str, since: datetime) -> str | None:
    """The run that loads it, or tried: whoever launched it may have been killed before the ledger said so."""
    filters = dg.RunsFilter(tags={"dagster/partition": load_id}, created_after=since.replace(tzinfo=UTC))
    return next((run.run_id for run in instance.get_runs(filters=filters, limit=1)), None)
