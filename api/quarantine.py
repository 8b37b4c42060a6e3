"""GET /quarantine: the rows that are held back, with the reasons and what the file said."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import formats, problems
from api.access import may
from api.formats import Format
from api.json import answer
from api.state import WarehouseDep
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.tables import quarantined_lines

router = APIRouter(tags=["read"], dependencies=[may("read")])

MOST_ROWS = 10_000


class Wanted(BaseModel):
    """Which rows are wanted."""

    model_config = ConfigDict(extra="forbid")

    load_id: str | None = Field(None, description="The load that they came with; all loads if left out.")
    reason: str | None = Field(None, description="A reason's code.", examples=["quantity_not_a_number"])
    limit: int = Field(1000, ge=1, le=MOST_ROWS, description="Rows of an answer in JSON.")
    offset: int = Field(0, ge=0, le=2**31, description="Rows to leave out at the beginning, in JSON.")
    format: Format | None = Field(None, description="Instead of `Accept`.")


class HeldRow(BaseModel):
    """A row that can't be an order line."""

    model_config = ConfigDict(extra="allow")

    load_id: str
    line_no: int
    file_line: int
    reasons: str
    amount: str | None


class HeldRows(BaseModel):
    """Rows in the order of their files."""

    items: list[HeldRow]


@router.get(
    "/quarantine",
    response_model=HeldRows,
    responses={
        200: {"content": formats.declared("csv", "ndjson", "parquet", "arrow")},
        **problems.declared(401, 403, 404, 406, 422, 429, 503),
    },
)
def quarantine(request: Request, warehouse: WarehouseDep, wanted: Annotated[Wanted, Query()]) -> Response:
    """Rows that are held back, as the file says them; CSV is safe to open in a spreadsheet."""
    query = _query(wanted)
    form = formats.wanted(request, wanted.format)
    with warehouse.reading() as connection:
        if wanted.load_id:
            ledger.entry(connection, wanted.load_id)
        if form == "json":
            rows = connection.execute(query.limit(wanted.limit).offset(wanted.offset)).mappings()
            return answer({"items": [dict(row) for row in rows]})
    from retail_pipeline.warehouse.streaming import batches, schema

    return formats.stream(batches(warehouse, query), schema(query), form, "quarantine")


def _query(wanted: Wanted) -> sa.Select:
    query = sa.select(quarantined_lines).order_by(quarantined_lines.c.load_id, quarantined_lines.c.line_no)
    if wanted.load_id:
        query = query.where(quarantined_lines.c.load_id == wanted.load_id)
    if wanted.reason:
        # Reasons are codes, separated by commas.
        around = sa.literal(",") + quarantined_lines.c.reasons + ","
        query = query.where(around.contains(f",{wanted.reason},", autoescape=True))
    return query
