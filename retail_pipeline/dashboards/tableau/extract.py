"""The packaged extract: the marts that dashboards read, in a .hyper file.

Decimals are doubles there, which Tableau computes with whatever a column is declared as; up to 15 digits come back as
they were. pantab 5.3 could write them as NUMERIC but for those between -0.1 and 0, which it refuses.
"""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from retail_pipeline.dashboards.description import dashboard_marts, mart_table
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.column_types import TYPES
from retail_pipeline.warehouse.exact import ExactDecimal

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 50_000


def write_extract(connection: sa.Connection, path: Path) -> None:
    """Writes the extract; pantab must be installed."""
    import pantab  # an extra, with Tableau's own database engine in it

    tables = {name: mart_as_arrow(connection, name) for name in dashboard_marts()}
    pantab.frames_to_hyper(tables, path, process_params={"log_dir": str(path.parent)})


def mart_as_arrow(connection: sa.Connection, name: str) -> "pa.Table":
    """A mart as a table of Arrow."""
    import pyarrow as pa

    fields = [
        (column, _arrow_type(TYPES[described.type].stored)) for column, described in marts()[name].columns.items()
    ]
    schema = pa.schema(fields)
    query = sa.select(mart_table(name)).execution_options(yield_per=BATCH_ROWS)
    batches = [
        pa.RecordBatch.from_pylist([_plain(row) for row in rows], schema=schema)
        for rows in connection.execute(query).mappings().partitions()
    ]
    return pa.Table.from_batches(batches, schema=schema)


def _plain(row: sa.RowMapping) -> dict[str, Any]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}


def _arrow_type(stored: sa.types.TypeEngine) -> "pa.DataType":
    import pyarrow as pa

    if isinstance(stored, ExactDecimal):
        return pa.float64()
    kinds = {str: pa.large_string(), date: pa.date32(), datetime: pa.timestamp("us"), int: pa.int64()}
    if isinstance(stored, sa.SmallInteger):
        return pa.int16()
    return kinds[stored.python_type]
