"""A process beside the one that works on a run, in which Great Expectations tests tables.

Importing it and asking it is a third of what a day's file takes; threads of one process would only take turns at it.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING

from retail_pipeline.errors import Failure, Unreachable
from retail_pipeline.quality.importing import great_expectations
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.failures import may_pass

if TYPE_CHECKING:
    from retail_pipeline.quality.great_expectations_bridge import Task, Verdict


class Tester:
    """The process, forked from this one: what was imported until then, both have once.

    It ends when this one does, however that ends.
    """

    def __init__(self, settings: Settings):
        self._questions, theirs = Pipe()
        gc.freeze()  # who collects garbage writes to each object, and what is written to both no longer have once
        self.process_id = os.fork()
        if self.process_id == 0:
            try:
                self._questions.close()  # else it would stay open when the other process is gone
                _serve(settings, theirs)
            finally:
                os._exit(0)
        theirs.close()
        self._asking = threading.Lock()
        self.has_ended = False

    def prepare(self) -> None:
        """Has it import Great Expectations, and doesn't wait for that."""
        with self._asking, suppress(OSError):
            self._questions.send(None)

    def ask(self, task: "Task") -> dict[str, "Verdict"]:
        """What `great_expectations_bridge.verdicts` gives of the database, one question at a time.

        Raises Unreachable where the process has ended, or lost its connection; and Failure for whatever it raises else.
        """
        try:
            with self._asking:
                self._questions.send(task)
                answer = self._questions.recv()
        except (EOFError, OSError):
            self.has_ended = True
            raise Unreachable("the process that tests the tables has ended") from None
        if isinstance(answer, Failure):
            raise answer
        return answer

    def end(self) -> None:
        """Ends it, whatever it is doing."""
        if not self.has_ended:
            self.has_ended = True
            os.kill(self.process_id, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.process_id, 0)


_tester: Tester | None = None


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """Has the tables of these settings' database tested in a process of its own, where that is of use.

    SQLite lets one process write at a time anyway, and Spark's tables are tested in this one. Only a process without
    threads can be forked safely, and not on macOS.
    """
    global _tester
    is_of_use = settings.engine == "database" and not settings.warehouse_url.startswith("sqlite")
    if not is_of_use or sys.platform != "linux" or threading.active_count() > 1:
        yield
        return
    _tester = Tester(settings)
    try:
        yield
    finally:
        _tester.end()
        _tester = None


def current() -> Tester | None:
    """The process beside this one, while there is one that can be asked."""
    return None if _tester is None or _tester.has_ended else _tester


def end() -> None:
    """Ends the process beside this one, if there is one, whatever it is doing."""
    if it := current():
        it.end()


def prepare() -> None:
    """Has the process beside this one, if there is one, import Great Expectations, while this one goes on."""
    if it := current():
        it.prepare()


def _serve(settings: Settings, questions: Connection) -> None:
    """Answers questions until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both processes, and the other one ends this one
    warehouse = Warehouse(settings)
    with suppress(EOFError, OSError):
        while True:
            task = questions.recv()
            if task is None:
                great_expectations()
            else:
                questions.send(_answer(warehouse, task))


def _answer(warehouse: Warehouse, task: "Task") -> "dict[str, Verdict] | Failure":
    from retail_pipeline.quality.great_expectations_bridge import Database, verdicts

    try:
        return verdicts(Database(warehouse), task)
    except Exception as error:
        return Unreachable(str(error)) if may_pass(error) else Failure(str(error))
