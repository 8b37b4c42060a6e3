"""Corrections of rows in quarantine: handed out, taken in with a trail of who said what, and applied at every load."""

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from retail_pipeline.errors import BadFile, BadInput, NotFound
from retail_pipeline.intake import corrections as files
from retail_pipeline.intake.inspection import safe_file_name
from retail_pipeline.intake.reader import TEXT
from retail_pipeline.sources import RAW_COLUMNS, SourceCatalogue, SourceProfile
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.landing import kept_file
from retail_pipeline.warehouse.retrying import retried
from retail_pipeline.warehouse.tables import corrections, quarantined_lines, raw_order_lines

LINES_AT_A_TIME = 1000
"""Rows of one query by number: databases limit how long a list may be."""

Texts = dict[str, str]
"""Texts by order line column."""


@dataclass(frozen=True)
class Correction:
    """What a file of corrections changed, by load: the number of rows."""

    rows_by_load: dict[str, int]
    rows_unchanged: int


def hand_out(warehouse: Warehouse, load_id: str, sources: SourceCatalogue, path: Path) -> int:
    """Writes a load's rows in quarantine, with their reasons, for correction; returns how many there are."""
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
        _refuse_pruned(warehouse, entry)
        profile = sources.get(entry["source"])
        columns = files.columns_of(profile)
        held = list(
            connection.execute(
                sa.select(quarantined_lines)
                .where(quarantined_lines.c.load_id == load_id)
                .order_by(quarantined_lines.c.line_no)
            ).mappings()
        )
        now = _texts_now(connection, load_id, [row["line_no"] for row in held], profile)
    header = [*files.KEYS, *files.TOLD, *columns]
    told = (
        [
            *(load_id, str(row["line_no"]), str(row["file_line"]), row["reasons"]),
            *(now[row["line_no"]].get(column, "") for column in columns),
        ]
        for row in held
    )
    files.write(path, header, told)
    return len(held)


