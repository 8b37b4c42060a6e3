"""How MySQL and MariaDB keep texts and compare them: by their bytes, as SQLite does."""

import sqlalchemy as sa

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
"""The options of a table of ours. Both kinds of server know the collation; when it is made, `by_bytes` replaces it."""


def by_bytes(dialect: sa.Dialect) -> str:
    """The name that a server has for a collation that neither folds texts nor pads them.

    Its default merges product codes that differ by case. And MySQL pads what it sorts to the length that a column may
    have, unless the collation forbids it: five times the bytes for the longest sorts of marts.
    """
    return "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"


@sa.event.listens_for(sa.Table, "before_create")
def _compare_by_bytes(table: sa.Table, connection: sa.Connection, **_: object) -> None:
    """Sees every table that is made, by migrations and for marts too; those of other programs name no collation."""
    if connection.dialect.name == "mysql" and "mysql_collate" in table.kwargs:
        table.dialect_options["mysql"]["collate"] = by_bytes(connection.dialect)
