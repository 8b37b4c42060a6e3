"""What a comparison is given: exports, and a way to ingest them into a place where nothing was before."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import click
import sqlalchemy as sa

from benchmarks import exports, processes
from benchmarks.measured import Cost
from retail_pipeline.dashboards.description import dashboards
from retail_pipeline.dashboards.pages import dashboard_page
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline_tests.end_to_end.commands import environment
from retail_pipeline_tests.servers import database_url


class NoServer(click.ClickException):
    """A comparison needs a MySQL or MariaDB server, and none is named."""


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
            return processes.run(command, folder, dict(os.environ))

    def run_peer(self, name: str, file: Path, *packages: str) -> Cost:
        """Runs a program of `benchmarks.peers` on an empty database, with packages of its own where it needs some."""
        program = [str(Path(__file__).parent / "peers" / f"{name}.py")]
        if packages:  # installed before anything is measured, and kept by uv
            runner = [sys.executable, "-m", "uv", "run", "--quiet", "--no-project"]
            runner += [f"--with={package}" for package in packages]
            if subprocess.run([*runner, "python", "-c", ""], check=False).returncode != 0:
                raise click.ClickException(f"these packages can't be installed: {', '.join(packages)}")
        with self.empty_database() as url, self.empty_folder() as folder:
            target = url or f"sqlite:///{folder / 'peer.db'}"
            command = [*(runner if packages else []), "python" if packages else sys.executable, *program]
            cost = processes.run([*command, str(file), target], folder, dict(os.environ))
            engine = sa.create_engine(target, poolclass=sa.NullPool)
            with engine.connect() as connection:
                lines = connection.scalar(sa.text("SELECT COUNT(*) FROM `lines`"))
        return replace(cost, lines=lines)

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
        variables = environment(home, RETAIL_DATABASE_URL=self.url, **settings)
        return replace(processes.run(command, self.folder, variables), lines=_lines_loaded(home, self.url))

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


def _lines_loaded(home: Path, url: str) -> int:
    warehouse = Warehouse(Settings(_env_file=None, home=home, database_url=url))
    try:
        with warehouse.reading() as connection:
            return sum(entry["rows_loaded"] or 0 for entry in ledger.entries(connection))
    finally:
        warehouse.engine.dispose()
