"""The Dagster instance of RETAIL_HOME: what is configured of it, and what it knows from the beginning."""

import os
from pathlib import Path

import dagster as dg
import yaml

from retail_pipeline.defs.processes import close_abandoned_runs
from retail_pipeline.defs.resources import POOL
from retail_pipeline.file_locks import file_lock
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger

OURS = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
"""dagster.yaml as we want it, but for the place of the storage. A deployment brings its own."""

MADE_BY_RETAIL = OURS.partition("\n")[0]


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of RETAIL_HOME, made when it is first opened."""
    folder = settings.dagster_folder
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / ".lock", settings.lock_seconds):  # two that make its tables would collide
        _configure(folder)
        instance = dg.DagsterInstance.from_config(str(folder))
        instance.get_dynamic_partitions("loads")  # the event log makes its tables when it is first read
        if POOL not in instance.event_log_storage.get_concurrency_keys():
            # Otherwise it has no limit until runs have been waiting for it, and the first ones all start.
            instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
        close_abandoned_runs(instance)
    return instance


def _configure(folder: Path) -> None:
    """Writes dagster.yaml where there is none, or where it is ours and of another version or another place."""
    config = folder / "dagster.yaml"
    storage = {
        "module": "retail_pipeline.defs.local_storage",
        "class": "PooledSqliteStorage",
        "config": {"base_dir": str(folder)},
    }
    wanted = OURS + yaml.safe_dump({"storage": {"custom": storage}}, sort_keys=False)
    there = config.read_text(encoding="utf-8") if config.exists() else MADE_BY_RETAIL
    if there.startswith(MADE_BY_RETAIL) and there != wanted:
        arriving = config.with_suffix(".arriving")
        arriving.write_text(wanted, encoding="utf-8")
        os.replace(arriving, config)


def know_loads(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    """Makes every load of the ledger a partition, as they are where an instance saw them come."""
    from retail_pipeline.defs.loads import LOADS

    with warehouse.reading() as connection:
        instance.add_dynamic_partitions(LOADS.name, [entry["load_id"] for entry in ledger.entries(connection)])
