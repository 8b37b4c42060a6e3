"""What a database's errors mean: which of them may pass by themselves, and what people are told of the others."""

import errno

import sqlalchemy as sa

from retail_pipeline.errors import DiskFull, Failure, Unreachable

LOST = {0, 1040, 1053, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031}
"""MySQL and MariaDB: the connection was lost or couldn't be made, the server is stopping or has too many of them."""

LOCKED = {1020, 1205, 1213}
"""MySQL and MariaDB: a deadlock, a lock that was waited for too long, a row that somebody else changed meanwhile."""

IN_THE_MAKING = {1412, 1684}
"""MySQL and MariaDB: a table that is looked at is being made or changed this moment."""

NO_SUCH_INDEX = 1176
"""MySQL and MariaDB: a large first load builds the indexes when its lines are in."""

FULL = {1021, 1026, 1114}
"""MySQL and MariaDB: no room on the disk; InnoDB says that the table is full."""

SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL = 5, 6, 10, 13

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}

FINISH = "Nothing is lost: `retail ingest` without a file finishes what was begun."


def may_pass(error: BaseException) -> bool:
    """Whether the same work, done again, may well succeed."""
    if isinstance(error, Unreachable | sa.exc.PendingRollbackError):  # of a connection that was lost before
        return True
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    return _is_lost(error) or _is_locked(error)


def told(error: BaseException) -> Failure | None:
    """An error in words for who has to do something about it; None where it is nothing but a bug."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return DiskFull(f"the disk is full: {error}. Make room. {FINISH}")
    if isinstance(error, sa.exc.PendingRollbackError):
        return Unreachable(f"the connection to the database was lost. {FINISH}")
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    if _is_full(error):
        return DiskFull(f"the database's disk is full, or fails: {error.orig}. Make room. {FINISH}")
    if _is_lost(error):
        return Unreachable(f"the connection to the database was lost: {error.orig}. {FINISH}")
    if _is_locked(error):
        return Failure(f"somebody else keeps the tables locked: {error.orig}. {FINISH}")
    if _code(error) == NO_SUCH_INDEX:
        return Failure(f"order_lines is being loaded for the first time: {error.orig}. {FINISH}")
    return None


def is_in_the_making(error: BaseException) -> bool:
    """Whether somebody was making or changing a table at the moment when it was looked at."""
    return isinstance(error, sa.exc.DBAPIError) and _code(error) in IN_THE_MAKING


def is_about_the_connection(text: str) -> bool:
    """Whether an error of which only the text is left tells of a lost connection or a lock."""
    return BROKEN_OFF in text or any(
        f"pymysql.err.{kind}) ({code}," in text for kind in _KINDS for code in LOST | LOCKED
    )


BROKEN_OFF = "Packet sequence number wrong"
"""What PyMySQL says, without a number, of an answer that broke off in the middle."""

_KINDS = ("OperationalError", "InternalError", "InterfaceError")


def _is_lost(error: sa.exc.DBAPIError) -> bool:
    return error.connection_invalidated or _code(error) in LOST or BROKEN_OFF in str(error.orig)


def _is_locked(error: sa.exc.DBAPIError) -> bool:
    return _code(error) in LOCKED or _sqlite_code(error) in (SQLITE_BUSY, SQLITE_LOCKED)


def _is_full(error: sa.exc.DBAPIError) -> bool:
    said = str(error.orig)
    return (
        _code(error) in FULL
        or _sqlite_code(error) in (SQLITE_FULL, SQLITE_IOERR)  # its shared memory found no room
        or "No space left on device" in said
        or "errno: 28" in said
    )


def _code(error: sa.exc.DBAPIError) -> int | None:
    """The number of a MySQL error."""
    code = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return code if isinstance(code, int) else None


def _sqlite_code(error: sa.exc.DBAPIError) -> int | None:
    """The primary code of an SQLite error; the extended ones say more in the bits above."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
