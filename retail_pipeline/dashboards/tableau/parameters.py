"""The parameters of the workbook: region, period and currency, each one click for every sheet at once."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.description import Dashboard
from retail_pipeline.dashboards.queries import Choices, Selection
from retail_pipeline.dashboards.tableau.fields import Field
from retail_pipeline.dashboards.tableau.xml import element
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measuring import ALL_COUNTRIES, ALL_TIME

PARAMETERS = "Parameters"
"""What Tableau calls the data source that holds them."""


@dataclass(frozen=True)
class Parameter:
    """Something to choose, and what it is at first."""

    name: str
    caption: str
    value: str
    members: tuple[str, ...]

    @property
    def reference(self) -> str:
        """How formulas and dashboards name it."""
        return f"[{PARAMETERS}].[{self.name}]"

    @property
    def element(self) -> ET.Element:
        """The parameter as workbooks declare it."""
        members = (element("member", value=quoted(member)) for member in self.members)
        return element(
            "column",
            element("calculation", class_="tableau", formula=quoted(self.value)),
            element("members", *members),
            caption=self.caption,
            datatype="string",
            name=f"[{self.name}]",
            param_domain_type="list",
            role="measure",
            type="nominal",
            value=quoted(self.value),
        )


def parameters(found: Choices, selection: Selection) -> dict[str, Parameter]:
    """The parameters by what they choose."""
    return {
        "region": Parameter("Parameter 1", "Region", selection.region, found.regions),
        "period": Parameter("Parameter 2", "Period", selection.period, found.periods),
        "currency": Parameter("Parameter 3", "Currency", selection.currency, found.currencies),
    }


def declared(chosen: dict[str, Parameter], version: str) -> ET.Element:
    """The data source of the parameters."""
    columns = (parameter.element for parameter in chosen.values())
    aliases = element("aliases", enabled="yes")
    return element(
        "datasource", aliases, *columns, hasconnection="false", inline="true", name=PARAMETERS, version=version
    )


def shown_on(name: str, dashboard: Dashboard, mart: str, chosen: dict[str, Parameter]) -> Field:
    """The field that tells which rows of a mart a dashboard shows: the same ones as in the browser."""
    return Field(
        f"shown_on_{name}",
        f"Shown on {dashboard.title}",
        "boolean",
        "dimension",
        "nominal",
        formula=" AND ".join(_conditions(dashboard, mart, chosen)),
    )


def _conditions(dashboard: Dashboard, mart: str, chosen: dict[str, Parameter]) -> list[str]:
    conditions = [f"[currency] = {chosen['currency'].reference}"]
    region, period = (
        chosen[name].reference if name in dashboard.filters else quoted(widest)
        for name, widest in (("region", ALL_COUNTRIES), ("period", ALL_TIME))
    )
    if "scope_type" in marts()[mart].columns:
        return [*conditions, '[scope_type] <> "country"', f"[scope] = {region}", f"[period] = {period}"]
    if "region" in dashboard.filters:
        conditions.append(f"({region} = {quoted(ALL_COUNTRIES)} OR [region] = {region})")
    if "period" in dashboard.filters:
        conditions.append(f"({period} = {quoted(ALL_TIME)} OR STR(YEAR([month])) = {period})")
    return conditions


def quoted(value: str) -> str:
    """A text in a formula."""
    return '"' + value.replace('"', '""') + '"'
