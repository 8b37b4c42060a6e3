"""Outlines of countries for the map, from the package geopip, made small enough for a page."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

SMALLEST = 0.001
"""Square degrees. Smaller polygons and holes can't be seen, and one without an area would paint the whole globe."""

DECIMALS = 2
"""Of longitude and latitude: a kilometre. With one decimal, islands vanish."""

EASY_TO_SEE = 1.0
"""Square degrees. The map marks smaller countries with a circle."""

ATTRIBUTION = "Country outlines: World Borders by thematicmapping.org (CC BY-SA), as of 2008, from the package geopip."

Ring = list[list[float]]
Feature = dict[str, Any]


@cache
def world() -> list[Feature]:
    """The countries as GeoJSON features; the property `iso2` is the ISO 3166-1 alpha-2 code."""
    found = json.loads((files("geopip") / "globe.geo.json").read_text(encoding="utf-8"))
    return [_smaller(feature) for feature in found["features"]]


@cache
def small_countries() -> dict[str, tuple[float, float]]:
    """Longitude and latitude of the countries that are too small to be seen, by code."""
    found = json.loads((files("geopip") / "globe.geo.json").read_text(encoding="utf-8"))
    return {
        feature["properties"]["ISO2"]: (feature["properties"]["LON"], feature["properties"]["LAT"])
        for feature in found["features"]
        if sum(_area(polygon[0]) for polygon in _polygons(feature)) < EASY_TO_SEE
    }


def _smaller(feature: Feature) -> Feature:
    rounded = [[_rounded(ring) for ring in polygon] for polygon in _polygons(feature)]
    rounded.sort(key=lambda polygon: -_area(polygon[0]))
    # What rounding made of a sliver may wind the wrong way and stand for the rest of the globe: measured afterwards.
    kept = [polygon for polygon in rounded if _area(polygon[0]) >= SMALLEST] or rounded[:1]
    return {
        "type": "Feature",
        "properties": {"iso2": feature["properties"]["ISO2"]},
        "geometry": {"type": "MultiPolygon", "coordinates": [_without_pinholes(polygon) for polygon in kept]},
    }


def _without_pinholes(polygon: list[Ring]) -> list[Ring]:
    return [polygon[0], *(hole for hole in polygon[1:] if _area(hole) >= SMALLEST)]


def _polygons(feature: Feature) -> list[list[Ring]]:
    geometry = feature["geometry"]
    return geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]


def _rounded(ring: Ring) -> Ring:
    return [[round(longitude, DECIMALS), round(latitude, DECIMALS)] for longitude, latitude, *_ in ring]


def _area(ring: Ring) -> float:
    """Planar area in square degrees, by the shoelace formula."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True))) / 2
