"""From a sheet and its rows to a Vega-Lite specification: one self-standing chart each.

Colours are CSS variables of style.css, so that a chart follows the page into dark mode and onto paper; only scales that
blend colours have fixed ones, which are readable on both. Numbers become floats here, for pictures; whatever is read as
text was formatted from the decimal.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from retail_pipeline.dashboards.description import Sheet, map_views
from retail_pipeline.dashboards.formats import number, percent, shown, sign, whole_money
from retail_pipeline.dashboards.queries import Row, Selection
from retail_pipeline.dashboards.shapes import small_countries

Spec = dict[str, Any]

VEGA_LITE = "6.4"
"""The version of Vega-Lite among those that vl-convert carries."""

SHADES = ["#a5d0f0", "#1d64a5"]
"""From little to much; both ends stand out from white and from black, and for the colour-blind."""

SERIES = ["var(--series-1)", "var(--series-2)"]

WORLD_SCALE = 0.16
"""The projection's scale at which the whole world is as wide as the chart, as a share of the width."""

CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "gridColor": "var(--line)",
        "domain": False,
        "ticks": False,
        "labelPadding": 6,
    },
    "legend": {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 0,
        "orient": "top",
        "title": None,
    },
    "text": {"color": "var(--ink)", "fontSize": 12},
    "bar": {"color": SERIES[0]},
    "line": {"color": SERIES[0]},
    "area": {"color": SERIES[0]},
}


def chart(sheet: Sheet, rows: list[Row], selection: Selection, outlines: Spec, width: int | str = "container") -> Spec:
    """The chart of a sheet. `outlines` is the data of a map: where the countries' outlines are, or themselves."""
    body = CHARTS[sheet.chart](sheet, rows, selection)
    if sheet.chart == "map":
        body["layer"][0]["data"] = body["layer"][1]["data"] = outlines
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": f"{sheet.title}. {sheet.note} The table beneath has the same figures.",
        "width": width,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": CONFIG,
        **body,
    }


def _months(sheet: Sheet, rows: list[Row], selection: Selection) -> Spec:
    series = [sheet.caption(name) for name in sheet.drawn]
    values = [
        {
            "axis": shown(row["month"], "date", selection.currency),
            "series": sheet.caption(name),
            "value": float(row[name]),
            "is_partial": bool(row["is_partial"]),
            "tip": _tip(sheet, row, name, selection) + (_days(row) if row["is_partial"] else ""),
        }
        for row in rows
        for name in sheet.drawn
    ]
    colour: Spec = {"field": "series", "scale": {"domain": series, "range": SERIES}}
    legend = {} if len(series) > 1 else None
    return {
        "height": 260,
        "data": {"values": values},
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "strokeWidth": 1.5, "filled": True},
        "encoding": {
            "x": {"field": "axis", "type": "ordinal", "sort": None, "title": None, "axis": _HORIZONTAL},
            "xOffset": {"field": "series", "sort": series},
            "y": {"field": "value", "type": "quantitative", "title": None, "axis": _amounts(selection)},
            "fill": colour | {"legend": legend},
            "stroke": colour | {"legend": legend},
            "fillOpacity": {"condition": {"test": "datum.is_partial", "value": 0.12}, "value": 1},
            "strokeDash": {"condition": {"test": "datum.is_partial", "value": [4, 3]}, "value": [1, 0]},
            **_TOLD,
        },
    }


def _amounts(selection: Selection) -> Spec:
    """An axis of amounts, such as £1.5M."""
    return {"tickCount": 5, "labelExpr": f"{json.dumps(sign(selection.currency))} + format(datum.value, '~s')"}


def _days(row: Row) -> str:
    return f" ({row['days_covered']} days only)" if "days_covered" in row else " (some days only)"


