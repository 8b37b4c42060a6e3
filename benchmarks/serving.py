"""Servers under load: the API and Datasette as processes of their own, and wrk, which asks them."""

import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from benchmarks.bench import Shop
from benchmarks.measured import Cost
from retail_pipeline_tests.end_to_end.commands import environment
from retail_pipeline_tests.ports import free_port

SECONDS = 4
CONNECTIONS = 8
REQUESTS = 1000
"""What a cost is told for."""


@contextmanager
def api(shop: Shop) -> Iterator[str]:
    """The API over a shop; its address."""
    port = free_port()
    settings = {"RETAIL_DATABASE_URL": shop.url, "RETAIL_DAGSTER_URL": f"http://127.0.0.1:{free_port()}"}
    command = [sys.executable, "-m", "retail_pipeline", "api", "--port", str(port)]
    with _serving(command, shop.folder, environment(shop.folder / "home", **settings), port, "health") as address:
        yield address


@contextmanager
def service(shop: Shop) -> Iterator[str]:
    """Everything that `retail serve` starts over a shop; the API's address."""
    port, dagster_port = free_port(), free_port()
    command = [sys.executable, "-m", "retail_pipeline", "serve", "--port", str(dagster_port), "--api-port", str(port)]
    variables = environment(shop.folder / "home", RETAIL_DATABASE_URL=shop.url)
    with _serving(command, shop.folder, variables, port, "health") as address:
        yield address


@contextmanager
def datasette(database: Path) -> Iterator[str]:
    """Datasette over a SQLite file; its address."""
    port = free_port()
    command = [sys.executable, "-m", "datasette", str(database), "--port", str(port)]
    with _serving(command, database.parent, None, port, "-/versions.json") as address:
        yield address


def load(address: str, path: str, lines: int) -> Cost:
    """What a thousand requests for a path take, each of so many order lines, with eight at a time."""
    wrk = shutil.which("wrk")
    if not wrk:
        raise click.ClickException("wrk is missing: it asks the servers (Debian's package `wrk`)")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", address + path]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise click.ClickException(f"{address}{path} answers with errors:\n{said}")
    per_second = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return Cost(seconds=REQUESTS / per_second, cpu_seconds=0, peak_mib=0, lines=lines)


@contextmanager
def _serving(command: list[str], folder: Path, variables: dict | None, port: int, probe: str) -> Iterator[str]:
    address = f"http://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=folder, env=variables, **quiet)
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{address}/{probe}", timeout=10):
                break
            if time.monotonic() > deadline:
                raise click.ClickException(f"{' '.join(command)} doesn't come up")
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()
