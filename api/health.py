"""GET /health: whether the API can do its work."""

from functools import cache
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger

router = APIRouter()


@cache
def warehouse() -> Warehouse:
    """The process's warehouse."""
    return Warehouse(Settings())


WarehouseDep = Annotated[Warehouse, Depends(warehouse)]


class Health(BaseModel):
    """The state of what the API depends on."""

    status: Literal["ok", "unavailable"]
    database: str


@router.get("/health", responses={503: {"model": Health}})
def health(warehouse: WarehouseDep, response: Response) -> Health:
    """200 where the database answers and has its tables, else 503 with the reason."""
    try:
        with warehouse.reading() as connection:
            ledger.version(connection)
    except BadInput as error:
        problem = str(error)
    except sa.exc.DBAPIError:
        problem = "the tables are missing; run `retail db upgrade`"
    else:
        return Health(status="ok", database="ok")
    response.status_code = 503
    return Health(status="unavailable", database=problem)
