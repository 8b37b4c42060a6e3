"""The ground that faults are tried on: a shop with its database, which a fault may reach as far as it needs."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.demo.sample import write_sample
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline_tests import servers
from retail_pipeline_tests.faults import work
from retail_pipeline_tests.faults.proxy import Proxy
from retail_pipeline_tests.faults.work import Contents

ORDERS = 60
"""Orders of each of the two exports, which have some invoices in common; loading one takes a second or two."""

DISK_MB = 96


@dataclass
class Ground:
    """A shop in which the first export is loaded, and the second one comes and goes."""

    settings: Settings
    first: Path
    second: Path
    daemon: servers.Daemon | None = None
    disk: "Disk | None" = None
    seconds: float = 0.0
    """How long work takes that nobody disturbs, about."""
    states: dict[str, Contents] = field(default_factory=dict)
    """What the tables hold before the second export and with it, by a twin that nobody disturbs."""

    @property
    def name(self) -> str:
        return "SQLite" if self.warehouse.is_sqlite else self._server_name

    @cached_property
    def _server_name(self) -> str:
        with self.warehouse.reading() as connection:
            return str(connection.scalar(sa.select(sa.func.version())))

    @cached_property
    def warehouse(self) -> Warehouse:
        """The shop's warehouse, as this process looks at it."""
        return Warehouse(self.settings)

    @cached_property
    def proxy(self) -> Proxy:
        """A proxy before its server."""
        assert self.warehouse.url.port is not None
        return Proxy(self.warehouse.url.port)

    @property
    def proxied(self) -> Settings:
        """The settings of who reaches the server through the proxy."""
        url = self.warehouse.url.set(port=self.proxy.port)
        return Settings(
            _env_file=None,
            **self.settings.model_dump(exclude={"database_url"}),
            database_url=url.render_as_string(hide_password=False),
        )

    @property
    def second_load(self) -> str | None:
        """The second export's load, where it is in the tables."""
        with self.warehouse.reading() as connection:
            for entry in ledger.entries(connection):
                if entry["file_name"] == self.second.name and entry["status"] == "loaded":
                    return entry["load_id"]
        return None


@dataclass
class Disk:
    """A small disk of its own, which can be filled."""

    folder: Path
    megabytes: int

    def fill(self, leave_bytes: int) -> None:
        """Leaves so much room. Raises RuntimeError where it would be the machine's own disk that is filled."""
        if not os.path.ismount(self.folder) or shutil.disk_usage(self.folder).total > self.megabytes << 20:
            raise RuntimeError(f"{self.folder} isn't the small disk that was mounted there: it is left alone")
        room = shutil.disk_usage(self.folder).free - leave_bytes
        with (self.folder / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(room, 1))

    def make_room(self) -> None:
        """Makes room again."""
        (self.folder / "ballast").unlink(missing_ok=True)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk | None]:
    """A disk in memory, mounted at a folder; None where this user may not mount one."""
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield Disk(folder, megabytes)
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # not lazily: who still writes would write to what is below


@contextmanager
def sqlite(folder: Path, seconds: int = 60) -> Iterator[Ground]:
    """A shop on SQLite, on a disk of its own where one can be had."""
    with disk(folder / "disk", DISK_MB) as own_disk:
        settings = _settings(folder / "disk" / "shop", "", seconds)
        yield _opened(Ground(settings, *_exports(folder), disk=own_disk), folder)


@contextmanager
def own_server(folder: Path, program: str, seconds: int = 60, megabytes: int = 700) -> Iterator[Ground]:
    """A shop on a server that is started for it and may be killed, its data on a disk of its own if one can be had."""
    with disk(folder / "disk", megabytes) as own_disk:
        daemon = servers.Daemon(program, folder / "disk")
        daemon.start()
        try:
            with servers.database_url(daemon.url, "retail_faults") as url:
                settings = _settings(folder / "shop", url, seconds)
                ground = Ground(settings, *_exports(folder), daemon=daemon, disk=own_disk)
                yield _opened(ground, folder)
                ground.warehouse.dispose()
        finally:
            daemon.kill()


@contextmanager
def named_server(folder: Path, server_url: str, seconds: int = 60) -> Iterator[Ground]:
    """A shop in a database of its own on a server that is somebody else's."""
    with servers.database_url(server_url, "retail_faults") as url:
        ground = Ground(_settings(folder / "shop", url, seconds), *_exports(folder))
        yield _opened(ground, folder)
        ground.warehouse.dispose()


def _settings(home: Path, url: str, seconds: int) -> Settings:
    return Settings(
        _env_file=None, home=home, database_url=url, batch_rows=200, retry_seconds=seconds, lock_seconds=3 * seconds
    )


def _exports(folder: Path) -> tuple[Path, Path]:
    first, second = folder / "first.csv", folder / "second.csv"
    for seed, path in enumerate((first, second), start=1):
        if not path.exists():
            write_sample(path, orders=ORDERS, seed=seed)
    return first, second


def _opened(ground: Ground, folder: Path) -> Ground:
    """The shop with its first export in the tables, and what its twin says of that and of the second one."""
    twin = Warehouse(_settings(folder / f"twin-{time.monotonic_ns()}", "", 60))
    for warehouse in (twin, ground.warehouse):
        upgrade(warehouse)
        work.ingest(warehouse, ground.first)
    ground.states["before"] = work.contents(twin)
    work.ingest(twin, ground.second)
    ground.states["after"] = work.contents(twin)
    twin.dispose()
    ground.warehouse.dispose()
    begun = time.monotonic()
    assert work.begin(work.make_anew, ground.settings).wait() == work.DONE
    ground.seconds = time.monotonic() - begun
    return ground
