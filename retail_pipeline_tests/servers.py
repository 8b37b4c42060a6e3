"""A MySQL-protocol server for the tests: the one that is named, else the first that can be had on this machine."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

import pytest
from pymysql.constants import CLIENT
from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from retail_pipeline_tests.ports import free_port

URL_VARIABLE = "RETAIL_TEST_MYSQL_URL"

# Debian keeps servers in a folder that an ordinary user's PATH leaves out.
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"

# The server and what mariadb-install-db calls (my_print_defaults), without the package that starts a system service.
APT_PACKAGES = ["mariadb-server-core", "mariadb-client-core"]

# A container's first start initialises its data folder, which takes a minute on a busy CI machine.
SECONDS_TO_COME_UP = 180

FORGETFUL = ("--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")
"""Options of a server that is never started again: nothing waits for the disk."""

MEMORY, MEMORY_BYTES = Path("/dev/shm"), 4 << 30
"""A disk in memory, and how much room on it is plenty."""


class NoServer(pytest.exit.Exception):
    """Ends the whole session with its message, once, instead of failing every database test with it."""


def start_for_workers(config: pytest.Config) -> None:
    """Start one server for all pytest-xdist workers; call it from `pytest_sessionstart` in conftest.py.

    The workers inherit the controller's environment, find the server in RETAIL_TEST_MYSQL_URL and start no other.
    A session without workers starts its server when the first test asks `mysql_server` for it.
    """
    has_workers = config.pluginmanager.hasplugin("dsession")
    if has_workers and "not mysql" not in config.getoption("markexpr"):
        server = ExitStack()
        config.add_cleanup(server.close)
        os.environ[URL_VARIABLE] = server.enter_context(mysql_server())


@contextmanager
def mysql_server(path: str = SEARCH_PATH) -> Iterator[str]:
    """Yield the SQLAlchemy URL (no database in it) of a server on which root may do everything.

    The server in RETAIL_TEST_MYSQL_URL is left as it is; one that was started here is gone afterwards.
    Programs are looked for in the folders of `path`. Raises NoServer where nothing comes up.
    """
    if url := os.environ.get(URL_VARIABLE):
        _wait_for(url, f"The server in {URL_VARIABLE}", is_starting=lambda: False, log=lambda: "")
        yield url
        return
    tried = [f"{URL_VARIABLE}: not set"]
    for find, start in [(_find_daemon, _daemon), (_install_daemon, _daemon), (_find_docker, _container)]:
        try:
            program = find(path)
        except LookupError as reason:
            tried.append(str(reason))
        else:
            with start(program) as url:
                yield url
            return
    raise NoServer(
        "\n  - ".join(["The database tests need a MySQL or MariaDB server, and none can be had:", *tried])
        + "\nProvide one of these, or run the tests that need no server: make test-sqlite"
    )


@contextmanager
def database_url(server_url: str, name: str) -> Iterator[str]:
    """Create a database on the server, yield its URL, and drop it at the end.

    It is called `name` (at most 55 characters) and a random suffix: workers may use the same name at the same time,
    a run that was killed is in nobody's way, and a database that was there before is never touched.
    """
    database = f"{name}_{uuid4().hex[:8]}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    identifier = engine.dialect.identifier_preparer.quote_identifier(database)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {identifier} CHARACTER SET utf8mb4")
    try:
        yield make_url(server_url).set(database=database).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            # By default a transaction that a test left open would block DROP for a day (MariaDB) or a year (MySQL).
            connection.exec_driver_sql("SET SESSION lock_wait_timeout = 20")
            # Of engines that nobody disposed of: the garbage collector takes its time, and a server lets in 151.
            left = text("SELECT id FROM information_schema.processlist WHERE db = :name")
            for number in connection.scalars(left, {"name": database}).all():
                with suppress(DBAPIError):  # it ended by itself
                    connection.exec_driver_sql(f"KILL {number}")
            connection.exec_driver_sql(f"DROP DATABASE {identifier}")


def copy_tables(name: str, to: URL) -> None:
    """Put copies of all tables of a database, with their rows, in the place of those in another of the same server."""
    engine = create_engine(to, poolclass=NullPool, connect_args={"client_flag": CLIENT.MULTI_STATEMENTS})
    quote = engine.dialect.identifier_preparer.quote_identifier
    with engine.begin() as connection:
        tables = connection.exec_driver_sql(f"SHOW TABLES FROM {quote(name)}").scalars().all()
        cursor = connection.connection.cursor()
        for own, other in [(quote(table), f"{quote(name)}.{quote(table)}") for table in tables]:
            cursor.execute(f"DROP TABLE IF EXISTS {own}; CREATE TABLE {own} LIKE {other}")
            cursor.nextset()
            cursor.execute(f"INSERT INTO {own} SELECT * FROM {other}")  # noqa: S608


def a_statement_waits_for_a_table(connection: Connection) -> bool:
    """Whether one waits, in the connection's database, until somebody lets go of a whole table."""
    waiting = "SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE '%metadata lock%'"
    return connection.execute(text(waiting)).first() is not None


def program_on_path(path: str = SEARCH_PATH) -> str | None:
    """A server that is installed on this machine."""
    return next(filter(None, (shutil.which(name, path=path) for name in ("mysqld", "mariadbd"))), None)


def _find_daemon(path: str) -> str:
    if daemon := program_on_path(path):
        return daemon
    raise LookupError("mysqld or mariadbd: not on the PATH, nor in /usr/sbin")


