"""What dashboards.yaml may say, and what it says: validated against the catalogue of marts when it is read."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import MartColumn, marts
from retail_pipeline.marts.column_types import TypeName
from retail_pipeline.marts.measures import Measure, measures
from retail_pipeline.yaml_files import Described, read_yaml, validated

FILE = Path(__file__).parent / "dashboards.yaml"

Filter = Literal["region", "period"]
Where = dict[str, str | list[str]]


class _OnMart(Described):
    mart: str
    where: Where = Field(default_factory=dict)

    def described(self, column: str) -> MartColumn:
        """The column as the mart's file describes it."""
        return marts()[self.mart].columns[column]

    @property
    def table(self) -> sa.Table:
        """The mart's table."""
        return mart_table(self.mart)


class Figure(_OnMart):
    """One number, and the column that holds it in the one row that the filters leave."""

    mart: str = "mart_kpis"
    column: str
    label: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or caption(self.column)

    @property
    def definition(self) -> str:
        """What it means."""
        return in_words(self.described(self.column).description)

    @property
    def type(self) -> TypeName:
        """What it is counted in, as the catalogue names it."""
        return self.described(self.column).type


class Sheet(_OnMart):
    """One chart and its table; see dashboards.yaml for what its keys mean."""

    name: str
    title: str
    note: str = ""
    chart: Literal["months", "map", "ranking", "bars", "curve", "cohorts"]
    labels: dict[str, str] = Field(default_factory=dict)
    by: tuple[str, ...]
    axis: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    count: str | None = None
    also: tuple[str, ...] = ()
    order: tuple[str, ...]
    limit: int
    thin: str | None = None
    latest: dict[str, int] = Field(default_factory=dict)
    below: dict[str, int] = Field(default_factory=dict)
    wide: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything that a row of the sheet has, in the order in which tables show it."""
        return (*self.by, *((self.count,) if self.count else ()), *self.measures, *self.also)

    @property
    def drawn(self) -> tuple[str, ...]:
        """The columns that the chart draws."""
        return self.measures or (self.count or "",)

    @property
    def adds_up(self) -> bool:
        """Whether a row of the sheet is several of the mart."""
        told_apart = {*self.by, *self.where, "currency"}
        return not set(marts()[self.mart].grain) <= told_apart

    def caption(self, column: str) -> str:
        """What people call a column of the sheet."""
        return self.labels.get(column) or caption(column)

    def type_of(self, column: str) -> TypeName:
        """What a column is counted in, as the catalogue names it."""
        return "count" if column == self.count else self.described(column).type


class Dashboard(Described):
    """A page of the browser, and a dashboard of the workbook."""

    title: str
    path: str
    filters: tuple[Filter, ...]
    figures: tuple[Figure, ...]
    says: tuple[str, ...]
    sheets: tuple[Sheet, ...]

    @property
    def marts(self) -> tuple[str, ...]:
        """The marts that it reads, each once."""
        return tuple(dict.fromkeys(part.mart for part in (*self.figures, *self.sheets)))


class MapView(Described):
    """Where a map looks: longitude and latitude of its middle, and how many times closer than the whole world."""

    center: tuple[float, float]
    zoom: float


class _File(Described):
    sales: Dashboard
    customers: Dashboard
    map_views: dict[str, MapView]


def dashboards() -> dict[str, Dashboard]:
    """The dashboards by name."""
    content = described_in(FILE)
    return {"sales": content.sales, "customers": content.customers}


def map_views() -> dict[str, MapView]:
    """Where a map looks when a region is chosen; regions that aren't there have the whole world."""
    return described_in(FILE).map_views


def dashboard_marts() -> tuple[str, ...]:
    """The marts that dashboards read, each once; mart_periods says what the data covers."""
    return tuple(dict.fromkeys(("mart_periods", *(name for one in dashboards().values() for name in one.marts))))


@cache
def described_in(path: Path) -> _File:
    """The content of such a file. Raises BadInput, naming file and key, where it can't be used."""
    content = validated(_File, read_yaml(path), path.name)
    for name, dashboard in (("sales", content.sales), ("customers", content.customers)):
        for figure in dashboard.figures:
            _check_columns(figure, [figure.column, *figure.where], f"{path.name}: {name}.{figure.column}")
        for sheet in dashboard.sheets:
            _check_sheet(sheet, dashboard, f"{path.name}: {name}.{sheet.name}")
    return content


def _check_sheet(sheet: Sheet, dashboard: Dashboard, place: str) -> None:
    counted = {sheet.count} if sheet.count else set()
    ordered = [name.removeprefix("-") for name in sheet.order]
    named = {
        *sheet.columns,
        *sheet.where,
        *sheet.labels,
        *sheet.latest,
        *sheet.below,
        *([sheet.thin] if sheet.thin else []),
    }
    _check_columns(sheet, named - counted, place)
    if unshown := {*sheet.axis, *ordered} - {*sheet.columns}:
        raise BadInput(f"{place}: {min(unshown)} is in axis or order, but the sheet doesn't have it")
    columns = marts()[sheet.mart].columns
    for wanted, needed in (("region", "region"), ("period", "month")):
        if wanted in dashboard.filters and needed not in columns:
            raise BadInput(f"{place}: {sheet.mart} has no {needed}, by which the dashboard filters")
    if sheet.adds_up:
        unfit = [name for name in (*sheet.measures, *sheet.also) if not _is_summable(name)]
        if unfit:
            raise BadInput(
                f"{place}: {unfit[0]} can't be added up, and {', '.join(sheet.by)} is not {sheet.mart}'s grain"
            )


def _check_columns(part: _OnMart, names: Any, place: str) -> None:
    if part.mart not in marts():
        raise BadInput(f"{place}: there is no mart {part.mart!r}")
    if unknown := sorted(set(names) - marts()[part.mart].columns.keys()):
        raise BadInput(f"{place}: {part.mart} has no column {unknown[0]!r}")


def _is_summable(column: str) -> bool:
    measure: Measure | None = measures().get(column)
    return bool(measure and measure.summable)


def caption(column: str) -> str:
    """What people call a column: its measure's label, or its name in words."""
    measure = measures().get(column)
    return measure.label if measure else column.replace("_", " ").capitalize()


def in_words(definition: str) -> str:
    """A definition with the names of measures as people say them: gross sales instead of gross_sales."""
    said = re.sub(r"[a-z]+(?:_[a-z]+)+", lambda name: caption(name[0]).lower(), definition)
    return said[0].upper() + said[1:]


@cache
def mart_table(name: str) -> sa.Table:
    """A mart's table, once in a process."""
    return marts()[name].table()
