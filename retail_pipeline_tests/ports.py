"""Ports of this machine for the servers that tests start."""

import os
import random
import socket
from itertools import count

LOWEST, HIGHEST = 20_000, 32_000
"""Below the ports that systems give to whoever opens a connection: one of these would be taken again in no time."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_first = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(HIGHEST)
_next = count(_first + _worker, _workers)


def free_port() -> int:
    """A port that nobody listens on, and that neither this process nor another worker of the session is given again."""
    while True:
        port = LOWEST + next(_next) % (HIGHEST - LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
