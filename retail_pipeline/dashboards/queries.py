"""What dashboards read: a bounded query on a mart for each figure and sheet."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from retail_pipeline.dashboards.description import Dashboard, Figure, Sheet, dashboard_marts, mart_table
from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measuring import ALL_COUNTRIES, ALL_TIME
from retail_pipeline.warehouse.exact import ExactDecimal, exact_sum
from retail_pipeline.warehouse.mart_states import NOT_MADE, states

Row = dict[str, Any]


@dataclass(frozen=True)
class Selection:
    """What a dashboard is about: all countries or a region, all time or a year, and one currency."""

    currency: str
    region: str = ALL_COUNTRIES
    period: str = ALL_TIME


@dataclass(frozen=True)
class Choices:
    """What can be chosen, each with the most natural first."""

    currencies: tuple[str, ...]
    regions: tuple[str, ...]
    periods: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """The days that the data covers, and when the marts were last refreshed (UTC)."""

    first_day: date
    last_day: date
    refreshed_at: datetime


@dataclass(frozen=True)
class Answers:
    """All that a dashboard shows for a selection: figures by column, rows by sheet, and its row of mart_kpis."""

    selection: Selection
    coverage: Coverage
    figures: dict[str, Any]
    rows: dict[str, list[Row]]
    kpis: Row


def choices(connection: sa.Connection, currency: str | None = None) -> Choices:
    """What can be chosen, regions and periods as a currency has. Raises BadInput where nothing can be shown."""
    if behind := not_made(connection, dashboard_marts()):
        raise BadInput(
            f"{behind[0]} has not been made yet, or by another version of the pipeline; `retail ingest` makes it"
        )
    kpis = mart_table("mart_kpis")
    everywhere = sa.select(kpis.c.currency).where(kpis.c.scope_type == "all", kpis.c.period == ALL_TIME)
    currencies = tuple(connection.scalars(everywhere.order_by(kpis.c.orders.desc(), kpis.c.currency)))
    if not currencies:
        raise BadInput("there are no sales yet; `retail ingest FILE` loads some")
    in_currency = kpis.c.currency == _one_of("currency", currency or currencies[0], currencies)
    regions = sa.select(kpis.c.scope).where(kpis.c.scope_type != "country", kpis.c.period == ALL_TIME, in_currency)
    periods = sa.select(kpis.c.period).where(kpis.c.scope_type == "all", kpis.c.period != ALL_TIME, in_currency)
    return Choices(
        currencies,
        tuple(connection.scalars(regions.order_by(kpis.c.scope_type, kpis.c.net_revenue.desc(), kpis.c.scope))),
        (ALL_TIME, *connection.scalars(periods.order_by(kpis.c.period.desc()))),
    )


def not_made(connection: sa.Connection, names: Iterable[str]) -> list[str]:
    """Those of some marts that aren't there with the columns that this version gives them."""
    made = states(connection)
    return [name for name in names if made.get(name, NOT_MADE).definition != marts()[name].definition]


def select(found: Choices, region: str | None, period: str | None, currency: str | None) -> Selection:
    """A selection out of the choices; what isn't given is the widest. Raises BadInput for what can't be chosen."""
    return Selection(
        _one_of("currency", currency or found.currencies[0], found.currencies),
        _one_of("region", region or ALL_COUNTRIES, found.regions),
        _one_of("period", period or ALL_TIME, found.periods),
    )


def _one_of(what: str, wanted: str, known: Iterable[str]) -> str:
    if wanted not in known:
        raise BadInput(f"there is no {what} {wanted!r}; there are {', '.join(known)}")
    return wanted


def answers(connection: sa.Connection, dashboard: Dashboard, selection: Selection) -> Answers:
    """All that a dashboard shows; what it doesn't filter by is left at its widest."""
    kept = {name: getattr(selection, name) for name in dashboard.filters}
    selection = replace(Selection(selection.currency), **kept)
    kpis = connection.execute(_where(sa.select(mart_table("mart_kpis")), mart_table("mart_kpis"), selection))
    return Answers(
        selection,
        coverage(connection),
        {figure.column: figure_value(connection, figure, selection) for figure in dashboard.figures},
        {sheet.name: sheet_rows(connection, sheet, selection) for sheet in dashboard.sheets},
        dict(kpis.mappings().first() or {}),
    )


