"""GET /measures and GET /measures/{name}: what a figure means, what it is, and the loads that it comes from."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api import problems
from api.access import may
from api.json import answer
from api.problems import Refused
from api.state import WarehouseDep
from retail_pipeline.marts.measures import measures
from retail_pipeline.marts.measuring import ALL_COUNTRIES, ALL_TIME, Scope, bases, figures, in_kpis, loads_behind
from retail_pipeline.warehouse.mart_states import states

router = APIRouter(prefix="/measures", tags=["read"], dependencies=[may("read")])


class MeasureInfo(BaseModel):
    """A measure's definition."""

    name: str = Field(examples=["net_revenue"])
    label: str
    definition: str
    unit: str
    format: str = Field(description="How spreadsheets would write it.")
    summable: bool = Field(description="Whether rows of a mart may be added up.")
    computed_by: str = Field(description="SQL over order lines, or a formula of other measures.")


class Measures(BaseModel):
    """All measures."""

    items: list[MeasureInfo]


class Figure(BaseModel):
    """A measure's value in a currency."""

    currency: str
    value: str | int | None


class LoadBehind(BaseModel):
    """A load, and how many of its lines count in the period."""

    load_id: str
    currency: str
    line_count: int


class Explained(MeasureInfo):
    """A measure, its figures in a place and a period, and the loads behind them."""

    place: str
    period: str
    bases: dict[str, str] = Field(description="The measures that it is computed from, with their SQL.")
    figures: list[Figure]
    computed_from: Literal["mart_kpis", "order_lines"]
    loads: list[LoadBehind] = Field(description="Loads with lines in the period, those with most lines first.")


@router.get("", response_model=Measures, responses=problems.declared(401, 403, 429, 503))
def all_measures() -> Response:
    """The measures, and what they mean."""
    return answer({"items": [_described(name) for name in measures()]})


@router.get("/{name}", response_model=Explained, responses=problems.declared(401, 403, 404, 422, 429, 503))
def explained(
    name: str,
    warehouse: WarehouseDep,
    scope: Annotated[str, Query(description="A country or a region.", examples=["Europe"])] = ALL_COUNTRIES,
    period: Annotated[str, Query(description="A year, a month, or all time.", examples=["2011-03"])] = ALL_TIME,
    recompute: Annotated[bool, Query(description="Compute it anew from the order lines.")] = False,
) -> Response:
    """A figure with its definition and its SQL, and the loads that it comes from.

    It is read from mart_kpis where that has it: for all time and for years. Otherwise, or if `recompute` is true, it is
    computed from the order lines, which takes seconds per million.
    """
    if name not in measures():
        raise Refused(404, f"there is no measure {name!r}; GET /measures lists them")
    within = Scope(scope, period)
    with warehouse.reading() as connection:
        behind = loads_behind(connection, period) if "running_load_months" in states(connection) else []
        shown = {} if recompute else in_kpis(connection, name, within)
        found = shown or {figure.currency: figure.value for figure in figures(connection, name, within)}
    return answer(
        _described(name)
        | {
            "place": scope,
            "period": period,
            "bases": {base: measure.sql for base, measure in bases(name).items()},
            "figures": [{"currency": currency, "value": value} for currency, value in found.items()],
            "computed_from": "mart_kpis" if shown else "order_lines",
            "loads": [dict(zip(LoadBehind.model_fields, one, strict=True)) for one in behind],
        }
    )


def _described(name: str) -> dict[str, Any]:
    measure = measures()[name]
    return {
        "name": name,
        "label": measure.label,
        "definition": measure.definition,
        "unit": measure.counted_in,
        "format": measure.format,
        "summable": measure.summable,
        "computed_by": measure.sql,
    }
