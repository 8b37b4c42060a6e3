"""What a comparison is given: exports, and a way to ingest them into a place where nothing was before."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import click
import sqlalchemy as sa

from benchmarks import exports
from benchmarks.measured import Cost
from retail_pipeline.dashboards.description import dashboards
from retail_pipeline.dashboards.pages import dashboard_page
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline_tests.end_to_end.commands import environment
from retail_pipeline_tests.servers import database_url

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""What `ru_maxrss` counts in, by getrusage(2)."""


@dataclass(frozen=True)
class Bench:
    """`server` is the URL of a MySQL-protocol server, or empty for SQLite; `data` a folder with the UCI data."""

    scratch: Path
    server: str
    data: Path | None
    lines: int
    shops: "dict[int, Shop]" = field(default_factory=dict)
    cleanups: ExitStack = field(default_factory=ExitStack)
    servers: ExitStack = field(default_factory=ExitStack)
    """What serves while one comparison is made, and would be in the way of the next."""

    @cached_property
    def exports(self) -> exports.Exports:
        """About half a million order lines, as one file and as a file per day."""
        click.echo("Unpacking the UCI data" if self.data else "Making up an export", err=True)
        folder = self.scratch / "exports"
        folder.mkdir()
        return exports.real(self.data, folder) if self.data else exports.made_up(folder)

    def export_of(self, lines: int) -> Path:
        """A made-up export of about so many lines."""
        click.echo(f"Making up an export of about {lines:,} lines", err=True)
        path = self.scratch / f"{lines}_lines.csv"
        exports.write_lines(path, lines)
        return path

    def year(self, back: int) -> Path:
        """About half a million order lines as they would have been so many years earlier; written once."""
        path = self.scratch / f"{back}_years_ago.csv"
        if not path.exists():
            exports.write_year(self.exports.whole, path, back)
        return path

    def run(self, *command: str) -> Cost:
        """Runs a command in an empty folder, which loads nothing."""
        with self.empty_folder() as folder:
            seconds, usage, of_all = _run([*command], folder, dict(os.environ))
        return _cost(seconds, usage, of_all, lines=0)

    def run_peer(self, name: str, file: Path, *packages: str) -> Cost:
        """Runs a program of `benchmarks.peers` on an empty database, with packages of its own where it needs some."""
        program = [str(Path(__file__).parent / "peers" / f"{name}.py")]
        if packages:  # installed before anything is measured, and kept by uv
            runner = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project"]
            runner += [f"--with={package}" for package in packages]
            subprocess.run([*runner, "python", "-c", ""], check=True)
        with self.empty_database() as url, self.empty_folder() as folder:
            target = url or f"sqlite:///{folder / 'peer.db'}"
            command = [*(runner if packages else []), "python" if packages else sys.executable, *program]
            seconds, usage, of_all = _run([*command, str(file), target], folder, dict(os.environ))
            engine = sa.create_engine(target, poolclass=sa.NullPool)
            with engine.connect() as connection:
                lines = connection.scalar(sa.text("SELECT COUNT(*) FROM `lines`"))
        return _cost(seconds, usage, of_all, lines)

    def exports_of(self, lines: int, files: int) -> list[Path]:
        """Made-up exports of about so many lines together, which have no invoice in common."""
        click.echo(f"Making up {files} exports of about {lines:,} lines together", err=True)
        paths = [self.scratch / f"{lines}_lines_{number}.csv" for number in range(files)]
        exports.write_parts(paths, lines)
        return paths

    def ingest(self, *files: Path, **settings: str) -> Cost:
        """Runs `retail ingest` as a process of its own, from an empty RETAIL_HOME and an empty database."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder, self.empty_database() as url:
            return Shop(Path(folder), url, files[0]).ingest(*files, **settings)

    def shop_with_history(self, years: int) -> "Shop":
        """A shop that has ingested so many years of order lines; made once, kept until the benchmarks end."""
        if years not in self.shops:
            click.echo(f"Ingesting {years} years of history", err=True)
            folder = self.scratch / f"{years}_years"
            folder.mkdir()
            files = [self.year(back) for back in reversed(range(years))]
            self.shops[years] = Shop(folder, self.cleanups.enter_context(self.empty_database()), self.exports.whole)
            self.shops[years].ingest(*files)
        return self.shops[years]

    def embedded_shop(self) -> "Shop":
        """As `shop_with_history` of one year, on SQLite whatever the server is."""
        if not self.server:
            return self.shop_with_history(1)
        folder = self.scratch / "embedded"
        folder.mkdir(exist_ok=True)
        shop = Shop(folder, "", self.exports.whole)
        shop.ingest(self.exports.whole)
        return shop

    @contextmanager
    def empty_folder(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            yield Path(folder)

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """The URL of a database with nothing in it, empty for SQLite; it is gone afterwards."""
        if not self.server:
            yield ""
            return
        with database_url(self.server, "retail_bench") as url:
            yield url


@dataclass
class Shop:
    """A RETAIL_HOME in a folder and a database, and how many days were ingested after the last one of `whole`."""

    folder: Path
    url: str
    whole: Path
    days: int = 0

    @property
    def lines(self) -> int:
        """How many order lines count."""
        return _lines_loaded(self.folder / "home", self.url)

    def ingest(self, *files: Path, **settings: str) -> Cost:
        """Runs `retail ingest` as a process of its own, with further settings."""
        home = self.folder / "home"
        command = [sys.executable, "-m", "retail_pipeline", "ingest", *map(str, files)]
        # In the folder, where no .env file is.
        seconds, usage, of_all = _run(command, self.folder, environment(home, RETAIL_DATABASE_URL=self.url, **settings))
        return _cost(seconds, usage, of_all, _lines_loaded(home, self.url))

    def next_day(self) -> Path:
        """One more day of 2,000 order lines."""
        self.days += 1
        path = self.folder / f"day_{self.days}.csv"
        exports.write_next_day(self.whole, path, self.days)
        return path

    def ingest_next_day(self) -> Cost:
        """Runs `retail ingest` with one more day."""
        return self.ingest(self.next_day())

    def show_dashboards(self) -> Cost:
        """Makes the pages of the dashboards, as the API does, with charts that the browser draws."""
        warehouse = Warehouse(Settings(_env_file=None, home=self.folder / "home", database_url=self.url))
        began, cpu_began = time.perf_counter(), time.process_time()
        with warehouse.reading() as connection:
            for name in dashboards():
                dashboard_page(connection, name, {})
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
        warehouse.engine.dispose()
        return Cost(seconds, cpu_seconds, peak_mib=0, lines=_lines_loaded(self.folder / "home", self.url))


def _cost(seconds: float, usage: "os.struct_rusage", of_all: int, lines: int) -> Cost:
    # What getrusage tells is no less than the peak of the process that started this one: it is for other systems.
    peak = of_all if sys.platform == "linux" else usage.ru_maxrss * MAXRSS_BYTES
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_mib=peak / 2**20, lines=lines)


def _run(command: list[str], folder: Path, variables: dict[str, str]) -> tuple[float, "os.struct_rusage", int]:
    """The wall time and the resources of one process, where RUSAGE_CHILDREN would tell of all so far.

    The last figure is the most bytes that it had, or if that is more, that it and the processes which it started were
    seen to have together; 0 where it ended before anybody looked.
    """
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        with _watched(process.pid) as seen:
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = "".join(output.readlines()[-20:])
            raise click.ClickException(f"{command} ended with status {process.returncode}:\n{said}")
    return seconds, usage, max(seen)


@contextmanager
def _watched(process: int) -> Iterator[list[int]]:
    """The memory of a process and of all below it together, looked at again and again."""
    seen, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            seen.append(max(_peak(process), sum(_memory(one) for one in _family(process))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _family(process: int) -> list[int]:
    """A process and all below it, as proc(5) tells them; none elsewhere than on Linux."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    family = [process] if process in parents else []
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family


def _peak(process: int) -> int:
    """The most bytes that a process had at any time."""
    return _bytes(Path(f"/proc/{process}/status"), "VmHWM")


def _memory(process: int) -> int:
    """The bytes that a process has now; of those that several have, its part, so that a sum counts them once."""
    return _bytes(Path(f"/proc/{process}/smaps_rollup"), "Pss")


def _bytes(path: Path, name: str) -> int:
    """A figure as proc(5) tells it; 0 where there is none, or none any more."""
    with suppress(OSError):
        return sum(int(line.split()[1]) * 1024 for line in path.read_text().splitlines() if line.startswith(f"{name}:"))
    return 0


def _lines_loaded(home: Path, url: str) -> int:
    warehouse = Warehouse(Settings(_env_file=None, home=home, database_url=url))
    try:
        with warehouse.reading() as connection:
            return sum(entry["rows_loaded"] or 0 for entry in ledger.entries(connection))
    finally:
        warehouse.engine.dispose()
