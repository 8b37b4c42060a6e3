"""Running the `retail` command as people do: as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def retail(*arguments: str | Path, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `retail` to its end with a RETAIL_HOME and further settings of its own."""
    return subprocess.run(
        [sys.executable, "-m", "retail_pipeline", *map(str, arguments)],
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=False,
    )


def environment(home: Path, **settings: str) -> dict[str, str]:
    """The variables of a process that has these settings and none of whoever runs the tests."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("RETAIL_", "DAGSTER_"))}
    return others | {"RETAIL_HOME": str(home)} | settings
