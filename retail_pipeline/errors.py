"""What goes wrong because of what people gave us, as opposed to bugs."""


class BadInput(Exception):
    """Something the user gave can't be used; the message says what, where and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class NotFound(BadInput):
    """Something the user named doesn't exist."""


class Unreachable(BadInput):
    """The database that the settings name can't be reached."""


class BadFile(BadInput):
    """An export that can't be read, named by file and, where they are known, line, column and value."""

    def __init__(self, file: str, problem: str, *, line: int | None = None, column: str | None = None):
        place = file
        if line is not None:
            place += f", line {line}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {problem}")
