"""The API's application, `api.main:app`. It imports neither dagster nor great_expectations: they cost seconds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import httpx2 as httpx
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import access_log, dashboards, health, ingest, marts, measures, metrics, problems, quarantine, transactions
from api.access import Gate
from api.dagster import Dagster
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

DAGSTER_SECONDS = 10
"""How long an answer of Dagster's is waited for; it starts a run in a quarter of a second."""

RETRY_SECONDS = 5
"""How long the database may keep a request waiting: who asked can ask again."""

DESCRIPTION = """Hand in export files, follow what becomes of them, and read order lines, marts and measures.

Errors are `application/problem+json` (RFC 9457). Decimals are text in JSON. Once a key was made (`retail keys create`),
every request but `/health`, `/docs` and `/openapi.json` needs one: `Authorization: Bearer KEY`."""


def create_app(settings: Settings | None = None, dagster: httpx.Client | None = None) -> FastAPI:
    """An application for some settings, and for a client whose base URL is Dagster's web server."""
    settings = settings or Settings()
    if settings.api_database_url.get_secret_value():
        settings = settings.model_copy(update={"database_url": settings.api_database_url})
    client = dagster or httpx.Client(base_url=settings.dagster_url, timeout=DAGSTER_SECONDS)
    patience = min(settings.retry_seconds, RETRY_SECONDS)
    warehouse = Warehouse(settings.model_copy(update={"retry_seconds": patience}))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        access_log.set_up(settings)  # not before: a server has set up its own log by now
        yield
        client.close()
        warehouse.dispose()

    app = FastAPIOffline(
        title="Retail pipeline",
        description=DESCRIPTION,
        version=version("retail-pipeline"),
        redoc_url=None,  # it asks another server for its logo
        lifespan=lifespan,
    )
    app.state.warehouse, app.state.dagster, app.state.gate = warehouse, Dagster(client), Gate(warehouse)
    problems.install(app)
    metrics.install(app, warehouse)
    app.add_middleware(access_log.AccessLog)
    for room in (dashboards, ingest, transactions, quarantine, marts, measures, health, metrics):
        app.include_router(room.router)
    return app


app = create_app()
