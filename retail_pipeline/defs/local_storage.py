"""Dagster's own storage in SQLite, where a folder is all there is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

BUSY_SECONDS = 30
KEPT_OPEN = 8
"""Files of Dagster's that a process keeps open: one for each run that it writes or shows, and three more."""


class PooledSqliteStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite, in the same files, which keeps its connections.

    Dagster makes an engine and a connection for each question and each event, thousands in a run, and waits for the
    disk after each; together that was half of a small run. A loss of power can cost the last lines of a run's log.
    """

    def __init__(self, base_dir: str, inst_data: object = None):
        folder = Path(base_dir)
        _make(folder)
        super().__init__(base_dir, inst_data)
        self._run_storage = _Runs.from_local(str(folder / "history"))
        self._event_log_storage = _Events(str(folder / "history" / "runs"))
        self._schedule_storage = _Schedules.from_local(str(folder / "schedules"))

    @classmethod
    def from_config_value(cls, inst_data: object, config_value: dict) -> "PooledSqliteStorage":
        return cls.from_local(inst_data=inst_data, **config_value)


def _make(folder: Path) -> None:
    """Makes Dagster's files whole or not at all: it takes half-made ones for those of an older version."""
    missing = [name for name in ("history", "schedules") if not (folder / name).exists()]
    if not missing:
        return
    arriving = folder / "storage.arriving"
    shutil.rmtree(arriving, ignore_errors=True)  # of one that was killed
    DagsterSqliteStorage(str(arriving))
    for name in missing:
        (arriving / name).rename(folder / name)
    shutil.rmtree(arriving)


def _engine(url: str) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, max_overflow=-1)

    @sa.event.listens_for(engine, "connect")
    def leave_the_disk_to_checkpoints(connection, _) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine


class _Pooled:
    """One file, and so one engine."""

    @contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            yield connection

    @property
    def _engine(self) -> sa.Engine:
        if not hasattr(self, "_kept"):
            self._kept = _engine(self._conn_string)
        return self._kept

    def dispose(self) -> None:
        self._engine.dispose()


class _Runs(_Pooled, SqliteRunStorage): ...


class _Schedules(_Pooled, SqliteScheduleStorage): ...


class _Events(SqliteEventLogStorage):
    """A file for each run, and one about all."""

    def __init__(self, base_dir: str):
        self._engines: dict[str, sa.Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    def has_table(self, table_name: str) -> bool:
        """Dagster asks at every check; a table that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine_of(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine_of(self, shard: str) -> sa.Engine:
        """The engine of a file; that of the one not used for longest is given up for it, which nobody else is using."""
        engine = self._engines.pop(shard, None) or _engine(self.conn_string_for_shard(shard))
        self._engines[shard] = engine
        if len(self._engines) > KEPT_OPEN:
            self._engines.pop(next(iter(self._engines))).dispose()
        return engine

    def wipe(self) -> None:
        self._give_up()  # its files are deleted
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._give_up()

    def _give_up(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
