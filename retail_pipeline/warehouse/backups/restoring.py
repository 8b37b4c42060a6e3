"""Restoring a backup: into an empty database of any kind, or in the place of what a database holds.

All of the backup is verified before anything is touched. From then on a mark in the database keeps every command out,
until the tables are whole and add up; a restore that was interrupted is done by restoring again.
"""

import hashlib
import io
import logging
import os
import shutil
import time
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import bulk, streaming
from retail_pipeline.warehouse.backups.archive import KEPT, Manifest, Part, figures_of, opened, verify
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.free_names import free
from retail_pipeline.warehouse.landing import unpruned
from retail_pipeline.warehouse.migrations import UNFINISHED_RESTORE, is_known
from retail_pipeline.warehouse.migrations.upgrade import migrate
from retail_pipeline.warehouse.tables import loads, mart_refreshes, metadata

log = logging.getLogger(__name__)

OURS = {*metadata.tables, "alembic_version"}
"""This program's tables but the marts."""

MARK = sa.Table(UNFINISHED_RESTORE, sa.MetaData(), sa.Column("file_name", sa.String(255)))


def restore(warehouse: Warehouse, path: Path, *, replace: bool = False) -> Manifest:
    """Makes the database, the landing store and the sources what they were when a backup was made.

    Tables of an older version are upgraded. Marts are left to be made anew. Files that the backup doesn't know stay
    where they are. Raises BadInput, with nothing changed, where the backup is damaged or of a later version, or where
    the database holds loads and `replace` doesn't allow that they go.
    """
    began = time.monotonic()
    with opened(path) as (archive, manifest):
        if not is_known(manifest.revision):
            raise BadInput(f"{path.name} is of revision {manifest.revision}, made by a later version of this program")
        verify(archive, manifest)
        with warehouse.alone(), unpruned(warehouse):
            _begin(warehouse, path, replace=replace)
            _restore_files(warehouse, archive, manifest)
            _restore_tables(warehouse, archive, manifest)
            with warehouse.writing() as connection:
                migrate(connection)
                _refuse_figures_that_do_not_add_up(connection)
                MARK.drop(connection)
    facts = {"path": str(path), "seconds": round(time.monotonic() - began, 3)}
    log.info("%s is restored", path.name, extra=facts)
    return manifest


def _begin(warehouse: Warehouse, path: Path, *, replace: bool) -> None:
    with warehouse.writing() as connection:
        inspector = sa.inspect(connection)
        if not inspector.has_table(MARK.name):
            _refuse_what_is_held(connection, inspector, replace=replace)
        MARK.create(connection, checkfirst=True)
        connection.execute(sa.delete(MARK))
        connection.execute(sa.insert(MARK).values(file_name=path.name[:255]))


def _refuse_what_is_held(connection: sa.Connection, inspector: sa.Inspector, *, replace: bool) -> None:
    there = OURS.intersection(inspector.get_table_names())
    # Of whatever version: it is there and has this column since the first.
    is_ours = loads.name in there and "landing_no" in {column["name"] for column in inspector.get_columns(loads.name)}
    if there and not is_ours:
        raise BadInput(f"the database has others' tables that bear our names: {', '.join(sorted(there))}")
    held = connection.scalar(sa.select(sa.func.count()).select_from(loads)) if is_ours else 0
    if held and not replace:
        raise BadInput(f"the database holds {held} loads; --replace puts the backup in their place")


def _restore_files(warehouse: Warehouse, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    folders = {"landing": warehouse.landing_folder, "sources": warehouse.settings.sources_folder}
    for part in manifest.files:
        top, *rest = part.path.parts
        _restore_file(archive, part, folders[top].joinpath(*rest))


def _restore_file(archive: zipfile.ZipFile, part: Part, path: Path) -> None:
    """Puts a file where it belongs; another that is there, such as a newer source profile, is put aside."""
    if path.is_file():
        with path.open("rb") as there:
            if hashlib.file_digest(there, "sha256").hexdigest() == part.sha256:
                return
        path.rename(free(path.with_name(f"{path.name}.replaced")))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.restoring")
    with archive.open(part.name) as member, partial.open("wb") as file:
        shutil.copyfileobj(member, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _restore_tables(warehouse: Warehouse, archive: zipfile.ZipFile, manifest: Manifest) -> None:
    with warehouse.writing() as connection:
        _drop_tables(connection)
        migrate(connection, manifest.revision)
        for table in KEPT:
            if table.name in manifest.tables:
                connection.execute(sa.delete(table))  # what a migration puts in
    for table in KEPT:
        for part in manifest.parts:
            if part.table == table.name:
                rows = pq.read_table(io.BytesIO(archive.read(part.name)))
                stored = streaming.schema(sa.select(*(table.c[name] for name in rows.column_names)))
                with warehouse.writing() as connection:  # one for each part: a transaction of all would grow too large
                    bulk.insert(connection, table, rows.cast(stored), {})  # Parquet has no times to the second
    with warehouse.reading() as connection:
        for table in KEPT:
            if table.name in manifest.tables and figures_of(connection, table) != manifest.tables[table.name]:
                raise RuntimeError(f"{table.name} doesn't add up to what the backup says; was it written to meanwhile?")


def _drop_tables(connection: sa.Connection) -> None:
    """Drops this program's tables, marts included; there may be others in the database."""
    there = sa.inspect(connection).get_table_names()
    marts = connection.scalars(sa.select(mart_refreshes.c.mart)).all() if mart_refreshes.name in there else []
    for name in (*marts, *OURS):  # in this order: whoever is interrupted knows the marts afterwards
        if name in there:
            sa.Table(name, sa.MetaData()).drop(connection)


def _refuse_figures_that_do_not_add_up(connection: sa.Connection) -> None:
    """The ledger's identities, as the last thing before the tables are anybody's again."""
    columns = loads.c
    read = columns.rows_loaded + columns.rows_quarantined + columns.rows_superseded
    money = columns.amount_loaded + columns.amount_quarantined + columns.amount_superseded
    adds_up = sa.and_(columns.rows_read == read, sa.func.round(columns.amount_read - money, 4) == 0)
    wrong = sa.select(columns.load_id).where(columns.status == "loaded", sa.not_(sa.func.coalesce(adds_up, sa.false())))
    if load_id := connection.scalar(wrong.limit(1)):
        raise RuntimeError(f"{load_id}: rows or money read are not those loaded, quarantined and superseded")
