"""The processes that runs live in, and the end of runs whose process is gone."""

import os
import socket
from contextlib import suppress
from pathlib import Path

import dagster as dg

PROCESS_TAG = "retail/process"
"""Host, id and birth of the process that a run lives in."""

UNFINISHED = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
"""What a run can be before it has ended; NOT_STARTED for an instant, after its row was written."""


def this_one() -> str:
    """This process, for the tag."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}"


def close_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """A run whose process was killed can't say so itself: it would be shown as running, and hold up others, for ever.

    Of a process on another host nothing can be known, and its runs are left alone.
    """
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
        host, _, process = run.tags.get(PROCESS_TAG, "").partition(":")
        if host == socket.gethostname() and not _is_alive(*process.split(":")):
            instance.report_run_failed(run, "The process that it ran in is gone.")


def _is_alive(process: str, birth: str = "") -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return birth in ("", _birth(int(process)))


def _birth(process: int) -> str:
    """When a process began, in ticks since the machine did; ids are used again. Empty where the system doesn't say."""
    with suppress(OSError):
        # After the name, which is in parentheses and may hold anything, it is the 20th field (proc(5)).
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
