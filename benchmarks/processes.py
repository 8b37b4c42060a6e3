"""Commands that are measured: each run as a process of its own, with what it and all below it take."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from benchmarks.measured import Cost

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""What `ru_maxrss` counts in, by getrusage(2)."""


def run(command: Sequence[str], folder: Path, variables: dict[str, str]) -> Cost:
    """Runs a command in a folder, which leaves no lines; raises ClickException with what it said where it fails.

    The peak is the most memory that it had, or if that is more, that it and the processes which it started were seen to
    have together; 0 where it ended before anybody looked.
    """
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        with _watched(process.pid) as seen:
            # RUSAGE_CHILDREN would tell of all so far.
            _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            said = "".join(output.readlines()[-20:])
            raise click.ClickException(f"{command} ended with status {process.returncode}:\n{said}")
    # What getrusage tells is no less than the peak of the process that started this one: it is for other systems.
    peak = max(seen) if sys.platform == "linux" else usage.ru_maxrss * MAXRSS_BYTES
    return Cost(seconds, usage.ru_utime + usage.ru_stime, peak_mib=peak / 2**20, lines=0)


@contextmanager
def _watched(process: int) -> Iterator[list[int]]:
    """The memory of a process and of all below it together, in bytes, looked at again and again."""
    seen, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            seen.append(max(_peak(process), _memory(_family(process))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _family(process: int) -> list[int]:
    """A process and all below it, as proc(5) tells them; none elsewhere than on Linux."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    family = [process] if process in parents else []
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family


def _peak(process: int) -> int:
    """The most bytes that a process had at any time."""
    return _told(Path(f"/proc/{process}/status")).get("VmHWM", 0)


def _memory(processes: Sequence[int]) -> int:
    """The bytes that processes have together now: their own, and the files' of the one that has most of them.

    They read the same libraries. What proc(5) calls Pss would put down part of those to whoever else reads them, such
    as this process.
    """
    told = [_told(Path(f"/proc/{process}/smaps_rollup")) for process in processes]
    own = sum(one.get("Pss_Anon", 0) for one in told)
    return own + max((one["Rss"] - one["Anonymous"] for one in told if one), default=0)


def _told(path: Path) -> dict[str, int]:
    """The figures in bytes that a file of proc(5) tells by name; none where the process has ended."""
    with suppress(OSError):
        words = [line.split() for line in path.read_text().splitlines() if line.endswith(" kB")]
        return {name.rstrip(":"): int(figure) * 1024 for name, figure, _ in words}
    return {}
