"""How tables are shown in Dagster's catalogue: names, columns and what columns come from."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import sqlalchemy as sa

from retail_pipeline.marts.lineage import ColumnLineage

OWNERS = ["team:retail"]


def described(table: sa.Table) -> Mapping[str, Any]:
    """A table's name and columns, from the declaration that its DDL comes from."""
    dialect = sa.dialects.mysql.dialect()
    columns = [
        dg.TableColumn(
            column.name,
            column.type.compile(dialect),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
        )
        for column in table.columns
    ]
    return {"dagster/table_name": table.name, "dagster/column_schema": dg.TableSchema(columns)}


def derived(lineage: ColumnLineage) -> dg.TableColumnLineage:
    """What each column is computed from, as Dagster draws it."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=dg.AssetKey(table), column_name=source) for table, source in sources]
            for column, sources in lineage.items()
        }
    )
