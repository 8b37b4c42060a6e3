"""GET /transactions: order lines, page by page as JSON, or all of them at once in other formats."""

from datetime import date
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import cursors, formats, problems
from api.access import may
from api.formats import Format
from api.json import answer
from api.problems import Refused
from api.state import WarehouseDep
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.paging import LineFilter, lines, page

router = APIRouter(tags=["read"], dependencies=[may("read")])

MOST_LINES = 10_000


class Filters(BaseModel):
    """Which order lines are wanted, and how they are handed out."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first_day: date | None = Field(None, alias="from", description="First invoice day.", examples=["2010-12-01"])
    last_day: date | None = Field(None, alias="to", description="Last invoice day, itself included.")
    country: str | None = Field(None, description="Country label, as the source has it.", examples=["France"])
    customer_id: str | None = Field(None, description="Customer.", examples=["12583"])
    product_code: str | None = Field(None, description="Product code, in upper case.", examples=["85123A"])
    invoice_no: str | None = Field(None, description="Invoice number.", examples=["536370"])
    kind: Literal["sale", "return", "adjustment", "stock_movement"] | None = Field(None, description="What it is.")
    load_id: str | None = Field(None, description="Load that the line came with; the lines are in the file's order.")
    source: str | None = Field(None, description="Source of the load.", examples=["online_retail"])
    limit: int = Field(100, ge=1, le=MOST_LINES, description="Lines of a page of JSON.")
    cursor: str | None = Field(None, description="Where a page begins: taken from `next` of the page before it.")
    format: Format | None = Field(None, description="Instead of `Accept`. All but json hand out the whole result.")

    def of_lines(self) -> LineFilter:
        """The filters alone."""
        return LineFilter(**self.model_dump(exclude={"limit", "cursor", "format"}))


class Transaction(BaseModel):
    """An order line. Decimals are text, so that no reader rounds them."""

    load_id: str
    line_no: int
    source: str
    invoice_no: str
    product_code: str
    description: str | None
    quantity: str = Field(examples=["6.000"])
    unit_price: str = Field(examples=["2.5500"])
    amount: str = Field(examples=["15.3000"])
    currency: str
    invoiced_at: str = Field(examples=["2010-12-01T08:26:00"])
    invoice_date: date
    customer_id: str | None
    country: str
    kind: str
    invoice_line: str | None


class Transactions(BaseModel):
    """A page of order lines, by day, load and line, and the path of the next one."""

    items: list[Transaction]
    next: str | None


@router.get(
    "/transactions",
    response_model=Transactions,
    responses={
        200: {"content": formats.declared("csv", "ndjson", "parquet", "arrow")},
        **problems.declared(401, 403, 406, 422, 429, 503),
    },
)
def transactions(request: Request, warehouse: WarehouseDep, filters: Annotated[Filters, Query()]) -> Response:
    """Order lines that count, filtered.

    Pages are stable while loads go on: every line is on one page at most, and a line that stays is on exactly one.
    CSV is safe to open in a spreadsheet: text that it would run begins with an apostrophe.
    """
    form, chosen = formats.wanted(request, filters.format), filters.of_lines()
    if form != "json":
        from retail_pipeline.warehouse.streaming import batches, schema

        with warehouse.reading() as connection:
            _refuse_lines_elsewhere(connection)
            query = lines(connection, chosen)
        return formats.stream(batches(warehouse, query), schema(query), form, "transactions")
    after = cursors.key_in(filters.cursor, chosen.key)
    with warehouse.reading() as connection:
        items = page(connection, chosen, after, filters.limit)
        if not items:
            _refuse_lines_elsewhere(connection)
    return answer({"items": items, "next": cursors.next_page(request, filters, chosen.key, items, filters.limit)})


def _refuse_lines_elsewhere(connection: sa.Connection) -> None:
    """No lines must not be mistaken for lines that another engine keeps."""
    if elsewhere := ledger.without_lines(connection):
        raise Refused(503, f"the lines of {elsewhere[0]} aren't in the database, for Spark loaded them")
