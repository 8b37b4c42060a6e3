"""What requests are given: the application's warehouse, and Dagster."""

from typing import Annotated

from fastapi import Depends, Request

from api.dagster import Dagster
from retail_pipeline.warehouse import Warehouse

# Coroutines, for FastAPI hands plain functions to another thread, which takes longer than they do.


async def _warehouse(request: Request) -> Warehouse:
    return request.app.state.warehouse


async def _dagster(request: Request) -> Dagster:
    return request.app.state.dagster


WarehouseDep = Annotated[Warehouse, Depends(_warehouse)]
DagsterDep = Annotated[Dagster, Depends(_dagster)]
