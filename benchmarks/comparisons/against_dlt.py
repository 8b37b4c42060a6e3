"""The whole job, against dlt doing the raw load alone."""

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison
from benchmarks.comparisons.against_to_sql import against


def compare(bench: Bench) -> Comparison:
    """A loader that is known for speed, in the way that its documentation calls fastest."""
    return against(bench, "dlt", "dlt_pipeline", "dlt[sqlalchemy]~=1.31", "pyarrow", "pymysql[rsa]")
