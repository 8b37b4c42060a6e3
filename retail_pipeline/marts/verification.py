"""Whether a mart, which follows what changed, has the rows that making all of it anew would give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import Mart
from retail_pipeline.marts.refresh import fill_anew
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.table_changes import scratch_table

SCRATCH = "made_anew"
SAMPLE_ROWS = 10


@dataclass(frozen=True)
class Difference:
    """Rows that only making the mart anew gives, rows that only the mart has, and the keys of some of either.

    A row with another figure is one of each.
    """

    rows_missing: int
    rows_extra: int
    sample: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return self.rows_missing + self.rows_extra


def difference(warehouse: Warehouse, mart: Mart) -> Difference:
    """Compares a mart with its own query over the tables that it reads, within the database.

    Marts that it reads count as right: whoever verifies all marts has verified those as well.
    """
    with (
        warehouse.reading() as connection,
        scratch_table(connection, mart.table(), SCRATCH) as scratch,
    ):
        fill_anew(connection, mart, scratch.name)
        missing, missing_keys = _only_in(connection, mart, scratch, mart.table())
        extra, extra_keys = _only_in(connection, mart, mart.table(), scratch)
    return Difference(missing, extra, [*missing_keys, *extra_keys][:SAMPLE_ROWS])


def _only_in(
    connection: sa.Connection, mart: Mart, one: sa.Table, other: sa.Table
) -> tuple[int, list[Mapping[str, Any]]]:
    """How many rows of one table the other doesn't have, and the keys of the first."""
    only = sa.except_(sa.select(one), sa.select(other)).subquery()
    number = connection.scalar(sa.select(sa.func.count()).select_from(only)) or 0
    keys = sa.select(*(only.c[column] for column in mart.grain)).limit(SAMPLE_ROWS)
    return number, [dict(row) for row in connection.execute(keys).mappings()] if number else []
