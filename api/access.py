"""Who may do what: keys with scopes, how often, and only this machine as long as there are no keys."""

import base64
import ipaddress
import time
from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from api.problems import Refused
from retail_pipeline.warehouse import Warehouse, api_keys
from retail_pipeline.warehouse.api_keys import ApiKey

KEYS_SECONDS = 5
"""How long keys are remembered: a key that was revoked may be used for as long as that."""

THIS_MACHINE = "this machine, without a key"

bearer = HTTPBearer(auto_error=False, description="A key that `retail keys create` made.")


class Gate:
    """Lets requests in, or refuses them."""

    def __init__(self, warehouse: Warehouse, clock: Callable[[], float] = time.monotonic):
        self._warehouse, self._clock = warehouse, clock
        self._limit = RateLimitItemPerMinute(warehouse.settings.requests_per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._keys: dict[str, ApiKey] = {}
        self._keys_until = clock()

    async def admit(self, request: HTTPConnection, scope: str) -> str:
        """Whose request it is, by the name of the key. Raises Refused unless it may do what the scope says."""
        if (now := self._clock()) >= self._keys_until:  # the time before the keys are read, however long that takes
            self._keys = await run_in_threadpool(self._read_keys)
            self._keys_until = now + KEYS_SECONDS
        if not self._keys:
            _refuse_strangers(request)
            return THIS_MACHINE
        key = api_keys.matching(self._keys, _presented(request))
        if key is None:
            raise Refused(401, "this needs a valid key", {"WWW-Authenticate": 'Bearer, Basic realm="retail"'})
        if scope not in key.scopes:
            raise Refused(403, f"the key {key.name!r} has no scope {scope!r}")
        if not self._limiter.hit(self._limit, key.key_id):
            again = self._limiter.get_window_stats(self._limit, key.key_id).reset_time - time.time()
            raise Refused(
                429, f"more than {self._limit.amount} requests a minute", {"Retry-After": str(max(1, round(again)))}
            )
        return key.name

    def _read_keys(self) -> dict[str, ApiKey]:
        with self._warehouse.reading() as connection:
            return api_keys.by_id(connection)


def may(scope: str) -> Callable:
    """A dependency that lets in who may do what a scope says; `request.state.sender` is then whose request it is."""

    async def admitted(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]) -> None:
        request.state.sender = await request.app.state.gate.admit(request, scope)

    return Depends(admitted)


def _presented(request: HTTPConnection) -> str:
    """The key of a request: as a bearer token, or as the password of a browser's log-in."""
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except ValueError:
            return ""
    return ""


def _refuse_strangers(request: HTTPConnection) -> None:
    """Without keys, only programs of this machine are served, and no web page that a browser on it has open.

    A page of another site could send requests here, also under a name of its own that leads here (DNS rebinding).
    """
    client, server = request.client, request.scope.get("server")
    if client and not is_loopback(client.host):
        raise Refused(403, "no key was made yet (`retail keys create`), so this serves its own machine alone")
    if server and server[0] and not is_loopback(server[0]):
        raise Refused(403, "no key was made yet (`retail keys create`), so this serves on 127.0.0.1 alone")
    for header in ("host", "origin"):
        named = request.headers.get(header)
        if named is not None and not is_loopback(_host_of(named)):
            raise Refused(403, f"no key was made yet (`retail keys create`), so {header} {named!r} is refused")


def _host_of(named: str) -> str:
    """The host of `http://host:port` or `host:port`."""
    try:
        return urlsplit(named if "://" in named else f"//{named}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
