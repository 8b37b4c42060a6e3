"""Waiting until something is so, in another process or thread."""

import time
from collections.abc import Callable

SECONDS = 600
"""More than anything takes that is waited for, on any machine, however busy."""

PAUSE_SECONDS = 0.15
"""InnoDB tells nothing new of locks to who asks more often than every 0.1 s."""


def wait_until(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    """Returns as soon as `is_so` says so; raises TimeoutError where it doesn't in all that time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it isn't so after {seconds} s")
        time.sleep(PAUSE_SECONDS)
