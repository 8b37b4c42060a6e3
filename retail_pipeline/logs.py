"""Logs: lines of one form from commands, the API and Dagster's runs, on standard error, with no secret in them.

A line is a sentence for people, and facts for machines: `extra={"load_id": ...}` of the call, and what is said of all
lines within `about`.
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

from retail_pipeline.redaction import redacted
from retail_pipeline.settings import Settings

OURS = ("retail_pipeline", "api")
SILENT = logging.CRITICAL + 1
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}
_about: ContextVar[dict[str, Any]] = ContextVar("about", default={})  # noqa: B039 - nobody changes it in place


@contextmanager
def about(**facts: Any) -> Iterator[None]:
    """Every line logged within says these facts too, such as the run that it belongs to."""
    before = _about.get()
    _about.set(before | facts)
    try:
        yield
    finally:
        _about.set(before)


def set_up(settings: Settings, *, level: int, also: tuple[str, ...] = ()) -> None:
    """Sends this process's lines to standard error, from RETAIL_LOG_LEVEL on, or from `level` where that isn't set.

    `also` names loggers of libraries whose lines are to have the same form. What was set up before gives way.
    """
    handler = _StandardError()
    handler.setFormatter(_Json() if settings.log_format == "json" else _Text())
    handler.setLevel(settings.log_level.upper() if settings.log_level else level)
    handler.addFilter(_with_facts)
    for name in (*OURS, *also):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        # Whoever else listens, as Dagster does for the run's log, gets all lines: the level is the handler's.
        logger.setLevel(min(handler.level, logging.INFO))
    sys.excepthook = _tell_bug


def is_set_up() -> bool:
    """Whether this process's lines go anywhere."""
    return bool(logging.getLogger(OURS[0]).handlers)


class _StandardError(logging.StreamHandler):
    """Writes to standard error as it is when a line is logged: a progress bar puts something else in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr


def _with_facts(record: logging.LogRecord) -> bool:
    """Notes what is said of all lines at the moment when a line is logged."""
    for name, value in _about.get().items():
        if name not in vars(record):
            setattr(record, name, value)
    return True


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    found = {name: value for name, value in vars(record).items() if name not in _STANDARD and value is not None}
    return {name: value if isinstance(value, int | float) else redacted(str(value)) for name, value in found.items()}


class _Json(logging.Formatter):
    """A line as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        } | _facts(record)
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    """A line for people, its facts at the end."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        facts = "".join(f" {name}={value}" for name, value in _facts(record).items())
        line = f"{moment}Z {record.levelname.lower():7} {record.getMessage()}{facts}"
        return redacted("\n".join([line, *([self.formatException(record.exc_info)] if record.exc_info else [])]))


def _tell_bug(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """What Python would print of an error that nobody expected."""
    print(redacted("".join(traceback.format_exception(kind, error, where))), end="", file=sys.stderr)
