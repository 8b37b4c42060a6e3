"""Writing a backup, of one moment, while loads go on."""

import hashlib
import io
import logging
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import streaming
from retail_pipeline.warehouse.backups.archive import (
    CHUNK,
    FORMAT,
    KEPT,
    MANIFEST,
    Figures,
    Manifest,
    Part,
    figures_of,
    opened,
    stored_columns,
    verify,
)
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.landing import landed_file, unpruned
from retail_pipeline.warehouse.migrations import revision_of
from retail_pipeline.warehouse.migrations.revisions import revision_in
from retail_pipeline.warehouse.tables import loads

log = logging.getLogger(__name__)

PART_ROWS, PART_BYTES = 50_000, 64 << 20
"""A part of a table ends with so many rows, or so many bytes in memory: it is written and read as a whole."""


@dataclass(frozen=True)
class Backup:
    """A backup that was written and read back."""

    path: Path
    manifest: Manifest


def back_up(warehouse: Warehouse, output: Path) -> Backup:
    """Writes a backup of the database as it is at this moment, of the landing store and of the sources.

    Loads may go on meanwhile. `output` is a file that isn't there yet, or a folder for one. What was written is read
    back before it gets its name. It is readable by its owner alone: it holds customers, and the hashes of keys.
    """
    revision_of(warehouse)  # refuses what can't be backed up; it may be another until the tables are read
    path = output / f"retail-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip" if output.is_dir() else output
    if path.exists():
        raise BadInput(f"{path} is there already: a backup overwrites nothing")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent}")
    began = time.monotonic()
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            with zipfile.ZipFile(file, "w") as archive, unpruned(warehouse):
                manifest = _write(warehouse, archive)
            file.flush()
            os.fsync(file.fileno())
        with opened(Path(partial)) as (archive, _):
            verify(archive, manifest)
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)
    facts = {"path": str(path), "bytes": path.stat().st_size, "seconds": round(time.monotonic() - began, 3)}
    log.info("A backup is written to %s", path, extra=facts)
    return Backup(path, manifest)


def _write(warehouse: Warehouse, archive: zipfile.ZipFile) -> Manifest:
    made_at = datetime.now(UTC)
    tables: dict[str, Figures] = {}
    parts: list[Part] = []
    with warehouse.snapshot() as connection:
        revision = revision_in(connection)
        for table in KEPT:
            if columns := stored_columns(connection, table):
                tables[table.name] = figures_of(connection, table)
                written = list(_write_table(connection, archive, table, columns))
                if sum(part.rows for part in written) != tables[table.name].rows:
                    raise RuntimeError(f"{table.name} isn't read as it is: was it upgraded meanwhile?")
                parts += written
        known = sa.select(*stored_columns(connection, loads)).order_by(loads.c.landing_no)
        entries = list(connection.execute(known).mappings())
    problems = []
    for entry in entries:
        path = landed_file(warehouse, entry["load_id"], entry["file_name"])
        if path.is_file():
            kept = list(_write_folder(archive, path.parent, f"landing/{entry['load_id']}"))
            if entry["sha256"] not in {part.sha256 for part in kept}:
                problems.append(f"{entry['load_id']}: its file isn't any more what was handed in")
            parts += kept
        elif not entry.get("file_pruned_at"):
            problems.append(f"{entry['load_id']}: its file is gone from the landing store")
    parts += _write_folder(archive, warehouse.landing_folder / "corrections", "landing/corrections")
    parts += _write_folder(archive, warehouse.settings.sources_folder, "sources")
    manifest = Manifest(
        format=FORMAT,
        made_by=version("retail-pipeline"),
        made_at=made_at,
        revision=revision,
        tables=tables,
        parts=parts,
        problems=problems,
    )
    archive.writestr(MANIFEST, manifest.model_dump_json(indent=1), zipfile.ZIP_DEFLATED)
    return manifest


def _write_table(
    connection: sa.Connection, archive: zipfile.ZipFile, table: sa.Table, columns: list[sa.Column]
) -> Iterator[Part]:
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    for number, rows in enumerate(_gathered(streaming.batches_on(connection, query)), 1):
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, compression="zstd")
        content = buffer.getvalue()
        name = f"tables/{table.name}/{number:05}.parquet"
        archive.writestr(name, content)
        sha256 = hashlib.sha256(content).hexdigest()
        yield Part(name=name, sha256=sha256, bytes=len(content), table=table.name, rows=rows.num_rows)


def _gathered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches put together to parts of bounded size."""
    gathered: list[pa.RecordBatch] = []
    for batch in batches:
        gathered.append(batch)
        if sum(map(len, gathered)) >= PART_ROWS or sum(rows.nbytes for rows in gathered) >= PART_BYTES:
            yield pa.Table.from_batches(gathered)
            gathered = []
    if gathered:
        yield pa.Table.from_batches(gathered)


def _write_folder(archive: zipfile.ZipFile, folder: Path, name: str) -> Iterator[Part]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield _write_file(archive, path, f"{name}/{path.relative_to(folder).as_posix()}")


def _write_file(archive: zipfile.ZipFile, path: Path, name: str) -> Part:
    digest, size = hashlib.sha256(), 0
    member = zipfile.ZipInfo(name)  # not from the file: its time and mode tell nothing
    member.compress_type = zipfile.ZIP_DEFLATED
    with path.open("rb") as file, archive.open(member, "w", force_zip64=True) as part:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            part.write(chunk)
    return Part(name=name, sha256=digest.hexdigest(), bytes=size)
