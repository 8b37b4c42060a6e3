"""Work that is done again, as a whole, where the database broke it off in a way that may pass.

A deadlock, a lock that was waited for too long, a lost connection, a server that restarts: the transaction was rolled
back, or nobody knows whether it was, and all work that is marked so ends in the same state however often it is done.
What the input is to blame for, a violated constraint and a full disk are not tried again.
"""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential
from tenacity.stop import stop_base

from retail_pipeline.warehouse.failures import may_pass, told

if TYPE_CHECKING:
    from retail_pipeline.warehouse.connection import Warehouse

LONGEST_PAUSE_SECONDS = 10
"""A server takes about that long to restart: a longer pause would only add to it."""

_log = logging.getLogger(__name__)
_trying: ContextVar[bool] = ContextVar("trying", default=False)

P = ParamSpec("P")
T = TypeVar("T")


def retried(work: Callable[Concatenate["Warehouse", P], T]) -> Callable[Concatenate["Warehouse", P], T]:
    """Marks a function of a warehouse as work that may be done again; called by other such work, it is a part of that.

    What doesn't pass within RETAIL_RETRY_SECONDS of the first failure is raised as a Failure that says what to do.
    """

    @wraps(work)
    def patiently(warehouse: "Warehouse", *args: P.args, **kwargs: P.kwargs) -> T:
        if _trying.get():
            return work(warehouse, *args, **kwargs)
        attempts = Retrying(
            retry=retry_if_exception(may_pass),
            wait=wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE_SECONDS),  # random: two don't meet again
            stop=_FailingFor(warehouse.settings.retry_seconds),
            before_sleep=_tell,
            reraise=True,
        )
        outermost = _trying.set(True)
        try:
            return attempts(work, warehouse, *args, **kwargs)
        except Exception as error:
            if (failure := told(error)) and failure is not error:
                raise failure from error
            raise
        finally:
            _trying.reset(outermost)

    return patiently


class _FailingFor(stop_base):
    """Stops so many seconds after the first failure, however long the work had taken until then."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._since: float | None = None

    def __call__(self, state: RetryCallState) -> bool:
        failed_at = state.outcome_timestamp
        assert failed_at is not None
        if self._since is None:
            self._since = failed_at
        return failed_at - self._since >= self._seconds


def _tell(state: RetryCallState) -> None:
    assert state.outcome is not None
    assert state.next_action is not None
    error = state.outcome.exception()
    _log.warning(
        "%s, attempt %d: %s; trying again in %.1f s",
        getattr(state.fn, "__name__", "work"),
        state.attempt_number,
        getattr(error, "orig", error),
        state.next_action.sleep,
    )
