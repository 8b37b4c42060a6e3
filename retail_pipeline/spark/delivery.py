"""The way of a mart's rows from the store into the database, and back."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import sqlalchemy as sa

from retail_pipeline.errors import Failure
from retail_pipeline.settings import Settings
from retail_pipeline.spark.store import Store
from retail_pipeline.warehouse import Warehouse, bulk
from retail_pipeline.warehouse.streaming import batches_on, table_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BATCH_ROWS = 50_000


def deliver_from_here(connection: sa.Connection, store: Store, folder: str, table: sa.Table) -> int:
    """Puts the rows in a folder into an empty table, as part of the connection's transaction; returns how many."""
    columns, number = table_schema(table), 0
    found = ds.dataset(store.path(folder), filesystem=store.files, format="parquet")
    for batch in found.to_batches(columns=columns.names, batch_size=BATCH_ROWS):
        bulk.insert(connection, table, pa.Table.from_batches([batch]).cast(columns), {})
        number += batch.num_rows
    return number


def deliver_from_executors(connection: sa.Connection, settings: Settings, rows: "DataFrame", table: sa.Table) -> int:
    """Puts rows into an empty table that nobody else looks at, from all executors at once; returns how many.

    What a task inserts and the note that it did are one transaction: a task that is done again, because its executor
    was lost, finds the note and leaves it at that.
    """
    columns = table_schema(table)
    number = sa.Column("number", sa.Integer, primary_key=True, autoincrement=False)
    notes = sa.Table(f"{table.name}_tasks", sa.MetaData(), number, mysql_engine="InnoDB")

    def deliver(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        with Warehouse(settings) as warehouse, warehouse.reading() as connection:
            try:
                # Where an earlier attempt hasn't ended, this waits until it has.
                connection.execute(sa.insert(notes).values(number=TaskContext.get().partitionId()))
            except sa.exc.IntegrityError:
                return
            for batch in batches:
                bulk.insert(connection, table, pa.Table.from_batches([batch]).select(columns.names).cast(columns), {})
        yield from ()

    notes.drop(connection, checkfirst=True)
    notes.create(connection)
    rows.mapInArrow(deliver, "done boolean").collect()
    notes.drop(connection)
    expected, found = rows.count(), connection.scalar(sa.select(sa.func.count()).select_from(table))
    if found != expected:
        raise Failure(f"{table.name}: {found} of {expected} rows arrived in the database; the mart stays as it was")
    return found


def fetch(connection: sa.Connection, store: Store, folder: str, table: sa.Table) -> None:
    """Copies a table into a folder."""
    store.delete(folder)
    store.files.create_dir(store.path(folder), recursive=True)
    columns = table_schema(table)
    with pq.ParquetWriter(store.path(f"{folder}/rows.parquet"), columns, filesystem=store.files) as writer:
        for batch in batches_on(connection, sa.select(table)):
            writer.write_batch(batch)
