"""The Dagster instance of RETAIL_HOME: its configuration and its files."""

import os
import shutil
import signal
from pathlib import Path

import dagster as dg
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from retail_pipeline.defs.instance import MADE_BY_RETAIL, open_instance
from retail_pipeline.defs.local_storage import KEPT_OPEN
from retail_pipeline.defs.resources import POOL
from retail_pipeline.settings import Settings
from retail_pipeline_tests.killing import exit_status, in_a_process, kill_before_statement


@dg.op
def say_something(context: dg.OpExecutionContext) -> None:
    context.log.info("something")


@dg.job
def short_job() -> None:
    say_something()


def files_open() -> set[Path]:
    """Databases that this process has open."""
    descriptors = Path("/proc/self/fd").iterdir()
    found = {Path(os.readlink(descriptor)) for descriptor in descriptors if descriptor.is_symlink()}
    return {path for path in found if path.suffix == ".db"}


def test_a_configuration_of_another_version_is_brought_up_to_date_and_one_that_somebody_made_is_kept():
    settings = Settings()
    open_instance(settings).dispose()
    config = settings.dagster_folder / "dagster.yaml"
    of_this_version = config.read_text()
    config.write_text(f"{MADE_BY_RETAIL}\n")
    open_instance(settings).dispose()
    assert config.read_text() == of_this_version
    somebodys = "telemetry: {enabled: false}\n"
    config.write_text(somebodys)
    open_instance(settings).dispose()
    assert config.read_text() == somebodys


def test_a_home_that_was_moved_keeps_its_runs_where_it_is_now(tmp_path):
    with open_instance(Settings(home=tmp_path / "here")) as instance:
        run_id = short_job.execute_in_process(instance=instance).run_id
    shutil.move(tmp_path / "here", tmp_path / "there")
    with open_instance(Settings(home=tmp_path / "there")) as instance:
        assert instance.get_run_by_id(run_id)
    assert not (tmp_path / "here").exists()


def test_dagsters_own_storage_reads_what_ours_wrote_and_the_other_way_round():
    with open_instance(Settings()) as instance:
        run_id = short_job.execute_in_process(instance=instance).run_id
        messages = [entry.user_message for entry in instance.all_logs(run_id)]
    folder = str(Settings().dagster_folder)
    theirs = DagsterSqliteStorage.from_local(folder)
    assert [entry.user_message for entry in theirs.event_log_storage.get_logs_for_run(run_id)] == messages
    assert "something" in messages
    assert [run.status for run in theirs.run_storage.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_however_many_runs_are_made_few_files_stay_open():
    before = files_open()
    with open_instance(Settings()) as instance:
        runs = [short_job.execute_in_process(instance=instance).run_id for _ in range(KEPT_OPEN + 4)]
        for run_id in runs:
            assert instance.all_logs(run_id)
        assert 0 < len(files_open() - before) <= KEPT_OPEN + 2
    assert files_open() <= before


def test_a_process_that_is_killed_while_it_makes_the_instance_leaves_one_that_the_next_can_use(tmp_path):
    number = 1
    while True:
        settings = Settings(home=tmp_path / str(number))

        def work(number: int = number, settings: Settings = settings) -> None:
            kill_before_statement(number)
            open_instance(settings)

        status = exit_status(in_a_process(work))
        with open_instance(settings) as instance:
            instance.add_dynamic_partitions("loads", ["first"])
            assert instance.get_runs() == []
            assert instance.schedule_storage.all_instigator_state() == []
            assert POOL in instance.event_log_storage.get_concurrency_keys()
        if status == 0:
            break
        assert status == -signal.SIGKILL
        number = number * 5 // 4 + 1
    assert number > 100
