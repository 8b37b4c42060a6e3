"""The workbook: data sources, worksheets, dashboards and windows, from the description."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.description import Dashboard, Sheet, dashboards
from retail_pipeline.dashboards.queries import Answers, Choices, Selection
from retail_pipeline.dashboards.sentences import sentences
from retail_pipeline.dashboards.tableau.datasource import Connection, DataSource
from retail_pipeline.dashboards.tableau.fields import Field
from retail_pipeline.dashboards.tableau.parameters import PARAMETERS, Parameter, declared, parameters, shown_on
from retail_pipeline.dashboards.tableau.worksheets import chart_worksheet, figure_name, figure_worksheet
from retail_pipeline.dashboards.tableau.xml import element, formatted, simple_id
from retail_pipeline.marts.catalogue import marts

FORMATS = ("18.1", "26.1", "26.2")
"""What Tableau Desktop itself still writes, and two that are valid by Tableau's XSD and open in nothing older."""

FEATURES = (
    "MarkAnimation",
    "ObjectModelEncapsulateLegacy",
    "ObjectModelTableType",
    "SchemaViewerObjectModel",
    "SheetIdentifierTracking",
    "WindowsPersistSimpleIdentifiers",
)
"""What a file of format 18.1 says it makes use of."""

WIDTH = 1200
"""Pixels of a dashboard."""

TITLE, CHOICE, FIGURE, SENTENCE, CHART = 50, 60, 90, 22, 300
"""Heights in pixels: the title, the row of parameters, of figures, a sentence, and a row of charts."""

WHOLE = 100_000
"""A dashboard's width, and its height, in the units of its zones."""

COVERAGE = Field(
    "coverage",
    "Coverage",
    "string",
    "dimension",
    "nominal",
    formula='IF [is_partial] = 1 THEN "Some days only" ELSE "Whole month" END',
)


@dataclass(frozen=True)
class Contents:
    """What a workbook is made from: what can be chosen, and what each dashboard shows at first."""

    choices: Choices
    selection: Selection
    shown: dict[str, Answers]


def workbook(contents: Contents, connection: Connection, version: str) -> ET.Element:
    """The workbook in one of FORMATS."""
    chosen = parameters(contents.choices, contents.selection)
    sources = data_sources(contents.choices, chosen, connection, version)
    worksheets = [
        sheet for name, dashboard in dashboards().items() for sheet in _worksheets(name, dashboard, sources, chosen)
    ]
    pages = [_Page(dashboard, contents.shown[name], chosen) for name, dashboard in dashboards().items()]
    is_strict = version != "18.1"
    manifest = ["ManifestByVersion"] if is_strict else FEATURES
    explaining = element(
        "explain-data",
        element("explanation-types"),
        enabled_for_viewer="true",
        extreme_values_enabled_for_all="false",
    )
    return element(
        "workbook",
        element("document-format-change-manifest", *map(element, manifest)),
        element(
            "preferences",
            element("preference", name="ui.encoding.shelf.height", value="24"),
            element("preference", name="ui.shelf.height", value="26"),
        ),
        element("datasources", declared(chosen, version), *(source.element() for source in sources.values())),
        element("mapsources", element("mapsource", name="Tableau")),
        element("worksheets", *worksheets),
        element("dashboards", *(page.element() for page in pages)),
        element("windows", *_windows(pages, worksheets), source_height="30"),
        explaining if is_strict else None,
        original_version=version,
        source_build="0.0.0 (0000.0.0.0)",
        source_platform="win",
        version=version,
    )


def data_sources(
    found: Choices, chosen: dict[str, Parameter], connection: Connection, version: str
) -> dict[str, DataSource]:
    """A data source for each mart that a dashboard reads, with the calculated fields that its sheets need."""
    currency = found.currencies[0] if len(found.currencies) == 1 else None
    calculated: dict[str, dict[str, Field]] = {}
    for name, dashboard in dashboards().items():
        for part in (*dashboard.figures, *dashboard.sheets):
            fields = calculated.setdefault(part.mart, {})
            fields[f"shown_on_{name}"] = shown_on(name, dashboard, part.mart, chosen)
            if isinstance(part, Sheet) and part.count:
                fields[part.count] = _number_of_rows(part.count)
            if isinstance(part, Sheet) and part.chart == "months":
                fields[COVERAGE.name] = COVERAGE
    return {mart: DataSource(mart, connection, version, currency, fields) for mart, fields in calculated.items()}


def data_source_files(found: Choices, connection: Connection, version: str) -> dict[str, ET.Element]:
    """A data source of its own for each mart that is for people, by the mart's name."""
    currency = found.currencies[0] if len(found.currencies) == 1 else None
    names = [mart.name for mart in marts().values() if mart.is_for_people]
    return {name: DataSource(name, connection, version, currency).element("formatted-name") for name in names}


def _number_of_rows(name: str) -> Field:
    return Field(name, name.capitalize(), "integer", "measure", "quantitative", "n#,##0;-#,##0", formula="SUM(1)")


