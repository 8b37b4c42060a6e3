"""Which errors of a database may pass, what people are told of them, and how work is tried again."""

import errno
import logging
import sqlite3
import time

import pymysql
import pytest
import sqlalchemy as sa

from retail_pipeline.errors import BadInput, DiskFull, Failure, Unreachable
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.failures import is_about_the_connection, may_pass, told
from retail_pipeline.warehouse.retrying import retried


def of_mysql(code: int, text: str = "says the server", kind: type = pymysql.err.OperationalError) -> sa.exc.DBAPIError:
    return sa.exc.OperationalError("SELECT 1", {}, kind(code, text))


def of_sqlite(code: int) -> sa.exc.DBAPIError:
    error = sqlite3.OperationalError("says SQLite")
    error.sqlite_errorcode = code
    return sa.exc.OperationalError("SELECT 1", {}, error)


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(Settings(_env_file=None, home=tmp_path, retry_seconds=2))


@pytest.mark.parametrize("error", [of_mysql(code) for code in (1205, 1213, 2003, 2006, 2013, 1927, 1053)], ids=str)
def test_deadlocks_lock_waits_lost_connections_and_restarts_may_pass(error):
    assert may_pass(error)


@pytest.mark.parametrize("code", [5, 261, 6], ids=["busy", "busy recovery", "locked"])
def test_a_locked_sqlite_file_may_pass(code):
    assert may_pass(of_sqlite(code))


@pytest.mark.parametrize(
    "error",
    [
        *(of_mysql(1062), of_mysql(1048), of_mysql(1054), of_mysql(1045), of_mysql(1114), of_mysql(1317)),
        *(of_sqlite(13), of_sqlite(19), of_sqlite(11), BadInput("a date"), ValueError(), OSError(errno.ENOSPC, "full")),
    ],
    ids=str,
)
def test_bad_input_violated_constraints_and_full_disks_are_not_tried_again(error):
    assert not may_pass(error)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (of_mysql(2013), Unreachable, "the connection to the database was lost"),
        (of_mysql(1213), Failure, "somebody else keeps the tables locked"),
        (of_mysql(1114, "The table 'loads' is full"), DiskFull, "Make room"),
        (of_sqlite(13), DiskFull, "Make room"),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull, "Make room"),
    ],
    ids=["lost", "deadlock", "full", "full SQLite", "full landing store"],
)
def test_what_gave_way_is_told_with_what_to_do(error, kind, words):
    failure = told(error)
    assert type(failure) is kind
    assert words in str(failure)
    assert "`retail ingest` without a file finishes what was begun" in str(failure)
    assert "SELECT" not in str(failure)


def test_bugs_are_not_dressed_up():
    assert told(of_mysql(1064)) is None
    assert told(ZeroDivisionError()) is None


def test_an_error_of_which_only_the_text_is_left_is_known_by_its_number():
    assert is_about_the_connection("(pymysql.err.OperationalError) (2013, 'Lost connection to MySQL server')")
    assert is_about_the_connection("(pymysql.err.InternalError) Packet sequence number wrong - got 45 expected 0")
    assert not is_about_the_connection("(pymysql.err.ProgrammingError) (1146, \"Table 'x' doesn't exist\")")
    assert not is_about_the_connection("no such column: 2013")


def test_work_is_done_again_until_it_succeeds_and_every_new_attempt_is_logged(warehouse, caplog):
    errors = [of_mysql(1213), of_mysql(2006)]

    @retried
    def work(_: Warehouse) -> str:
        if errors:
            raise errors.pop()
        return "done"

    with caplog.at_level(logging.WARNING):
        assert work(warehouse) == "done"
    assert ["2006" in caplog.messages[0], "1213" in caplog.messages[1], len(caplog.messages)] == [True, True, 2]


def test_work_that_was_broken_off_after_a_long_time_is_done_again_all_the_same(warehouse):
    warehouse.settings.retry_seconds = 1
    attempts = []

    @retried
    def work(_: Warehouse) -> str:
        attempts.append("an attempt")
        if len(attempts) == 1:
            time.sleep(1.1)
            raise of_mysql(2013)
        return "done"

    assert work(warehouse) == "done"


def test_work_within_other_work_is_not_tried_for_itself(warehouse):
    attempts = []

    @retried
    def inner(_: Warehouse) -> None:
        attempts.append("inner")
        if len(attempts) < 3:
            raise of_mysql(1213)

    @retried
    def outer(warehouse: Warehouse) -> None:
        attempts.append("outer")
        inner(warehouse)

    outer(warehouse)
    assert attempts == ["outer", "inner", "outer", "inner"]


def test_what_does_not_pass_in_time_is_told_and_what_cannot_pass_at_once(warehouse):
    attempts = []

    @retried
    def work(_: Warehouse, code: int) -> None:
        attempts.append(code)
        raise of_mysql(code)

    with pytest.raises(Failure, match="locked"):
        work(warehouse, 1205)
    assert attempts.count(1205) > 1
    with pytest.raises(sa.exc.OperationalError):
        work(warehouse, 1062)
    assert attempts.count(1062) == 1
