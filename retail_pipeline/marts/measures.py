"""The measures as measures.yaml describes them."""

from functools import cache
from typing import Literal

import sqlglot
from sqlglot import exp

from retail_pipeline.marts.column_types import TYPES
from retail_pipeline.marts.files import content_of
from retail_pipeline.yaml_files import Described, validated


class Measure(Described):
    """A measure; see measures.yaml for what `lines`, `rollup`, `per_customer`, `formula` and `summable` are."""

    label: str
    definition: str
    type: Literal["count", "units", "money", "ratio"]
    unit: str = ""
    summable: bool
    lines: str | None = None
    rollup: str | None = None
    per_customer: str | None = None
    formula: str | None = None

    @property
    def counted_in(self) -> str:
        """Its unit; `currency` stands for the row's currency."""
        return self.unit or TYPES[self.type].unit

    @property
    def format(self) -> str:
        """How spreadsheets would write it."""
        return TYPES[self.type].format

    @property
    def sql(self) -> str:
        """How it is computed, as people read it: over order lines, over a customer's totals, or over measures."""
        return self.lines or self.formula or self.per_customer or ""


@cache
def measures() -> dict[str, Measure]:
    """The measures by name."""
    return {
        name: validated(Measure, content, "measures.yaml", name)
        for name, content in content_of("measures.yaml").items()
    }


def formula(name: str) -> str | None:
    """A measure's formula with those of the measures that it names written out; None where it is no formula."""
    stated = measures()[name].formula
    if stated is None:
        return None

    def written_out(node: exp.Expression) -> exp.Expression:
        inner = formula(node.name) if isinstance(node, exp.Column) and node.name in measures() else None
        return exp.paren(sqlglot.parse_one(inner, read="mysql"), copy=False) if inner else node

    return sqlglot.parse_one(stated, read="mysql").transform(written_out).sql("mysql")
