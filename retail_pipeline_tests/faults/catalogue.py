"""The faults: each disturbs one piece of work on a ground, and says what became of it."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, connection, locks
from retail_pipeline_tests.faults import work as work_module
from retail_pipeline_tests.faults.ground import Ground
from retail_pipeline_tests.faults.work import DONE, TOLD, Task, Worker, begin, make_anew
from retail_pipeline_tests.waiting import wait_until

IMPATIENT = {"BEAT_SECONDS": 0.3, "LOOK_SECONDS": 0.5, "SILENT_SECONDS": 3}
"""How soon signs of life are missed here: a fault that waits for that is to take seconds, not minutes."""

LONGEST_SECONDS = 180
"""Whatever happens, work ends by then, well or not: it must not hang."""

HEAVY_ROWS = 20_000
"""So many changed rows make InnoDB choose the other transaction when it breaks a deadlock."""


class NotHere(Exception):
    """A fault that can't be had on this ground; says why."""


Disturbance = Callable[[Ground, Task, random.Random], str]


@dataclass(frozen=True)
class Fault:
    """One kind of fault; `disturb` returns what became of the work."""

    name: str
    disturb: Disturbance


def _ended(worker: Worker) -> str:
    """What became of work, in a word. Raises AssertionError where it hung, or failed as nobody thought of."""
    status = worker.wait_or_kill(LONGEST_SECONDS)
    said = worker.log.read_text().strip()
    worker.log.unlink()
    assert status in (DONE, TOLD), f"the work ended with status {status}: {said[-3000:]}"
    if status == TOLD:
        return f"gave up: {said.splitlines()[-1][:60]}"
    return "went on by itself" if "trying again" in said else "wasn't impressed"


def killed(ground: Ground, work: Task, rng: random.Random) -> str:
    """The process, at any moment, as by `kill -9`."""
    worker = begin(work, ground.settings)
    status = worker.wait_or_kill(rng.uniform(0, 1.2 * ground.seconds))
    assert status in (DONE, -9), worker.log.read_text()[-3000:]
    worker.log.unlink()
    return "done before" if status == DONE else "killed"


def killed_in_a_statement(ground: Ground, work: Task, rng: random.Random) -> str:
    """The process, while the server does for it what takes long: the server goes on and holds the lock."""
    if ground.warehouse.is_sqlite:
        raise NotHere("SQLite has no server that goes on")

    def endless(warehouse: Warehouse) -> None:
        with warehouse.alone(), warehouse.writing() as connection:
            connection.execute(sa.text("DELETE FROM mart_kpis"))
            connection.execute(sa.text(f"SELECT SLEEP({10 * LONGEST_SECONDS})"))

    with impatient():
        worker = begin(endless, ground.settings)
        wait_until(lambda: _processes(ground, "SLEEP"))
        worker.kill()
        worker.wait()
        worker.log.unlink()
        assert _processes(ground, "SLEEP"), "the server goes on with what nobody waits for"
        outcome = _ended(begin(work, ground.settings))
    assert not _processes(ground, "SLEEP")
    return f"cleared away; {outcome}"


def server_killed(ground: Ground, work: Task, rng: random.Random) -> str:
    """The database server, as by `kill -9`, and started again."""
    return _without_server(ground, work, rng, lambda daemon: daemon.kill())


def server_restarted(ground: Ground, work: Task, rng: random.Random) -> str:
    """The database server, in good order."""
    return _without_server(ground, work, rng, lambda daemon: daemon.stop())


def both_killed(ground: Ground, work: Task, rng: random.Random) -> str:
    """The process and the server at once, as when the power goes."""
    if ground.daemon is None:
        raise NotHere("the server is somebody else's, or there is none")
    worker = begin(work, ground.settings)
    time.sleep(rng.uniform(0, ground.seconds))
    ground.daemon.kill()
    worker.kill()
    worker.wait()
    worker.log.unlink()
    ground.daemon.start()
    return "killed"


