"""What Tableau's XSD doesn't look at: whether everything that a workbook names is there, and has the type it says.

A workbook without a finding may still not open in Tableau; one with a finding won't show what it should.
"""

import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.tableau.files import LIVE
from retail_pipeline.dashboards.tableau.parameters import PARAMETERS
from retail_pipeline.dashboards.tableau.worksheets import KEYS, PREFIXES

Tables = Mapping[str, Mapping[str, str]]
"""For each table of the database, the Tableau type of each column."""

CONNECTIONS = {"mysql", "hyper"}

GENERATED = {"[Latitude (generated)]", "[Longitude (generated)]", "[Geometry (generated)]"}
"""What Tableau makes of a geographic role; no data source declares them."""

REFERENCE = re.compile(r"\[((?:federated\.[^\]]*)|Parameters)\]\.(\[[^\]]+\])")
FIELD = re.compile(r"\[[^\]]+\](?!\.)(?<!\]\.)")
STRING = re.compile(r'"(?:[^"]|"")*"')


def lint_packaged(path: Path, tables: Tables) -> list[str]:
    """Findings in a packaged workbook, whose extract has these tables."""
    with zipfile.ZipFile(path) as package:
        return lint(ET.fromstring(package.read(LIVE)), tables, members=package.namelist())


def lint(workbook: ET.Element, tables: Tables, members: Collection[str] = ()) -> list[str]:
    """Findings in a workbook, a sentence each; none where all is well. `members` are the files packaged with it."""
    return list(_findings(workbook, tables, members))


def _findings(workbook: ET.Element, tables: Tables, members: Collection[str]) -> Iterator[str]:
    sources = {one.get("name", ""): one for one in workbook.iterfind("datasources/datasource")}
    declared = {name: {column.get("name", "") for column in one.iterfind("column")} for name, one in sources.items()}
    for name, source in sources.items():
        yield from _in_formulas(source, name, declared, f"data source {source.get('caption', name)}")
        if name != PARAMETERS:
            yield from _in_source(source, tables, members)
    worksheets = {one.get("name", ""): one for one in workbook.iterfind("worksheets/worksheet")}
    for name, worksheet in worksheets.items():
        yield from (f"worksheet {name}: {found}" for found in _in_worksheet(worksheet, sources, declared))
    dashboards = {one.get("name", ""): one for one in workbook.iterfind("dashboards/dashboard")}
    for name, dashboard in dashboards.items():
        yield from (f"dashboard {name}: {found}" for found in _in_dashboard(dashboard, worksheets, declared))
    yield from _in_windows(workbook, worksheets, dashboards)
    yield from _repeated("worksheet", (one.get("name", "") for one in workbook.iterfind("worksheets/worksheet")))
    yield from _repeated("simple-id", (one.get("uuid", "") for one in workbook.iter("simple-id")))
    if any("password" in attribute.lower() for one in workbook.iter() for attribute in one.attrib):
        yield "a password is written"


def _in_source(source: ET.Element, tables: Tables, members: Collection[str]) -> Iterator[str]:
    where = f"data source {source.get('caption') or source.get('name')}"
    named = {one.get("name"): one.find("connection") for one in source.iter("named-connection")}
    for connection in named.values():
        kind = connection.get("class", "")
        if kind not in CONNECTIONS:
            yield f"{where}: there is no kind of connection {kind!r}"
        if kind == "hyper" and connection.get("dbname") not in members:
            yield f"{where}: {connection.get('dbname')} is not in the package"
    relation = source.find("connection/relation")
    table = relation.get("table", "").rpartition("[")[2].rstrip("]")
    for one in source.iter("relation"):
        if one.get("connection") not in named:
            yield f"{where}: there is no connection {one.get('connection')!r}"
        if one.get("table") != relation.get("table"):
            yield f"{where}: {one.get('table')} and {relation.get('table')} are two tables"
    columns = tables.get(table)
    if columns is None:
        yield f"{where}: the database has no table {table!r}"
        return
    records = {one.findtext("local-name", ""): one.findtext("local-type", "") for one in source.iter("metadata-record")}
    for name, type_ in records.items():
        if columns.get(name.strip("[]")) != type_:
            yield f"{where}: {name} is {columns.get(name.strip('[]'), 'no column')} in the database, not {type_}"
    for column in source.iterfind("column"):
        name, type_ = column.get("name", ""), column.get("datatype")
        if column.find("calculation") is None and type_ != "table" and records.get(name) != type_:
            yield f"{where}: {name} is {records.get(name, 'no column')} in its metadata, not {type_}"
    objects = {one.get("id") for one in source.iter("object")}
    for record in source.iter("metadata-record"):
        if record.findtext("object-id", "").strip("[]") not in objects:
            yield f"{where}: there is no object {record.findtext('object-id')}"


def _in_formulas(columns: ET.Element, source: str, declared: Mapping[str, set[str]], where: str) -> Iterator[str]:
    for calculation in columns.iterfind("column/calculation"):
        yield from (f"{where}: {found}" for found in _in_formula(calculation.get("formula", ""), source, declared))


def _in_formula(formula: str, source: str, declared: Mapping[str, set[str]]) -> Iterator[str]:
    bare = STRING.sub("", formula)
    if '"' in bare or bare.count("(") != bare.count(")"):
        yield f"{formula!r} is not closed"
    for other, name in REFERENCE.findall(bare):
        if name not in declared.get(other, set()):
            yield f"{formula!r} names [{other}].{name}, which isn't there"
    for name in FIELD.findall(REFERENCE.sub("", bare)):
        if name not in declared.get(source, set()):
            yield f"{formula!r} names {name}, which isn't there"


