"""The whole job, against pandas doing the raw load alone."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side
from benchmarks.loading import years


def compare(bench: Bench) -> Comparison:
    """What people begin with is no faster, and leaves neither types nor keys, checks or marts."""
    return against(bench, "pandas.to_sql", "pandas_to_sql")


def against(bench: Bench, label: str, peer: str, *packages: str) -> Comparison:
    """`retail ingest` of half a million lines, against a peer that puts the same file into one table."""
    (file,) = years(bench, 1)
    return Comparison(
        title=f"`retail ingest` of half a million lines from nothing to fresh marts, against {label} putting the same "
        f"file into one table ({bench.exports.origin})",
        base=Side(label, lambda: bench.run_peer(peer, file, *packages)),
        contender=Side("retail ingest", lambda: bench.ingest(file)),
        figure="seconds",
        target=1.0,
        same_lines=False,
    )
