"""Which columns each column of a mart is computed from, read out of its SQL."""

from sqlglot import exp
from sqlglot.lineage import Node, lineage

from retail_pipeline.marts.catalogue import Mart, sql_schema
from retail_pipeline.warehouse.dialect import qualified

ColumnLineage = dict[str, list[tuple[str, str]]]
"""For each column of a mart, the (table, column) pairs that it is computed from."""


def column_lineage(mart: Mart) -> ColumnLineage:
    """The sources of every column of a mart, in alphabetical order."""
    # Neither trimmed nor copied: that is for showing the SQL of each step, and takes ten times as long.
    query = qualified(mart.query.copy(), sql_schema())
    found = lineage(None, query, sql_schema(), dialect="mysql", trim_selects=False, copy=False)
    return {name: _sources(node) for name, node in found.items()}


def _sources(node: Node) -> list[tuple[str, str]]:
    leaves = (leaf for leaf in node.walk() if not leaf.downstream and isinstance(leaf.expression, exp.Table))
    return sorted({(leaf.expression.name, leaf.name.rpartition(".")[2]) for leaf in leaves})
