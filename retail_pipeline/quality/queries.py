"""What contradicts an expectation, as a query about the rows under test in the words of a database."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

from retail_pipeline.marts.catalogue import marts, schema, sql_schema
from retail_pipeline.marts.incremental import of_tested_parts
from retail_pipeline.warehouse.dialect import translate

NUMBER_OF_ROWS = "unexpected_rows"
SAMPLE_ROWS = 20
"""Offending rows that are shown; the rest is counted."""

_UNDER_TEST = "__under_test"
_BRACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Batch:
    """The rows under test: those of a table's loads, told by the column `loads_by`, or of a mart's chosen parts."""

    table: str
    loads_by: str | None
    load_ids: tuple[str, ...]
    parts: tuple[str, ...]

    def rows_of(self, table: str, columns: Iterable[str]) -> exp.Select:
        """The rows under test, or those of another table that belong to the same parts."""
        if self.parts:
            return of_tested_parts(marts()[self.table], self.parts, table, columns)
        rows = exp.select(*columns).from_(table)
        return rows.where(exp.column(self.loads_by).isin(*self.loads)) if self.loads_by else rows

    @property
    def loads(self) -> list[exp.Expression]:
        return [exp.Literal.string(load_id) for load_id in self.load_ids] or [exp.null()]


@lru_cache(maxsize=1000)
def contradictions(query: str, batch: Batch, dialect: str) -> str:
    """An expectation's query about a batch, for a database; kept, because translating takes longer than running it."""
    return translate(_counted(_about(batch, query)), dialect, sql_schema())


def _about(batch: Batch, query: str) -> exp.Query:
    """The query with the rows under test in the place of each `{table}`, cut down to the columns that it names."""
    in_braces = {"loads": ", ".join(load.sql("mysql") for load in batch.loads)} if batch.loads_by else {}
    written = _BRACES.sub(lambda found: in_braces.get(found[1], found[1] + _UNDER_TEST), query)
    parsed = sqlglot.parse_one(written, read="mysql")
    named = {column.name for column in parsed.find_all(exp.Column)}
    for found in list(parsed.find_all(exp.Table)):
        if found.name.endswith(_UNDER_TEST):
            name = found.name.removesuffix(_UNDER_TEST)
            table = batch.table if name == "batch" else name
            columns = [column for column in schema()[table] if column in named]
            found.replace(batch.rows_of(table, columns).subquery(found.alias or table, copy=False))
    return parsed


def _counted(query: exp.Query) -> exp.Query:
    """A query for the first rows that a query finds, each with the number of all in the column NUMBER_OF_ROWS."""
    number = f"COUNT(*) OVER () AS {NUMBER_OF_ROWS}"
    return exp.select("*", number).from_(query.subquery("unexpected", copy=False)).limit(SAMPLE_ROWS, copy=False)
