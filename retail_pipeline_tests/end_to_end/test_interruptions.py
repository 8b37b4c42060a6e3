"""`retail ingest`, killed as the power goes."""

import random
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from retail_pipeline.definitions import defs
from retail_pipeline.defs import processes
from retail_pipeline.defs.instance import open_instance
from retail_pipeline.defs.processes import PROCESS_TAG, UNFINISHED
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.settings import Settings
from retail_pipeline_tests.end_to_end.commands import begun, warm_retail

pytestmark = pytest.mark.end_to_end


def tables(home: Path) -> dict[str, list]:
    """What people see: the lines that count and the figures."""
    with closing(sqlite3.connect(home / "retail.db")) as database:
        return {
            table: sorted(database.execute(f"SELECT * FROM {table}").fetchall(), key=repr)  # noqa: S608
            for table in ("order_lines", "quarantined_lines", "mart_kpis", "mart_orders")
        }


def test_an_ingest_that_was_killed_again_and_again_ends_as_if_undisturbed(tmp_path):
    sample = tmp_path / "sample.csv"
    write_sample(sample, orders=200)
    assert warm_retail("ingest", sample, home=tmp_path / "calm").returncode == 0

    home = tmp_path / "shop"
    seconds = random.Random(7)
    for _ in range(6):
        process = begun(tmp_path, "ingest", sample, home=home)
        process.join(seconds.uniform(0.1, 3))
        process.kill()
        process.join()
    assert warm_retail("ingest", sample, home=home).returncode == 0
    assert tables(home) == tables(tmp_path / "calm")

    with dg.DagsterInstance.from_config(str(Settings(home=home).dagster_folder)) as instance:
        assert {run.status for run in instance.get_runs()} <= {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE}


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_run_whose_process_is_gone_is_told_as_failed_however_far_it_had_come(tmp_path, status):
    settings = Settings(home=tmp_path)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    here = socket.gethostname()
    places = f"{here}:{gone.pid}", processes.this_one(), f"not-{here}:{gone.pid}"
    with open_instance(settings) as instance:
        dead, alive, elsewhere = (
            instance.create_run_for_job(
                defs.resolve_job_def("ingest"), status=status, tags={PROCESS_TAG: process}
            ).run_id
            for process in places
        )
        health = instance.run_launcher.check_run_worker_health
        assert health(instance.get_run_by_id(dead)).status == WorkerStatus.NOT_FOUND
        for run_id in (alive, elsewhere):
            assert health(instance.get_run_by_id(run_id)).status == WorkerStatus.RUNNING
    with open_instance(settings) as instance:
        assert instance.get_run_by_id(dead).status == dg.DagsterRunStatus.FAILURE
        for run_id in (alive, elsewhere):
            assert instance.get_run_by_id(run_id).status == status
