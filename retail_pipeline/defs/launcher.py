"""Runs inside a running service: forked from a process that is warm, and not started from nothing."""

import multiprocessing
import os
import runpy
import signal
import sys

from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.types import ExecuteRunArgs

from retail_pipeline.defs import processes
from retail_pipeline.defs.processes import PROCESS_TAG
from retail_pipeline.quality import tester
from retail_pipeline.settings import Settings

WARM = "retail_pipeline.defs.warm"


class WarmRunLauncher(DefaultRunLauncher):
    """Forks runs from a process that has imported and prepared everything, which half of a small run's time went into.

    That process comes to be with the first run, and goes with Dagster's daemon. Runs for another Python are launched as
    Dagster does by default.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None or origin.executable_path != sys.executable:
            super().launch_run(context)
            return
        wanted = ExecuteRunArgs(job_origin=origin, run_id=run.run_id, instance_ref=self._instance.get_ref())
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload([WARM])
        process = forking.Process(target=execute, args=(wanted.get_command_args(),), name=run.run_id, daemon=True)
        process.start()
        self._instance.add_run_tags(run.run_id, {PROCESS_TAG: processes.tagged(process.pid)})
        multiprocessing.active_children()  # lets go of those that have ended

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        process = processes.living(run) if run and not run.is_finished else None
        if process is None:
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        os.kill(process, signal.SIGTERM)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND if processes.is_gone(run) else WorkerStatus.RUNNING)


def execute(command: list[str]) -> None:
    """Does in this process what `python -m dagster ...` does, with tables tested beside it."""
    sys.argv = command[command.index("dagster") :]
    with tester.beside(Settings()):
        runpy.run_module("dagster", run_name="__main__", alter_sys=True)
