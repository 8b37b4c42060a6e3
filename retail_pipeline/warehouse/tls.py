"""TLS to a server whose certificate nobody asked to verify, without reading the system's authorities each time."""

import ssl
from functools import cache
from typing import Any

import sqlalchemy as sa
from pymysql.connections import Connection


@sa.event.listens_for(sa.Engine, "do_connect")
def _connect(dialect: sa.Dialect, _record: Any, arguments: list[Any], settings: dict[str, Any]) -> Connection | None:
    """For all engines: Great Expectations opens one of its own."""
    return _Connection(*arguments, **settings) if dialect.driver == "pymysql" else None


class _Connection(Connection):
    """PyMySQL prepares for TLS before it knows whether the server has any.

    Of all that a connection takes, reading a few hundred authorities is nine tenths, and where no setting asks for
    verification, nothing is verified by them.
    """

    def _create_ssl_ctx(self, asked_for: Any) -> ssl.SSLContext:
        return super()._create_ssl_ctx(asked_for) if asked_for else _unverified()


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
