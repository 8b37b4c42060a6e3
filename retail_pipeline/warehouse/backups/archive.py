"""What a backup is: a zip of parts, and a manifest with the checksum of each and with what the tables add up to.

Tables are Parquet, files are as they were handed in. Marts, and what is noted about them, are left out: they are made
anew from the order lines.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.exact import UNITS, ExactDecimal
from retail_pipeline.warehouse.tables import (
    changed_invoices,
    changed_loads,
    contested_carriers,
    contested_invoices,
    countries,
    lines_before,
    mart_refreshes,
    mart_tests,
    metadata,
    refresh_parts,
    tested_parts,
)

FORMAT = 1
MANIFEST = "manifest.json"
FOLDERS = ("landing", "sources")
"""Where files in a backup are."""
CHUNK = 1 << 20

MADE_ANEW = {
    *(contested_invoices, contested_carriers, refresh_parts, tested_parts),  # scratch tables
    *(mart_refreshes, mart_tests, changed_invoices, changed_loads, lines_before),  # about marts
    countries,  # what this version knows
}
KEPT = [table for table in metadata.sorted_tables if table not in MADE_ANEW]
"""The tables in a backup; one that is added later is in it unless somebody says otherwise."""


class Part(BaseModel):
    """A member of the zip; `table` and `rows` are those of a part of a table."""

    name: str
    sha256: str
    bytes: int
    table: str | None = None
    rows: int = 0

    @property
    def path(self) -> PurePosixPath:
        """Where a file belongs, below the landing store or the folder of sources."""
        return PurePosixPath(self.name)


class Figures(BaseModel):
    """What a table adds up to: its rows, and the sum of each decimal column in ten-thousandths."""

    rows: int
    sums: dict[str, int]


class Manifest(BaseModel):
    """What a backup holds; `problems` tell files that were not as the ledger says when it was made."""

    format: int
    made_by: str
    made_at: datetime
    revision: str
    tables: dict[str, Figures]
    parts: list[Part]
    problems: list[str]

    @property
    def files(self) -> list[Part]:
        return [part for part in self.parts if part.table is None]


@contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """A backup to read from. Raises BadInput where a file is none, or is cut off."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            manifest = Manifest.model_validate_json(archive.read(MANIFEST))
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValidationError):
            raise BadInput(f"{path.name} is no backup, or it is damaged: its {MANIFEST} can't be read") from None
        _refuse_strange(manifest)
        yield archive, manifest


def _refuse_strange(manifest: Manifest) -> None:
    if manifest.format != FORMAT:
        raise BadInput(f"the backup is of format {manifest.format}, made by a later version ({manifest.made_by})")
    for part in manifest.files:
        if part.path.parts[0] not in FOLDERS or ".." in part.path.parts:
            raise BadInput(f"the backup has a file outside of its folders: {part.name}")


def verify(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Reads every part; raises BadInput that names the first which isn't as it was written."""
    for part in manifest.parts:
        digest = hashlib.sha256()
        try:
            with archive.open(part.name) as member:
                while chunk := member.read(CHUNK):
                    digest.update(chunk)
        except KeyError:
            raise BadInput(f"the backup is damaged: {part.name} is missing") from None
        except Exception:  # whatever a zip's members can be broken by: lengths, checksums, packing
            raise BadInput(f"the backup is damaged: {part.name} can't be read") from None
        if digest.hexdigest() != part.sha256:
            raise BadInput(f"the backup is damaged: {part.name} isn't as it was written")


def stored_columns(connection: sa.Connection, table: sa.Table) -> list[sa.Column]:
    """The columns of a table that a database has: of an older one those that there were."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(table.name):
        return []
    names = {column["name"] for column in inspector.get_columns(table.name)}
    if strange := names - {column.name for column in table.columns}:
        raise BadInput(f"{table.name} has a column that isn't this program's: {strange.pop()}")
    return [column for column in table.columns if column.name in names]


def figures_of(connection: sa.Connection, table: sa.Table) -> Figures:
    """What a table adds up to, as the database says."""
    columns = stored_columns(connection, table)
    decimals = {column.name: _units(column) for column in columns if isinstance(column.type, ExactDecimal)}
    rows, *sums = connection.execute(sa.select(sa.func.count(), *decimals.values()).select_from(table)).one()
    return Figures(rows=rows, sums={name: int(total or 0) for name, total in zip(decimals, sums, strict=True)})


def _units(column: sa.Column) -> sa.ColumnElement[int]:
    """The sum of a column in whole units, which no database rounds however large it is."""
    units = sa.func.round(sa.type_coerce(column, sa.Numeric) * sa.literal_column(str(UNITS)))
    return sa.func.sum(sa.cast(units, sa.BigInteger))
