"""From MySQL's dialect, in which marts and expectations are written, to the dialect of the database that runs them."""

import sqlalchemy as sa
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from retail_pipeline.warehouse.exact import SCALE, UNITS

Schema = dict[str, dict[str, str]]
"""Column types by table, in MySQL's words."""


def qualified(query: exp.Query, schema: Schema) -> exp.Query:
    """The query with every column named in full, stars written out and types known."""
    named = qualify(query.copy(), dialect="mysql", schema=schema, quote_identifiers=False, identify=False)
    return annotate_types(named, schema=schema, dialect="mysql")


def translate(query: exp.Query, dialect: sa.Dialect, schema: Schema) -> str:
    """The query's text for a database, with the same results on each to the last decimal."""
    if dialect.name != "sqlite":
        return query.sql("mysql")
    typed = qualified(query, schema)
    for column in typed.selects:
        if column.is_type(exp.DType.DECIMAL):
            # A difference of two doubles is only nearly the decimal that it stands for.
            column.unalias().replace(exp.func("ROUND", column.unalias().copy(), exp.Literal.number(SCALE)))
    return typed.transform(_exact_on_sqlite).sql("sqlite")


def _exact_on_sqlite(node: exp.Expression) -> exp.Expression:
    """SUM over whole units, and ROUND(a / b, n) by the function that `connection` registers: doubles can do neither."""
    if isinstance(node, exp.Round) and isinstance(node.this.unnest(), exp.Div):
        ratio = node.this.unnest()
        return exp.func(
            "exact_ratio",
            ratio.this.transform(_exact_on_sqlite),
            ratio.expression.transform(_exact_on_sqlite),
            node.args["decimals"],
        )
    if isinstance(node, exp.Window) and isinstance(node.this, exp.Sum) and _has_fraction(node.this):
        return _in_units(node.this, node)
    if isinstance(node, exp.Sum) and _has_fraction(node) and not isinstance(node.parent, exp.Window):
        return _in_units(node, node)
    return node


def _has_fraction(total: exp.Sum) -> bool:
    return not total.this.is_type(*exp.DataType.INTEGER_TYPES)


def _in_units(total: exp.Sum, whole: exp.Expression) -> exp.Expression:
    units = exp.cast(
        exp.func("ROUND", exp.paren(total.this.copy()) * exp.Literal.number(UNITS)), "INTEGER", dialect="sqlite"
    )
    total.set("this", units)
    return exp.Div(this=whole.copy(), expression=exp.Literal.number(f"{UNITS}.0"))


def replace_table(connection: sa.Connection, newcomer: str, name: str) -> None:
    """Puts a table in the place of another, which need not exist; readers see either the old one or the new one."""
    exists = sa.inspect(connection).has_table(name)
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
        connection.execute(sa.text(f"ALTER TABLE {newcomer} RENAME TO {name}"))
        return
    old = f"{name}__old"
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {old}"))
    connection.execute(sa.text(f"RENAME TABLE {f'{name} TO {old}, ' if exists else ''}{newcomer} TO {name}"))
    connection.execute(sa.text(f"DROP TABLE IF EXISTS {old}"))
