"""The workbook by itself: valid, the same every time, and every way to break it is found."""

import os
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from retail_pipeline.dashboards.description import dashboards
from retail_pipeline.dashboards.queries import Answers, Choices, Coverage, Selection
from retail_pipeline.dashboards.tableau.datasource import EXTRACT, Hyper, MySQL
from retail_pipeline.dashboards.tableau.fields import TYPES
from retail_pipeline.dashboards.tableau.workbook import FORMATS, Contents, data_source_files, workbook
from retail_pipeline.dashboards.tableau.xml import document
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measures import measures
from retail_pipeline_tests.tableau_linter import lint

SCHEMAS = Path(os.environ.get("RETAIL_TEST_TABLEAU_XSD") or Path(__file__).parents[3] / "shared" / "tableau")
LIVE = MySQL("db-host", 3306, "retail")
TABLES = {
    name: {column: TYPES[described.type].local_type for column, described in mart.columns.items()}
    for name, mart in marts().items()
}


def contents(currencies: tuple[str, ...] = ("GBP",)) -> Contents:
    """What a workbook is made from, without any sales."""
    coverage = Coverage(date(2010, 12, 1), date(2011, 12, 9), datetime(2011, 12, 10))  # noqa: DTZ001, UTC
    shown = {
        name: Answers(
            Selection("GBP"),
            coverage,
            {figure.column: None for figure in dashboard.figures},
            {sheet.name: [] for sheet in dashboard.sheets},
            {},
        )
        for name, dashboard in dashboards().items()
    }
    found = Choices(currencies, ("All countries", "Europe", "Asia"), ("all time", "2011", "2010"))
    return Contents(found, Selection("GBP"), shown)


def fresh(version: str = "18.1", connection: MySQL | Hyper = LIVE) -> ET.Element:
    """A workbook as Tableau would read it: written and parsed."""
    return ET.fromstring(document(workbook(contents(), connection, version)))


@pytest.mark.parametrize("connection", [LIVE, Hyper()], ids=["live", "packaged"])
@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("schema", ["twb_2026.1.0.xsd", "twb_2026.2.0.xsd"])
def test_workbooks_are_valid_by_tableaus_own_schemas(schema, version, connection):
    etree = pytest.importorskip("lxml.etree")
    if not (SCHEMAS / schema).exists():
        pytest.skip(f"{SCHEMAS} has no {schema}; RETAIL_TEST_TABLEAU_XSD names a folder with Tableau's schemas")
    xsd = load_schema(etree, SCHEMAS / schema)
    xsd.validate(etree.fromstring(document(workbook(contents(("GBP", "EUR")), connection, version))))
    found = [error.message for error in xsd.error_log]
    if version == "18.1":  # Desktop leaves out what its own schema asks for, and only that
        assert len(found) == 1
        assert "explain-data" in found.pop()
    assert found == []


def load_schema(etree, path: Path):
    """Tableau's schema, with stand-ins for the two namespaces that it imports without saying where they are."""
    xs = "http://www.w3.org/2001/XMLSchema"
    stand_ins = {
        "http://www.tableausoftware.com/xml/user": f'<s:attributeGroup xmlns:s="{xs}" name="UserAttributes-AG">'
        '<s:anyAttribute namespace="##any" processContents="skip"/></s:attributeGroup>',
        "http://www.w3.org/XML/1998/namespace": "".join(
            f'<s:attribute xmlns:s="{xs}" name="{name}" type="s:{type_}"/>'
            for name, type_ in {"base": "anyURI", "lang": "string", "space": "NCName", "id": "ID"}.items()
        ),
    }

    class StandIns(etree.Resolver):
        def resolve(self, url, _id, context):
            for place, (namespace, body) in enumerate(stand_ins.items()):
                if url.endswith(f"stand-in-{place}"):
                    schema = f'<s:schema xmlns:s="{xs}" targetNamespace="{namespace}">{body}</s:schema>'
                    return self.resolve_string(schema, context)
            return None

    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(StandIns())
    tree = etree.parse(str(path), parser)
    for one in tree.getroot().findall(f"{{{xs}}}import"):
        one.set("schemaLocation", f"stand-in-{list(stand_ins).index(one.get('namespace'))}")
    return etree.XMLSchema(tree)