def connection_cut(ground: Ground, work: Task, rng: random.Random) -> str:
    """The connections to the database, reset in the middle, up to four times."""
    proxied = _proxied(ground)
    worker = begin(work, proxied)
    number = 0
    for _ in range(rng.randint(1, 4)):
        time.sleep(rng.uniform(0, 0.7 * ground.seconds))
        number += ground.proxy.cut()
    outcome = _ended(worker)
    return f"{number} cut; {outcome}"


def connection_slow(ground: Ground, work: Task, rng: random.Random) -> str:
    """The connections to the database: every piece that goes over them is late."""
    proxied = _proxied(ground)
    ground.proxy.delay_seconds = rng.uniform(0.001, 0.01)
    try:
        return _ended(begin(work, proxied))
    finally:
        ground.proxy.delay_seconds = 0


def connection_silent(ground: Ground, work: Task, rng: random.Random) -> str:
    """The connections to the database: in the middle of a run they stay open, and nothing comes over them any more."""
    proxied = _proxied(ground)
    with impatient():
        worker = begin(work, proxied)
        wait_until(lambda: _is_in_a_run(ground) or worker.has_ended())
        time.sleep(rng.uniform(0, 0.7) * ground.seconds)
        silenced = ground.proxy.fall_silent()
        try:  # it notices by itself, or had done its work before
            wait_until(lambda: "trying again" in worker.log.read_text() or worker.has_ended())
        finally:
            ground.proxy.speak()
        return f"{silenced} silenced; {_ended(worker)}"


def deadlock(ground: Ground, work: Task, rng: random.Random) -> str:
    """Another connection, which takes what the work needs in the opposite order."""
    if ground.warehouse.is_sqlite:
        raise NotHere("SQLite lets in one writer at a time")
    with ground.warehouse.engine.connect() as heavy:
        heavy.exec_driver_sql("CREATE TABLE IF NOT EXISTS ballast (number INT PRIMARY KEY)")
        heavy.execute(sa.text("INSERT INTO ballast VALUES (:n)"), [{"n": number} for number in range(HEAVY_ROWS)])
        heavy.exec_driver_sql("SELECT * FROM mart_refreshes FOR UPDATE")
        worker = begin(work, ground.settings)
        # All work changes order_lines or a mart first, and then notes in mart_refreshes that it did.
        wait_until(lambda: _waits_for_a_lock(ground) or worker.has_ended())
        with suppress(sa.exc.OperationalError):  # InnoDB may take this one all the same
            for mart in marts():
                heavy.exec_driver_sql(f"SELECT * FROM {mart} FOR UPDATE")  # noqa: S608
        heavy.rollback()
        outcome = _ended(worker)
        heavy.exec_driver_sql("DROP TABLE ballast")
    return outcome


def lock_held(ground: Ground, work: Task, rng: random.Random) -> str:
    """Another connection, which keeps rows locked for longer than the server lets anybody wait."""
    seconds = rng.uniform(2, 5)
    if ground.warehouse.is_sqlite:

        def holding(warehouse: Warehouse) -> None:
            with warehouse.writing():
                time.sleep(seconds)

        holder = begin(holding, ground.settings)
        worker = begin(work, ground.settings)
        _ended(holder)
        return _ended(worker)
    with ground.warehouse.engine.connect() as other:
        before = other.exec_driver_sql("SELECT @@global.innodb_lock_wait_timeout").scalar()
        other.exec_driver_sql("SET GLOBAL innodb_lock_wait_timeout = 1")
        try:
            other.exec_driver_sql("SELECT * FROM warehouse_state FOR UPDATE")
            other.exec_driver_sql("SELECT * FROM mart_refreshes FOR UPDATE")
            worker = begin(work, ground.settings)
            time.sleep(seconds)
            other.rollback()
            return _ended(worker)
        finally:
            other.exec_driver_sql(f"SET GLOBAL innodb_lock_wait_timeout = {before:d}")


