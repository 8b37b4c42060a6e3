"""A picture of all that was measured: each figure as a multiple of its target."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Any

from benchmarks.measured import Measured
from retail_pipeline.dashboards.charts import svg

MET, MISSED = "#2a7f62", "#c2452d"


def plot(measured: Sequence[Measured]) -> str:
    """An SVG: a dot for each run or pair of runs, a bar at the median, and a line where the target is."""
    row = {"field": "row", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 400}}
    times = {
        "field": "times",
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "times the target (logarithmic)",
    }
    colour = {"field": "colour", "type": "nominal", "scale": None}
    median_of = {"filter": "datum.is_median"}
    spec: dict[str, Any] = {
        "$schema": "vega-lite",
        "data": {"values": list(_points(measured))},
        "width": 560,
        "height": {"step": 28},
        "encoding": {"y": row, "x": times, "color": colour},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": {"datum": 1}, "y": None, "color": None}},
            {"mark": {"type": "circle", "opacity": 0.45, "size": 40}, "transform": [{"filter": "!datum.is_median"}]},
            {"mark": {"type": "tick", "thickness": 4, "size": 16}, "transform": [median_of]},
            {"mark": {"type": "text", "dy": -11}, "transform": [median_of], "encoding": {"text": {"field": "said"}}},
        ],
    }
    return svg(spec, "benchmarks")


def _points(measured: Iterable[Measured]) -> Iterator[dict[str, Any]]:
    for one in measured:
        row = f"{one.name} ({one.kind_of_database})"
        yield from _row(row, one.ratios, one.ratio, one.target)
        for runs in one.limited:
            figures = one.figures(runs)
            yield from _row(f"{row}: {runs.label}", figures, median(figures), runs.limit)


def _row(row: str, figures: Iterable[float], middle: float, target: float) -> Iterator[dict[str, Any]]:
    colour = MET if middle <= target else MISSED
    for figure in figures:
        yield {"row": row, "times": figure / target, "is_median": False, "colour": colour}
    yield {"row": row, "times": middle / target, "is_median": True, "colour": colour, "said": f"{middle:.3g}"}
