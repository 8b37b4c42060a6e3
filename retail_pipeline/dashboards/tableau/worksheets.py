"""A worksheet for each figure and sheet of the description."""

from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.description import Dashboard, Figure, Sheet, Where
from retail_pipeline.dashboards.tableau.datasource import DataSource
from retail_pipeline.dashboards.tableau.fields import Field, derivation
from retail_pipeline.dashboards.tableau.parameters import PARAMETERS, Parameter, quoted
from retail_pipeline.dashboards.tableau.xml import USER, element, formatted, simple_id, text

PREFIXES = {"None": "none", "Sum": "sum", "Max": "max", "Month-Trunc": "tmn", "User": "usr"}
"""How the name of a column's instance begins, by what is made of the column."""

KEYS = {"nominal": "nk", "ordinal": "ok", "quantitative": "qk"}
"""How it ends."""


@dataclass
class Worksheet:
    """A worksheet in the making: it remembers which columns and instances it uses, for it has to declare them."""

    title: str
    source: DataSource
    used: dict[str, Field] = field(default_factory=dict)
    instances: dict[str, ET.Element] = field(default_factory=dict)

    def instance(self, column: str, made: str = "None", type_: str | None = None) -> str:
        """The full name of a column as something makes it, such as its sum."""
        declared = self.source.fields[column]
        self.used[column] = declared
        type_ = type_ or ("quantitative" if made != "None" else declared.type)
        name = f"[{PREFIXES[made]}:{column}:{KEYS[type_]}]"
        self.instances[name] = element(
            "column-instance", column=f"[{column}]", derivation=made, name=name, pivot="key", type=type_
        )
        return f"[{self.source.name}].{name}"

    def measure(self, column: str) -> str:
        """A measure as sheets show it."""
        is_aggregate = bool(self.source.fields[column].formula)
        return self.instance(column, "User" if is_aggregate else derivation(column))

    def generated(self, name: str) -> str:
        """A field that Tableau makes of geographic roles."""
        return f"[{self.source.name}].[{name} (generated)]"

    def dependencies(self, chosen: dict[str, Parameter]) -> list[ET.Element]:
        """What the sheet uses of the data source, and of the parameters."""
        formulas = [one.formula for one in self.used.values()]
        needed = [one for one in self.source.fields.values() if any(f"[{one.name}]" in formula for formula in formulas)]
        columns = {one.name: one.element for one in (*self.used.values(), *needed)}
        own = element(
            "datasource-dependencies", *columns.values(), *self.instances.values(), datasource=self.source.name
        )
        asked = [one.element for one in chosen.values() if any(one.reference in formula for formula in formulas)]
        return [own, *([element("datasource-dependencies", *asked, datasource=PARAMETERS)] if asked else [])]


@dataclass(frozen=True)
class Drawn:
    """What a kind of chart puts where."""

    mark: str
    rows: str = ""
    columns: str = ""
    encodings: tuple[tuple[str, str], ...] = ()
    label: bool = False
    filters: tuple[ET.Element, ...] = ()
    sorts: tuple[ET.Element, ...] = ()
    slices: tuple[str, ...] = ()
    styles: tuple[ET.Element, ...] = ()
    is_map: bool = False
    text: ET.Element | None = None


def figure_name(dashboard: Dashboard, figure: Figure) -> str:
    """What the worksheet of a figure is called."""
    return f"{dashboard.title}: {figure.title}"


def figure_worksheet(
    name: str, dashboard: Dashboard, figure: Figure, source: DataSource, chosen: dict[str, Parameter]
) -> ET.Element:
    """A figure: one number, large."""
    sheet = Worksheet(figure.title, source)
    value = sheet.measure(figure.column)
    label = element("customized-label", formatted(f"<{value}>", bold="true", fontsize="20"))
    centred = element("style-rule", element("format", attr="text-align", value="center"), element="cell")
    drawn = Drawn("Automatic", encodings=(("text", value),), label=True, styles=(centred,), text=label)
    return _worksheet(figure_name(dashboard, figure), sheet, name, figure.where, drawn, chosen)


def chart_worksheet(name: str, sheet: Sheet, source: DataSource, chosen: dict[str, Parameter]) -> ET.Element:
    """A sheet as its kind of chart draws it."""
    worksheet = Worksheet(sheet.title, source)
    return _worksheet(sheet.title, worksheet, name, sheet.where, CHARTS[sheet.chart](sheet, worksheet), chosen)


def _worksheet(
    name: str, sheet: Worksheet, dashboard: str, where: Where, drawn: Drawn, chosen: dict[str, Parameter]
) -> ET.Element:
    chosen_rows = _members(sheet, f"shown_on_{dashboard}", ["true"], quote=False)
    chosen_rows.set("context", "true")  # else the top ten would be sought among all rows
    filters = [chosen_rows]
    filters += [_members(sheet, column, [one] if isinstance(one, str) else one) for column, one in where.items()]
    filters += drawn.filters
    sliced = [*(one.get("column", "") for one in filters), *drawn.slices]
    dependencies = sheet.dependencies(chosen)
    asks = any(one.get("datasource") == PARAMETERS for one in dependencies)
    view = element(
        "view",
        element(
            "datasources",
            element("datasource", caption=sheet.source.caption, name=sheet.source.name),
            element("datasource", caption=PARAMETERS, name=PARAMETERS) if asks else None,
        ),
        element("mapsources", element("mapsource", name="Tableau")) if drawn.is_map else None,
        *dependencies,
        *filters,
        *drawn.sorts,
        element("slices", *(text("column", column) for column in dict.fromkeys(sliced))),
        element("aggregation", value="true"),
    )
    encodings = [element(kind, column=column) for kind, column in drawn.encodings]
    labels = element(
        "style-rule",
        element("format", attr="mark-labels-show", value=str(drawn.label).lower()),
        element("format", attr="mark-labels-cull", value="true"),
        element="mark",
    )
    pane = element(
        "pane",
        element("view", element("breakdown", value="auto")),
        element("mark", class_=drawn.mark),
        element("encodings", *encodings) if encodings else None,
        drawn.text,
        element("style", labels),
        selection_relaxation_option="selection-relaxation-allow",
    )
    table = element(
        "table",
        view,
        element("style", *drawn.styles),
        element("panes", pane),
        text("rows", drawn.rows),
        text("cols", drawn.columns),
    )
    title = element("layout-options", element("title", formatted(sheet.title, bold="true", fontsize="12")))
    return element("worksheet", title, table, simple_id("worksheet", name), name=name)


