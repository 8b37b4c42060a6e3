"""`retail serve` as a process, and asking it."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retail_pipeline_tests.end_to_end.commands import environment

SECONDS_TO_COME_UP = SECONDS_TO_STOP = 300
"""More than either takes on any machine, however busy."""


def wait_for(answer: Callable[[], object]) -> object:
    """What `answer` returns as soon as it doesn't fail."""
    deadline = time.monotonic() + SECONDS_TO_COME_UP
    while True:
        with suppress(OSError):
            return answer()
        assert time.monotonic() < deadline, "it didn't come up"
        time.sleep(0.3)


@contextmanager
def served(home: Path, port: int, api_port: int, **settings: str) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "retail_pipeline", "serve", "--port", str(port), "--api-port", str(api_port)]
    with (home.parent / "serve.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home, **settings), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(SECONDS_TO_STOP)


def graphql(port: int, query: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)
