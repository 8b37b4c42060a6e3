"""The dashboards on ten million lines of history, against half a million."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side


def compare(bench: Bench) -> Comparison:
    """Pages read marts: what they cost grows with months and customers, not with lines."""
    one, many = bench.shop_with_history(1), bench.shop_with_history(20)
    return Comparison(
        title=f"both dashboards as pages after 20 years of half a million lines each, against the same after one year "
        f"({bench.exports.origin}); after 20 years it must stay below a second",
        base=Side("1 year", one.show_dashboards),
        contender=Side("20 years", many.show_dashboards),
        figure="seconds",
        target=5,
        same_lines=False,
    )
