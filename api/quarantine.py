"""GET /quarantine: the rows that are held back, with the reasons and what the file said."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import cursors, formats, problems
from api.access import may
from api.formats import Format
from api.json import answer
from api.state import WarehouseDep
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.paging import rows_beyond
from retail_pipeline.warehouse.tables import quarantined_lines

router = APIRouter(tags=["read"], dependencies=[may("read")])

MOST_ROWS = 10_000

KEY = ("load_id", "line_no")


class Wanted(BaseModel):
    """Which rows are wanted."""

    model_config = ConfigDict(extra="forbid")

    load_id: str | None = Field(None, description="The load that they came with; all loads if left out.")
    reason: str | None = Field(None, description="A reason's code.", examples=["quantity_not_a_number"])
    limit: int = Field(1000, ge=1, le=MOST_ROWS, description="Rows of a page of JSON.")
    cursor: str | None = Field(None, description="Where a page begins: taken from `next` of the page before it.")
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
    """A page of rows, by load and line, and the path of the next one."""

    items: list[HeldRow]
    next: str | None


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
    form, after = formats.wanted(request, wanted.format), cursors.key_in(wanted.cursor, KEY)
    with warehouse.reading() as connection:
        if wanted.load_id:
            ledger.entry(connection, wanted.load_id)
        if form == "json":
            columns = [quarantined_lines.c[name] for name in KEY]
            rows = rows_beyond(query, columns, after, wanted.limit, lambda part: connection.execute(part).all())
            items = [row._asdict() for row in rows]
            return answer({"items": items, "next": cursors.next_page(request, wanted, KEY, items, wanted.limit)})
    from retail_pipeline.warehouse.streaming import batches, schema

    return formats.stream(batches(warehouse, query), schema(query), form, "quarantine")


def _query(wanted: Wanted) -> sa.Select:
    query = sa.select(quarantined_lines).order_by(*(quarantined_lines.c[name] for name in KEY))
    if wanted.load_id:
        query = query.where(quarantined_lines.c.load_id == wanted.load_id)
    if wanted.reason:
        # Reasons are codes, separated by commas.
        around = sa.literal(",") + quarantined_lines.c.reasons + ","
        query = query.where(around.contains(f",{wanted.reason},", autoescape=True))
    return query