def _worksheets(
    name: str, dashboard: Dashboard, sources: dict[str, DataSource], chosen: dict[str, Parameter]
) -> list[ET.Element]:
    figures = [figure_worksheet(name, dashboard, one, sources[one.mart], chosen) for one in dashboard.figures]
    return [*figures, *(chart_worksheet(name, sheet, sources[sheet.mart], chosen) for sheet in dashboard.sheets)]


class _Page:
    """A dashboard: rows of zones from top to bottom."""

    def __init__(self, dashboard: Dashboard, shown: Answers, chosen: dict[str, Parameter]):
        self.dashboard = dashboard
        self.says = sentences(shown, dashboard.says)
        self.asks = [chosen[one] for one in dashboard.filters]
        if len(chosen["currency"].members) > 1:
            self.asks.append(chosen["currency"])

    @property
    def names(self) -> list[str]:
        """The worksheets on it."""
        figures = [figure_name(self.dashboard, figure) for figure in self.dashboard.figures]
        return [*figures, *(sheet.title for sheet in self.dashboard.sheets)]

    def element(self) -> ET.Element:
        """The dashboard as workbooks have it."""
        rows = list(self._rows())
        height = sum(pixels for pixels, _ in rows)
        zones, top = [], 0
        for pixels, row in rows:
            bottom = top + pixels
            zones += _side_by_side(row, round(top * WHOLE / height), round(bottom * WHOLE / height))
            top = bottom
        for number, zone in enumerate(zones, 2):
            zone.set("id", str(number))
        outer = element("zone", *zones, h=str(WHOLE), id="1", type_v2="layout-basic", w=str(WHOLE), x="0", y="0")
        size = {"maxheight": str(height), "maxwidth": str(WIDTH), "minheight": str(height), "minwidth": str(WIDTH)}
        asked = [parameter.element for parameter in self.asks]
        return element(
            "dashboard",
            element("style"),
            element("size", **size, sizing_mode="fixed"),
            element("datasources", element("datasource", name=PARAMETERS)) if asked else None,
            element("datasource-dependencies", *asked, datasource=PARAMETERS) if asked else None,
            element("zones", outer),
            simple_id("dashboard", self.dashboard.title),
            name=self.dashboard.title,
        )

    def _rows(self) -> Iterator[tuple[int, list[ET.Element]]]:
        """The height and the zones of each row."""
        yield TITLE, [element("zone", formatted(self.dashboard.title, bold="true", fontsize="18"), type_v2="text")]
        if self.asks:
            controls = [element("zone", mode="compact", param=one.reference, type_v2="paramctrl") for one in self.asks]
            yield CHOICE, controls
        yield FIGURE, [element("zone", name=figure_name(self.dashboard, one)) for one in self.dashboard.figures]
        if self.says:
            yield SENTENCE * (1 + len(self.says)), [element("zone", formatted(*self.says), type_v2="text")]
        for row in _in_rows(self.dashboard.sheets):
            yield CHART, [element("zone", name=sheet.title) for sheet in row]


def _in_rows(sheets: Iterable[Sheet]) -> list[list[Sheet]]:
    """Sheets two by two, in their order, and wide ones by themselves."""
    rows: list[list[Sheet]] = []
    for sheet in sheets:
        if rows and len(rows[-1]) == 1 and not sheet.wide and not rows[-1][0].wide:
            rows[-1].append(sheet)
        else:
            rows.append([sheet])
    return rows


def _side_by_side(zones: list[ET.Element], top: int, bottom: int) -> list[ET.Element]:
    edges = [round(WHOLE * place / len(zones)) for place in range(len(zones) + 1)]
    for zone, left, right in zip(zones, edges, edges[1:], strict=False):
        zone.attrib.update({"x": str(left), "y": str(top), "w": str(right - left), "h": str(bottom - top)})
    return zones


def _windows(pages: list[_Page], worksheets: list[ET.Element]) -> list[ET.Element]:
    shown = []
    for place, page in enumerate(pages):
        viewpoints = (element("viewpoint", element("zoom", type="entire-view"), name=name) for name in page.names)
        title = page.dashboard.title
        window = element(
            "window",
            element("viewpoints", *viewpoints),
            element("active", id="-1"),
            simple_id("window", title),
            class_="dashboard",
            name=title,
        )
        if place == 0:
            window.set("maximized", "true")
        shown.append(window)
    return [*shown, *(_hidden_window(worksheet.get("name", "")) for worksheet in worksheets)]


def _hidden_window(name: str) -> ET.Element:
    left = element("strip", *(element("card", type=card) for card in ("pages", "filters", "marks")), size="160")
    top = [element("strip", element("card", type=card), size="31") for card in ("columns", "rows")]
    cards = element("cards", element("edge", left, name="left"), element("edge", *top, name="top"))
    return element("window", cards, simple_id("window", name), class_="worksheet", hidden="true", name=name)