def _bars(sheet: Sheet, rows: list[Row], selection: Selection, scale: Spec | None = None, room: float = 1.45) -> Spec:
    """Bars with their values beside them; the axis goes `room` times as far as the longest bar, for its value."""
    (name,) = sheet.drawn
    texts = [_axis(sheet, row) for row in rows]
    if len({*texts}) < len(texts):  # the same number in two sources is two customers
        texts = [" ".join(str(row[column]) for column in sheet.by) for row in rows]
    values = [
        {
            "axis": text,
            "value": float(row[name] or 0),
            "label": _label(row[name], sheet.type_of(name), selection),
            "tip": _tip(sheet, row, name, selection),
        }
        for row, text in zip(rows, texts, strict=True)
    ]
    most = max((value["value"] for value in values), default=0)
    x = {"field": "value", "type": "quantitative", "axis": None}
    x["scale"] = {"domainMax": most * room or 1, "nice": False, **(scale or {})}
    return {
        "height": 24 * len(rows),
        "data": {"values": values},
        "encoding": {"y": {"field": "axis", "type": "nominal", "sort": None, "title": None, "axis": _NAMES}, "x": x},
        "layer": [
            {"mark": {"type": "bar", "cornerRadiusEnd": 2}, "encoding": _TOLD},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "aria": False},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    }


def _ranking(sheet: Sheet, rows: list[Row], selection: Selection) -> Spec:
    """Bars on an axis that is linear up to a thousandth of the largest and logarithmic from there."""
    most = max((float(row[sheet.drawn[0]]) for row in rows), default=1)
    return _bars(sheet, rows, selection, {"type": "symlog", "constant": max(most, 1) / 1000}, room=30)


def _curve(sheet: Sheet, rows: list[Row], selection: Selection) -> Spec:
    (rank,), (share,) = sheet.by, sheet.drawn
    last = rows[-1][rank] if rows else 1
    values = [
        {
            "x": row[rank] / last,
            "y": float(row[share]),
            "tip": f"The first {number(row[rank])} of {number(last)}: {percent(row[share])}",
        }
        for row in rows
    ]
    percentages = {"format": ".0%", "tickCount": 5}
    return {
        "height": 240,
        "data": {"values": [{"x": 0, "y": 0, "tip": ""}, *values]},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": "customers, best first", "axis": percentages},
            "y": {"field": "y", "type": "quantitative", "title": None, "axis": percentages},
        },
        "layer": [
            {"mark": {"type": "area", "opacity": 0.15, "aria": False}},
            {"mark": {"type": "line", "aria": False}},
            {"mark": {"type": "point", "filled": True, "size": 90, "opacity": 0}, "encoding": _TOLD},
        ],
    }


def _cohorts(sheet: Sheet, rows: list[Row], selection: Selection) -> Spec:
    values = [
        {
            "cohort": shown(row["cohort_month"], "date", selection.currency)
            + (" (first)" if row["is_first_month_of_data"] else ""),
            "months": row["months_since"],
            "value": float(row["retention"]),
            "label": f"{row['retention'] * 100:.0f}",
            "is_partial": bool(row["is_partial"]),
            "tip": f"{shown(row['cohort_month'], 'date', selection.currency)}, {row['months_since']} months later: "
            f"{number(row['active_customers'])} of {number(row['cohort_customers'])} customers "
            f"({percent(row['retention'])}){' so far' if row['is_partial'] else ''}",
        }
        for row in rows
        if row["months_since"] > 0  # in the month itself, all have ordered
    ]
    highest = max((value["value"] for value in values), default=1)
    return {
        "height": 26 * len({value["cohort"] for value in values}) or 26,
        "data": {"values": values},
        "encoding": {
            "x": {
                "field": "months",
                "type": "ordinal",
                "title": "months after the first order",
                "axis": {"orient": "top", "labelAngle": 0},
            },
            "y": {"field": "cohort", "type": "ordinal", "sort": None, "title": None},
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 2, "stroke": "var(--card)", "strokeWidth": 2},
                "encoding": {
                    "color": {
                        "field": "value",
                        "type": "quantitative",
                        "scale": {"range": SHADES, "domain": [0, highest or 1]},
                        "legend": None,
                    },
                    "opacity": {"condition": {"test": "datum.is_partial", "value": 0.35}, "value": 1},
                    **_TOLD,
                },
            },
            {
                "mark": {"type": "text", "aria": False, "opacity": {"expr": "windowSize()[0] < 600 ? 0 : 1"}},
                "encoding": {
                    "text": {"field": "label"},
                    "color": {
                        "condition": [
                            {"test": "datum.is_partial", "value": "var(--ink)"},
                            {"test": f"datum.value > {highest * 0.55}", "value": "#ffffff"},
                        ],
                        "value": "#10202e",
                    },
                },
            },
        ],
    }


