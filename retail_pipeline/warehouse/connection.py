"""How the warehouse is reached: engines, transactions, and the lock that lets one writer in at a time."""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.errors import BadInput, Unreachable
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.exact import exact_ratio

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql", "sqlite": "sqlite"}


class Warehouse:
    """The database and the landing store of one set of settings. Connects when first used."""

    def __init__(self, settings: Settings):
        self.settings = settings

    @property
    def landing_folder(self) -> Path:
        return self.settings.landing_folder

    @cached_property
    def url(self) -> sa.URL:
        try:
            url = sa.make_url(self.settings.warehouse_url)
        except sa.exc.ArgumentError:
            raise BadInput(
                "RETAIL_DATABASE_URL is not a database URL, such as mysql+pymysql://user:password@host/retail"
            ) from None
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
        return _sqlite_engine(self.url, self.settings.lock_seconds) if self.is_sqlite else _mysql_engine(self.url)

    def dispose(self) -> None:
        """Closes the connections that nobody uses; the next use opens new ones."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection whose statements see committed data."""
        with self._connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, lock: str = "tables") -> Iterator[sa.Connection]:
        """One transaction, alone among those that take the same lock.

        The lock ends with the connection, so a killed process leaves none behind. SQLite has a single lock for all.
        """
        with self._connect() as connection:
            connection = connection.execution_options(writes=True)
            if self.is_sqlite:
                with connection.begin():
                    yield connection
            else:
                with self._named_lock(connection, f"retail:{self.url.database}:{lock}"[:64]), connection.begin():
                    yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps others that ask for it out until the end: for work of several transactions, such as a whole run.

        The lock ends with the process. Raises TimeoutError where somebody else doesn't let go of it.
        """
        if self.is_sqlite:
            with file_lock(Path(f"{self.url.database}.lock"), self.settings.lock_seconds):
                yield
        else:
            with self._connect() as connection, self._named_lock(connection, f"retail:{self.url.database}:run"[:64]):
                yield

    @contextmanager
    def _connect(self) -> Iterator[sa.Connection]:
        try:
            connection = self.engine.connect()
        except sa.exc.OperationalError as error:
            shown = self.url.render_as_string(hide_password=True)
            raise Unreachable(f"the database at {shown} can't be reached: {error.orig}") from error
        with connection:
            yield connection

    @contextmanager
    def _named_lock(self, connection: sa.Connection, name: str) -> Iterator[None]:
        seconds = self.settings.lock_seconds
        if connection.scalar(sa.select(sa.func.get_lock(name, seconds))) != 1:
            raise TimeoutError(f"another writer has held the warehouse for {seconds} s (RETAIL_LOCK_SECONDS)")
        connection.commit()
        try:
            yield
        finally:
            if not connection.invalidated:
                connection.scalar(sa.select(sa.func.release_lock(name)))
                connection.commit()


@contextmanager
def file_lock(path: Path, seconds: int) -> Iterator[None]:
    """Keeps other processes of this machine that ask for the same path out; the lock ends with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"another run has held {path} for {seconds} s (RETAIL_LOCK_SECONDS)") from None
                time.sleep(0.1)
        yield


@sa.event.listens_for(sa.Engine, "connect")
def _teach_upper(dbapi_connection, _record) -> None:
    """SQLite's own UPPER knows ASCII alone. For all engines: Great Expectations opens one of its own."""
    if isinstance(dbapi_connection, sqlite3.Connection):
        dbapi_connection.create_function("UPPER", 1, _upper, deterministic=True)


def _upper(text: str | None) -> str | None:
    return text.upper() if isinstance(text, str) else text


def _sqlite_engine(url: sa.URL, lock_seconds: int) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": lock_seconds})

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
    return sa.create_engine(
        url.update_query_dict({"charset": "utf8mb4"}),
        # Rows of other transactions are seen once they are committed, so what is read under the lock is the latest.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        connect_args={
            "local_infile": True,
            "init_command": "SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', "
            "div_precision_increment = 12",  # so that a ratio is rounded once, where the mart says so
        },
    )
