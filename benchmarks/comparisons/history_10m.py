"""A daily file on ten million lines of history, against one on half a million."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison
from benchmarks.comparisons.history_5m import against_one_year


def compare(bench: Bench) -> Comparison:
    """A load, its checks and the refresh follow what changed: what they cost must not grow with what there is."""
    return against_one_year(bench, years=20)