def disk_full(ground: Ground, work: Task, rng: random.Random) -> str:
    """The disk of the database, and on SQLite of the landing store too: hardly any room is left on it."""
    if ground.disk is None:
        raise NotHere("a small disk can be mounted by root alone")
    ground.disk.fill(leave_bytes=rng.choice([0, rng.randrange(100_000), rng.randrange(3_000_000)]))
    worker = begin(work, ground.settings)
    try:
        wait_until(worker.has_ended, 20)  # a server may wait for room instead of saying that there is none
    except TimeoutError:
        pass
    finally:
        ground.disk.make_room()
        if ground.daemon is not None and not ground.daemon.is_up():
            ground.daemon.start()
    return _ended(worker)


def two_at_once(ground: Ground, work: Task, rng: random.Random) -> str:
    """Another process, which does the same, or makes all marts anew meanwhile."""
    other = rng.choice([work, make_anew])
    workers = [begin(work, ground.settings)]
    time.sleep(rng.choice([0, rng.uniform(0, ground.seconds)]))
    workers.append(begin(other, ground.settings))
    return " and ".join(_ended(worker).partition(":")[0] for worker in workers)


def clock_stepped(ground: Ground, work: Task, rng: random.Random) -> str:
    """The clock: for one process it is up to two years fast or slow."""
    faketime = shutil.which("faketime")
    if faketime is None:
        raise NotHere("the program faketime isn't installed")
    days = rng.choice([-1, 1]) * rng.randint(1, 700)
    command = [faketime, "-f", f"{days:+d}d", sys.executable, "-m", work_module.__name__, work.name, work.subject]
    url = ground.settings.warehouse_url
    settings = {"RETAIL_HOME": str(ground.settings.home), "RETAIL_DATABASE_URL": url, "RETAIL_BATCH_ROWS": "200"}
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=LONGEST_SECONDS)
    assert done.returncode == DONE, done.stderr[-3000:]
    return f"{days:+d} days"


FAULTS = [
    Fault(disturb.__name__.replace("_", " "), disturb)
    for disturb in (
        *(killed, killed_in_a_statement, server_killed, server_restarted, both_killed),
        *(connection_cut, connection_slow, connection_silent),
        *(deadlock, lock_held, disk_full, clock_stepped, two_at_once),
    )
]


def _without_server(ground: Ground, work: Task, rng: random.Random, end: Callable) -> str:
    if ground.daemon is None:
        raise NotHere("the server is somebody else's, or there is none")
    worker = begin(work, ground.settings)
    time.sleep(rng.uniform(0, ground.seconds))
    end(ground.daemon)
    time.sleep(rng.uniform(0, 2))
    ground.daemon.start()
    return _ended(worker)


def _proxied(ground: Ground) -> Settings:
    if ground.warehouse.is_sqlite:
        raise NotHere("SQLite has no connections")
    return ground.proxied


@contextmanager
def impatient() -> Iterator[None]:
    """For the processes that begin meanwhile: they take over what is in memory now."""
    with ExitStack() as stack:
        for module in (locks, connection):
            for name, seconds in IMPATIENT.items():
                if hasattr(module, name):
                    stack.callback(setattr, module, name, getattr(module, name))
                    setattr(module, name, seconds)
        yield


def _processes(ground: Ground, text: str) -> list[int]:
    """The connections on whose statement the server works, where that has a text in it."""
    with ground.warehouse.reading() as looking:
        rows = looking.exec_driver_sql("SHOW FULL PROCESSLIST").mappings()
        return [row["Id"] for row in rows if text in (row["Info"] or "") and row["Command"] == "Query"]


def _is_in_a_run(ground: Ground) -> bool:
    with ground.warehouse.reading() as looking:
        return (
            looking.scalar(sa.select(sa.func.is_used_lock(f"retail:{ground.warehouse.url.database}:run"))) is not None
        )


def _waits_for_a_lock(ground: Ground) -> bool:
    waiting = sa.text("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    with ground.warehouse.reading() as looking:
        return bool(looking.scalar(waiting))
