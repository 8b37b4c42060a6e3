"""Refreshing a mart: its query runs in the database, and its rows appear in one transaction."""

from dataclasses import dataclass

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import Mart, marts, schema
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.dialect import replace_table, translate


@dataclass(frozen=True)
class Refresh:
    """What a refresh did; `changed` is false where the mart already showed the newest lines."""

    rows: int
    changed: bool


def refresh(warehouse: Warehouse, mart: Mart, *, full: bool = False) -> Refresh:
    """Brings a mart up to date; with `full`, also where nothing it is computed from has changed."""
    with warehouse.writing() as connection:
        version = _version_of_inputs(connection, mart)
        if not full and ledger.shown_versions(connection).get(mart.name) == (version, mart.definition):
            return Refresh(_rows(connection, mart), changed=False)
        rebuilt = _shows_another_definition(connection, mart)
        table = mart.table(f"{mart.name}__next" if rebuilt else None)
        if rebuilt:
            table.drop(connection, checkfirst=True)
            table.create(connection)
        else:
            connection.execute(sa.delete(table))
        select = translate(mart.query, connection.dialect, schema())
        columns = ", ".join(mart.columns)
        rows = connection.execute(
            sa.text(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM ({_literally(select)}) AS mart")  # noqa: S608
        ).rowcount
        if rebuilt:
            replace_table(connection, table.name, mart.name)
        ledger.enter_refreshed(connection, mart.name, version, mart.definition, rows)
    return Refresh(rows, changed=True)


def stale(warehouse: Warehouse) -> list[str]:
    """The marts that don't show the newest lines, in the order in which to refresh them."""
    with warehouse.reading() as connection:
        version, shown = ledger.version(connection), ledger.shown_versions(connection)
    return [mart.name for mart in marts().values() if shown.get(mart.name) != (version, mart.definition)]


def _version_of_inputs(connection: sa.Connection, mart: Mart) -> int:
    """The version of order_lines that the mart will show: the oldest among what it reads."""
    shown = ledger.shown_versions(connection)
    read = [shown.get(name, (-1, ""))[0] for name in mart.reads if name in marts()]
    return min(read, default=ledger.version(connection))


def _shows_another_definition(connection: sa.Connection, mart: Mart) -> bool:
    shown = ledger.shown_versions(connection).get(mart.name)
    return shown is None or shown[1] != mart.definition


def _rows(connection: sa.Connection, mart: Mart) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(mart.table()))


def _literally(sql: str) -> str:
    """The text as it is: SQLAlchemy would take `:name` for a parameter."""
    return sql.replace(":", "\\:")
