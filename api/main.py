"""The API's application, `api.main:app`. It imports neither dagster nor great_expectations: they cost seconds."""

from fastapi import FastAPI

from api import health

app = FastAPI(title="Retail pipeline", docs_url="/docs", redoc_url=None)
app.include_router(health.router)
