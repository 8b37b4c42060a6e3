"""GET /metrics: what Prometheus scrapes."""

import time
from collections import Counter as Count
from collections.abc import Iterator
from datetime import UTC, datetime
from datetime import time as clock

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.access import may
from retail_pipeline.warehouse import Warehouse, check_results, ledger

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems.declared(401, 403, 429, 503),
    },
    dependencies=[may("read")],
)
def metrics(request: Request) -> Response:
    """Requests of this process, and the state of loads and checks, as Prometheus reads it."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


def install(app: FastAPI, warehouse: Warehouse) -> None:
    """Counts an application's requests, and gives it a registry that tells the warehouse's state when scraped."""
    registry = app.state.metrics = CollectorRegistry()
    registry.register(_State(warehouse))
    requests = Counter("retail_requests", "Requests answered.", ["method", "path", "status"], registry=registry)
    seconds = Histogram("retail_request_seconds", "Until an answer begins.", ["path"], registry=registry)

    app.add_middleware(_Counted, requests=requests, seconds=seconds)


class _Counted:
    """Counts requests and how long their answers take to begin. Plain ASGI: FastAPI's own way doubles that time."""

    def __init__(self, app: ASGIApp, requests: Counter, seconds: Histogram):
        self._app, self._requests, self._seconds = app, requests, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The template: a path in itself would be a label without bounds.
                path = getattr(scope.get("route"), "path", "other")
                self._requests.labels(scope["method"], path, message["status"]).inc()
                self._seconds.labels(path).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counted)


class _State:
    """The warehouse's state, read when Prometheus asks."""

    def __init__(self, warehouse: Warehouse):
        self._warehouse = warehouse

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # nothing is read from the database before somebody asks

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._warehouse.reading() as connection:
            entries = ledger.entries(connection)
            failed = [row for row in check_results.latest(connection) if not row["passed"]]
        by_state = GaugeMetricFamily("retail_loads", "Loads by status.", labels=["status"])
        for status, number in Count(entry["status"] for entry in entries).items():
            by_state.add_metric([status], number)
        yield by_state
        for column, name, text in (
            ("rows_loaded", "retail_order_lines", "Order lines that count."),
            ("rows_quarantined", "retail_quarantined_lines", "Rows held back."),
            ("rows_superseded", "retail_superseded_lines", "Lines that a later load replaced."),
        ):
            yield GaugeMetricFamily(name, text, value=sum(entry[column] or 0 for entry in entries))
        if days := [entry["last_invoice_date"] for entry in entries if entry["last_invoice_date"]]:
            newest = datetime.combine(max(days), clock.min, UTC)
            age = (datetime.now(UTC) - newest).total_seconds()
            yield GaugeMetricFamily("retail_newest_line_age_seconds", "Since the newest invoice day began.", value=age)
        checks = GaugeMetricFamily("retail_failed_checks", "Checks that failed last time.", labels=["severity"])
        severities = Count(row["severity"] for row in failed)
        for severity in ("critical", "warning"):
            checks.add_metric([severity], severities[severity])
        yield checks
