"""Cursors: where a page begins, as an opaque text that holds the key of the last row of the page before it."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel

from api.problems import Refused


def next_page(
    request: Request, asked: BaseModel, key: Sequence[str], items: Sequence[Mapping[str, Any]], limit: int
) -> str | None:
    """The path of the page behind these items, whose order is that of the key; None where they are the last."""
    if len(items) < limit:
        return None
    cursor = cursor_of(tuple(items[-1][name] for name in key))
    stated = asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    return f"{request.url.path}?{urlencode(stated | {'cursor': cursor})}"


def cursor_of(key: tuple[Any, ...]) -> str:
    """The cursor of the page behind a row with this key."""
    content = json.dumps(key, default=str, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def key_in(cursor: str | None, key: Sequence[str]) -> tuple[Any, ...] | None:
    """The key in a cursor, None where there is no cursor; raises Refused where it isn't one of these columns."""
    if not cursor:
        return None
    try:
        values = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
        return tuple(_TYPES[name](value) for name, value in zip(key, values, strict=True))
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(422, f"cursor: {cursor!r} is none that these filters gave") from error


def _line_no(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_TYPES = {"invoice_date": date.fromisoformat, "load_id": _text, "line_no": _line_no}
