"""A measure computed from order lines by its definition, whatever the marts say: for explaining a figure."""

import re
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
import sqlglot
from sqlglot import exp

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts, sql_schema
from retail_pipeline.marts.column_types import TYPES
from retail_pipeline.marts.measures import Measure, formula, measures
from retail_pipeline.warehouse.dialect import dialect_of, translate

ALL_COUNTRIES, ALL_TIME = "All countries", "all time"


@dataclass(frozen=True)
class Scope:
    """What a figure is about: all countries, a region or a country; all time, a year (2011) or a month (2011-03)."""

    place: str = ALL_COUNTRIES
    period: str = ALL_TIME


@dataclass(frozen=True)
class Figure:
    """A measure's value in a currency, with the number of order lines that it was computed from."""

    currency: str
    value: Decimal | int | None
    line_count: int
    load_id: str = ""


def measure_named(name: str) -> Measure:
    """A measure by its name; raises BadInput, naming those there are, where there is none."""
    if name not in measures():
        raise BadInput(f"there is no measure {name!r}; there are {', '.join(measures())}")
    return measures()[name]


def figures(connection: sa.Connection, name: str, scope: Scope) -> list[Figure]:
    """A measure within a scope, a figure per currency."""
    return [Figure(row[0], row[1], row[2]) for row in _run(connection, name, scope, ["currency"])]


def figures_by_load(connection: sa.Connection, name: str, scope: Scope) -> list[Figure]:
    """A measure within a scope over the lines of each load alone, those with most lines first."""
    found = [Figure(row[0], row[2], row[3], row[1]) for row in _run(connection, name, scope, ["currency", "load_id"])]
    return sorted(found, key=lambda figure: (-figure.line_count, figure.load_id))


def in_kpis(connection: sa.Connection, name: str, scope: Scope) -> dict[str, Decimal | int | None]:
    """What mart_kpis shows of a measure, by currency; nothing where it wasn't made yet, or has no such period."""
    kpis = marts()["mart_kpis"].table()
    if name not in kpis.c or not sa.inspect(connection).has_table(kpis.name):
        return {}
    query = sa.select(kpis.c.currency, kpis.c[name]).where(kpis.c.scope == scope.place, kpis.c.period == scope.period)
    return dict(connection.execute(query).all())


def loads_behind(connection: sa.Connection, period: str) -> list[tuple[str, str, int]]:
    """The loads whose lines count in a period: load_id, currency and number of lines, those with most lines first."""
    totals = marts()["running_load_months"].table()
    lines = sa.cast(sa.func.sum(totals.c.line_count), sa.BigInteger)
    query = sa.select(totals.c.load_id, totals.c.currency, lines).where(totals.c.replaced_by == "")
    if period != ALL_TIME:
        _form(period)
        query = query.where(sa.cast(totals.c.month, sa.String(10)).startswith(period, autoescape=True))
    query = query.group_by(totals.c.load_id, totals.c.currency).order_by(lines.desc(), totals.c.load_id)
    return [tuple(row) for row in connection.execute(query)]


def bases(name: str) -> dict[str, Measure]:
    """The measures that a measure's formula is made of, down to those that have none; or the measure itself."""
    if not measures()[name].formula:
        return {name: measures()[name]}
    named = (column.name for column in sqlglot.parse_one(formula(name), read="mysql").find_all(exp.Column))
    return {base: measures()[base] for base in named if base in measures()}


def _run(connection: sa.Connection, name: str, scope: Scope, grain: list[str]) -> list[sa.Row]:
    text = translate(query(name, scope, grain), dialect_of(connection), sql_schema()).replace(":", "\\:")
    measured = sa.column(name, TYPES[measures()[name].type].stored)
    columns = (*map(sa.column, grain), measured, sa.column("line_count"))
    return list(connection.execute(sa.text(text).columns(*columns)))


def query(name: str, scope: Scope, grain: list[str]) -> exp.Query:
    """A measure over the order lines of a scope, in MySQL's dialect: the grain, the measure, and `line_count`."""
    keys = ", ".join(grain)
    of_lines = [f"{m.lines} AS {base}" for base, m in bases(name).items() if m.lines]
    of_customers = [f"{m.per_customer} AS {base}" for base, m in bases(name).items() if not m.lines]
    each = ", ".join(f"{measures()[base].lines} AS {base}" for base in ("orders", "gross_sales", "returns_value"))
    same = " AND ".join(f"per_customer_totals.{key} = totals.{key}" for key in grain)
    shown = ", ".join(f"totals.{key}" for key in grain)
    columns = ", ".join(
        f"COALESCE(per_customer_totals.{base}, 0) AS {base}" if not m.lines else f"totals.{base}"
        for base, m in bases(name).items()
    )
    sql = f"""
        WITH chosen AS (
          SELECT o.* FROM order_lines AS o LEFT JOIN countries AS c ON c.label = UPPER(o.country)
          WHERE {_condition(scope)}
        ), totals AS (
          SELECT {", ".join([keys, "COUNT(*) AS line_count", *of_lines])} FROM chosen GROUP BY {keys}
        ), per_customer AS (
          SELECT source, customer_id, {keys}, {each} FROM chosen
          WHERE customer_id IS NOT NULL GROUP BY source, customer_id, {keys}
        ), per_customer_totals AS (
          SELECT {", ".join([keys, *of_customers])} FROM per_customer GROUP BY {keys}
        ), days AS (
          SELECT days_covered FROM mart_periods WHERE period = {_literal(scope.period)}
        ), both_totals AS (
          SELECT {shown}, totals.line_count, days.days_covered, {columns} FROM totals
          LEFT JOIN per_customer_totals ON {same} LEFT JOIN days ON TRUE
        )
        SELECT {keys}, {formula(name) or name} AS {name}, line_count FROM both_totals
    """
    return sqlglot.parse_one(sql, read="mysql")


def _condition(scope: Scope) -> str:
    conditions = ["TRUE"]
    if scope.place != ALL_COUNTRIES:
        place = _literal(scope.place)
        conditions.append(f"(o.country = {place} OR COALESCE(c.region, 'Unknown') = {place})")
    if scope.period != ALL_TIME:
        conditions.append(f"DATE_FORMAT(o.invoice_date, '{_form(scope.period)}') = {_literal(scope.period)}")
    return " AND ".join(conditions)


def _form(period: str) -> str:
    """How a period other than all time is written, in MySQL's words; raises BadInput where it is none."""
    if re.fullmatch(r"\d{4}", period):
        return "%Y"
    if re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        return "%Y-%m"
    raise BadInput(f"{period!r} is no period: give a year (2011), a month (2011-03) or 'all time'")


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("mysql")
