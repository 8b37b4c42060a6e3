"""Running the `retail` command as people do: as a process of its own."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

from retail_pipeline.defs.launcher import WARM

Done = subprocess.CompletedProcess[str]


def retail(*arguments: str | Path, home: Path, **settings: str) -> Done:
    """Runs `retail` to its end with a RETAIL_HOME and further settings of its own."""
    return subprocess.run(
        [sys.executable, "-m", "retail_pipeline", *map(str, arguments)],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def warm_retail(*arguments: str | Path, home: Path, **settings: str) -> Done:
    """The same without what a start takes, for what a command does once it has started."""
    with tempfile.TemporaryDirectory() as folder:
        process = begun(Path(folder), *arguments, home=home, **settings)
        process.join()
        output, errors = (Path(folder, name).read_text(encoding="utf-8") for name in ("output", "errors"))
        return Done(["retail", *map(str, arguments)], process.exitcode, output, errors)


def begun(said: Path, *arguments: str | Path, home: Path, **settings: str) -> BaseProcess:
    """The command in a process forked from one that has imported everything, which takes six seconds of work.

    What it prints goes into files of a folder.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload([WARM])
    command = ["retail", *map(str, arguments)]
    process = forking.Process(target=_run, args=(command, environment(home, **settings), Path.cwd(), said))
    process.start()
    return process


def _run(command: list[str], environment: dict[str, str], folder: Path, said: Path) -> None:
    for stream, name in ((1, "output"), (2, "errors")):
        with (said / name).open("wb") as file:
            os.dup2(file.fileno(), stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = command
    runpy.run_module("retail_pipeline", run_name="__main__", alter_sys=True)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The variables of a process that has these settings and none of whoever runs the tests."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("RETAIL_", "DAGSTER_"))}
    return others | {"RETAIL_HOME": str(home)} | settings
