"""Pruning: what is deleted after the days that the settings say, and how the ledger remembers that it was.

Order lines, quarantine and the ledger's figures stay, and so does every total. A load without its file can't be loaded
again or corrected, until somebody hands in the same file once more.
"""

import logging
import shutil
from dataclasses import asdict, dataclass
from datetime import timedelta

import sqlalchemy as sa

from retail_pipeline.warehouse import check_results, ledger
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.landing import landed_file, unpruned
from retail_pipeline.warehouse.tables import loads, raw_order_lines

log = logging.getLogger(__name__)


@dataclass
class Pruned:
    """How much was deleted, or would be."""

    loads_without_raw_lines: int = 0
    raw_lines: int = 0
    files: int = 0
    file_bytes: int = 0
    check_results: int = 0


def prune(warehouse: Warehouse, *, dry_run: bool = False) -> Pruned:
    """Deletes what is older than the settings keep; call it while no run is under way (`Warehouse.alone`).

    A load is pruned when it has passed its critical checks and no correction waits for it; the file of one that failed
    or was reverted as well. It is noted before it is done: nothing is ever missing of which the ledger doesn't say so.
    """
    settings, pruned = warehouse.settings, Pruned()
    with warehouse.reading() as connection:
        raw = _older(connection, settings.keep_raw_days, loads.c.raw_pruned_at, _settled(connection))
        files = _old_files(connection, settings.keep_files_days)
    pruned.loads_without_raw_lines, pruned.raw_lines = len(raw), sum(entry["rows_read"] for entry in raw)
    if not dry_run:
        for entry in raw:
            _prune_raw_lines(warehouse, entry["load_id"])
        with warehouse.writing(lock="landing") as connection:  # what was handed in again meanwhile isn't old any more
            files = _old_files(connection, settings.keep_files_days)
            ledger.enter_pruned(connection, [entry["load_id"] for entry in files], "file", ledger.now())
        _delete_pruned_files(warehouse)
    pruned.files, pruned.file_bytes = len(files), sum(entry["file_bytes"] for entry in files)
    with warehouse.writing() as connection:
        before = ledger.now() - timedelta(days=settings.keep_checks_days)
        pruned.check_results = check_results.forget(connection, before, dry_run=dry_run)
    if not dry_run:
        log.info("Pruned what is older than is kept", extra=asdict(pruned))
    return pruned


def _settled(connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Loads that nothing is to be done for any more."""
    corrected = ledger.to_be_corrected(connection)
    return sa.and_(loads.c.status == "loaded", loads.c.checked_at.is_not(None), loads.c.load_id.not_in(list(corrected)))


def _old_files(connection: sa.Connection, days: int | None) -> list[sa.RowMapping]:
    """The ledger's rows of loads whose files nobody needs any more."""
    given_up = loads.c.status.in_(["failed", "reverted"])
    return _older(connection, days, loads.c.file_pruned_at, sa.or_(_settled(connection), given_up))


def _older(
    connection: sa.Connection, days: int | None, pruned_at: sa.Column, condition: sa.ColumnElement[bool]
) -> list[sa.RowMapping]:
    """Loads that fulfil a condition, landed more than so many days ago and haven't been pruned; none without days."""
    if days is None:
        return []
    landed_before = loads.c.landed_at < ledger.now() - timedelta(days=days)
    query = sa.select(loads).where(condition, pruned_at.is_(None), landed_before).order_by(loads.c.landing_no)
    return list(connection.execute(query).mappings())


def _prune_raw_lines(warehouse: Warehouse, load_id: str) -> None:
    with warehouse.writing() as connection:
        connection.execute(sa.delete(raw_order_lines).where(raw_order_lines.c.load_id == load_id))
        ledger.enter_pruned(connection, [load_id], "raw", ledger.now())


def _delete_pruned_files(warehouse: Warehouse) -> None:
    """Deletes every file that is noted as pruned, also those that an interrupted pruning left.

    Under the lock of landing, for whoever hands in the same bytes brings the file back under it.
    """
    with unpruned(warehouse), warehouse.writing(lock="landing") as connection:
        for entry in connection.execute(sa.select(loads).where(loads.c.file_pruned_at.is_not(None))).mappings():
            folder = landed_file(warehouse, entry["load_id"], entry["file_name"]).parent
            shutil.rmtree(folder, ignore_errors=True)
