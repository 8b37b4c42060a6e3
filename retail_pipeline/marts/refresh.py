"""Refreshing a mart: its query runs in the database, and its rows appear in one transaction."""

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa
from sqlglot import exp

from retail_pipeline.marts import incremental
from retail_pipeline.marts.catalogue import Mart, Parts, marts, sql_schema
from retail_pipeline.warehouse import Warehouse, changes, ledger, mart_states
from retail_pipeline.warehouse.dialect import dialect_of, translate
from retail_pipeline.warehouse.mart_states import NOT_MADE, MartState
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.table_changes import (
    add_up,
    delete_by_index,
    delete_parts,
    replaced_table,
    temporary_table,
)
from retail_pipeline.warehouse.tables import REFRESH_PARTS_INDEX, lines_before, refresh_parts, tested_parts

log = logging.getLogger(__name__)

FEW_INVOICES, FEW = 1000, 0.25
"""Changes of so many invoices, or of that share of the rows of mart_invoice_days, are worth an incremental refresh."""

DELTA = "delta"
"""The temporary table of what to add to a mart."""


@dataclass(frozen=True)
class Refresh:
    """What a refresh did; `way` is full, incremental or, where the mart already showed the newest lines, none."""

    rows: int
    way: str


@retried
def refresh(warehouse: Warehouse, mart: Mart, *, full: bool = False) -> Refresh:
    """Brings a mart up to date, by what changed where that is noted; with `full`, by making all of it anew."""
    began = time.monotonic()
    with warehouse.writing(lock=mart.name) as connection:
        states = mart_states.states(connection)
        shown, version = states.get(mart.name, NOT_MADE), version_of_inputs(connection, mart, states)
        same_definition = shown.definition == mart.definition
        if not full and same_definition and shown.version == version:
            log.debug("%s shows the newest lines", mart.name, extra={"mart": mart.name})
            return Refresh(shown.rows, "none")
        if full or not same_definition or not _can_follow(connection, mart, shown.version):
            way = "full"
            rows = _make_anew(connection, mart, with_table=not same_definition)
        else:
            way = "incremental"
            follow = _make_parts_anew if isinstance(mart.refresh, Parts) else _add_difference
            rows = shown.rows + follow(connection, mart, shown.version)
        made_anew = way == "full" and (mart.refresh != "whole" or not same_definition)
        times = shown.times_made_anew + int(made_anew)
        state = MartState(version, mart.definition, rows, times, ledger.now())
        mart_states.enter_refreshed(connection, mart.name, state)
        changes.forget_followed(connection, list(marts()))
    facts = {"mart": mart.name, "way": way, "rows": rows, "seconds": round(time.monotonic() - began, 3)}
    log.info("%s is refreshed", mart.name, extra=facts)
    return Refresh(rows, way)


def fill_anew(connection: sa.Connection, mart: Mart, into: str) -> int:
    """Puts a mart's rows, all of them computed from what it reads, into an empty table; returns how many they are."""
    return _insert(connection, mart, incremental.whole, into=into)


def few_changes_since(connection: sa.Connection, version: int) -> bool:
    """Whether what changed after a version is noted, and so little that following it is worth while."""
    if not changes.are_noted_since(connection, version):
        return False
    number = changes.number_since(connection, version)
    return number <= FEW_INVOICES or number <= FEW * mart_states.state_of(connection, "mart_invoice_days").rows


def stale(warehouse: Warehouse) -> list[str]:
    """The marts that don't show the newest lines, in the order in which to refresh them."""
    with warehouse.reading() as connection:
        return behind(connection)


def behind(connection: sa.Connection) -> list[str]:
    """As `stale`, on a connection."""
    version, states = changes.version(connection), mart_states.states(connection)

    def is_behind(mart: Mart) -> bool:
        shown = states.get(mart.name, NOT_MADE)
        return (shown.version, shown.definition) != (version, mart.definition)

    return [mart.name for mart in marts().values() if is_behind(mart)]


def version_of_inputs(connection: sa.Connection, mart: Mart, states: Mapping[str, MartState]) -> int:
    """The version of order_lines that the mart will show: the oldest among what it reads."""
    read = [states.get(name, NOT_MADE).version for name in mart.reads if name in marts()]
    return min(read) if read else changes.version(connection)


def _can_follow(connection: sa.Connection, mart: Mart, shown: int) -> bool:
    return mart.refresh != "whole" and few_changes_since(connection, shown)


def _make_anew(connection: sa.Connection, mart: Mart, *, with_table: bool) -> int:
    """Makes all of a mart anew; returns how many rows it has."""
    if with_table:
        with replaced_table(connection, mart.table, mart.name) as newcomer:
            return fill_anew(connection, mart, newcomer)
    connection.execute(sa.delete(sa.table(mart.name)))
    return fill_anew(connection, mart, mart.name)


def _make_parts_anew(connection: sa.Connection, mart: Mart, since: int) -> int:
    """Makes anew the parts that changed; returns how many rows the mart gained, below 0 if it lost some."""
    assert isinstance(mart.refresh, Parts)
    _choose(connection, mart, mart.refresh.chosen_by, incremental.keys_of_parts, since)
    which = incremental.from_day(mart)
    return _make_chosen_anew(connection, mart, mart.refresh.parts, incremental.of_parts, which)


