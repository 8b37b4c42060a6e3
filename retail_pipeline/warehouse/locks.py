"""Locks by name on a MySQL server, that no dead process keeps.

MySQL notices that a client has gone while its connection is idle. One that was killed in the middle of a statement
leaves that running, and its locks taken, until the statement ends. So whoever takes a lock also shows a sign of life: a
second lock, on a connection that is idle but for a beat every few seconds. The server frees it at once when the process
dies, and soon after its machine or the network has broken down, whatever host, container or proxy lies between. Who
waits for a lock ends the connection that holds it once that shows no sign of life any more; nobody else's is touched.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from retail_pipeline.errors import Busy

BEAT_SECONDS = 5
SILENT_SECONDS = 60
"""After this time without a beat either side takes the other for gone: a machine or the network broke down."""

LOOK_SECONDS = 5
LOOKS = 3
"""A holder without a sign of life this many looks in a row is dead: where only its sign was cut off, it gives another
within a beat."""

_log = logging.getLogger(__name__)


@contextmanager
def named_lock(connection: sa.Connection, name: str, seconds: int, presence: "Presence") -> Iterator[None]:
    """Keeps others that ask for the same name out. Raises Busy where somebody alive doesn't let go of it."""
    number = _connection_id(connection)
    with presence.shown_for(number):
        try:
            _take(connection, number, name, seconds)
            connection.commit()
            yield
        finally:
            _let_go(connection, name, _watched(number))


def _connection_id(connection: sa.Connection) -> int:
    """What the server calls a connection, asked once."""
    if "id" not in connection.info:
        connection.info["id"] = connection.scalar(sa.select(sa.func.connection_id()))
    return connection.info["id"]


def is_held(connection: sa.Connection, name: str) -> bool:
    """Whether this connection holds a lock still: it doesn't where the server was restarted."""
    try:
        return bool(connection.scalar(sa.text("SELECT IS_USED_LOCK(:name) = CONNECTION_ID()"), {"name": name}))
    except sa.exc.SQLAlchemyError:  # it was lost, now or before
        return False
    finally:
        connection.rollback()


def _take(connection: sa.Connection, number: int, name: str, seconds: int) -> None:
    # Whoever waits ends only those that say that they can be watched: a sign that went to another server than the lock,
    # as behind a load balancer, would be missed.
    take = sa.text("SELECT IF(IS_USED_LOCK(:sign) IS NULL, 0, GET_LOCK(:watched, 0)), GET_LOCK(:name, :seconds)")
    own = {"sign": _sign(number), "watched": _watched(number), "name": name}
    watch, deadline = _Watch(connection, name), time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if connection.execute(take, own | {"seconds": min(LOOK_SECONDS, left)}).one()[1] == 1:
            return
        watch.look()
    raise Busy(
        f"another writer has held the warehouse for {seconds} s (RETAIL_LOCK_SECONDS): "
        "wait for its end, or find out what it does"
    )


def _let_go(connection: sa.Connection, *names: str) -> None:
    if connection.invalidated:  # the locks went with the connection
        return
    try:
        connection.execute(sa.select(*(sa.func.release_lock(name) for name in names)))
        connection.commit()
    except sa.exc.DBAPIError:  # it must not go back into the pool with the locks
        connection.invalidate()


