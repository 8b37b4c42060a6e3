"""Loading half a million order lines, against the least that the server can do it with."""

from functools import partial

from benchmarks import loading
from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side


def compare(bench: Bench) -> Comparison:
    """What is known of each row must not cost more than half of what writing it does."""
    return against_the_floor(bench, years=1)


def against_the_floor(bench: Bench, years: int) -> Comparison:
    """Loading so many years, of half a million lines each, against LOAD DATA of the same files."""
    files = loading.years_for_the_floor(bench, years)
    return Comparison(
        title=f"{years} x half a million lines into raw_order_lines and order_lines with their indexes, read, typed, "
        "checked against earlier loads and added up, against LOAD DATA LOCAL INFILE of the same files into the same "
        f"two tables ({bench.exports.origin})",
        base=Side("LOAD DATA", partial(loading.floor, bench, files)),
        contender=Side("the pipeline", partial(loading.by_the_pipeline, bench, files)),
        figure="seconds",
        target=1.5,
        same_lines=False,
    )
