"""Changes of whole tables and of chosen rows, for which SQLite and the servers have different words."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from retail_pipeline.warehouse.collation import MYSQL
from retail_pipeline.warehouse.exact import SCALE


def add_up(
    dialect: sa.Dialect, table: str, grain: Iterable[str], columns: Iterable[str], sums: set[str], firsts: set[str]
) -> str:
    """What follows `INSERT INTO table SELECT ... FROM (...) AS delta` to merge rows that are there already.

    Columns of `sums` are added to, those of `firsts` keep the lower, all others the higher of two values.
    """
    on_sqlite = dialect.name == "sqlite"
    delta = "excluded" if on_sqlite else "delta"

    def merged(name: str) -> str:
        old, new = f"{table}.{name}", f"{delta}.{name}"
        if name in sums:
            return f"ROUND({old} + {new}, {SCALE})" if on_sqlite else f"{old} + {new}"
        return f"CASE WHEN {old} IS NULL OR {new} {'<' if name in firsts else '>'} {old} THEN {new} ELSE {old} END"

    grain = set(grain)
    assignments = ", ".join(f"{name} = {merged(name)}" for name in columns if name not in grain)
    # On SQLite the WHERE tells the parser that ON doesn't begin the condition of a join.
    return (
        f"WHERE TRUE ON CONFLICT ({', '.join(sorted(grain))}) DO UPDATE SET {assignments}"
        if on_sqlite
        else f"ON DUPLICATE KEY UPDATE {assignments}"
    )


def delete_parts(
    connection: sa.Connection,
    table: str,
    parts: str,
    columns: Iterable[str],
    nullable: Collection[str] = (),
    which: str = "TRUE",
    by_index: str | None = None,
) -> int:
    """Deletes the rows `t` of a table that have the same values in some columns as a row `part` of the table `parts`.

    Returns how many they were. `which` is a further condition; `by_index` is that of `parts` which finds what it says.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    by = _by_index(connection, by_index) if by_index else ""
    null_safe = "IS" if on_sqlite else "<=>"
    same = " AND ".join(f"t.{name} {null_safe if name in nullable else '='} part.{name}" for name in columns)
    joined = f"{parts} AS part{by} JOIN {table} AS t ON {same} WHERE {which}"
    # SQLite can't delete from a join, and MySQL would look at every row of the table for `IN`.
    statement = (
        f"DELETE FROM {table} WHERE rowid IN (SELECT t.rowid FROM {joined})" if on_sqlite else f"DELETE t FROM {joined}"
    )
    return connection.execute(sa.text(statement)).rowcount


def delete_by_index(connection: sa.Connection, table: str, index: str, which: str) -> None:
    """Deletes the rows `part` of a table for which a condition holds that one of its indexes finds.

    By itself MySQL would read all of a table that was small a while ago, and wait for whoever is changing other rows.
    """
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text(f"DELETE FROM {table} AS part WHERE {which}"))
    else:
        connection.execute(sa.text(f"DELETE part FROM {table} AS part{_by_index(connection, index)} WHERE {which}"))


def _by_index(connection: sa.Connection, index: str) -> str:
    return "" if connection.dialect.name == "sqlite" else f" FORCE INDEX ({index})"


@contextmanager
def temporary_table(connection: sa.Connection, name: str, select: sa.TextClause, values: dict) -> Iterator[int]:
    """Keeps what a query finds in a table that this connection alone sees; gives the number of its rows."""
    _drop_temporary(connection, name)  # what failed left it there
    connection.execute(sa.text(f"CREATE TEMPORARY TABLE {name} AS {select.text}"), values)
    yield connection.scalar(sa.text(f"SELECT COUNT(*) FROM {name}"))
    _drop_temporary(connection, name)


@contextmanager
def scratch_table(connection: sa.Connection, like: sa.Table, name: str) -> Iterator[sa.Table]:
    """An empty table with the columns of another, which this connection alone sees."""
    columns = [column._copy() for column in like.columns]
    scratch = sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"], **MYSQL)
    _drop_temporary(connection, name)
    scratch.create(connection, checkfirst=False)
    yield scratch
    _drop_temporary(connection, name)


def _drop_temporary(connection: sa.Connection, name: str) -> None:
    kind = "TABLE" if connection.dialect.name == "sqlite" else "TEMPORARY TABLE"
    connection.execute(sa.text(f"DROP {kind} IF EXISTS {name}"))


@contextmanager
def replaced_table(connection: sa.Connection, declared: Callable[[str], sa.Table], name: str) -> Iterator[str]:
    """Puts a new table in the place of another, which need not exist; gives the name by which to fill it.

    Readers see either the old one or the new one.
    """
    if connection.dialect.name == "sqlite":  # tables are made and dropped within the transaction
        declared(name).drop(connection, checkfirst=True)
        declared(name).create(connection)
        yield name
        return
    newcomer, old = declared(f"{name}__next"), f"{name}__old"
    newcomer.drop(connection, checkfirst=True)
    newcomer.create(connection)
    yield newcomer.name
    exists = sa.inspect(connection).has_table(name)
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {old}"))
    connection.execute(sa.text(f"RENAME TABLE {f'{name} TO {old}, ' if exists else ''}{newcomer.name} TO {name}"))
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {old}"))
