"""The whole graph on one page."""

import logging

import dagster as dg

from retail_pipeline import logs
from retail_pipeline.defs.care import prune_job
from retail_pipeline.defs.checks import MART_CHECKS, load_checks
from retail_pipeline.defs.dashboards import REBUILD_TABLEAU, TABLEAU_ASSETS
from retail_pipeline.defs.loads import COUNTRIES, EXPORT_FILES, load_assets
from retail_pipeline.defs.marts import MART_ASSETS
from retail_pipeline.defs.resources import RESOURCES
from retail_pipeline.defs.sensors import abandoned_runs, waiting_loads
from retail_pipeline.settings import Settings

if not logs.is_set_up():  # by a command that runs jobs itself
    logs.set_up(Settings(), level=logging.INFO)

marts = dg.AssetSelection.assets(*MART_ASSETS)

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(load_assets) | marts,
    description="Loads landed files, checks them, refreshes the marts and checks those.",
)
refresh_marts = dg.define_asset_job(
    "refresh_marts",
    selection=marts | dg.AssetSelection.checks(load_checks),
    description="Checks what hasn't been checked yet, refreshes the marts and checks those.",
)

defs = dg.Definitions(
    assets=[EXPORT_FILES, COUNTRIES, load_assets, *MART_ASSETS, *TABLEAU_ASSETS],
    asset_checks=[load_checks, *MART_CHECKS],
    jobs=[ingest, refresh_marts, prune_job],
    sensors=[waiting_loads, abandoned_runs, REBUILD_TABLEAU],
    resources=RESOURCES,
    executor=dg.in_process_executor,
)
