"""What goes wrong because of what people gave us or what the work depends on, as opposed to bugs."""

from collections.abc import Sequence


def few_of(names: Sequence[str]) -> str:
    """Names as a message has them: the first of them, where they are many."""
    return ", ".join(names[:5]) + (" and others" if len(names) > 5 else "")


class BadInput(Exception):
    """Something the user gave can't be used; the message says what, where and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class NotFound(BadInput):
    """Something the user named doesn't exist."""


class Unusable(BadInput):
    """The database that the settings name doesn't let us in."""


class Failure(Exception):
    """Something that the work depends on gave way; the message says what, and what to do.

    The command line prints it without a traceback and exits with status 1: the same command may well succeed later.
    """


class Unreachable(Failure):
    """The database that the settings name can't be reached, or the connection to it was lost."""


class Busy(Failure):
    """Somebody else holds a lock for longer than anybody wants to wait."""


class DiskFull(Failure):
    """There is no room left for a file or in the database."""


class BadFile(BadInput):
    """An export that can't be read, named by file and, where they are known, line, column and value."""

    def __init__(self, file: str, problem: str, *, line: int | None = None, column: str | None = None):
        place = file
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {problem}")
