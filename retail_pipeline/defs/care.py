"""The job that deletes what is older than the settings keep."""

from dataclasses import asdict

import dagster as dg

from retail_pipeline.defs.resources import Retail
from retail_pipeline.warehouse.pruning import prune


@dg.op(out=None)
def prune_what_is_old(context: dg.OpExecutionContext, retail: Retail) -> None:
    """As `retail prune` does, by RETAIL_KEEP_RAW_DAYS, RETAIL_KEEP_FILES_DAYS and RETAIL_KEEP_CHECKS_DAYS."""
    context.add_output_metadata(asdict(prune(retail.warehouse)))


@dg.job(name="prune", description="Deletes raw lines, files and results of checks that are older than is kept.")
def prune_job() -> None:
    prune_what_is_old()
