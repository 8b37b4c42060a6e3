"""A lock between the processes of one machine."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retail_pipeline.errors import Busy


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
                    raise Busy(f"another run has held {path} for {seconds} s (RETAIL_LOCK_SECONDS)") from None
                time.sleep(0.1)
        yield
