"""The peak memory of an ingest, against that of an ingest of ten times the lines."""

from functools import partial

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side

TIMES = 10
LIMIT_MIB = 381
"""400 MB."""


def compare(bench: Bench) -> Comparison:
    """Files are read in batches and the database does the rest: memory must not grow with the file."""
    small, large = bench.export_of(bench.lines), bench.export_of(bench.lines * TIMES)
    return Comparison(
        title="Peak memory of `retail ingest` and the process beside it, for a made-up export and for one of ten times "
        "the lines; what a database server takes is not counted",
        base=Side(f"about {bench.lines:,} lines", partial(bench.ingest, small), LIMIT_MIB),
        contender=Side(f"about {bench.lines * TIMES:,} lines", partial(bench.ingest, large), LIMIT_MIB),
        figure="peak_mib",
        target=1.2,
        same_lines=False,
    )
