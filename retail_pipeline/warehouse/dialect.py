"""From MySQL's dialect, in which marts and expectations are written, to the dialect of the database that runs them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import sqlalchemy as sa
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from retail_pipeline.warehouse.exact import SCALE, UNITS
from retail_pipeline.warehouse.tables import MYSQL


def dialect_of(database: sa.Connection | sa.Engine) -> str:
    """The name of a database's dialect, for `translate`."""
    return database.dialect.name


def qualified(query: exp.Query, schema: MappingSchema) -> exp.Query:
    """The query with every column named in full, stars written out and types known; it is changed itself."""
    named = qualify(query, dialect="mysql", schema=schema, quote_identifiers=False, identify=False)
    return annotate_types(named, schema=schema, dialect="mysql")


def translate(query: exp.Query, dialect: str, schema: MappingSchema) -> str:
    """The query's text for a database, or for `spark`, with the same results on each to the last decimal.

    The query is changed: copying it takes longer than translating it.
    """
    if dialect == "spark":
        carried = query.transform(_exact_on_spark, copy=False)
        for join in carried.find_all(exp.Join):
            if join.kind == "STRAIGHT_JOIN":  # Spark chooses the order of joins by what it sees
                join.set("kind", None)
        return carried.sql("spark", copy=False)
    if dialect != "sqlite":
        return query.sql("mysql", copy=False)
    typed = qualified(query, schema)
    # A sum or difference of two doubles is only nearly the decimal that it stands for: it is rounded wherever it is
    # shown, compared or ordered by.
    for column in typed.selects:
        if column.is_type(exp.DType.DECIMAL):
            column.unalias().replace(exp.func("ROUND", column.unalias().copy(), exp.Literal.number(SCALE)))
    for computed in list(typed.find_all(exp.Add, exp.Sub)):
        if computed.is_type(exp.DType.DECIMAL) and not isinstance(_around(computed), _ARITHMETIC):
            computed.replace(exp.func("ROUND", computed.copy(), exp.Literal.number(SCALE)))
    for join in typed.find_all(exp.Join):
        if join.kind == "STRAIGHT_JOIN":  # SQLite has another word for it
            join.set("kind", "CROSS")
    return typed.transform(_exact_on_sqlite, copy=False).sql("sqlite", copy=False)


_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Round)


def _around(node: exp.Expression) -> exp.Expression | None:
    """What an expression is part of, parentheses aside."""
    return _around(node.parent) if isinstance(node.parent, exp.Paren) else node.parent


def _exact_on_sqlite(node: exp.Expression) -> exp.Expression:
    """SUM over whole units, and ROUND(a / b, n) by the function that `connection` registers: doubles can do neither."""
    if isinstance(node, exp.Round) and isinstance(node.this.unnest(), exp.Div):
        ratio = node.this.unnest()
        above, below = (_computed_exactly(side) for side in (ratio.this, ratio.expression))
        return exp.func("exact_ratio", above, below, node.args["decimals"])
    if isinstance(node, exp.Window) and isinstance(node.this, exp.Sum) and _has_fraction(node.this):
        return _in_units(node.this, node)
    if isinstance(node, exp.Sum) and _has_fraction(node) and not isinstance(node.parent, exp.Window):
        return _in_units(node, node)
    return node


_RATIO_ON_SPARK = sqlglot.parse_one(
    "IF((:above < 0) = (:below < 0), 1, -1) * CAST((:double * ABS(:above) + ABS(:below)) DIV (2 * ABS(:below)) "
    "AS DECIMAL(19, 0)) * :unit",
    read="spark",
)
_SIDE_ON_SPARK = "DECIMAL(24, 4)"


def _exact_on_spark(node: exp.Expression) -> exp.Expression:
    """ROUND(a / b, n) as a division of whole numbers, rounded half away from zero.

    Spark makes doubles of whole numbers when it divides them, and cuts the decimals of a ratio off at a place that
    depends on the types of its sides.
    """
    if not (isinstance(node, exp.Round) and isinstance(node.this.unnest(), exp.Div)):
        return node
    ratio, decimals = node.this.unnest(), int(node.args["decimals"].name)
    sides = {"above": ratio.this, "below": ratio.expression}
    exact = {name: exp.cast(side.transform(_exact_on_spark), _SIDE_ON_SPARK) for name, side in sides.items()}
    numbers = {"double": 2 * 10**decimals, "unit": Decimal(1).scaleb(-decimals)}
    values = exact | {name: exp.Literal.number(f"{Decimal(number):f}") for name, number in numbers.items()}

    def filled_in(part: exp.Expression) -> exp.Expression:
        return values[part.name].copy() if isinstance(part, exp.Placeholder) else part

    return exp.paren(_RATIO_ON_SPARK.transform(filled_in), copy=False)


def _computed_exactly(side: exp.Expression) -> exp.Expression:
    """A side of a ratio; rounded where it is computed, for a difference of doubles is only nearly that of decimals."""
    exact = side.transform(_exact_on_sqlite)
    return exp.func("ROUND", exact, exp.Literal.number(SCALE)) if side.find(exp.Binary) else exact


def _has_fraction(total: exp.Sum) -> bool:
    return not total.this.is_type(*exp.DataType.INTEGER_TYPES)


def _in_units(total: exp.Sum, whole: exp.Expression) -> exp.Expression:
    units = exp.cast(
        exp.func("ROUND", exp.paren(total.this.copy()) * exp.Literal.number(UNITS)), "INTEGER", dialect="sqlite"
    )
    total.set("this", units)
    return exp.Div(this=whole.copy(), expression=exp.Literal.number(f"{UNITS}.0"))


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
