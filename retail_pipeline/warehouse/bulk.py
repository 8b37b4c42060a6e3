"""Bulk loading: how a batch of rows gets into a table, by the fastest safe way that the database offers."""

import tempfile
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import sqlalchemy as sa

INSERT_ROWS = 1000
"""Rows of one INSERT where LOAD DATA is forbidden: longer ones outgrow max_allowed_packet and gain nothing."""


def insert(connection: sa.Connection, table: sa.Table, rows: pa.Table, constants: dict[str, str]) -> None:
    """Inserts `rows`, whose columns are named as the table's, with `constants` for columns that are alike in all."""
    if rows.num_rows == 0:
        return
    if connection.dialect.name == "sqlite":
        _executemany(connection, table, rows, constants)
    elif load_data_allowed(connection.engine):
        _load_data(connection, table, rows, constants)
    else:
        _insert_many(connection, table, rows, constants)


def way(connection: sa.Connection) -> str:
    """The name of the way that `insert` goes, for people who wonder why a load is slow."""
    if connection.dialect.name == "sqlite":
        return "INSERT"
    return (
        "LOAD DATA LOCAL INFILE"
        if load_data_allowed(connection.engine)
        else "INSERT (the server's local_infile is off)"
    )


@lru_cache
def load_data_allowed(engine: sa.Engine) -> bool:
    """Whether the server takes LOAD DATA LOCAL INFILE."""
    with engine.connect() as connection:
        return bool(connection.scalar(sa.text("SELECT @@local_infile")))


def _load_data(connection: sa.Connection, table: sa.Table, rows: pa.Table, constants: dict[str, str]) -> None:
    name = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(name, rows.column_names))
    assignments = ", ".join(f"{name(column)} = %s" for column in constants)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        # Every value is quoted, so that an unquoted NULL is NULL and a product called NULL stays one.
        options = pacsv.WriteOptions(include_header=False, quoting_style="all_valid", null_string="NULL")
        pacsv.write_csv(rows, file.name, options)
        result = connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE %s INTO TABLE {name(table.name)} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' "
            f"({columns}){' SET ' + assignments if assignments else ''}",
            (file.name, *constants.values()),
        )
    # LOCAL turns errors into warnings, also in strict mode: a row that was skipped or changed is only told here.
    warnings = connection.exec_driver_sql("SHOW WARNINGS LIMIT 1").first()
    if warnings or result.rowcount != rows.num_rows:
        raise RuntimeError(
            f"{table.name}: {result.rowcount} of {rows.num_rows} rows loaded; the server says {warnings}"
        )


def _executemany(connection: sa.Connection, table: sa.Table, rows: pa.Table, constants: dict[str, str]) -> None:
    columns = [*rows.column_names, *constants]
    values = [_plain(column).to_pylist() for column in rows.columns]
    values += [[constant] * rows.num_rows for constant in constants.values()]
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
    connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decimals and dates as the text that SQLite stores or turns into numbers by itself."""
    kind = column.type
    return pc.cast(column, pa.string()) if pa.types.is_decimal(kind) or pa.types.is_temporal(kind) else column


def _insert_many(connection: sa.Connection, table: sa.Table, rows: pa.Table, constants: dict[str, str]) -> None:
    for batch in rows.to_batches(max_chunksize=INSERT_ROWS):
        connection.execute(sa.insert(table), [row | constants for row in batch.to_pylist()])
