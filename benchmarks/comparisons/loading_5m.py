"""Loading five million order lines, against the least that the server can do it with."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison
from benchmarks.comparisons.loading import against_the_floor


def compare(bench: Bench) -> Comparison:
    """A line costs the same in the tenth file as in the first."""
    return against_the_floor(bench, years=10)
