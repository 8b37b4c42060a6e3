"""Text columns of MySQL and MariaDB that hold as much as those of other databases do."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql


def hold_long_texts(connection: sa.Connection) -> None:
    """Makes a LONGTEXT of each TEXT in a database that no index covers; a TEXT ends at 64 KB."""
    inspector = sa.inspect(connection)
    quote = connection.dialect.identifier_preparer.quote_identifier
    for table in inspector.get_table_names():
        indexed = {column for index in inspector.get_indexes(table) for column in index["column_names"]}
        changes = [
            f"MODIFY {quote(column['name'])} LONGTEXT{'' if column['nullable'] else ' NOT NULL'}"
            for column in inspector.get_columns(table)
            if isinstance(column["type"], mysql.TEXT) and column["name"] not in indexed
        ]
        if changes:
            connection.execute(sa.text(f"ALTER TABLE {quote(table)} {', '.join(changes)}"))
