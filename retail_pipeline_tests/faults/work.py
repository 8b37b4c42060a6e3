"""The work that is disturbed, in a process of its own, and what the tables hold afterwards.

It is what a run does in the database, by the same functions: landing, loading, refreshing, reverting. Dagster and Great
Expectations around it would cost ten seconds a round; `end_to_end` kills them as well.
"""

import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh, stale
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.failures import told
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import LINE_TABLES
from retail_pipeline_tests.exports import ONLINE_RETAIL

DONE, TOLD, BUG = 0, 1, 70
"""Exit statuses of work: done, gave up with a message, failed in a way that nobody thought of."""

WHEN = ("landed_at", "loaded_at", "landing_no")
"""Columns that say when, which is another matter every time; the order of loads shows in the figures."""

Work = Callable[[Warehouse], None]
Contents = dict[str, list[tuple]]
"""Rows by table, as far as they don't say when something happened."""


def ingest(warehouse: Warehouse, path: Path) -> None:
    """Lands a file, and brings the tables up to date."""
    land(warehouse, path, ONLINE_RETAIL)
    bring_up_to_date(warehouse)


def bring_up_to_date(warehouse: Warehouse) -> None:
    """Finishes whatever is unfinished: what the next run does after one that was interrupted."""
    with warehouse.alone():
        _load_and_refresh(warehouse)


@retried
def _load_and_refresh(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        waiting = ledger.waiting(connection)
    for load_id in waiting:
        load(warehouse, load_id, ONLINE_RETAIL)
    for name in stale(warehouse):
        refresh(warehouse, marts()[name])


def make_anew(warehouse: Warehouse) -> None:
    """Makes all marts anew."""
    with warehouse.alone():
        for mart in marts().values():
            refresh(warehouse, mart, full=True)


def take_back(warehouse: Warehouse, load_id: str) -> None:
    """Takes a load back out, and brings the marts up to date."""
    with warehouse.alone():
        revert(warehouse, load_id)
        _load_and_refresh(warehouse)


@dataclass(frozen=True)
class Task:
    """Work by its name, so that a process that starts from nothing can be told of it."""

    name: str
    subject: str = ""
    """The file to ingest, or the load to take back."""

    def __call__(self, warehouse: Warehouse) -> None:
        """Does it."""
        match self.name:
            case "ingest":
                ingest(warehouse, Path(self.subject))
            case "revert":
                take_back(warehouse, self.subject)
            case "refresh":
                make_anew(warehouse)


@dataclass
class Worker:
    """A process that works."""

    pid: int
    log: Path

    def kill(self) -> None:
        """Kills it, as the power does."""
        os.kill(self.pid, 9)

    def has_ended(self) -> bool:
        """Whether it is over, for whoever will `wait` for it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def wait(self) -> int:
        """Its exit status, negative where a signal ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def wait_or_kill(self, seconds: float) -> int:
        """Its exit status; after so many seconds it is killed."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        self.kill()
        return self.wait()


def begin(work: Work, settings: Settings) -> Worker:
    """Starts work in a process of its own: a copy of this one, which has imported all that it needs."""
    handle, name = tempfile.mkstemp(prefix="retail-fault-", suffix=".log")  # not on the disk that may be full
    os.close(handle)
    log = Path(name)
    pid = os.fork()
    if pid:
        return Worker(pid, log)
    status = BUG
    try:
        with log.open("w") as errors:
            os.dup2(errors.fileno(), 2)
            sys.stderr = errors  # pytest has put something else there
            logging.basicConfig(stream=errors, level=logging.WARNING, force=True)
            status = _status(work, settings)
    finally:
        os._exit(status)


def _status(work: Work, settings: Settings) -> int:
    """Does work; what became of it, with the reason on standard error."""
    try:
        work(Warehouse(settings))
    except Exception as error:
        failure = error if isinstance(error, BadInput) else told(error)
        if failure is None:
            traceback.print_exc()
            return BUG
        print(failure, file=sys.stderr)
        return TOLD
    return DONE


def contents(warehouse: Warehouse) -> Contents:
    """All that people may see, in an order that doesn't depend on the database."""
    tables = [*LINE_TABLES, *(mart.table() for mart in marts().values())]
    found: Contents = {}
    with warehouse.reading() as connection:
        for table in tables:
            if sa.inspect(connection).has_table(table.name):
                columns = [column for column in table.columns if column.name not in WHEN]
                found[table.name] = sorted(map(tuple, connection.execute(sa.select(*columns))), key=repr)
    return found


def differences(one: Contents, other: Contents) -> list[str]:
    """The tables that differ, with a row for each that only one has."""
    return [
        f"{table}: {next(iter(set(one.get(table, ())) ^ set(other.get(table, ()))), 'repeated rows')}"
        for table in sorted(one.keys() | other.keys())
        if one.get(table) != other.get(table)
    ]


if __name__ == "__main__":
    sys.exit(_status(Task(*sys.argv[1:]), Settings(_env_file=None)))
