"""What a mart's columns are to Tableau: types, roles, formats and names, all from the catalogue."""

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from retail_pipeline.dashboards.description import caption, in_words
from retail_pipeline.dashboards.formats import sign
from retail_pipeline.dashboards.tableau.xml import element, formatted
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measures import measures


@dataclass(frozen=True)
class FieldType:
    """A catalogue type in Tableau: its code in metadata, its type, how it is added up by default, and its format."""

    remote_type: str
    local_type: str
    aggregation: str
    format: str = ""


DOUBLE = "5"
"""The code of a double in metadata."""

TEXT = FieldType("129", "string", "Count")
COUNT = FieldType("20", "integer", "Sum", "n#,##0;-#,##0")

TYPES: dict[str, FieldType] = {
    **dict.fromkeys(("load", "code", "key", "name", "text", "currency"), TEXT),
    "date": FieldType("133", "date", "Year"),
    "time": FieldType("135", "datetime", "Year"),
    "instant": FieldType("135", "datetime", "Year"),
    "flag": FieldType("2", "integer", "Sum"),
    "count": COUNT,
    "decimal": FieldType("131", "real", "Sum", "n#,##0.0;-#,##0.0"),
    "units": FieldType("131", "real", "Sum", "n#,##0.###;-#,##0.###"),
    "money": FieldType("131", "real", "Sum"),
    "ratio": FieldType("131", "real", "Sum", "p0.0%"),
}

COUNTRY = "[Country].[ISO3166_2]"
"""The geographic role of country codes: what Tableau finds their outlines by."""


@dataclass(frozen=True)
class Field:
    """A column of a data source: of the mart's table, or calculated by a formula."""

    name: str
    caption: str
    datatype: str
    role: str
    type: str
    format: str = ""
    semantic_role: str = ""
    description: str = ""
    formula: str = ""

    @property
    def element(self) -> ET.Element:
        """The field as workbooks declare it."""
        optional = {"default_format": self.format, "semantic_role": self.semantic_role}
        calculation = element("calculation", class_="tableau", formula=self.formula) if self.formula else None
        described = element("desc", formatted(self.description)) if self.description else None
        return element(
            "column",
            calculation,
            described,
            caption=self.caption,
            datatype=self.datatype,
            name=f"[{self.name}]",
            role=self.role,
            type=self.type,
            **{name: value for name, value in optional.items() if value},
        )


def fields(mart: str, currency: str | None) -> dict[str, Field]:
    """The columns of a mart; amounts have a sign where all are in one currency."""
    return {name: _field(mart, name, currency) for name in marts()[mart].columns}


def _field(mart: str, name: str, currency: str | None) -> Field:
    column = marts()[mart].columns[name]
    kind = TYPES[column.type]
    is_measure = kind.local_type in ("integer", "real") and column.type != "flag" and name not in marts()[mart].grain
    money = f'c"{sign(currency)}"#,##0.00;-"{sign(currency)}"#,##0.00' if currency else "n#,##0.00;-#,##0.00"
    type_ = "quantitative" if is_measure else "nominal" if kind.local_type == "string" else "ordinal"
    return Field(
        name,
        caption(name),
        kind.local_type,
        "measure" if is_measure else "dimension",
        type_,
        format=(money if column.type == "money" else kind.format) if is_measure else "",
        semantic_role=COUNTRY if name == "country_code" else "",
        description=in_words(column.description),
    )


def derivation(name: str) -> str:
    """How a measure is taken where a sheet shows one row of a mart or several: only sums can be added up."""
    return "Sum" if name in measures() and measures()[name].summable else "Max"
