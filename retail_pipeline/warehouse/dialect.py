"""From MySQL's dialect, in which marts and expectations are written, to the dialect of the database that runs them."""

from decimal import Decimal

import sqlalchemy as sa
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from retail_pipeline.warehouse.exact import SCALE, UNITS


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
        _instead_of_straight_joins(carried, None)  # Spark chooses the order of joins by what it sees
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
    _instead_of_straight_joins(typed, "CROSS")  # SQLite's word for it
    return typed.transform(_exact_on_sqlite, copy=False).sql("sqlite", copy=False)


def _instead_of_straight_joins(query: exp.Query, kind: str | None) -> None:
    for join in query.find_all(exp.Join):
        if join.kind == "STRAIGHT_JOIN":
            join.set("kind", kind)


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