def _install_daemon(path: str) -> str:
    apt_get = shutil.which("apt-get", path=path)
    install = ["install", "--yes", "--no-install-recommends", *APT_PACKAGES]
    attempt = f"apt-get {' '.join(install)}"
    if apt_get is None or os.geteuid() != 0:
        raise LookupError(f"{attempt}: only as root on Debian")
    print(f"No MySQL or MariaDB server here: {attempt}", file=sys.stderr)
    # A package list that can't be refreshed is no obstacle where an older one still serves: install decides.
    for arguments in (["update"], install):
        done = subprocess.run(
            [apt_get, *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if done.returncode != 0:
        raise LookupError(f"{attempt}: {_tail(done.stderr)}")
    return _find_daemon(path)


@contextmanager
def _daemon(program: str) -> Iterator[str]:
    with ExitStack() as stack:
        daemon = _prepared(program, stack)
        daemon.start()
        # Not asked to shut down in good order, which takes seconds: its data goes with it.
        stack.callback(daemon.kill)
        yield daemon.url


def _prepared(program: str, stack: ExitStack) -> "Daemon":
    """A server with its data in memory, where there is plenty and the system lets the program write there."""
    in_memory = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    places = [MEMORY, None] if in_memory else [None]
    while True:
        folder = tempfile.TemporaryDirectory(prefix="retail-mysql-", dir=places.pop(0))
        try:
            return Daemon(program, Path(stack.enter_context(folder)), FORGETFUL)
        except NoServer:
            if not places:
                raise


class Daemon:
    """A server with its data in a folder, which can be killed and started again."""

    def __init__(self, program: str, folder: Path, options: Iterable[str] = ()):
        """Initialises the data; raises NoServer where that fails. `options` are further ones of the program."""
        self._folder = folder
        self._log_file = folder / "server.log"
        self._program = program
        port = free_port()
        self.url = f"mysql+pymysql://root@127.0.0.1:{port}"
        # The socket lies in the data folder, where a relative path can't exceed the system's limit of 107 bytes.
        options = [*options, f"--port={port}", "--bind-address=127.0.0.1", "--socket=server.sock"]
        options += ["--pid-file=server.pid", "--local-infile=1", "--character-set-server=utf8mb4"]
        common = ["--no-defaults", f"--datadir={folder}/data"]
        if os.geteuid() == 0:
            common.append("--user=root")
        if "MariaDB" in subprocess.run([program, "--no-defaults", "--version"], capture_output=True, text=True).stdout:
            # --rpm, as Debian's own package calls it: without it, --user changes owners in the system's plugin folder.
            initialise = ["mariadb-install-db", *common, "--rpm", "--skip-test-db"]
            initialise += ["--auth-root-authentication-method=normal"]
        else:
            # The folder that is compiled in as secure-file-priv need not exist, and the server stops where it doesn't.
            common.append("--secure-file-priv=")
            initialise = [program, *common, "--initialize-insecure"]
            options += ["--mysqlx=OFF"]
        self._command = [program, *common, *options]
        with self._log_file.open("w") as log:
            if self._begin(initialise, log).wait() != 0:
                raise NoServer(f"{' '.join(initialise)} failed:\n{_tail(self._log_file.read_text())}")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        with self._log_file.open("a") as log:
            self._server = self._begin(self._command, log)
        try:
            _wait_for(self.url, self._program, lambda: self._server.poll() is None, self._log_file.read_text)
        except NoServer:
            self.kill()
            raise

    def _begin(self, command: list[str], log: IO[str]) -> subprocess.Popen:
        # A server that starts deletes the temporary tables that it finds: in /tmp they would be those of another one.
        environment = os.environ | {"TMPDIR": str(self._folder)}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def is_up(self) -> bool:
        """Whether its process runs."""
        return self._server.poll() is None

    def kill(self) -> None:
        """Ends it as `kill -9` does."""
        self._server.kill()
        self._server.wait()

    def stop(self) -> None:
        """Asks it to end in good order, and waits until it has."""
        self._server.terminate()
        self._server.wait()


def _find_docker(path: str) -> str:
    docker = shutil.which("docker", path=path)
    if docker is None:
        raise LookupError("docker: not on the PATH")
    if subprocess.run([docker, "version"], capture_output=True).returncode != 0:
        raise LookupError("docker: no engine answers")
    return docker


@contextmanager
def _container(docker: str) -> Iterator[str]:
    def run(*arguments: str) -> str:
        done = subprocess.run(
            [docker, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode != 0:
            raise NoServer(f"docker {' '.join(arguments)} failed:\n{_tail(done.stdout)}")
        return done.stdout.strip()

    name = f"retail-mysql-{uuid4().hex[:8]}"
    options = [f"--name={name}", "--detach", "--publish=127.0.0.1::3306", "--env=MYSQL_ALLOW_EMPTY_PASSWORD=yes"]
    try:
        run("run", *options, "mysql:8.4", "--local-infile=1", "--character-set-server=utf8mb4")
        port = run("port", name, "3306/tcp").rpartition(":")[2]
        url = f"mysql+pymysql://root@127.0.0.1:{port}"
        is_running = ["inspect", "--format={{.State.Running}}", name]
        _wait_for(url, "mysql:8.4", is_starting=lambda: run(*is_running) == "true", log=lambda: run("logs", name))
        yield url
    finally:
        # Not left to `docker run --rm`, which would take the log of a server that failed with it.
        subprocess.run([docker, "rm", "--force", "--volumes", name], capture_output=True)


def _wait_for(url: str, server: str, is_starting: Callable[[], bool], log: Callable[[], str]) -> None:
    deadline = time.monotonic() + SECONDS_TO_COME_UP
    engine = create_engine(url, poolclass=NullPool)
    while True:
        try:
            return engine.connect().close()
        except DBAPIError as error:
            if not is_starting() or time.monotonic() > deadline:
                raise NoServer(f"{server} doesn't answer: {error.orig}\n{_tail(log())}".rstrip()) from error
        time.sleep(0.1)


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-20:])
