"""`retail --help`, against the same of the command that it is built upon."""

import sys
from functools import partial

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side


def compare(bench: Bench) -> Comparison:
    """Whoever asks what a command can do doesn't wait for what it will need to do it."""
    return Comparison(
        title="`retail --help`, with all that it imports, against `dagster --help`",
        base=Side("dagster --help", partial(bench.run, sys.executable, "-m", "dagster", "--help")),
        contender=Side("retail --help", partial(bench.run, sys.executable, "-m", "retail_pipeline", "--help"), 0.5),
        figure="seconds",
        target=0.5,
        same_lines=False,
    )