def _members(sheet: Worksheet, column: str, wanted: list[str], *, quote: bool = True) -> ET.Element:
    """A filter that lets some values of a column through."""
    full = sheet.instance(column)
    level = full.partition("].")[2]
    marks = {f"{{{USER}}}ui-enumeration": "inclusive", f"{{{USER}}}ui-marker": "enumerate"}
    members = [
        element("groupfilter", function="member", level=level, member=quoted(one) if quote else one) for one in wanted
    ]
    group = members[0] if len(members) == 1 else element("groupfilter", *members, function="union")
    group.attrib.update(marks)
    return element("filter", group, class_="categorical", column=full)


def _months(sheet: Sheet, to: Worksheet) -> Drawn:
    measures = [to.measure(name) for name in sheet.drawn]
    rows = measures[0] if len(measures) == 1 else f"({' + '.join(measures)})"
    month = to.instance("month", "Month-Trunc")
    return Drawn("Bar", rows, month, (("color", to.instance("coverage")),))


def _bars(sheet: Sheet, to: Worksheet, styles: tuple[ET.Element, ...] = ()) -> Drawn:
    axis = [to.instance(name) for name in sheet.axis or sheet.by[:1]]
    rows = axis[0] if len(axis) == 1 else f"({' / '.join(axis)})"
    (value,) = (to.measure(name) for name in sheet.drawn)
    ordered, direction = sheet.order[0].removeprefix("-"), "DESC" if sheet.order[0].startswith("-") else "ASC"
    if ordered in sheet.by:
        return Drawn("Bar", rows, value, (("text", value),), label=True, styles=styles)
    by = to.measure(ordered)
    sort = element("computed-sort", column=axis[0], direction=direction, using=by)
    return Drawn("Bar", rows, value, (("text", value),), True, (_top(sheet, axis[0], ordered),), (sort,), (), styles)


def _top(sheet: Sheet, axis: str, ordered: str) -> ET.Element:
    """A filter that lets through the values with the highest sums."""
    level = axis.partition("].")[2]
    members = element(
        "groupfilter",
        function="level-members",
        level=level,
        **{f"{{{USER}}}ui-enumeration": "all", f"{{{USER}}}ui-marker": "enumerate"},
    )
    expression = f"{derivation(ordered).upper()}([{ordered}])"
    marks = {f"{{{USER}}}ui-marker": "order", f"{{{USER}}}ui-top-by-field": "true"}
    order = element("groupfilter", members, direction="DESC", expression=expression, function="order", **marks)
    ends = {f"{{{USER}}}ui-marker": "end", f"{{{USER}}}ui-top-by-field": "true"}
    end = element("groupfilter", order, count=str(sheet.limit), end="top", function="end", units="records", **ends)
    return element("filter", end, class_="categorical", column=axis)


def _ranking(sheet: Sheet, to: Worksheet) -> Drawn:
    """Bars on an axis that is linear near 0 and logarithmic from there, as in the browser."""
    value = to.measure(sheet.drawn[0])
    compressed = element(
        "encoding",
        attr="space",
        class_="0",
        field=value,
        field_type="quantitative",
        scale="symlog",
        scope="cols",
        type="space",
    )
    return _bars(sheet, to, (element("style-rule", compressed, element="axis"),))


def _map(sheet: Sheet, to: Worksheet) -> Drawn:
    code, (value,) = to.instance("country_code"), (to.measure(name) for name in sheet.drawn)
    names = (("tooltip", to.instance("country")),) if "country" in sheet.by else ()
    encodings = (("color", value), *names, ("lod", code), ("geometry", to.generated("Geometry")))
    washout = element("style-rule", element("format", attr="washout", value="0.0"), element="map")
    latitude, longitude = to.generated("Latitude"), to.generated("Longitude")
    return Drawn("Multipolygon", latitude, longitude, encodings, styles=(washout,), is_map=True)


def _curve(sheet: Sheet, to: Worksheet) -> Drawn:
    (rank,), (share,) = sheet.by, sheet.drawn
    return Drawn("Line", to.measure(share), to.instance(rank, type_="quantitative"))


def _cohorts(sheet: Sheet, to: Worksheet) -> Drawn:
    cohort, months = (to.instance(name) for name in sheet.by)
    (value,) = (to.measure(name) for name in sheet.drawn)
    later = to.instance(sheet.by[1], type_="quantitative")
    last = str(sheet.below[sheet.by[1]] - 1)
    within = element(
        "filter",
        text("min", "1"),
        text("max", last),
        class_="quantitative",
        column=later,
        included_values="in-range",
    )
    return Drawn("Square", cohort, months, (("color", value), ("text", value)), True, (within,))


CHARTS = {
    "months": _months,
    "bars": _bars,
    "ranking": _ranking,
    "map": _map,
    "curve": _curve,
    "cohorts": _cohorts,
}
