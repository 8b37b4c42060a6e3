"""A daily file on five million lines of history, against one on half a million."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side


def compare(bench: Bench) -> Comparison:
    """A load, its checks and the refresh follow what changed: what they cost must not grow with what there is."""
    return against_one_year(bench, years=10)


def against_one_year(bench: Bench, years: int) -> Comparison:
    """A day of 2,000 lines for a shop of so many years, and for one of a single year, of half a million lines each."""
    one, many = bench.shop_with_history(1), bench.shop_with_history(years)
    return Comparison(
        title=f"`retail ingest` of a day's 2,000 lines, checks and refreshed marts included, after {years} years of "
        f"half a million lines each, against the same after one year ({bench.exports.origin})",
        base=Side("1 year", one.ingest_next_day),
        contender=Side(f"{years} years", many.ingest_next_day),
        figure="seconds",
        target=1.2,
        same_lines=False,
    )
