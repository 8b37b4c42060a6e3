"""Where alerts wait until they are told: a folder with a file for each, that a crash or a silent receiver leaves there.

A folder and not a table, because an alert may be about the database.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from retail_pipeline.alerts.alert import Alert
from retail_pipeline.alerts.channels import Channel, Declined, Unanswered
from retail_pipeline.file_locks import file_lock
from retail_pipeline.redaction import redacted

KEPT_FOR = timedelta(days=30)
"""Nothing is told twice within this time, nor tried for longer."""

SECONDS_AT_A_TIME = 30
"""Dagster waits a minute for a sensor."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""Before an alert that was declined is tried again; each time twice as long."""


@dataclass(frozen=True)
class Waiting:
    """An alert with the channels that haven't told it yet."""

    alert: Alert
    raised_at: datetime
    channels: tuple[str, ...]
    declined: int = 0
    not_before: datetime | None = None


class Outbox:
    """The alerts of one folder; processes may share it."""

    def __init__(self, folder: Path):
        self._folder = folder

    def put(self, alert: Alert, channels: Sequence[Channel]) -> bool:
        """Keeps an alert, without secrets, until each of the channels has told it; false where it is known already."""
        with file_lock(self._folder / ".lock", seconds=60):
            if self._path(alert).exists():
                return False
            told = replace(alert, subject=redacted(alert.subject), text=redacted(alert.text))
            self._write(Waiting(told, _now(), tuple(channel.name for channel in channels)))
        return True

    def tell(self, channels: Sequence[Channel]) -> tuple[int, list[str]]:
        """Tells what waits, oldest first; returns how often that succeeded, and what went wrong.

        A channel on which nobody answers is left in peace until the next time. Raises Busy where another
        process is at it.
        """
        told, problems, silent = 0, [], set()
        end = time.monotonic() + SECONDS_AT_A_TIME
        with file_lock(self._folder / ".lock", seconds=0):
            for waiting in self._all():
                if waiting.raised_at < _now() - KEPT_FOR:
                    self._path(waiting.alert).unlink()
                    continue
                if time.monotonic() > end or (waiting.not_before and waiting.not_before > _now()):
                    continue
                for channel in channels:
                    if channel.name not in waiting.channels or channel.name in silent:
                        continue
                    try:
                        channel.tell(waiting.alert)
                    except Unanswered as reason:
                        silent.add(channel.name)
                        problems.append(str(reason))
                    except Declined as reason:
                        problems.append(str(reason))
                        waiting = _postponed(waiting)
                        self._write(waiting)
                    else:
                        told += 1
                        left = tuple(name for name in waiting.channels if name != channel.name)
                        waiting = replace(waiting, channels=left)
                        self._write(waiting)
        return told, problems

    def _all(self) -> Iterator[Waiting]:
        found = [_read(path) for path in self._folder.glob("*.json")]
        yield from sorted(found, key=lambda waiting: waiting.raised_at)

    def _path(self, alert: Alert) -> Path:
        return self._folder / f"{re.sub(r'[^A-Za-z0-9_.-]', '_', alert.key)}.json"

    def _write(self, waiting: Waiting) -> None:
        new = self._folder / f".{uuid4().hex}"
        with new.open("w", encoding="utf-8") as file:
            json.dump(asdict(waiting), file, default=datetime.isoformat, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path(waiting.alert))


def _read(path: Path) -> Waiting:
    kept = json.loads(path.read_text(encoding="utf-8"))
    not_before = kept["not_before"] and datetime.fromisoformat(kept["not_before"])
    raised_at = datetime.fromisoformat(kept["raised_at"])
    return Waiting(Alert(**kept["alert"]), raised_at, tuple(kept["channels"]), kept["declined"], not_before)


def _postponed(waiting: Waiting) -> Waiting:
    pause = min(FIRST_PAUSE * 2**waiting.declined, LONGEST_PAUSE)
    return replace(waiting, declined=waiting.declined + 1, not_before=_now() + pause)


def _now() -> datetime:
    return datetime.now(UTC)