class Presence:
    """The signs of life of this process, on a connection of their own."""

    def __init__(self, engine: sa.Engine, give_up: Iterable[Callable[[], None]]):
        """Takes an engine that opens a connection for each use, and doesn't wait long for an answer.

        `give_up` is what ends the waiting for a server that doesn't answer any more.
        """
        self._engine, self._give_up = engine, give_up
        self._guard = threading.Lock()
        self._needed: list[int] = []  # a server that was restarted gives numbers again
        self._shown: set[int] = set()  # these, and those that were needed since the last beat
        self._connection: sa.Connection | None = None
        self._heard_at = 0.0
        self._stopped = threading.Event()
        self._stopped.set()

    @contextmanager
    def shown_for(self, number: int) -> Iterator[None]:
        """Shows a sign of life for a connection, as long as it may hold a lock and until the beat after that."""
        with self._guard:
            self._needed.append(number)
            try:
                if number not in self._shown:
                    self._shown.add(number)
                    self._beat(number)
            except sa.exc.SQLAlchemyError:
                self._needed.remove(number)
                self._shown.remove(number)
                raise
            if self._stopped.is_set():
                self._stopped = threading.Event()
                args = (self._stopped,)
                threading.Thread(target=self._keep_beating, args=args, daemon=True, name="signs of life").start()
        try:
            yield
        finally:
            with self._guard:
                self._needed.remove(number)

    def _keep_beating(self, stopped: threading.Event) -> None:
        while not stopped.wait(BEAT_SECONDS):
            with self._guard:
                if stopped.is_set():
                    return
                try:
                    self._hide(self._shown.difference(self._needed))
                    if self._shown:
                        self._beat(*self._shown)
                except sa.exc.SQLAlchemyError:
                    if time.monotonic() - self._heard_at > SILENT_SECONDS:
                        self._cut_off()

    def _beat(self, *numbers: int) -> None:
        """Shows signs, all of them on a new connection where the last one was lost."""
        try:
            if self._connection is None:
                self._connection, numbers = self._engine.connect(), tuple(self._shown)
            for number in numbers:
                self._show(number)
        except sa.exc.SQLAlchemyError:
            self._close()
            raise
        self._heard_at = time.monotonic()

    def _hide(self, numbers: Collection[int]) -> None:
        """Takes back signs that nobody needs; with the last one the beat ends."""
        self._shown.difference_update(numbers)
        if not self._shown:
            self._stopped.set()
            self._close()
        elif self._connection is not None:
            for number in numbers:
                self._connection.scalar(sa.select(sa.func.release_lock(_sign(number))))

    def _show(self, number: int) -> None:
        """Takes the lock that is the sign, if it isn't held; either way the server has heard of us."""
        assert self._connection is not None
        show = sa.text("SELECT IF(IS_USED_LOCK(:sign) = CONNECTION_ID(), 1, GET_LOCK(:sign, 0))")
        self._connection.scalar(show, {"sign": _sign(number)})

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                connection.close()

    def _cut_off(self) -> None:
        """Ends the waiting for a server that doesn't answer any more; by itself it would last for hours."""
        self._heard_at = time.monotonic()
        _log.warning("the database hasn't answered for %d s: its connections are given up", SILENT_SECONDS)
        for give_up in self._give_up:
            give_up()


class _Watch:
    """What who waits for a lock sees of its holder."""

    def __init__(self, connection: sa.Connection, name: str):
        self._connection, self._name = connection, name
        self._suspect: int | None = None
        self._looks = 0
        self._was_told = False

    def look(self) -> None:
        """Looks once: says that somebody holds the lock, or ends the connection that a dead process left behind."""
        holder = self._owner(self._name)
        if holder is None:
            return
        if self._owner(_sign(holder)) is not None or self._owner(_watched(holder)) != holder:
            self._suspect = None
            if not self._was_told:
                _log.warning("waiting for another writer, connection %d of the database", holder)
                self._was_told = True
            return
        self._looks = self._looks + 1 if holder == self._suspect else 1
        self._suspect = holder
        if self._looks >= LOOKS:
            self._end(holder)

    def _owner(self, lock: str) -> int | None:
        return self._connection.scalar(sa.select(sa.func.is_used_lock(lock)))

    def _end(self, holder: int) -> None:
        try:
            self._connection.exec_driver_sql(f"KILL {int(holder)}")
        except sa.exc.DBAPIError as error:  # it ended by itself, or is another user's
            _log.warning("the process of connection %d is gone, but that can't be ended: %s", holder, error.orig)
        else:
            _log.warning("the process of connection %d is gone: what it left running is ended", holder)


def _sign(connection_id: int) -> str:
    """The lock that shows that the process of a connection is alive; ids are unique on a server."""
    return f"retail:alive:{connection_id}"


def _watched(connection_id: int) -> str:
    """The lock by which a connection says that its sign of life can be seen."""
    return f"retail:watched:{connection_id}"