@pytest.mark.parametrize("version", FORMATS)
def test_the_linter_finds_nothing_in_what_is_written(version):
    assert lint(fresh(version), TABLES) == []
    assert lint(fresh(version, Hyper()), TABLES, members=[EXTRACT]) == []


def first(root: ET.Element, path: str) -> ET.Element:
    found = root.find(path)
    assert found is not None, path
    return found


SHEET = "worksheets/worksheet[@name='Net revenue by month']/"
MAP = "worksheets/worksheet[@name='Net revenue on the map']/"
TOP = "worksheets/worksheet[@name='Top 10 customers']/"


def attribute(path: str, name: str, value: str) -> Callable[[ET.Element], None]:
    """Sets an attribute somewhere."""
    return lambda root: first(root, path).set(name, value)


def replaced(path: str, old: str, new: str) -> Callable[[ET.Element], None]:
    """Replaces text somewhere."""

    def change(root: ET.Element) -> None:
        assert old in (first(root, path).text or "")
        first(root, path).text = first(root, path).text.replace(old, new)

    return change


def removed(parent: str, child: str) -> Callable[[ET.Element], None]:
    """Takes an element out."""
    return lambda root: first(root, parent).remove(first(first(root, parent), child))


BREAKS = {
    "a field on a shelf is misspelt": (replaced(SHEET + "table/rows", "net_revenue", "net_revenu"), "isn't there"),
    "a field under a colour is misspelt": (
        attribute(MAP + "table/panes/pane/encodings/color", "column", "[federated.x].[sum:net_revenue:qk]"),
        "[federated.x].[sum:net_revenue:qk] isn't there",
    ),
    "a figure's text names another field": (
        replaced(".//customized-label/formatted-text/run", "net_revenue", "revenue"),
        "isn't there",
    ),
    "a data source is gone": (
        lambda root: first(root, "datasources").remove(root.findall("datasources/datasource")[-1]),
        "there is no data source",
    ),
    "an instance is called like another derivation": (
        attribute(SHEET + "table/view/datasource-dependencies/column-instance", "derivation", "Max"),
        "should be called",
    ),
    "an instance is of a column that isn't declared": (
        attribute(SHEET + "table/view/datasource-dependencies/column-instance", "column", "[revenue]"),
        "which isn't declared",
    ),
    "a column has another type than its data source says": (
        attribute(SHEET + "table/view/datasource-dependencies/column", "datatype", "string"),
        "isn't declared like that",
    ),
    "a formula is misspelt": (
        attribute("datasources/datasource[2]/column/calculation", "formula", "[curency] = 1"),
        "names [curency]",
    ),
    "a formula asks for a parameter that is gone": (
        removed("datasources/datasource[@name='Parameters']", "column"),
        "[Parameters].[Parameter 1], which isn't there",
    ),
    "a formula isn't closed": (
        attribute("datasources/datasource[2]/column/calculation", "formula", 'SUM([orders]) + "x'),
        "is not closed",
    ),
    "a top ten is by a field that isn't there": (
        attribute(TOP + "table/view/filter[2]/groupfilter/groupfilter", "expression", "SUM([revenue])"),
        "names [revenue]",
    ),
    "a filter looks at another level": (
        attribute(SHEET + "table/view/filter/groupfilter", "level", "[none:region:nk]"),
        "looks at [none:region:nk]",
    ),
    "a filter is in no slice": (removed(SHEET + "table/view/slices", "column"), "is in no slice"),
    "a map has no geographic role": (
        lambda root: first(root, MAP + "table/view/datasource-dependencies/column[@semantic-role]").attrib.pop(
            "semantic-role"
        ),
        "a map without a geographic role",
    ),
    "a map has no source of maps": (removed(MAP + "table/view", "mapsources"), "a map without a source of maps"),
    "a zone shows a sheet that is gone": (
        attribute("dashboards/dashboard/zones/zone/zone[@name]", "name", "Profit"),
        "there is no worksheet 'Profit'",
    ),
    "a zone lies outside of the dashboard": (
        attribute("dashboards/dashboard/zones/zone/zone", "w", "200000"),
        "lies outside",
    ),
    "two zones have one id": (attribute("dashboards/dashboard/zones/zone/zone", "id", "3"), "two are called zone 3"),
    "a control of a parameter has no mode": (
        lambda root: first(root, ".//zone[@type-v2='paramctrl']").attrib.pop("mode"),
        "no mode",
    ),
    "a sheet has no window": (removed("windows", "window[@class='worksheet']"), "has no window"),
    "a window shows a sheet that isn't on its dashboard": (
        attribute("windows/window/viewpoints/viewpoint", "name", "Top 10 customers"),
        "other worksheets than the dashboard",
    ),
    "two sheets have one name": (
        attribute("worksheets/worksheet", "name", "Top 10 customers"),
        "two are called worksheet Top 10 customers",
    ),
    "a kind of connection is misspelt": (attribute(".//named-connection/connection", "class", "mysq1"), "'mysq1'"),
    "a relation has no connection": (
        attribute("datasources/datasource[2]/connection/relation", "connection", "mysql.0"),
        "there is no connection 'mysql.0'",
    ),
    "a table is misspelt": (
        lambda root: [
            one.set("table", "[mart_kpi]") for one in root.findall("datasources/datasource")[1].iter("relation")
        ],
        "the database has no table 'mart_kpi'",
    ),
    "a column has another type than the database": (
        replaced("datasources/datasource[2]//metadata-record/local-type", "string", "integer"),
        "in the database, not integer",
    ),
    "a column isn't in the database": (
        replaced("datasources/datasource[2]//metadata-record/local-name", "scope_type", "scope_kind"),
        "no column in the database",
    ),
    "an object is gone": (
        attribute("datasources/datasource[2]/object-graph/objects/object", "id", "other"),
        "there is no object",
    ),
    "a password is written": (attribute(".//named-connection/connection", "password", "secret"), "a password"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_the_linter_finds_it_when(broken):
    change, told = BREAKS[broken]
    root = fresh()
    change(root)
    assert any(told in found for found in lint(root, TABLES)), lint(root, TABLES)


def test_the_linter_finds_it_when_the_extract_is_not_in_the_package():
    assert any("is not in the package" in found for found in lint(fresh(connection=Hyper()), TABLES, members=[]))


@pytest.mark.parametrize("version", FORMATS)
def test_the_same_marts_give_the_same_workbook_to_the_byte(version):
    assert document(workbook(contents(), LIVE, version)) == document(workbook(contents(), LIVE, version))


def test_ids_do_not_depend_on_where_the_database_is():
    elsewhere = document(workbook(contents(), MySQL("other", 3307, "shop"), "18.1")).decode().splitlines()
    here = document(workbook(contents(), LIVE, "18.1")).decode().splitlines()
    changed = {one.split("<")[1].split(" ")[0] for one, other in zip(here, elsewhere, strict=True) if one != other}
    assert changed == {"connection", "named-connection"}


def test_captions_formats_descriptions_and_roles_come_from_the_catalogue():
    root = fresh()
    kpis = next(one for one in root.iter("datasource") if one.get("caption") == "Kpis")
    for name, measure in measures().items():
        column = kpis.find(f"column[@name='[{name}]']")
        assert column.get("caption") == measure.label
        assert column.get("role") == "measure"
        assert column.findtext("desc/formatted-text/run")
    assert kpis.find("column[@name='[net_revenue]']").get("default-format") == 'c"£"#,##0.00;-"£"#,##0.00'
    assert kpis.find("column[@name='[return_rate]']").get("default-format") == "p0.0%"
    codes = [one for one in root.iter("column") if one.get("name") == "[country_code]"]
    assert {one.get("semantic-role") for one in codes} == {"[Country].[ISO3166_2]"}
    assert all(one.get("role") == "dimension" for one in root.iter("column") if one.get("name") == "[customer_id]")


def test_amounts_of_several_currencies_have_no_sign():
    several = workbook(contents(("GBP", "EUR")), LIVE, "18.1")
    formats = {one.get("default-format") for one in several.iter("column") if one.get("name") == "[net_revenue]"}
    assert formats == {"n#,##0.00;-#,##0.00"}


def test_each_mart_for_people_has_a_data_source_of_its_own():
    files = data_source_files(contents().choices, LIVE, "18.1")
    assert {*files} == {mart.name for mart in marts().values() if mart.is_for_people}
    for name, root in files.items():
        assert root.get("formatted-name", "").startswith("federated.")
        records = [one.findtext("remote-name") for one in root.iter("metadata-record")]
        assert records == list(marts()[name].columns)
