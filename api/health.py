"""GET /health: whether the API can do its work, and whether what it depends on can."""

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.json import answer
from api.state import DagsterDep, WarehouseDep
from retail_pipeline.errors import BadInput, Failure
from retail_pipeline.redaction import redacted
from retail_pipeline.warehouse import Warehouse

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The state of what the API depends on; degraded: files are kept, and loaded when Dagster is back."""

    status: Literal["ok", "degraded", "unavailable"]
    database: str
    migrations: str
    dagster: str


@router.get("/health", response_model=Health, responses={503: {"model": Health}})
def health(warehouse: WarehouseDep, dagster: DagsterDep) -> Response:
    """200 where the database answers and has its tables, also without Dagster; else 503 with the reason."""
    database, migrations = _database(warehouse)
    dagster_state = "ok" if dagster.is_up() else "unreachable"
    works = database == migrations == "ok"
    status = "unavailable" if not works else "ok" if dagster_state == "ok" else "degraded"
    content = Health(status=status, database=database, migrations=migrations, dagster=dagster_state)
    return answer(content.model_dump(), 200 if works else 503)


def _database(warehouse: Warehouse) -> tuple[str, str]:
    """The state of the database, and of its tables."""
    from retail_pipeline.warehouse.migrations import missing_upgrade

    try:
        return "ok", missing_upgrade(warehouse) or "ok"
    except (BadInput, Failure) as error:
        return redacted(str(error)), "unknown"
    except sa.exc.DBAPIError as error:
        return redacted(f"the database refuses: {error.orig}"), "unknown"