def figure_value(connection: sa.Connection, figure: Figure, selection: Selection) -> Decimal | int | None:
    """A figure; None where there is nothing to count."""
    query = _where(sa.select(figure.table.c[figure.column]), figure.table, selection, figure.where)
    return connection.execute(query).scalar_one_or_none()


def sheet_rows(connection: sa.Connection, sheet: Sheet, selection: Selection) -> list[Row]:
    """The rows of a sheet, never more than its limit."""
    return [dict(row) for row in connection.execute(sheet_query(sheet, selection)).mappings()]


def sheet_query(sheet: Sheet, selection: Selection) -> sa.Select:
    """The query of a sheet."""
    table = sheet.table
    shown = {name: table.c[name] for name in (*sheet.by, *sheet.measures, *sheet.also)}
    if sheet.adds_up:
        shown |= {name: _total(table.c[name]).label(name) for name in (*sheet.measures, *sheet.also)}
    if sheet.count:
        shown[sheet.count] = sa.func.count().label(sheet.count)
    query = _where(sa.select(*(shown[name] for name in sheet.columns)), table, selection, sheet.where)
    if sheet.adds_up:
        query = query.group_by(*(table.c[name] for name in sheet.by))
    for column, number in sheet.latest.items():
        latest = _where(sa.select(table.c[column]).distinct(), table, selection, sheet.where)
        newest = latest.order_by(table.c[column].desc()).limit(number).subquery()
        oldest_shown = sa.select(sa.func.min(newest.c[column])).scalar_subquery()
        query = query.where(table.c[column] >= oldest_shown)
    for column, end in sheet.below.items():
        query = query.where(table.c[column] < end)
    if sheet.thin:
        query = query.where(_every_few(sheet, table.c[sheet.thin], selection))
    order = (shown[name.removeprefix("-")].desc() if name.startswith("-") else shown[name] for name in sheet.order)
    return query.order_by(*order).limit(sheet.limit)


def _where(query: sa.Select, table: sa.Table, selection: Selection, fixed: dict | None = None) -> sa.Select:
    query = query.where(table.c.currency == selection.currency)
    if "scope_type" in table.c:
        query = query.where(table.c.scope_type != "country", table.c.scope == selection.region)
        query = query.where(table.c.period == selection.period)
    elif selection.region != ALL_COUNTRIES:
        query = query.where(table.c.region == selection.region)
    if "scope_type" not in table.c and selection.period != ALL_TIME:
        year = int(selection.period)
        query = query.where(table.c.month.between(date(year, 1, 1), date(year, 12, 31)))
    for column, wanted in (fixed or {}).items():
        query = query.where(table.c[column].in_([wanted] if isinstance(wanted, str) else wanted))
    return query


def _total(column: sa.Column) -> sa.ColumnElement:
    return exact_sum(column) if isinstance(column.type, ExactDecimal) else sa.func.sum(column)


def _every_few(sheet: Sheet, column: sa.Column, selection: Selection) -> sa.ColumnElement[bool]:
    """Of the values of a column that counts from 1: the first ten, the last, and every so many between."""
    last = _where(sa.select(sa.func.max(column)), sheet.table, selection, sheet.where).scalar_subquery()
    step = sa.cast(last / (sheet.limit // 2) + 1, sa.Integer)
    return sa.or_(column <= 10, column == last, column % step == 0)


def coverage(connection: sa.Connection) -> Coverage:
    """What the data covers, and how fresh the marts are."""
    periods = mart_table("mart_periods")
    days = sa.select(periods.c.first_day, periods.c.last_day).where(periods.c.period_type == ALL_TIME)
    refreshed_at = max(state.refreshed_at for state in states(connection).values())
    return Coverage(*connection.execute(days).one(), refreshed_at)
