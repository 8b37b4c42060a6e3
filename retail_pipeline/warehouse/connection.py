"""How the warehouse is reached: engines, transactions, and the lock that lets one writer in at a time."""

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

import sqlalchemy as sa

from retail_pipeline.errors import BadInput, DiskFull, Failure, Unreachable, Unusable
from retail_pipeline.file_locks import file_lock
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import tls  # noqa: F401 - for every connection that is opened
from retail_pipeline.warehouse.exact import exact_ratio
from retail_pipeline.warehouse.failures import FINISH, told
from retail_pipeline.warehouse.locks import SILENT_SECONDS, Presence, is_held, named_lock
from retail_pipeline.warehouse.retrying import retried

KEPT_OPEN = 20
"""Connections that wait for the next request: opening one takes longer than reading a page."""

GROUPING_BYTES = 256 << 20
"""What a query of ours may take of the server's memory for grouping, which a first load and full refresh do most of.

By itself a server goes to the disk beyond 16 MiB, which takes up to three times as long. MySQL gives all sessions
together no more than one GiB.
"""

SORTING_BYTES = 8 << 20
"""What a query may take there for sorting, instead of 256 KiB, by which half a million lines are merged four times."""

MYSQL_SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', "
    "lock_wait_timeout = 60, "  # a reader that never ends keeps a table from being replaced: for a year if let
    "div_precision_increment = 12, "  # so that a ratio is rounded once, where the mart says so
    f"tmp_table_size = {GROUPING_BYTES}, max_heap_table_size = {GROUPING_BYTES}, "  # MariaDB goes by the smaller one
    f"sort_buffer_size = {SORTING_BYTES}"
)
"""What every session of ours sets, whoever opens it."""

LONGEST_LOCK_NAME = 64
"""Of MySQL's."""

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "sqlite": "sqlite"}
"""What SQLAlchemy is told; which kind of server it is, is seen from the server itself."""


class Warehouse:
    """The database and the landing store of one set of settings. Connects when first used."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._run: _Run | None = None
        self._opened = _Opened()
        self._given_up = [self._opened.cut]
        self._is_interrupted = False
        self._writer = threading.Lock()  # for SQLite, whose own lock is taken by chance and not in turn

    @property
    def landing_folder(self) -> Path:
        return self.settings.landing_folder

    @cached_property
    def url(self) -> sa.URL:
        try:
            url = sa.make_url(self.settings.warehouse_url)
        except (sa.exc.ArgumentError, ValueError):  # what they say may hold the password
            raise BadInput(
                "RETAIL_DATABASE_URL is not a database URL, such as mysql+pymysql://user:password@host/retail"
            ) from None
        is_server = url.get_backend_name() != "sqlite"
        if is_server and ("@" in f"{url.host}{url.database}" or {"password", "passwd"} & {*url.query}):
            # What follows the first @ of a password would be taken for the host, and told as such.
            raise BadInput(
                "RETAIL_DATABASE_URL: the password belongs between user: and @host, "
                "and other characters than letters and digits have to be written as in %40 for @"
            )
        name = url.get_backend_name()
        if name not in DRIVERS:
            raise BadInput(f"RETAIL_DATABASE_URL: {name} is not supported; use mysql, mariadb or sqlite")
        url = url.set(drivername=DRIVERS[name])
        password = self.settings.database_password.get_secret_value()
        return url.set(password=password) if password and url.username and url.password is None else url

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @cached_property
    def engine(self) -> sa.Engine:
        engine = _sqlite_engine(self.url, self.settings.lock_seconds) if self.is_sqlite else _mysql_engine(self.url)
        self.note_connections(engine)
        return engine

    def note_connections(self, engine: sa.Engine) -> None:
        """Has an engine's connections broken off too where this warehouse's are."""
        all_opened = self._opened  # a listener that knew `self` would keep it alive

        @sa.event.listens_for(engine, "checkout")
        def note(opened: Any, *_: Any) -> None:
            all_opened.add(opened)

    def when_silent(self, give_up: Callable[[], None]) -> None:
        """Has something done where the server hasn't answered for long, beside breaking off our connections."""
        self._given_up.append(give_up)

    def dispose(self) -> None:
        """Closes the connections that nobody uses; the next use opens new ones."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dispose()

    def interrupt(self) -> None:
        """Breaks off what other threads are doing with the database, and refuses what they begin after that."""
        self._is_interrupted = True
        self._opened.cut()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection whose statements see committed data."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A connection whose statements all see the database as it is at this moment, whatever is written meanwhile."""
        if self.is_sqlite:
            with self.reading() as connection:
                connection.exec_driver_sql("SELECT 1 FROM sqlite_schema LIMIT 1")  # the first read fixes the moment
                yield connection
            return
        with self._connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                yield connection

    @contextmanager
    def writing(self, lock: str = "tables") -> Iterator[sa.Connection]:
        """One transaction, alone among those that take the same lock.

        SQLite has a single lock for all.
        """
        if self._run is not None:
            self._run.keep()
        with self._connect() as connection:
            connection = connection.execution_options(writes=True)
            if self.is_sqlite:
                with self._writer, connection.begin():
                    yield connection
            else:
                with self._named_lock(connection, lock), connection.begin():
                    yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps others that ask for it out until the end: for work of several transactions, such as a whole run.

        Raises Busy where somebody else doesn't let go of it.
        """
        if self.is_sqlite:
            with file_lock(Path(f"{self.url.database}.lock"), self.settings.lock_seconds):
                yield
            return
        self._run = _Run(self)
        try:
            _begin(self, self._run)
            yield
        finally:
            self._run.end()
            self._run = None

    @cached_property
    def _presence(self) -> Presence:
        return Presence(_presence_engine(self.url), self._given_up)

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        self._refuse_interrupted()
        try:
            connection = self.engine.connect()
        except sa.exc.DBAPIError as error:
            if isinstance(failure := told(error), DiskFull):
                raise failure from error
            shown = self.url.render_as_string(hide_password=True)
            kind = Unreachable if failure else Unusable
            raise kind(f"the database at {shown} can't be reached: {error.orig}") from error
        with connection:
            self._refuse_interrupted()  # who interrupted while it was being opened, didn't see it
            yield connection

    def _refuse_interrupted(self) -> None:
        if self._is_interrupted:
            raise Failure(f"the run was interrupted. {FINISH}")

    @contextmanager
    def _named_lock(self, connection: sa.Connection, lock: str) -> Iterator[None]:
        with named_lock(connection, self._lock_name(lock), self.settings.lock_seconds, self._presence):
            yield

    def _lock_name(self, lock: str) -> str:
        name = f"retail:{self.url.database}:{lock}"
        return name if len(name) <= LONGEST_LOCK_NAME else f"retail:{sha256(name.encode()).hexdigest()[:40]}"


class _Opened:
    """The connections of a process to a server or a file, as their driver has them, as long as somebody else does."""

    def __init__(self) -> None:
        self._connections: WeakSet[Any] = WeakSet()
        self._guard = threading.Lock()

    def add(self, connection: Any) -> None:
        with self._guard:
            self._connections.add(connection)

    def cut(self) -> None:
        """Ends what other threads wait for on them; closing them would wait for those threads."""
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            if isinstance(connection, sqlite3.Connection):
                connection.interrupt()
                continue
            with suppress(OSError, AttributeError):
                connection._sock.shutdown(socket.SHUT_RDWR)


class _Run:
    """The lock of a run on a server: taken again where the connection that held it was lost."""

    def __init__(self, warehouse: Warehouse):
        self._warehouse, self._guard = warehouse, threading.Lock()
        self._held = ExitStack()
        self._connection: sa.Connection | None = None

    def keep(self) -> None:
        """Takes the lock, unless it is held."""
        with self._guard:
            if self._connection is not None and is_held(self._connection, self._warehouse._lock_name("run")):
                return
            self.end()
            connection = self._held.enter_context(self._warehouse._connect())
            self._held.enter_context(self._warehouse._named_lock(connection, "run"))
            self._connection = connection

    def end(self) -> None:
        """Lets go of it."""
        self._connection = None
        self._held.close()


@retried
def _begin(_: Warehouse, run: _Run) -> None:
    """Takes the lock of a run, also from a server that is only just coming up."""
    run.keep()


@sa.event.listens_for(sa.Engine, "connect")
def _teach_upper(dbapi_connection, _record) -> None:
    """SQLite's own UPPER knows ASCII alone. For all engines: Great Expectations opens one of its own."""
    if isinstance(dbapi_connection, sqlite3.Connection):
        dbapi_connection.create_function("UPPER", 1, _upper, deterministic=True)


