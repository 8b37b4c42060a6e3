"""What goes wrong, told as RFC 9457 says: `application/problem+json`."""

from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from api.json import dumps
from retail_pipeline.errors import BadInput, DiskFull, Failure, NotFound, Unusable
from retail_pipeline.redaction import redacted
from retail_pipeline.warehouse.failures import told

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What an error answer says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "..."}]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}


class Refused(Exception):
    """Ends a request with a problem."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How FastAPI is told of the problems that a path may answer with."""
    schema = Problem.model_json_schema()
    return {status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


def install(app: FastAPI) -> None:
    """Makes every error of an application a problem."""
    app.add_exception_handler(Refused, lambda _, error: _problem(error.status, error.detail, error.headers))
    app.add_exception_handler(NotFound, lambda _, error: _problem(404, str(error)))
    app.add_exception_handler(Failure, _gave_way)
    app.add_exception_handler(Unusable, _unavailable)
    app.add_exception_handler(BadInput, lambda _, error: _problem(422, str(error)))
    app.add_exception_handler(RequestValidationError, lambda _, error: _problem(422, _where(error)))
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(sa.exc.DBAPIError, _gave_way)
    app.add_exception_handler(OSError, _gave_way)


def _of_framework(_: Request, error: HTTPException) -> Response:
    return _problem(error.status_code, str(error.detail), dict(error.headers or {}))


def _gave_way(_: Request, error: Exception) -> Response:
    match told(error):
        case None:  # a bug
            raise error
        case DiskFull():
            return _problem(507, "there is no room left on the disk; somebody has to make room")
    return _unavailable(_, error)


def _unavailable(_: Request, error: Exception) -> Response:
    return _problem(503, "the database can't answer now; try again in a moment", {"Retry-After": "5"})


def _where(error: RequestValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}" + (f" (got {one['input']!r})" if "input" in one else "")
        for one in error.errors()[:5]
    )


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    content = Problem(title=TITLES.get(status, "Error"), status=status, detail=redacted(detail)).model_dump()
    return Response(dumps(content), status, headers, media_type=MEDIA_TYPE)
