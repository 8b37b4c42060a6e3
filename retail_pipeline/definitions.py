"""The whole graph on one page."""

import logging

import dagster as dg

from retail_pipeline import logs
from retail_pipeline.defs.alerts import alerts
from retail_pipeline.defs.automation import marts_follow_loads
from retail_pipeline.defs.care import EVERY_SUNDAY, prune_job
from retail_pipeline.defs.checks import MART_CHECKS, load_checks
from retail_pipeline.defs.dashboards import TABLEAU_ASSETS
from retail_pipeline.defs.executor import executor_of
from retail_pipeline.defs.loads import COUNTRIES, EXPORT_FILES, load_assets
from retail_pipeline.defs.marts import MART_ASSETS
from retail_pipeline.defs.nightly import EVERY_NIGHT, verified_marts
from retail_pipeline.defs.resources import RESOURCES
from retail_pipeline.defs.sensors import abandoned_runs, inbox, waiting_loads
from retail_pipeline.settings import Settings

if not logs.is_set_up():  # by a command that runs jobs itself
    logs.set_up(Settings(), level=logging.INFO)

marts = dg.AssetSelection.assets(*MART_ASSETS)

ingest = dg.define_asset_job(
    "ingest",
    selection=dg.AssetSelection.assets(load_assets) | marts,
    description="Loads landed files, checks them, refreshes the marts and checks those.",
)
load = dg.define_asset_job(
    "load",
    selection=dg.AssetSelection.assets(load_assets),
    description="Loads a landed file and checks it. The marts follow by themselves, once for many loads.",
)
refresh_marts = dg.define_asset_job(
    "refresh_marts",
    selection=marts | dg.AssetSelection.checks(load_checks),
    description="Checks what hasn't been checked yet, refreshes the marts and checks those.",
)
marts_alone = dg.define_asset_job(
    "marts_alone",
    selection=marts,
    description="Refreshes the marts and checks those, where all loads have passed their checks.",
)
nightly = dg.define_asset_job(
    "nightly",
    selection=marts | dg.AssetSelection.checks(load_checks) | dg.AssetSelection.assets(verified_marts),
    description="Does what refresh_marts does, compares every mart with making it anew, and looks for missing days.",
)

defs = dg.Definitions(
    assets=[EXPORT_FILES, COUNTRIES, load_assets, *MART_ASSETS, verified_marts, *TABLEAU_ASSETS],
    asset_checks=[load_checks, *MART_CHECKS],
    jobs=[ingest, load, refresh_marts, marts_alone, nightly, prune_job],
    schedules=[EVERY_NIGHT, EVERY_SUNDAY],
    sensors=[inbox, waiting_loads, abandoned_runs, marts_follow_loads(*MART_ASSETS, *TABLEAU_ASSETS), alerts],
    resources=RESOURCES,
    executor=executor_of(Settings()),
)
