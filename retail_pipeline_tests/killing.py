"""Processes of a test's own, and killing them at a chosen moment."""

import os
import signal
from collections.abc import Callable
from itertools import count

import sqlalchemy as sa


def in_a_process(work: Callable[[], None]) -> int:
    """Starts `work` in a process of its own; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(0)


def exit_status(pid: int) -> int:
    """The exit status of a process, negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_before_statement(number: int) -> None:
    """Kills this process, as `kill -9` does, before its n-th SQL statement or commit."""
    statements = count(1)

    def maybe_kill(*_: object) -> None:
        if next(statements) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", maybe_kill)
    sa.event.listen(sa.Engine, "commit", maybe_kill)
