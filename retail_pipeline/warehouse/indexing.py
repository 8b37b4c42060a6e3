"""The indexes of order_lines, which a first load builds at once when its lines are in, and not along with each line."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from retail_pipeline.warehouse import ledger, overlap
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import order_lines

log = logging.getLogger(__name__)

MUCH_BYTES = 10 << 20
"""Files of this size together, some hundred thousand lines, are worth changing the table twice."""

NEEDED_BY_LOADS = overlap.invoice_index(order_lines)
"""By it the loads of one run find the invoices that they share."""

SORT_BYTES = 64 << 20
"""What MySQL may take for sorting the entries of new indexes, instead of 1 MiB."""


@contextmanager
def built_at_once(warehouse: Warehouse, load_ids: Sequence[str]) -> Iterator[None]:
    """Builds indexes after these loads instead of along with them, where they are the first and large.

    Until then whoever reads by them on MySQL or MariaDB is told to ask again. Killed in between, the next run completes
    them.
    """
    if _first_and_large(warehouse, load_ids):
        _set_aside(warehouse)
        yield
        complete(warehouse)
    else:
        yield


@retried
def complete(warehouse: Warehouse) -> None:
    """Builds the indexes that are missing."""
    with warehouse.reading() as connection:
        if not _missing(connection):
            return
    began = time.monotonic()
    with warehouse.writing() as connection:
        missing = _missing(connection)
        if connection.dialect.name == "sqlite":
            for index in missing:
                index.create(connection)
        elif missing:
            if not connection.dialect.is_mariadb:
                connection.exec_driver_sql(f"SET SESSION innodb_ddl_buffer_size = {SORT_BYTES}")
            added = (f"ADD INDEX {index.name} ({', '.join(index.columns.keys())})" for index in missing)
            connection.exec_driver_sql(f"ALTER TABLE {order_lines.name} {', '.join(added)}")  # which reads it once
    log.info("%s indexes of order_lines are built", len(missing), extra={"seconds": round(time.monotonic() - began, 3)})


@retried
def _first_and_large(warehouse: Warehouse, load_ids: Sequence[str]) -> bool:
    with warehouse.reading() as connection:
        file_bytes = sum(entry["file_bytes"] for entry in ledger.entries(connection, load_ids))
        return file_bytes >= MUCH_BYTES and connection.scalar(sa.select(order_lines.c.line_no).limit(1)) is None


@retried
def _set_aside(warehouse: Warehouse) -> None:
    with warehouse.writing() as connection:
        for index in sorted(order_lines.indexes, key=lambda index: index.name):
            if index.name != NEEDED_BY_LOADS:
                index.drop(connection, checkfirst=True)


def _missing(connection: sa.Connection) -> list[sa.Index]:
    there = {index["name"] for index in sa.inspect(connection).get_indexes(order_lines.name)}
    return sorted((index for index in order_lines.indexes if index.name not in there), key=lambda index: index.name)
