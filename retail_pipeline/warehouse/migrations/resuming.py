"""Lets an upgrade be finished that was interrupted: MySQL and MariaDB commit each change of a table by itself.

Changes that are there already are skipped. What comes of it is then compared with the tables as declared, so that a
table of somebody else's, which happens to have the name of one of ours, isn't taken for it.
"""

from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.ddl.mysql import MySQLImpl
from alembic.runtime.migration import MigrationContext

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.tables import metadata


class _ResumingMySQL(MySQLImpl):
    """Changes of tables, but for those that an interrupted upgrade made before."""

    __dialect__ = "mysql"  # Alembic finds it by this name, in the place of its own
    skipped = False

    def create_table(self, table: sa.Table, **kwargs: Any) -> None:
        if not self._skips(self._tables().has_table(table.name)):
            super().create_table(table, **kwargs)
            return
        for index in table.indexes:
            self.create_index(index)

    def add_column(self, table_name: str, column: sa.Column, **kwargs: Any) -> None:
        columns = {found["name"] for found in self._tables().get_columns(table_name)}
        if not self._skips(column.name in columns):
            super().add_column(table_name, column, **kwargs)

    def create_index(self, index: sa.Index, **kwargs: Any) -> None:
        if not self._skips(index.name in self._indexes(index)):
            super().create_index(index, **kwargs)

    def drop_index(self, index: sa.Index, **kwargs: Any) -> None:
        if not self._skips(index.name not in self._indexes(index)):
            super().drop_index(index, **kwargs)

    def _skips(self, is_done: bool) -> bool:
        self.skipped = self.skipped or is_done
        return is_done

    def _indexes(self, index: sa.Index) -> set[str | None]:
        return {found["name"] for found in self._tables().get_indexes(index.table.name)}

    def _tables(self) -> sa.Inspector:
        return sa.inspect(self.connection)


def refuse_strange_tables(context: MigrationContext) -> None:
    """Raises BadInput where changes were skipped and the tables aren't what they should be."""
    if not getattr(context.impl, "skipped", False):
        return
    for difference in compare_metadata(context, metadata):
        what = difference[0] if isinstance(difference, tuple) else difference[0][0]
        if not what.startswith("remove_"):  # marts, and what else is there besides, is nobody's harm
            raise BadInput(f"the database has tables of these names that aren't this program's: {difference}")
