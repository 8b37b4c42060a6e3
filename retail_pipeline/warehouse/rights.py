"""What other users of the database's server may do: whoever serves the API, and whoever reads the marts.

A right belongs to a table's name, so it outlives a mart that is made anew and swapped in.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.tables import corrections, loads


def let_serve(warehouse: Warehouse, user: str) -> None:
    """Lets a user do what the API does: read everything, and enter what is handed in: files, and corrections."""
    statements = ["GRANT SELECT ON {database}.* TO {user}", _on(loads.name, "GRANT INSERT, UPDATE", "TO")]
    _grant(warehouse, user, [*statements, _on(corrections.name, "GRANT INSERT", "TO")])


def let_read(warehouse: Warehouse, user: str, tables: Iterable[str]) -> None:
    """Lets a user read these tables and no other, also those that nobody has made yet."""
    statements = []
    for table in tables:
        # Servers take no rights on a table that isn't there, unless the right to make it is among them.
        statements += [_on(table, "GRANT SELECT, CREATE", "TO"), _on(table, "REVOKE CREATE", "FROM")]
    _grant(warehouse, user, statements)


def _on(table: str, verb: str, whom: str) -> str:
    return f"{verb} ON {{own}}.`{table}` {whom} {{user}}"


def _grant(warehouse: Warehouse, user: str, statements: Iterable[str]) -> None:
    """Runs statements about a user; raises BadInput where there is no such user, or ours has nothing to hand on."""
    if warehouse.is_sqlite:
        raise BadInput("SQLite has no users: whoever can read its file can read everything")
    quote = warehouse.engine.dialect.identifier_preparer.quote_identifier
    database = warehouse.url.database or ""
    names = {
        "own": quote(database),
        "database": quote(database.replace("_", r"\_")),  # a pattern there: _ is any character
        "user": quote(user),
    }
    with warehouse.writing() as connection:
        for statement in statements:
            try:
                connection.exec_driver_sql(statement.format(**names))
            except sa.exc.DBAPIError as error:
                raise BadInput(
                    f"the server grants {user} nothing: {error.orig}. The user must exist, and that of "
                    "RETAIL_DATABASE_URL must have its own rights WITH GRANT OPTION"
                ) from error
