"""The job that deletes what is older than the settings keep."""

from dataclasses import asdict

import dagster as dg

from retail_pipeline.defs.resources import Retail
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.pruning import prune


@dg.op(out=None)
def prune_what_is_old(context: dg.OpExecutionContext, retail: Retail) -> None:
    """As `retail prune` does, by RETAIL_KEEP_RAW_DAYS, RETAIL_KEEP_FILES_DAYS and RETAIL_KEEP_CHECKS_DAYS."""
    context.add_output_metadata(asdict(prune(retail.warehouse)))


@dg.job(name="prune", description="Deletes raw lines, files and results of checks that are older than is kept.")
def prune_job() -> None:
    prune_what_is_old()


EVERY_SUNDAY = dg.ScheduleDefinition(
    name="every_sunday",
    job=prune_job,
    cron_schedule=f"{Settings().nightly_at.minute} {Settings().nightly_at.hour} * * 0",
    execution_timezone=Settings().time_zone,
    # Unless the settings say so, nothing goes but what checks found a year ago.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes what is older than the settings keep.",
)
