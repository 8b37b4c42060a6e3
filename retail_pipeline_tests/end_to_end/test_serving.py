"""`retail serve`, with everything started for real."""

import json
import lzma
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import httpx2 as httpx
import pytest

from retail_pipeline.demo.sample import write_sample
from retail_pipeline_tests.end_to_end.commands import environment, retail
from retail_pipeline_tests.exports import order_line

pytestmark = pytest.mark.end_to_end

SECONDS_TO_COME_UP = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(answer: Callable[[], object]) -> object:
    """What `answer` returns as soon as it doesn't fail."""
    deadline = time.monotonic() + SECONDS_TO_COME_UP
    while True:
        with suppress(OSError):
            return answer()
        assert time.monotonic() < deadline, "it didn't come up"
        time.sleep(0.3)


@contextmanager
def served(home: Path, port: int, api_port: int) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "retail_pipeline", "serve", "--port", str(port), "--api-port", str(api_port)]
    with (home.parent / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def graphql(port: int, query: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def test_serve_shows_the_assets_and_the_runs_that_ingest_made_and_stops_cleanly(tmp_path, export):
    home = tmp_path / "shop"
    assert retail("ingest", export("day.csv", order_line()), home=home).returncode == 0
    port, api_port = free_port(), free_port()
    with served(home, port, api_port) as process:
        found = wait_for(
            lambda: graphql(port, "{assetNodes{assetKey{path}} runsOrError{... on Runs{results{jobName status}}}}")
        )
        assert {"path": ["mart_kpis"]} in [node["assetKey"] for node in found["assetNodes"]]
        assert {"jobName": "ingest", "status": "SUCCESS"} in found["runsOrError"]["results"]
        health = wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{api_port}/health", timeout=30).read())
        assert json.loads(health) == dict.fromkeys(("status", "database", "migrations", "dagster"), "ok")
        taken = retail("serve", "--port", str(port), home=home)
        assert taken.returncode == 2
        assert f"port {port} is in use" in taken.stderr
    assert process.returncode == 0
    for each in (port, api_port):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", each), timeout=1):
            pass


def test_a_file_that_is_posted_is_loaded_and_every_line_is_paged_through(tmp_path):
    export = exported(tmp_path)
    home, port, api_port = tmp_path / "shop", free_port(), free_port()
    api = f"http://127.0.0.1:{api_port}"
    with served(home, port, api_port):
        wait_for(lambda: get(f"{api}/health"))
        posted = httpx.post(f"{api}/ingest", files={"file": (export.name, export.read_bytes())}, timeout=60)
        assert posted.status_code == 202
        assert posted.json()["status"] in ("landed", "running", "waiting")  # Dagster may not be up yet
        follow = f"{api}{posted.json()['follow']}"
        deadline = time.monotonic() + 20 * SECONDS_TO_COME_UP
        while get(follow)["status"] in ("landed", "running", "waiting") or not get(follow)["checks"]:
            assert time.monotonic() < deadline
            time.sleep(1)
        told = get(follow)
        assert told["status"] == "loaded"
        number, amount, path = 0, Decimal(0), "/transactions?limit=10000"
        while path:
            page = get(api + path)
            number += len(page["items"])
            amount += sum(Decimal(item["amount"]) for item in page["items"])
            path = page["next"]
        assert number == told["ledger"]["rows_loaded"] > 10_000
        assert str(amount) == told["ledger"]["amount_loaded"]
        again = httpx.post(f"{api}/ingest", files={"file": (export.name, export.read_bytes())}, timeout=60)
        assert (again.status_code, again.json()["load_id"]) == (200, told["load_id"])


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def exported(folder: Path) -> Path:
    """UCI's Online Retail where it is at hand, else the demonstration's export."""
    path = folder / "export.csv"
    if real := os.environ.get("RETAIL_TEST_DATA"):
        with lzma.open(Path(real) / "data.csv.xz") as packed, path.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    else:
        write_sample(path)
    return path
