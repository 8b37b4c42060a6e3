"""The process in which Great Expectations tests a server's tables, beside the one that asks for it."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from retail_pipeline.defs.resources import Retail
from retail_pipeline.errors import Unreachable
from retail_pipeline.quality import tester
from retail_pipeline.quality.catalogue import Suite, suites
from retail_pipeline.quality.great_expectations_bridge import Verdict, evaluate
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests.faults.catalogue import IMPATIENT, impatient
from retail_pipeline_tests.faults.proxy import Proxy
from retail_pipeline_tests.servers import a_statement_waits_for_a_table
from retail_pipeline_tests.waiting import wait_until

pytestmark = [pytest.mark.database, pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")]

SECONDS = 30

on_a_server = pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)


def suite_of(table: str) -> Suite:
    [suite] = [suite for suite in suites() if suite.table == table]
    return suite


def as_a_command(work: Callable[[Settings], Any], settings: Settings) -> Any:
    """What work gives in a process of its own, which like a command has one thread and has imported little."""
    starting = multiprocessing.get_context("spawn")
    answers, theirs = starting.Pipe()
    process = starting.Process(target=_answer, args=(work, settings, theirs))
    process.start()
    theirs.close()
    try:
        return answers.recv()
    finally:
        process.join(SECONDS)


def _answer(work: Callable[[Settings], Any], settings: Settings, answers: Connection) -> None:
    answers.send(work(settings))


def verdicts_on_loads_and_on_a_mart_that_is_missing(settings: Settings) -> tuple[list[dict[str, Verdict]], bool]:
    with tester.beside(settings), Warehouse(settings) as warehouse:
        tester.prepare()
        found = [evaluate(warehouse, suite_of(table)) for table in ("loads", "mart_kpis")]
    return found, "great_expectations" in sys.modules


@on_a_server
def test_a_process_beside_that_of_a_command_finds_what_it_would_find_itself(warehouse):
    found, has_imported = as_a_command(verdicts_on_loads_and_on_a_mart_that_is_missing, warehouse.settings)
    assert found == [evaluate(warehouse, suite_of(table)) for table in ("loads", "mart_kpis")]
    assert all(verdict.passed for verdict in found[0].values())
    assert not any(verdict.passed for verdict in found[1].values())
    assert not has_imported


def has_a_tester(settings: Settings) -> bool:
    with tester.beside(settings):
        return tester.current() is not None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"database_url": "mysql://root@127.0.0.1/retail"}, True),
        ({"database_url": "mysql://root@127.0.0.1/retail", "engine": "spark"}, False),
        ({"database_url": ""}, False),
    ],
)
def test_only_the_tables_of_a_server_are_tested_by_a_process_beside(settings, expected, tmp_path):
    assert as_a_command(has_a_tester, Settings(home=tmp_path, **settings)) is expected


def killed_by_somebody() -> None:
    os.kill(tester.current().process_id, signal.SIGKILL)


def interrupted_with_its_run() -> None:
    Retail().interrupt()


def what_becomes_of_a_test_whose_process_is_ended(
    end: Callable[[], None], settings: Settings
) -> tuple[list[str], bool]:
    failed = []
    with tester.beside(settings), Warehouse(settings) as warehouse, warehouse.engine.connect() as other:

        def ask() -> None:
            try:
                evaluate(warehouse, suite_of("loads"))
            except Exception as error:
                failed.append(f"{type(error).__name__}: {error}")

        other.exec_driver_sql("LOCK TABLES loads WRITE")
        asking = threading.Thread(target=ask)
        asking.start()
        with warehouse.reading() as connection:
            wait_until(lambda: a_statement_waits_for_a_table(connection) or not asking.is_alive())
        end()
        asking.join(SECONDS)
        other.exec_driver_sql("UNLOCK TABLES")
        tested_after_all = evaluate(warehouse, suite_of("loads"))
    return failed, all(verdict.passed for verdict in tested_after_all.values())


@on_a_server
@pytest.mark.parametrize("end", [killed_by_somebody, interrupted_with_its_run])
def test_a_test_whose_process_is_ended_has_found_nothing_and_is_made_again_by_the_process_that_asks(warehouse, end):
    failed, passed = as_a_command(partial(what_becomes_of_a_test_whose_process_is_ended, end), warehouse.settings)
    assert failed == ["Unreachable: the process that tests the tables has ended"]
    assert passed


def what_becomes_of_a_test_whose_server_falls_silent(settings: Settings) -> str:
    run = Retail().yield_for_execution(dg.build_init_resource_context())
    with impatient(), tester.beside(settings), run as retail:
        try:
            evaluate(retail.warehouse, suite_of("loads"))
        except Unreachable as error:
            return str(error)
    return "it was answered"


@on_a_server
def test_a_test_whose_server_falls_silent_is_given_up(warehouse, monkeypatch):
    proxy = Proxy(warehouse.url.port)
    through = warehouse.url.set(port=proxy.port).render_as_string(hide_password=False)
    monkeypatch.setenv("RETAIL_DATABASE_URL", through)

    def silence() -> None:
        with warehouse.reading() as connection:
            wait_until(lambda: a_statement_waits_for_a_table(connection))
        proxy.fall_silent()
        time.sleep(2 * IMPATIENT["SILENT_SECONDS"])
        proxy.speak()

    with warehouse.engine.connect() as other, ThreadPoolExecutor(1) as thread:
        other.exec_driver_sql("LOCK TABLES loads WRITE")
        silenced = thread.submit(silence)
        became = as_a_command(what_becomes_of_a_test_whose_server_falls_silent, Settings(database_url=through))
        silenced.result()
        other.exec_driver_sql("UNLOCK TABLES")
    proxy.close()
    assert became == "the process that tests the tables has ended"


def be_killed(settings: Settings) -> None:
    with tester.beside(settings):
        settings.home.mkdir(parents=True, exist_ok=True)
        (settings.home / "tester").write_text(str(tester.current().process_id))
        os.kill(os.getpid(), signal.SIGKILL)


def is_at_work(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@on_a_server
def test_no_process_is_left_behind_by_one_that_was_killed(warehouse):
    with pytest.raises(EOFError):
        as_a_command(be_killed, warehouse.settings)
    process = int((warehouse.settings.home / "tester").read_text())
    wait_until(lambda: not is_at_work(process))