def _map(sheet: Sheet, rows: list[Row], selection: Selection) -> Spec:
    (name,) = sheet.drawn
    places = [
        {
            "iso2": row["country_code"],
            "value": float(row[name]),
            "tip": _tip(sheet, row, name, selection),
        }
        for row in rows
        if row["country_code"] and row[name] > 0
    ]
    lookup = {
        "lookup": "properties.iso2",
        "from": {"data": {"values": places}, "key": "iso2", "fields": ["value", "tip"]},
    }
    amounts = [place["value"] for place in places] or [1]
    domain = [min(amounts), max(amounts)] if min(amounts) < max(amounts) else [max(amounts) / 10, max(amounts)]
    shade = {
        "field": "value",
        "type": "quantitative",
        "scale": {"type": "log", "domain": domain, "range": SHADES},
        "legend": None,
    }
    circles = [
        place | {"longitude": small_countries()[place["iso2"]][0], "latitude": small_countries()[place["iso2"]][1]}
        for place in places
        if place["iso2"] in small_countries()
    ]
    return {
        "height": 420 if selection.region in map_views() else 290,
        "projection": _projection(selection),
        "layer": [
            {"mark": {"type": "geoshape", "fill": "var(--land)", "stroke": "var(--card)", "aria": False, "clip": True}},
            {
                "transform": [lookup, {"filter": "isValid(datum.value)"}],
                "mark": {"type": "geoshape", "stroke": "var(--card)", "strokeWidth": 0.5, "clip": True},
                "encoding": {"fill": shade, **_TOLD},
            },
            {
                "data": {"values": circles},
                "mark": {"type": "circle", "size": 70, "opacity": 1, "stroke": "var(--card)", "clip": True},
                "encoding": {
                    "longitude": {"field": "longitude", "type": "quantitative"},
                    "latitude": {"field": "latitude", "type": "quantitative"},
                    "fill": shade,
                    **_TOLD,
                },
            },
        ],
    }


def _projection(selection: Selection) -> Spec:
    view = map_views().get(selection.region)
    if view is None:
        return {"type": "naturalEarth1"}
    # A page that isn't laid out yet has no width, and at a scale of 0 the South Pole would be nowhere at all.
    scale = {"expr": f"max(width, 100) * {WORLD_SCALE * view.zoom}"}
    middle = {"expr": "[width / 2, height / 2]"}
    return {"type": "mercator", "center": list(view.center), "scale": scale, "translate": middle}


def _axis(sheet: Sheet, row: Row) -> str:
    return " ".join(str(row[name]) for name in sheet.axis or sheet.by[:1] if row[name])


def _tip(sheet: Sheet, row: Row, name: str, selection: Selection) -> str:
    """What is said of a mark, to whoever points at it and to screen readers."""
    place = shown(row["month"], "date", selection.currency) if sheet.chart == "months" else _axis(sheet, row)
    value = shown(row[name], sheet.type_of(name), selection.currency)
    return f"{place}: {value}" if len(sheet.drawn) == 1 else f"{place}, {sheet.caption(name)}: {value}"


def _label(value: Any, type_: str, selection: Selection) -> str:
    money = type_ == "money" and value is not None
    return whole_money(value, selection.currency) if money else shown(value, type_, selection.currency)


_TOLD: Spec = {"tooltip": {"field": "tip"}, "description": {"field": "tip"}}
_HORIZONTAL: Spec = {"labelAngle": 0, "labelOverlap": "parity", "labelSeparation": 8}
_NAMES: Spec = {"labelLimit": {"expr": "windowSize()[0] < 500 ? 120 : 230"}, "labelColor": "var(--ink)"}

CHARTS: dict[str, Callable[[Sheet, list[Row], Selection], Spec]] = {
    "months": _months,
    "bars": _bars,
    "ranking": _ranking,
    "curve": _curve,
    "cohorts": _cohorts,
    "map": _map,
}


def svg(spec: Spec, name: str) -> str:
    """A chart drawn without a browser, for pages that have no script; its ids begin with a name of its own."""
    import vl_convert  # 84 MB of browser engine: for those who draw here

    drawn = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
    return re.sub(r'(id="|url\(#)', rf"\g<1>{name}-", drawn)
