"""GET /marts and GET /marts/{name}: the aggregated tables."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api import formats, problems
from api.access import may
from api.formats import Format
from api.json import answer
from api.problems import Refused
from api.state import WarehouseDep
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.warehouse.mart_states import states

router = APIRouter(prefix="/marts", tags=["read"], dependencies=[may("read")])

MOST_ROWS = 10_000


class Column(BaseModel):
    """A column of a mart."""

    name: str
    type: str
    description: str


class MartInfo(BaseModel):
    """A mart."""

    name: str = Field(examples=["mart_sales_monthly"])
    description: str
    grain: list[str]
    columns: list[Column]


class Marts(BaseModel):
    """All marts."""

    items: list[MartInfo]


class MartRows(MartInfo):
    """A mart and rows of it, and how many there are in all."""

    rows_in_all: int
    refreshed_at: str
    items: list[dict[str, Any]]


@router.get("", response_model=Marts, responses=problems.declared(401, 403, 429, 503))
def all_marts() -> Response:
    """The marts with their columns and what these mean."""
    return answer({"items": [_described(mart) for mart in _for_people().values()]})


@router.get(
    "/{name}",
    response_model=MartRows,
    responses={
        200: {"content": formats.declared("csv", "ndjson", "parquet", "arrow")},
        **problems.declared(401, 403, 404, 406, 422, 429, 503),
    },
)
def mart_rows(
    name: str,
    request: Request,
    warehouse: WarehouseDep,
    where: Annotated[
        list[str] | None,
        Query(
            max_length=20,
            description="`column=value`, `column>=value` or `column<=value`; several hold together.",
            examples=[["country=France", "month>=2011-01-01"]],
        ),
    ] = None,
    order: Annotated[str | None, Query(description="A column; with `-` before it, the largest first.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of an answer in JSON.")] = 1000,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Rows to leave out, in JSON.")] = 0,
    format: Annotated[Format | None, Query(description="Instead of `Accept`. All but json hand out all rows.")] = None,
) -> Response:
    """A mart's columns, with descriptions, and its rows."""
    mart = _for_people().get(name)
    if mart is None:
        raise Refused(404, f"there is no mart {name!r}; GET /marts lists them")
    query = _query(mart, where or [], order)
    form = formats.wanted(request, format)
    with warehouse.reading() as connection:
        state = states(connection).get(name)
        if state is None:
            raise Refused(404, f"{name} was not made yet: ingest a file first")
        if form == "json":
            rows = connection.execute(query.limit(limit).offset(offset)).mappings()
            found = {"rows_in_all": state.rows, "refreshed_at": state.refreshed_at}
            return answer(_described(mart) | found | {"items": [dict(row) for row in rows]})
    from retail_pipeline.warehouse.streaming import batches, schema

    return formats.stream(batches(warehouse, query), schema(query), form, name)


def _for_people() -> dict[str, Mart]:
    return {name: mart for name, mart in marts().items() if mart.is_for_people}


def _described(mart: Mart) -> dict[str, Any]:
    return {
        "name": mart.name,
        "description": mart.description,
        "grain": mart.grain,
        "columns": [
            {"name": name, "type": column.type, "description": column.description}
            for name, column in mart.columns.items()
        ],
    }


def _query(mart: Mart, where: list[str], order: str | None) -> sa.Select:
    table = mart.table()
    query = sa.select(table).where(*(_condition(table, stated) for stated in where))
    if order:
        column = _column(table, order.removeprefix("-"))
        query = query.order_by(column.desc() if order.startswith("-") else column)
    # The grain after it, so that rows which are equal in it keep their order from page to page.
    return query.order_by(*(table.c[name] for name in mart.grain))


def _condition(table: sa.Table, stated: str) -> sa.ColumnElement[bool]:
    for operator in (">=", "<=", "="):
        name, found, value = stated.partition(operator)
        if found:
            column = _column(table, name)
            bound = _value(column, value)
            return {">=": column >= bound, "<=": column <= bound, "=": column == bound}[operator]
    raise Refused(422, f"where: {stated!r} is not of the form column=value, column>=value or column<=value")


def _column(table: sa.Table, name: str) -> sa.Column:
    if name not in table.c:
        raise Refused(422, f"{table.name} has no column {name!r}")
    return table.c[name]


def _value(column: sa.Column, text: str) -> Any:
    try:
        return _parsed(column.type.python_type, text)
    except ValueError as error:
        raise Refused(422, f"where: {text!r} is no value of {column.name}") from error


def _parsed(kind: type, text: str) -> Any:
    if kind in (date, datetime):
        return kind.fromisoformat(text)
    if kind is Decimal:
        try:
            number = Decimal(text)
        except InvalidOperation as error:
            raise ValueError(text) from error
        if not number.is_finite() or abs(number.adjusted()) > 30:
            raise ValueError(text)
        return number
    if kind is int:
        number = int(text)
        if abs(number) >= 2**63:
            raise ValueError(text)
        return number
    return text
