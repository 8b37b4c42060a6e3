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


def tagged(process: int) -> str:
    """A process of this host, for the tag."""
    return f"{socket.gethostname()}:{process}:{_birth(process)}"


def this_one() -> str:
    """This process, for the tag."""
    return tagged(os.getpid())


def living(run: dg.DagsterRun) -> int | None:
    """The id of the process of this host that a run lives in; None where there is none, or it has ended."""
    process = _on_this_host(run)
    return int(process[0]) if process and _is_alive(*process) else None


def is_gone(run: dg.DagsterRun) -> bool:
    """Whether the process of a run has ended; of one on another host nothing can be known."""
    process = _on_this_host(run)
    return process is not None and not _is_alive(*process)


def _on_this_host(run: dg.DagsterRun) -> list[str] | None:
    host, _, process = run.tags.get(PROCESS_TAG, "").partition(":")
    return process.split(":") if process and host == socket.gethostname() else None


def close_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """A run whose process was killed can't say so itself: it would be shown as running and hold up others for ever."""
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)):
        if is_gone(run):
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