@retried
def take_in(warehouse: Warehouse, path: Path, sources: SourceCatalogue, by: str) -> Correction:
    """Notes what a file of corrections changes, with who said it; each load has to be loaded again for it to count.

    All of it or nothing: raises BadFile where a row was never in quarantine. Who calls undertakes to start the runs.
    """
    rows = files.read(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    by_load: dict[str, list[files.CorrectedRow]] = defaultdict(list)
    for row in rows:
        by_load[row.load_id].append(row)
    changes: list[dict] = []
    changed: dict[str, int] = {}
    with warehouse.writing() as connection:
        number = (connection.scalar(sa.select(sa.func.max(corrections.c.correction_no))) or 0) + 1
        for load_id, corrected in by_load.items():
            entry = _entry(connection, path.name, corrected[0])
            _refuse_pruned(warehouse, entry)
            profile = sources.get(entry["source"])
            if profile.numbers.decimal != ".":  # as which numbers that a workbook has as such are to be said
                corrected = [row for row in files.read(path, profile.numbers.decimal) if row.load_id == load_id]
            found = _changes(connection, path.name, corrected, profile)
            changed[load_id] = len({line_no for line_no, *_ in found})
            for line_no, column, old, new in found:
                changes.append(
                    {
                        "load_id": load_id,
                        "line_no": line_no,
                        "column_name": column,
                        "correction_no": number,
                        "old_text": old,
                        "new_text": new,
                        "corrected_by": by[:200],
                        "corrected_at": ledger.now(),
                        "file_name": safe_file_name(path.name)[:255],
                        "sha256": sha256,
                        "is_applied": False,
                    }
                )
        if changes:
            _keep(warehouse, path, sha256)
            connection.execute(sa.insert(corrections), changes)
            ledger.enter_to_be_corrected(connection, {change["load_id"] for change in changes})
    return Correction(
        {load_id: count for load_id, count in changed.items() if count}, len(rows) - sum(changed.values())
    )


def trail(connection: sa.Connection, load_id: str) -> list[sa.RowMapping]:
    """Every correction of a load, in the order in which they were made."""
    order = (corrections.c.correction_no, corrections.c.line_no, corrections.c.column_name)
    query = sa.select(corrections).where(corrections.c.load_id == load_id).order_by(*order)
    return list(connection.execute(query).mappings())


def of_load(connection: sa.Connection, load_id: str) -> dict[int, Texts]:
    """The texts that hold instead of those of the file, by row."""
    found: dict[int, Texts] = defaultdict(dict)
    for correction in trail(connection, load_id):
        found[correction["line_no"]][correction["column_name"]] = correction["new_text"]
    return dict(found)


def corrected(frame: pd.DataFrame, texts: dict[int, Texts]) -> pd.DataFrame:
    """A TextBatch's frame with the corrections of its rows; a corrected row has as many columns as it should."""
    if not texts:
        return frame
    numbers = frame["line_no"].to_numpy()
    places = {int(numbers[place]): place for place in np.flatnonzero(np.isin(numbers, list(texts)))}
    if not places:
        return frame
    frame = frame.copy()
    for column in {column for number in places for column in texts[number]}:
        values = frame[column].to_numpy(dtype=object) if column in frame else np.full(len(frame), "", dtype=object)
        for number, place in places.items():
            values[place] = texts[number].get(column, values[place])
        frame[column] = pd.array(pa.array(values, pa.string()), dtype=TEXT)
    frame.loc[list(places.values()), "misfit"] = None
    return frame


def enter_applied(connection: sa.Connection, load_id: str) -> None:
    """Notes that a load was loaded with all its corrections."""
    pending = (corrections.c.load_id == load_id, sa.not_(corrections.c.is_applied))
    connection.execute(sa.update(corrections).where(*pending).values(is_applied=True))


def _entry(connection: sa.Connection, file_name: str, row: files.CorrectedRow) -> sa.RowMapping:
    """The ledger's row of the load that a row belongs to, which must be in the tables."""
    try:
        entry = ledger.entry(connection, row.load_id)
    except NotFound as unknown:
        raise BadFile(file_name, str(unknown), line=row.file_line, column="load_id") from unknown
    if entry["status"] != "loaded":
        raise BadInput(f"{file_name}: {row.load_id} isn't in the tables: it is {entry['status']}")
    return entry


def _refuse_pruned(warehouse: Warehouse, entry: sa.RowMapping) -> None:
    """A corrected row is loaded from the file, and shown beside what that said."""
    kept_file(warehouse, entry)
    if entry["raw_pruned_at"]:
        raise BadInput(
            f"{entry['load_id']} can't be corrected: its raw lines were pruned on {entry['raw_pruned_at']:%Y-%m-%d}. "
            f"`retail loads reload {entry['load_id']}` brings them back"
        )


def _changes(
    connection: sa.Connection, file_name: str, rows: list[files.CorrectedRow], profile: SourceProfile
) -> list[tuple[int, str, str, str]]:
    """(line_no, column, old text, new text) of every text that the rows change."""
    load_id, numbers = rows[0].load_id, [row.line_no for row in rows]
    open_to_it = _numbers(connection, quarantined_lines, load_id, numbers) | set(of_load(connection, load_id))
    now = _texts_now(connection, load_id, numbers, profile)
    columns = files.columns_of(profile)
    found = []
    for row in rows:
        if row.line_no not in open_to_it:
            raise BadFile(file_name, f"row {row.line_no} of {load_id} isn't in quarantine", line=row.file_line)
        for column, text in row.texts.items():
            if column not in columns:
                raise BadFile(
                    file_name, f"source {profile.name} doesn't have this column", line=row.file_line, column=column
                )
            old = now[row.line_no].get(column, "")
            if _comparable(text) != _comparable(old):
                found.append((row.line_no, column, old, text))
    return found


def _comparable(text: str) -> str:
    """Spreadsheets change line ends within a cell; nobody corrects those."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _texts_now(connection: sa.Connection, load_id: str, numbers: list[int], profile: SourceProfile) -> dict[int, Texts]:
    """What rows say, with the corrections made so far."""
    raw, made = raw_order_lines, of_load(connection, load_id)
    found: dict[int, Texts] = {}
    for part in _parts(numbers):
        query = sa.select(raw).where(raw.c.load_id == load_id, raw.c.line_no.in_(part))
        for row in connection.execute(query).mappings():
            extra = json.loads(row["extra"]) if row["extra"] else {}
            texts = {column: row[column] for column in RAW_COLUMNS}
            for column in files.columns_of(profile):
                if column not in texts:
                    said = (extra.get(name, "") for name in profile.names_of(column))
                    texts[column] = next(filter(str.strip, said), "")
            found[row["line_no"]] = texts | made.get(row["line_no"], {})
    return found


def _numbers(connection: sa.Connection, table: sa.Table, load_id: str, numbers: list[int]) -> set[int]:
    found: set[int] = set()
    for part in _parts(numbers):
        found |= set(
            connection.scalars(sa.select(table.c.line_no).where(table.c.load_id == load_id, table.c.line_no.in_(part)))
        )
    return found


def _parts(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[at : at + LINES_AT_A_TIME] for at in range(0, len(numbers), LINES_AT_A_TIME))


def _keep(warehouse: Warehouse, path: Path, sha256: str) -> None:
    """The file itself is kept in the landing store, as exports are."""
    folder = warehouse.landing_folder / "corrections" / sha256[:12]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / safe_file_name(path.name))
