"""The whole job at five million order lines, against the least that the server can load them with."""

from functools import partial

from benchmarks import loading
from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side

YEARS = 10


def compare(bench: Bench) -> Comparison:
    """All checks and all marts take no longer than writing the lines does."""
    files = loading.years_for_the_floor(bench, YEARS)
    return Comparison(
        title=f"`retail ingest` of {YEARS} x half a million lines from nothing to fresh marts, against LOAD DATA LOCAL "
        f"INFILE of the same files into raw_order_lines and order_lines ({bench.exports.origin})",
        base=Side("LOAD DATA", partial(loading.floor, bench, files)),
        contender=Side("retail ingest", partial(bench.ingest, *files)),
        figure="seconds",
        target=2.5,
        same_lines=False,
    )
