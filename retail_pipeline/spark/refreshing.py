"""Refreshing a mart on Spark: its query runs there, and its rows appear in the database in one step."""

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import Mart, marts, sql_schema
from retail_pipeline.marts.refresh import Refresh, version_of_inputs
from retail_pipeline.marts.verification import SAMPLE_ROWS, Difference
from retail_pipeline.spark.delivery import deliver_from_executors, deliver_from_here, fetch
from retail_pipeline.spark.store import mart_folder
from retail_pipeline.spark.tables import Tables
from retail_pipeline.warehouse import Warehouse, changes, ledger, mart_states
from retail_pipeline.warehouse.dialect import translate
from retail_pipeline.warehouse.exact import ExactDecimal
from retail_pipeline.warehouse.mart_states import NOT_MADE, MartState
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.table_changes import replaced_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)


def refresh(tables: Tables, mart: Mart, *, full: bool = False) -> Refresh:
    """Makes a mart anew, in the store and then in the database, unless it shows the newest lines."""
    began = time.monotonic()
    with tables.warehouse.reading() as connection:
        states = mart_states.states(connection)
        shown, version = states.get(mart.name, NOT_MADE), version_of_inputs(connection, mart, states)
    before = shown.refreshed_at
    is_in_store = before is not None and tables.store.is_written(mart_folder(mart.name, before))
    if not full and is_in_store and (shown.version, shown.definition) == (version, mart.definition):
        return Refresh(shown.rows, "none")
    tables.show()
    refreshed_at = ledger.now()
    folder = mart_folder(mart.name, refreshed_at)
    _computed(tables, mart).write.mode("overwrite").parquet(tables.store.url(folder))
    rows = _deliver(tables.warehouse, tables, mart, version, folder, refreshed_at)
    tables.store.sweep(folder)
    facts = {"mart": mart.name, "way": "full", "rows": rows, "seconds": round(time.monotonic() - began, 3)}
    log.info("%s is refreshed", mart.name, extra=facts)
    return Refresh(rows, "full")


def difference(tables: Tables, mart: Mart) -> Difference:
    """Compares a mart as the database has it with its own query over the tables that it reads in Spark."""
    folder = f"in_database/{mart.name}"
    with tables.warehouse.snapshot() as connection:
        fetch(connection, tables.store, folder, mart.table())
    tables.show()
    there = _stored(tables.session.read.parquet(tables.store.url(folder)), mart)
    here = _computed(tables, mart).localCheckpoint()
    missing, extra = here.exceptAll(there), there.exceptAll(here)
    keys = [row.asDict() for only in (missing, extra) for row in only.select(*mart.grain).limit(SAMPLE_ROWS).collect()]
    found = Difference(missing.count(), extra.count(), keys[:SAMPLE_ROWS])
    tables.store.delete(folder)
    return found


def _computed(tables: Tables, mart: Mart) -> "DataFrame":
    """A mart's rows by its own query, in the types of its columns."""
    return _stored(tables.session.sql(translate(mart.query.copy(), "spark", sql_schema())), mart)


def _stored(rows: "DataFrame", mart: Mart) -> "DataFrame":
    return rows.select(*(rows[column.name].cast(_type_of(column.type)) for column in mart.table().columns))


@retried
def _deliver(
    warehouse: Warehouse, tables: Tables, mart: Mart, version: int, folder: str, refreshed_at: datetime
) -> int:
    with warehouse.writing() as connection:
        with replaced_table(connection, mart.table, mart.name) as newcomer:
            if warehouse.is_sqlite:  # a file, which executors elsewhere can't write
                rows = deliver_from_here(connection, tables.store, folder, mart.table(newcomer))
            else:
                found = tables.session.read.parquet(tables.store.url(folder))
                rows = deliver_from_executors(connection, warehouse.settings, found, mart.table(newcomer))
        times = mart_states.state_of(connection, mart.name).times_made_anew + 1
        state = MartState(version, mart.definition, rows, times, refreshed_at)
        mart_states.enter_refreshed(connection, mart.name, state)
        changes.forget_followed(connection, list(marts()))
    return rows


def _type_of(stored: sa.types.TypeEngine) -> str:
    match stored:
        case ExactDecimal():
            return f"decimal({stored.impl.precision}, {stored.impl.scale})"
        case sa.SmallInteger():
            return "smallint"
        case sa.Integer():
            return "bigint"
        case sa.DateTime():
            return "timestamp_ntz"
        case sa.Date():
            return "date"
    return "string"
