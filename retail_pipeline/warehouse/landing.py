"""The landing store: a file is kept, byte for byte, and entered in the ledger before anything is done with it."""

import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.file_locks import file_lock
from retail_pipeline.intake.inspection import Inspection, encoding_of, inspect, load_id_of, safe_file_name
from retail_pipeline.intake.lookups import files_beside
from retail_pipeline.intake.reader import verify
from retail_pipeline.sources import SourceProfile
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import loads

log = logging.getLogger(__name__)

ARRIVING = ".arriving-"
FORGOTTEN_SECONDS = 24 * 3600
"""After this time nobody is still sending a file; whoever received it was killed."""


@dataclass(frozen=True)
class Landing:
    """A file in the landing store; `is_new` is false where the same bytes had landed before."""

    load_id: str
    is_new: bool


def land(warehouse: Warehouse, path: Path, profile: SourceProfile) -> Landing:
    """Copies a file into the landing store and enters it in the ledger, as being taken care of by the caller.

    Raises BadFile, with nothing kept, where the file as a whole isn't of the source's form; single rows may still be
    rejected when it is loaded.
    """
    with arriving(warehouse) as folder:
        for beside in files_beside(path, profile):  # what it is looked up in is kept with it
            shutil.copyfile(beside, folder / beside.name)
        return land_arrived(warehouse, Path(shutil.copyfile(path, folder / safe_file_name(path.name))), profile)


@contextmanager
def arriving(warehouse: Warehouse) -> Iterator[Path]:
    """A folder of the landing store for a file that is on its way; it is gone afterwards, the file landed or not."""
    for left_behind in warehouse.landing_folder.glob(f"{ARRIVING}*"):
        with suppress(FileNotFoundError):  # another process may be as tidy
            if time.time() - left_behind.stat().st_mtime > FORGOTTEN_SECONDS:
                shutil.rmtree(left_behind, ignore_errors=True)
    folder = warehouse.landing_folder / f"{ARRIVING}{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def land_arrived(warehouse: Warehouse, file: Path, profile: SourceProfile) -> Landing:
    """As `land`, for a file that has arrived in a folder of `arriving`: it is moved, not copied."""
    inspection = inspect(file, profile.encodings)
    with file.open("rb") as arrived:
        os.fsync(arrived.fileno())
    verify(file, profile, inspection.encoding)
    return _enter(warehouse, file.parent, file.name, inspection, profile)


def landed_file(warehouse: Warehouse, load_id: str, file_name: str) -> Path:
    """Where the landing store keeps a load's file: a folder per load, and in it the file under its own name."""
    return warehouse.landing_folder / load_id / file_name


def kept_file(warehouse: Warehouse, entry: sa.RowMapping) -> Path:
    """A load's file, to read it again. Raises BadInput where it was pruned, or is gone."""
    path = landed_file(warehouse, entry["load_id"], entry["file_name"])
    if entry["file_pruned_at"]:
        raise BadInput(
            f"{entry['load_id']} can't be read again: its file was pruned on {entry['file_pruned_at']:%Y-%m-%d}. "
            "To have it back, ingest the same file once more"
        )
    if not path.is_file():
        raise BadInput(f"{entry['load_id']} can't be read again: {path} is gone. Restore it from a backup")
    return path


@contextmanager
def unpruned(warehouse: Warehouse) -> Iterator[None]:
    """Keeps others from pruning landed files meanwhile."""
    with file_lock(warehouse.landing_folder / ".pruning", warehouse.settings.lock_seconds):
        yield


@retried
def read_anew(warehouse: Warehouse, load_id: str, profile: SourceProfile) -> None:
    """Makes a load be read by a profile from now on; it has to be loaded again for that to count.

    Raises BadFile, with nothing changed, where its file isn't of that source's form.
    """
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
    if entry["status"] == "reverted":
        raise BadInput(f"{load_id} was taken back out; ingest its file again")
    path = kept_file(warehouse, entry)
    encoding = encoding_of(path, profile.encodings)
    verify(path, profile, encoding)
    with warehouse.writing() as connection:
        ledger.enter_to_be_loaded(connection, load_id, profile.name, encoding)


@retried
def _enter(
    warehouse: Warehouse, arriving: Path, file_name: str, inspection: Inspection, profile: SourceProfile
) -> Landing:
    with warehouse.writing(lock="landing") as connection:
        last = connection.scalar(sa.select(sa.func.max(loads.c.landing_no))) or 0
        known = connection.execute(sa.select(loads).where(loads.c.sha256 == inspection.sha256)).mappings().first()
        if known:
            if known["file_pruned_at"]:
                _bring_back(warehouse, connection, known, arriving / file_name)
            if known["status"] == "reverted":  # as if it had never been: it lands anew, after all others
                connection.execute(
                    sa.update(loads)
                    .where(loads.c.load_id == known["load_id"])
                    .values(
                        status="landed",
                        landing_no=last + 1,
                        source=profile.name,
                        encoding=inspection.encoding,
                        landed_at=ledger.now(),
                        requested_at=ledger.now(),
                    )
                )
                _log_landed(known["load_id"], file_name, profile)
            return Landing(known["load_id"], is_new=known["status"] == "reverted")
        load_id = load_id_of(file_name, inspection.sha256)
        landed = warehouse.landing_folder / load_id
        if arriving.exists():  # it doesn't where this is done again, because the commit went wrong
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
                requested_at=ledger.now(),
            )
        )
    _log_landed(load_id, file_name, profile)
    return Landing(load_id, is_new=True)


def _log_landed(load_id: str, file_name: str, profile: SourceProfile) -> None:
    log.info("%s landed", file_name, extra={"load_id": load_id, "source": profile.name})


def _bring_back(warehouse: Warehouse, connection: sa.Connection, entry: sa.RowMapping, file: Path) -> None:
    """Keeps a file that was pruned, now that somebody hands in the same bytes again."""
    landed = landed_file(warehouse, entry["load_id"], entry["file_name"])
    if file.parent.exists():  # it doesn't where this is done again, as above
        file.replace(file.with_name(landed.name))
        shutil.rmtree(landed.parent, ignore_errors=True)
        os.replace(file.parent, landed.parent)
    _sync_folder(landed.parent)
    _sync_folder(warehouse.landing_folder)
    ledger.enter_pruned(connection, [entry["load_id"]], "file", None)


def _sync_folder(folder: Path) -> None:
    """Makes the renaming of a file survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
