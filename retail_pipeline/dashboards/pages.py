"""The dashboards as HTML: from what a dashboard shows to a page, served or self-contained."""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined

from retail_pipeline.dashboards import charts, formats, shapes
from retail_pipeline.dashboards.description import Dashboard, Sheet, caption, dashboards
from retail_pipeline.dashboards.operations import operations
from retail_pipeline.dashboards.queries import Answers, Choices, Row, Selection, answers, choices, select
from retail_pipeline.dashboards.sentences import sentences
from retail_pipeline.marts.measuring import ALL_COUNTRIES, ALL_TIME

STATIC = Path(__file__).parent / "static"

NAVIGATION = [
    *((dashboard.path, dashboard.title) for dashboard in dashboards().values()),
    ("/operations", "Operations"),
]

NUMBERS = {"count", "decimal", "units", "money", "ratio"}
"""The types whose columns are right-aligned."""

WIDTHS = {True: 1040, False: 480}
"""Pixels of a chart that is drawn without a browser: a wide one, and one of two side by side."""


def dashboard_page(
    connection: sa.Connection, name: str, asked: dict[str, str | None], *, with_script: bool = True
) -> str:
    """The page of a dashboard for the region, period and currency asked for.

    With a script its charts are drawn in the browser; without one they are drawn here, which takes a second or two.
    Raises BadInput for what can't be chosen.
    """
    dashboard, found = dashboards()[name], choices(connection, asked.get("currency"))
    chosen = select(found, asked.get("region"), asked.get("period"), asked.get("currency"))
    shown = answers(connection, dashboard, chosen)
    part = _part(name, dashboard, shown, with_script=with_script)
    return _render(
        "dashboard.html.j2",
        path=dashboard.path,
        title=dashboard.title,
        part=part,
        filters=_filters(dashboard, found, shown.selection),
        coverage=shown.coverage,
        with_script=with_script,
        other_way="?" + urlencode(_query(shown.selection) | ({"charts": "drawn"} if with_script else {})),
    )


def self_contained_page(connection: sa.Connection, asked: dict[str, str | None]) -> str:
    """One page with all dashboards that needs nothing beside it: no script, no other file, no network."""
    found = choices(connection, asked.get("currency"))
    chosen = select(found, asked.get("region"), asked.get("period"), asked.get("currency"))
    shown = {name: answers(connection, dashboard, chosen) for name, dashboard in dashboards().items()}
    return _render(
        "self_contained.html.j2",
        parts=[_part(name, dashboards()[name], answered, with_script=False) for name, answered in shown.items()],
        coverage=shown["sales"].coverage,
        style=(STATIC / "style.css").read_text(encoding="utf-8"),
    )


def operations_page(connection: sa.Connection, load_id: str | None) -> str:
    """The page of operations, with the bridge of one load or of all. Raises BadInput where there is no such load."""
    return _render("operations.html.j2", path="/operations", title="Operations", **operations(connection, load_id))


def problem_page(problem: str) -> str:
    """A page that says why there is nothing to show."""
    return _render("problem.html.j2", path="", title="Nothing to show", problem=problem)


def _part(name: str, dashboard: Dashboard, shown: Answers, *, with_script: bool) -> dict[str, Any]:
    """A dashboard as templates need it."""
    selection = shown.selection
    return {
        "name": name,
        "title": dashboard.title,
        "about": _about(dashboard, selection),
        "figures": [
            {
                "title": figure.title,
                "definition": figure.definition,
                "column": figure.column,
                "value": shown.figures[figure.column],
                "text": formats.shown(shown.figures[figure.column], figure.type, selection.currency),
            }
            for figure in dashboard.figures
        ],
        "sentences": sentences(shown, dashboard.says),
        "sheets": [
            _sheet(sheet, shown.rows[sheet.name], selection, with_script=with_script) for sheet in dashboard.sheets
        ],
    }


def _sheet(sheet: Sheet, rows: list[Row], selection: Selection, *, with_script: bool) -> dict[str, Any]:
    outlines = (
        {"url": "/static/world.json", "format": {"property": "features"}}
        if with_script
        else {"values": {"type": "FeatureCollection", "features": shapes.world()}, "format": {"property": "features"}}
    )
    width = "container" if with_script else WIDTHS[sheet.wide]
    spec = charts.chart(sheet, rows, selection, outlines, width) if rows else None
    return {
        "name": sheet.name,
        "title": sheet.title,
        "note": sheet.note,
        "attribution": shapes.ATTRIBUTION if sheet.chart == "map" else "",
        "unplaced": _unplaced(sheet, rows, selection),
        "wide": sheet.wide,
        "spec": spec if with_script else None,
        "svg": charts.svg(spec, sheet.name) if spec and not with_script else None,
        "columns": [
            {"name": name, "title": sheet.caption(name), "is_number": sheet.type_of(name) in NUMBERS}
            for name in sheet.columns
        ],
        "rows": [
            [
                {"value": row[name], "text": formats.shown(row[name], sheet.type_of(name), selection.currency)}
                for name in sheet.columns
            ]
            for row in rows
        ],
    }


def _unplaced(sheet: Sheet, rows: list[Row], selection: Selection) -> str:
    """What a map can't show: labels that are no country."""
    if sheet.chart != "map":
        return ""
    (name,) = sheet.drawn
    told = (
        f"{row['country']} ({formats.shown(row[name], sheet.type_of(name), selection.currency)})"
        for row in rows
        if not row["country_code"]
    )
    return ", ".join(told)


def _about(dashboard: Dashboard, selection: Selection) -> str:
    chosen = [getattr(selection, name) for name in dashboard.filters] or [ALL_COUNTRIES, ALL_TIME]
    return ", ".join((*chosen, f"in {selection.currency}"))


def _filters(dashboard: Dashboard, found: Choices, selection: Selection) -> list[dict[str, Any]]:
    """Each filter with a link for everything that can be chosen: they work without a script."""
    options = {"region": found.regions, "period": found.periods}
    shown = {name: options[name] for name in dashboard.filters}
    if len(found.currencies) > 1:
        shown["currency"] = found.currencies
    return [
        {
            "name": name,
            "options": [
                {
                    "text": option[0].upper() + option[1:],
                    "href": "?" + urlencode(_query(selection) | {name: option}),
                    "is_chosen": option == getattr(selection, name),
                }
                for option in values
            ],
        }
        for name, values in shown.items()
    ]


def _query(selection: Selection) -> dict[str, str]:
    return {"region": selection.region, "period": selection.period, "currency": selection.currency}


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(navigation=NAVIGATION, **values)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("retail_pipeline.dashboards"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"day": formats.day, "caption": caption, "shown": formats.shown}
    return environment
