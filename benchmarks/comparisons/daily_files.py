"""A year of daily files in one command, against the same order lines in one file."""

from functools import partial

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side


def compare(bench: Bench) -> Comparison:
    """Loading, checks and marts as one command: what is done per file must stay small beside what is done per line."""
    exports = bench.exports
    return Comparison(
        title=f"`retail ingest` of {len(exports.days)} daily files in one command, against the same order lines in one "
        f"file ({exports.origin})",
        base=Side("one file", partial(bench.ingest, exports.whole)),
        contender=Side(f"{len(exports.days)} files", partial(bench.ingest, *exports.days)),
        figure="seconds",
        target=3.0,
        same_lines=True,
    )
