"""What the types that the YAML files name are in the database, and how people see them."""

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from retail_pipeline.warehouse.exact import ExactDecimal
from retail_pipeline.warehouse.tables import CODE, INSTANT, LOAD_ID, SECOND, TOTAL


@dataclass(frozen=True)
class ColumnType:
    """What a type named in YAML is in the database, what it is counted in, and how spreadsheets would write it."""

    stored: sa.types.TypeEngine
    unit: str = ""
    format: str = ""


TYPES: dict[str, ColumnType] = {
    "load": ColumnType(LOAD_ID),
    "code": ColumnType(CODE),  # ids are text, lest a BI tool adds them up
    "key": ColumnType(sa.String(130)),  # a source, a slash and a code
    "name": ColumnType(sa.String(100)),
    "text": ColumnType(sa.String(500)),
    "currency": ColumnType(sa.String(3)),
    "date": ColumnType(sa.Date()),
    "time": ColumnType(SECOND),
    "instant": ColumnType(INSTANT),
    "flag": ColumnType(sa.SmallInteger()),
    "count": ColumnType(sa.BigInteger(), "count", "#,##0"),
    "decimal": ColumnType(ExactDecimal(12, 1), "", "#,##0.0"),
    "units": ColumnType(ExactDecimal(18, 3), "units", "#,##0.###"),
    "money": ColumnType(TOTAL, "currency", "#,##0.00"),
    "ratio": ColumnType(ExactDecimal(30, 6), "ratio", "0.0%"),
}

TypeName = Literal[
    "load",
    "code",
    "key",
    "name",
    "text",
    "currency",
    "date",
    "time",
    "instant",
    "flag",
    "count",
    "decimal",
    "units",
    "money",
    "ratio",
]
