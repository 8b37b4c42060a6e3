"""The inbox: a folder into which people and programs drop export files, and from which those land.

A file that is still being written is left alone. One that landed moves to `done`, one that can't be read to `failed`,
with a text beside it that says why. Whatever is interrupted is done again: the same bytes are the same load.
"""

import fcntl
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from retail_pipeline.errors import BadFile, BadInput, Unreachable, Unusable
from retail_pipeline.file_locks import file_lock
from retail_pipeline.intake.corrections import is_one
from retail_pipeline.intake.recognition import recognise
from retail_pipeline.sources import SourceCatalogue, SourceProfile
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.free_names import free
from retail_pipeline.warehouse.landing import land

DONE, FAILED = "done", "failed"

WHY = ".why.txt"
"""The end of the name of a text that says why a file was refused; exports may end with .txt as well."""

FILES_AT_A_TIME = 200
SECONDS_AT_A_TIME = 40
"""Dagster waits a minute for a sensor; what is left has its turn at the next look."""

NOT_YET = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".writing")
"""Ends of names under which browsers and copying programs write what isn't complete."""

OPEN_AT_MOST_SECONDS = 3600
"""Some network file systems say of every file that it is open: nobody writes for so long without writing anything."""

Seen = Mapping[str, float]
"""What was in the inbox at the last look, and since when it was as it is: marks of files, with seconds of the clock."""


@dataclass(frozen=True)
class Refused:
    """A file that can't be read, and why."""

    name: str
    reason: str


@dataclass
class Look:
    """What a look into the inbox came to; `seen` is for the next one.

    `landed` and `known` have load_ids by the names of files: of those that are new, and of those whose bytes had landed
    before. `troubles` are no fault of a file's, and it is tried again.
    """

    seen: dict[str, float] = field(default_factory=dict)
    landed: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def look(warehouse: Warehouse, sources: SourceCatalogue, seen: Seen) -> Look:
    """Takes in the files that are complete, as they were at the last look; their runs are anybody's to start.

    Raises Busy where somebody else is at it.
    """
    folder = warehouse.settings.inbox_folder
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / ".lock", seconds=0):
        return _look(warehouse, sources, seen, folder)


def _look(warehouse: Warehouse, sources: SourceCatalogue, seen: Seen, folder: Path) -> Look:
    found, end = Look(), time.monotonic() + SECONDS_AT_A_TIME
    beside = {lookup.file for profile in sources for lookup in profile.lookups}
    for path in _files(folder, beside)[:FILES_AT_A_TIME]:
        try:
            file = _File(path, folder)
            since = seen.get(file.mark)
            if since is None or time.monotonic() > end or _is_open(path, since):
                found.seen[file.mark] = since or time.time()
            else:
                _take_in(warehouse, sources, file, found)
        except FileNotFoundError:
            continue  # somebody took it away again
        except (Unreachable, Unusable):
            raise
        except Exception as error:  # one file must not keep all others back
            found.seen[file.mark] = time.time()
            found.troubles.append(f"{file.name}: {error}")
    return found


class _File:
    """A file of the inbox in the state that it was found in."""

    def __init__(self, path: Path, folder: Path):
        self.path, self.folder = path, folder
        self.name = path.relative_to(folder).as_posix()
        self.state = self._state(path)
        self.mark = sha256(repr((self.name, self.state)).encode()).hexdigest()[:16]

    @staticmethod
    def _state(path: Path) -> tuple[int, int, int]:
        """What stays the same as long as nobody writes to a file, or puts another in its place."""
        status = path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def move(self, into: str) -> Path | None:
        """Moves the file out of the way. None, with nothing moved, where another has come in its place."""
        target = free(self.folder / into / self.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.rename(target)
        if self._state(target) != self.state:
            target.rename(free(self.path))
            return None
        return target


def _take_in(warehouse: Warehouse, sources: SourceCatalogue, file: _File, found: Look) -> None:
    try:
        _refuse_unreadable(file.path)
        landing = land(warehouse, file.path, _profile(file, sources))
    except Unusable:  # that is no fault of the file
        raise
    except BadInput as error:
        if moved := file.move(FAILED):
            _say_why(moved, str(error))
            found.refused.append(Refused(file.name, str(error)))
        return
    if landing.is_new:
        with warehouse.writing(lock="landing") as connection:
            ledger.give_back(connection, landing.load_id)
    (found.landed if landing.is_new else found.known)[file.name] = landing.load_id
    file.move(DONE)


def _refuse_unreadable(path: Path) -> None:
    try:
        path.open("rb").close()
    except PermissionError:
        raise BadFile(path.name, "the pipeline's user may not read it") from None


def _profile(file: _File, sources: SourceCatalogue) -> SourceProfile:
    if is_one(file.path):
        told = "holds rows from quarantine, for which somebody has to answer: retail ingest FILE --by NAME"
        raise BadFile(file.path.name, told)
    source = file.path.parent.relative_to(file.folder)
    return recognise(file.path, sources) if source == Path() else sources.get(source.as_posix())


def _files(folder: Path, beside: Collection[str]) -> list[Path]:
    """The files that may be exports, those that were written first before others."""
    found = []
    for parent, folders, names in os.walk(folder):
        at_top = Path(parent) == folder
        folders[:] = [name for name in folders if not name.startswith(".") and not (at_top and name in (DONE, FAILED))]
        for name in names:
            path = Path(parent, name)
            if name not in beside and _may_be_export(name) and path.is_file() and not path.is_symlink():
                with suppress(FileNotFoundError):
                    found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


def _may_be_export(name: str) -> bool:
    return not name.startswith((".", "~")) and not name.endswith("~") and not name.lower().endswith(NOT_YET)


def _is_open(path: Path, since: float) -> bool:
    """Whether a process has the file open for writing: one that copies may pause for longer than two looks.

    Linux grants a read lease only where nobody has. Where it can't tell, that nothing changed has to do.
    """
    if time.time() - since > OPEN_AT_MOST_SECONDS:
        return False
    try:
        with path.open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _say_why(moved: Path, reason: str) -> None:
    moved.with_name(f"{moved.name}{WHY}").write_text(
        f"{reason}\n\nNothing of it was loaded. Correct the file, or its source's profile, and put it into the inbox "
        f"again.\nRefused on {ledger.now():%Y-%m-%d at %H:%M} UTC.\n",
        encoding="utf-8",
        errors="replace",  # a name need not be UTF-8
    )


def refused_since(folder: Path, moment_ns: int) -> list[tuple[int, Refused]]:
    """The files that were refused after a moment (nanoseconds of the clock), with theirs, in order."""
    found = []
    for told in (folder / FAILED).rglob(f"*{WHY}"):
        with suppress(FileNotFoundError):
            at = told.stat().st_mtime_ns
            if at > moment_ns:
                reason = told.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
                found.append((at, Refused(told.relative_to(folder).as_posix().removesuffix(WHY), reason)))
    return sorted(found, key=lambda item: item[0])
