"""The whole job on Spark, against the database doing it; `--lines` says how many lines."""

from functools import partial

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side

FILES = 16
"""Spark reads files side by side, so that one of all lines would be read by one processor."""


def compare(bench: Bench) -> Comparison:
    """Below a ratio of 1 Spark pays; its memory is that of all its processes on this machine."""
    files = bench.exports_of(bench.lines, FILES)
    return Comparison(
        title=f"Landing, loading and checking about {bench.lines:,} lines in {FILES} files, and computing all marts; "
        "memory is that of all processes that the command started but for a database's server, CPU time its own alone",
        base=Side("the database", partial(bench.ingest, *files)),
        contender=Side("Spark on all processors", partial(bench.ingest, *files, RETAIL_ENGINE="spark")),
        figure="seconds",
        target=1,
        same_lines=True,
    )
