"""The landing store: a file is kept, byte for byte, and entered in the ledger before anything is done with it."""

import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.intake.inspection import Inspection, Inspector, chunks_of, load_id_of, safe_file_name
from retail_pipeline.intake.reader import verify
from retail_pipeline.sources import SourceProfile
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.tables import loads


@dataclass(frozen=True)
class Landing:
    """A file in the landing store; `is_new` is false where the same bytes had landed before."""

    load_id: str
    is_new: bool


def land(warehouse: Warehouse, path: Path, profile: SourceProfile) -> Landing:
    """Copies a file into the landing store and enters it in the ledger.

    Raises BadFile, with nothing kept, where the file as a whole isn't of the source's form; single rows may still be
    rejected when it is loaded.
    """
    return land_chunks(warehouse, path.name, chunks_of(path), profile)


def land_chunks(warehouse: Warehouse, file_name: str, chunks: Iterable[bytes], profile: SourceProfile) -> Landing:
    """As `land`, for a file that arrives in pieces."""
    file_name = safe_file_name(file_name)
    inspector = Inspector(file_name, profile.encodings)
    arriving = warehouse.landing_folder / f".arriving-{uuid.uuid4().hex}"
    arriving.mkdir(parents=True)
    try:
        with (arriving / file_name).open("xb") as copy:
            for chunk in chunks:
                inspector.feed(chunk)
                copy.write(chunk)
            inspection = inspector.finish()
            copy.flush()
            os.fsync(copy.fileno())
        verify(arriving / file_name, profile, inspection.encoding)
        return _enter(warehouse, arriving, file_name, inspection, profile)
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def landed_file(warehouse: Warehouse, load_id: str, file_name: str) -> Path:
    """Where the landing store keeps a load's file: a folder per load, and in it the file under its own name."""
    return warehouse.landing_folder / load_id / file_name


def _enter(
    warehouse: Warehouse, arriving: Path, file_name: str, inspection: Inspection, profile: SourceProfile
) -> Landing:
    with warehouse.writing(lock="landing") as connection:
        last = connection.scalar(sa.select(sa.func.max(loads.c.landing_no))) or 0
        known = sa.select(loads.c.load_id, loads.c.status).where(loads.c.sha256 == inspection.sha256)
        for load_id, status in connection.execute(known):
            if status == "reverted":  # as if it had never been: it lands anew, after all others
                connection.execute(
                    sa.update(loads)
                    .where(loads.c.load_id == load_id)
                    .values(
                        status="landed",
                        landing_no=last + 1,
                        source=profile.name,
                        encoding=inspection.encoding,
                        landed_at=ledger.now(),
                    )
                )
            return Landing(load_id, is_new=status == "reverted")
        load_id = load_id_of(file_name, inspection.sha256)
        landed = warehouse.landing_folder / load_id
        shutil.rmtree(landed, ignore_errors=True)  # left by a crash between here and the ledger's commit
        os.replace(arriving, landed)
        _sync_folder(landed)
        _sync_folder(warehouse.landing_folder)
        connection.execute(
            sa.insert(loads).values(
                load_id=load_id,
                sha256=inspection.sha256,
                landing_no=last + 1,
                source=profile.name,
                file_name=file_name,
                file_bytes=inspection.file_bytes,
                encoding=inspection.encoding,
                status="landed",
                landed_at=ledger.now(),
            )
        )
    return Landing(load_id, is_new=True)


def _sync_folder(folder: Path) -> None:
    """Makes the renaming of a file survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