def _upper(text: str | None) -> str | None:
    return text.upper() if isinstance(text, str) else text


class _SqliteConnection(sqlite3.Connection):
    """One of Python's, which could not be referred to weakly."""


def _sqlite_engine(url: sa.URL, lock_seconds: int) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    arguments = {"timeout": lock_seconds, "factory": _SqliteConnection}
    engine = sa.create_engine(url, connect_args=arguments, pool_size=KEPT_OPEN)

    @sa.event.listens_for(engine, "connect")
    def prepare(dbapi_connection, _record) -> None:
        # The driver must not begin transactions by itself: it would do so too late to take the lock.
        dbapi_connection.isolation_level = None
        dbapi_connection.create_function("exact_ratio", 3, exact_ratio, deterministic=True)
        _use_write_ahead_log(dbapi_connection, time.monotonic() + lock_seconds)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(dbapi_connection, deadline: float) -> None:
    """Readers then see the state before a write, instead of waiting for its end."""
    while dbapi_connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            dbapi_connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # the switch doesn't wait for other connections by itself
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _mysql_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        # Rows of other transactions are seen once they are committed, so what is read under the lock is the latest.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=KEPT_OPEN,
        pool_reset_on_return=None,  # whoever began a transaction has ended it; a second ROLLBACK is a round trip more
        connect_args={
            "local_infile": True,
            "read_timeout": SILENT_SECONDS,  # for whoever answers a new connection, or doesn't
            "init_command": MYSQL_SESSION,
        },
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(opened: Any, _record: Any) -> None:
        opened._read_timeout = None  # from here on a statement may take as long as it takes

    return engine


def _presence_engine(url: sa.URL) -> sa.Engine:
    """Connections that say that this process is alive: the server closes them, and they give up, when all is silent."""
    return sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
        connect_args={
            **dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), SILENT_SECONDS // 3),
            "init_command": f"SET wait_timeout = {SILENT_SECONDS}",
        },
    )