def _in_worksheet(
    worksheet: ET.Element, sources: Mapping[str, ET.Element], declared: Mapping[str, set[str]]
) -> Iterator[str]:
    asked = {one.get("name", "") for one in worksheet.iterfind("table/view/datasources/datasource")}
    instances: dict[str, set[str]] = {}
    for dependencies in worksheet.iter("datasource-dependencies"):
        source = dependencies.get("datasource", "")
        if source not in sources or source not in asked:
            yield f"there is no data source {source!r}"
            continue
        used = {column.get("name", ""): column for column in dependencies.iterfind("column")}
        for name, column in used.items():
            original = sources[source].find(f"column[@name='{name}']")
            if original is None or original.get("datatype") != column.get("datatype"):
                yield f"{name} isn't declared like that in its data source"
        instances[source] = set()
        for instance in dependencies.iterfind("column-instance"):
            instances[source].add(instance.get("name", ""))
            if instance.get("column") not in used:
                yield f"{instance.get('name')} is of {instance.get('column')}, which isn't declared"
            if instance.get("name") != _expected_name(instance):
                yield f"{instance.get('name')} should be called {_expected_name(instance)}"
    view_and_shelves = [one for one in worksheet.iter() if one.tag not in ("calculation", "column")]
    texts = [one.text or "" for one in view_and_shelves] + [
        value for one in view_and_shelves for value in one.attrib.values()
    ]
    texts += [one.text or "" for one in worksheet.iterfind("table/view/slices/column")]
    local = {
        one.get("datasource", ""): {column.get("name", "") for column in one.iterfind("column")}
        for one in worksheet.iter("datasource-dependencies")
    }
    for dependencies in worksheet.iter("datasource-dependencies"):
        yield from _in_formulas(dependencies, dependencies.get("datasource", ""), local, "what it uses")
    for source, name in (found for text in texts for found in REFERENCE.findall(text)):
        if name not in instances.get(source, set()) | GENERATED:
            yield f"[{source}].{name} isn't there"
    sliced = {one.text for one in worksheet.iterfind("table/view/slices/column")}
    for one in worksheet.iterfind("table/view/filter"):
        yield from _in_filter(one, sliced, declared)
    if any(name in GENERATED for text in texts for _, name in REFERENCE.findall(text)):
        if not [column for column in worksheet.iter("column") if column.get("semantic-role")]:
            yield "a map without a geographic role"
        if worksheet.find("table/view/mapsources") is None:
            yield "a map without a source of maps"


def _in_filter(one: ET.Element, sliced: Collection[str | None], declared: Mapping[str, set[str]]) -> Iterator[str]:
    column = one.get("column", "")
    source, _, name = column.partition("].")
    if column not in sliced:
        yield f"the filter on {name} is in no slice"
    for group in one.iter("groupfilter"):
        if group.get("level", name) != name:
            yield f"the filter on {name} looks at {group.get('level')}"
        if expression := group.get("expression"):
            yield from _in_formula(expression, source.strip("["), declared)


def _expected_name(instance: ET.Element) -> str:
    column = instance.get("column", "").strip("[]")
    return f"[{PREFIXES.get(instance.get('derivation', ''))}:{column}:{KEYS.get(instance.get('type', ''))}]"


def _in_dashboard(
    dashboard: ET.Element, worksheets: Mapping[str, ET.Element], declared: Mapping[str, set[str]]
) -> Iterator[str]:
    zones = list(dashboard.iter("zone"))
    yield from _repeated("zone", (zone.get("id", "") for zone in zones))
    for zone in zones:
        x, y, w, h = (int(zone.get(edge, "0")) for edge in "xywh")
        if w <= 0 or h <= 0 or x < 0 or y < 0 or x + w > 100_000 or y + h > 100_000:
            yield f"zone {zone.get('id')} lies outside"
        if zone.get("name") is not None and zone.get("name") not in worksheets:
            yield f"there is no worksheet {zone.get('name')!r}"
        if zone.get("type-v2") == "paramctrl":
            name = zone.get("param", "").partition("].")[2]
            if name not in declared.get(PARAMETERS, set()) or not zone.get("mode"):
                yield f"the control of {zone.get('param')} has no parameter or no mode"


def _in_windows(
    workbook: ET.Element, worksheets: Mapping[str, ET.Element], dashboards: Mapping[str, ET.Element]
) -> Iterator[str]:
    windows = {(one.get("class"), one.get("name", "")): one for one in workbook.iterfind("windows/window")}
    expected = {("worksheet", name) for name in worksheets} | {("dashboard", name) for name in dashboards}
    for kind, name in sorted(expected ^ windows.keys()):
        yield f"{kind} {name} has no window, or the window no {kind}"
    shown = {zone.get("name") for one in dashboards.values() for zone in one.iter("zone")}
    yield from (f"worksheet {name} is on no dashboard" for name in worksheets if name not in shown)
    for (kind, name), window in windows.items():
        zones = {zone.get("name") for zone in dashboards[name].iter("zone")} if name in dashboards else set()
        if kind == "dashboard" and {one.get("name") for one in window.iter("viewpoint")} != zones - {None}:
            yield f"the window of {name} has other worksheets than the dashboard"


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"two are called {what} {name}"
        seen.add(name)