def _add_difference(connection: sa.Connection, mart: Mart, since: int) -> int:
    """Adds what came and subtracts what went; returns how many rows the mart gained, below 0 if it lost some."""
    went = connection.scalar(sa.select(lines_before.c.version).where(lines_before.c.version > since).limit(1))
    sums, firsts = incremental.sums(mart), incremental.firsts(mart)
    may_lose = bool(went) and {*mart.columns} - {*mart.grain} - sums
    if may_lose:  # what is lost is told from what is shown: before that changes
        _choose(connection, mart, mart.grain, incremental.lost_extremes, since)
    columns = ", ".join(mart.columns)
    delta = sa.text(_text(dialect_of(connection), mart.name, incremental.difference))
    with temporary_table(connection, DELTA, delta, {"since": since}) as rows:
        same = " AND ".join(f"t.{name} = {DELTA}.{name}" for name in mart.grain)
        known = connection.scalar(sa.text(f"SELECT COUNT(*) FROM {DELTA} JOIN {mart.name} AS t ON {same}"))
        merge = add_up(connection.dialect, mart.name, mart.grain, mart.columns, sums, firsts)
        connection.execute(sa.text(f"INSERT INTO {mart.name} ({columns}) SELECT {columns} FROM {DELTA} {merge}"))
        gained = rows - known
        if went:
            gained -= delete_parts(connection, mart.name, DELTA, mart.grain, which="t.line_count = 0")
    if may_lose:
        gained += _make_chosen_anew(connection, mart, mart.grain, incremental.of_rows)
    return gained


def prepare(dialect: str) -> None:
    """Translates what refreshes most often ask, for this process and those that are forked from it."""
    for mart in marts().values():
        if mart.refresh == "whole":
            queries = [incremental.whole]
        elif isinstance(mart.refresh, Parts):
            queries = [incremental.keys_of_parts, incremental.of_parts]
        else:
            queries = [incremental.difference]
        for query in queries:
            _text(dialect, mart.name, query)


def _choose(
    connection: sa.Connection, mart: Mart, by: tuple[str, ...], keys: Callable[[Mart], exp.Query], since: int
) -> None:
    """Chooses the parts whose keys, in these columns, a query finds."""
    columns, select = ", ".join(by), _text(dialect_of(connection), mart.name, keys)
    chosen = f"SELECT DISTINCT '{mart.name}', {columns} FROM ({select}) AS chosen"
    connection.execute(sa.text(f"INSERT INTO {refresh_parts.name} (mart, {columns}) {chosen}"), {"since": since})


def choose_to_test(connection: sa.Connection, mart: Mart, parts: tuple[str, ...], since: int) -> int:
    """Chooses the parts of a mart that changed, as these columns tell them apart; returns how many rows they have."""
    columns = incremental.named(parts)
    keys, rows = texts_to_test(dialect_of(connection), mart, parts)
    chosen = f"SELECT '{mart.name}', '{columns}', {columns} FROM ({keys}) AS k"
    insert = f"INSERT INTO {tested_parts.name} (mart, parts, {columns}) {chosen}"
    connection.execute(sa.text(insert), {"since": since})
    return connection.scalar(sa.text(f"SELECT COUNT(*) FROM ({rows}) AS r"))


def texts_to_test(dialect: str, mart: Mart, parts: tuple[str, ...]) -> tuple[str, str]:
    """For a database: the keys of a mart's parts that changed, and of the parts that were chosen, the rows."""
    keys = _text(dialect, mart.name, incremental.keys_by, parts)
    return keys, _text(dialect, mart.name, incremental.of_tested_parts, parts, mart.name, parts)


def _make_chosen_anew(
    connection: sa.Connection,
    mart: Mart,
    parts: tuple[str, ...],
    query: Callable[[Mart], exp.Query],
    which: str = "TRUE",
) -> int:
    nullable = {name for name in parts if mart.columns[name].nullable}
    which = f"{incremental.is_chosen(mart)} AND {which}"
    lost = delete_parts(connection, mart.name, refresh_parts.name, parts, nullable, which, REFRESH_PARTS_INDEX)
    gained = _insert(connection, mart, query, into=mart.name)
    delete_by_index(connection, refresh_parts.name, REFRESH_PARTS_INDEX, incremental.is_chosen(mart))
    return gained - lost


def _insert(connection: sa.Connection, mart: Mart, query: Callable[[Mart], exp.Query], *, into: str) -> int:
    columns, select = ", ".join(mart.columns), _text(dialect_of(connection), mart.name, query)
    insert = sa.text(f"INSERT INTO {into} ({columns}) SELECT {columns} FROM ({select}) AS delta")
    return connection.execute(insert).rowcount


@cache
def _text(dialect: str, mart: str, query: Callable[..., exp.Query], *of: Hashable) -> str:
    """A mart's query for a database, translated once in a process, for that takes longer than many a query.

    It has the parameter `:since`; its other colons stay as they are.
    """
    text = translate(query(marts()[mart], *of), dialect, sql_schema())
    return text.replace(":", "\\:").replace("\\:since", ":since")
