"""The marts as their files describe them: SQL, grain, columns and the measures behind them."""

from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import sqlglot
from sqlglot import exp
from sqlglot.schema import MappingSchema

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.column_types import TYPES, TypeName
from retail_pipeline.marts.files import FOLDER, content_of
from retail_pipeline.marts.measures import formula, measures
from retail_pipeline.warehouse.collation import MYSQL
from retail_pipeline.warehouse.geography import country_rows
from retail_pipeline.warehouse.tables import metadata
from retail_pipeline.yaml_files import Described, validated


class MartColumn(Described):
    """A column of a mart; one that `keeps` the first or the last of something isn't added up where the others are."""

    type: TypeName
    description: str
    nullable: bool = False
    keeps: Literal["first", "last"] | None = None


class Onward(Described):
    """Of each part, only rows from a day on are made anew, out of lines from so many years before it on.

    `column` is the day of rows and of lines; the query for the keys gives it too, and the earliest counts.
    """

    column: str
    years_before: int


class Parts(Described):
    """A refresh that makes those rows of a mart anew whose columns `parts` have certain values, their keys.

    `keys`, a query over marts and over `touched_lines` and `touched_loads`, finds them; where it is left out, the keys
    are those of the touched lines.
    """

    parts: tuple[str, ...]
    onward: Onward | None = None
    keys: str | None = None

    @property
    def chosen_by(self) -> tuple[str, ...]:
        """The columns that tell what is made anew: those of the parts, and the day from which on."""
        return (*self.parts, *([self.onward.column] if self.onward else ()))


class _MartFile(Described):
    description: str
    grain: tuple[str, ...]
    refresh: Parts | Literal["additive", "whole"] = "whole"
    indexes: tuple[tuple[str, ...], ...] = ()
    columns: list[str | dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Mart:
    """A mart: `query` is its SQL in MySQL's dialect with measures written out, its columns in the table's order.

    `refresh` says what a refresh does: make the whole mart anew, or parts of it, or add what came and subtract what
    went, where every column that isn't of the grain is a sum over invoices, or the first or last of something.
    """

    name: str
    description: str
    grain: tuple[str, ...]
    columns: dict[str, MartColumn]
    query: exp.Query
    refresh: Parts | Literal["additive", "whole"]
    indexes: tuple[tuple[str, ...], ...]

    @property
    def is_for_people(self) -> bool:
        """Whether it is a mart, rather than totals that other marts are computed from."""
        return self.name.startswith("mart_")

    @cached_property
    def reads(self) -> frozenset[str]:
        """The tables and marts that it is computed from."""
        defined_here = {cte.alias for cte in self.query.find_all(exp.CTE)}
        return frozenset(table.name for table in self.query.find_all(exp.Table)) - defined_here

    @cached_property
    def definition(self) -> str:
        """A hash that changes when the mart's SQL or its columns do, or those of what it is computed from."""
        columns = [(name, repr(TYPES[column.type].stored), column.nullable) for name, column in self.columns.items()]
        upstream = [marts()[name].definition for name in sorted(self.reads & marts().keys())]
        places = country_rows() if "countries" in self.reads else []
        described = (self.query.sql("mysql"), self.grain, self.indexes, columns, upstream, places)
        return sha256(repr(described).encode()).hexdigest()

    def table(self, name: str | None = None) -> sa.Table:
        """The mart's table; its grain is its primary key unless part of it can be empty."""
        keyed = not any(self.columns[column].nullable for column in self.grain)
        return sa.Table(
            name or self.name,
            sa.MetaData(),
            *(
                sa.Column(
                    column,
                    TYPES[described.type].stored,
                    nullable=described.nullable,
                    primary_key=keyed and column in self.grain,
                    autoincrement=False,
                    comment=described.description,
                )
                for column, described in self.columns.items()
            ),
            *(sa.Index(f"ix_{self.name}_{'_'.join(index)}"[:64], *index) for index in self.indexes),
            comment=self.description,
            **MYSQL,
        )


@cache
def marts() -> dict[str, Mart]:
    """The marts by name, each after those that it reads.

    Raises BadInput, naming file and key, where a description or its SQL can't be used.
    """
    found = {path.stem: _read_mart(path, _parsed(path)) for path in sorted(FOLDER.glob("*.sql"))}
    found["mart_measures"] = _read_mart(FOLDER / "mart_measures.sql", _measures_as_rows())
    order = TopologicalSorter({mart.name: mart.reads & found.keys() for mart in found.values()}).static_order()
    return {name: found[name] for name in order}


@cache
def schema() -> dict[str, dict[str, str]]:
    """Column types of everything that marts can read, by table, in MySQL's words."""
    described = [*metadata.sorted_tables, *(mart.table() for mart in marts().values())]
    dialect = sa.dialects.mysql.dialect()
    return {table.name: {column.name: column.type.compile(dialect) for column in table.columns} for table in described}


@cache
def sql_schema() -> MappingSchema:
    """`schema` as sqlglot wants it; made once, for that takes as long as a query's translation."""
    return MappingSchema(schema(), dialect="mysql")


def _read_mart(path: Path, query: exp.Query) -> Mart:
    described_in = path.with_suffix(".yaml")
    if not described_in.exists():
        raise BadInput(f"{path.name} has no description: {described_in.name} is missing")
    content = validated(_MartFile, content_of(described_in.name), described_in.name)
    columns = dict(_column(item, described_in) for item in content.columns)
    chosen_by = content.refresh.chosen_by if isinstance(content.refresh, Parts) else ()
    indexes = (("indexes", index) for index in content.indexes)
    for key, names in (("grain", content.grain), ("refresh", chosen_by), *indexes):
        if unknown := [name for name in names if name not in columns]:
            raise BadInput(f"{described_in.name}: {key}: {unknown[0]!r} is no column of the mart")
    written_out = _with_measures(query, path.name)
    return Mart(path.stem, content.description, content.grain, columns, written_out, content.refresh, content.indexes)


def _parsed(path: Path) -> exp.Query:
    try:
        return sqlglot.parse_one(path.read_text(encoding="utf-8"), read="mysql")
    except sqlglot.ParseError as error:
        raise BadInput(f"{path.name}: {error}") from error


def _measures_as_rows() -> exp.Query:
    """The catalogue of measures as a query, so that it is a table like any other."""
    rows = (
        {
            "measure": name,
            "label": measure.label,
            "definition": measure.definition,
            "unit": measure.counted_in,
            "format": measure.format,
            "is_summable": int(measure.summable),
            "computed_by": measure.sql,
        }
        for name, measure in measures().items()
    )
    selects = (exp.select(*(exp.convert(value).as_(name) for name, value in row.items())) for row in rows)
    return exp.select("*").from_(exp.union(*selects, distinct=False).subquery("measures"))


def _column(item: str | dict[str, dict[str, Any]], path: Path) -> tuple[str, MartColumn]:
    """A column of a mart's file: a measure, a shared dimension, or what the file itself says."""
    name, own = (item, {}) if isinstance(item, str) else next(iter(item.items()))
    shared = content_of("dimensions.yaml").get(name, {})
    if measure := measures().get(name):
        # A ratio without a denominator is empty.
        shared = {
            "type": measure.type,
            "description": measure.definition,
            "nullable": "NULLIF" in (measure.formula or ""),
        }
    return name, validated(MartColumn, shared | own, path.name, f"columns.{name}")


def _with_measures(query: exp.Query, file_name: str) -> exp.Query:
    """The query with each MEASURE(name) replaced by the measure's SQL for what is read at that place."""

    def written_out(node: exp.Expression) -> exp.Expression:
        if not (isinstance(node, exp.Anonymous) and node.name.upper() == "MEASURE"):
            return node
        name = node.expressions[0].name
        measure = measures().get(name)
        if measure is None:
            raise BadInput(f"{file_name}: MEASURE({name}): measures.yaml has no such measure")
        read = node.find_ancestor(exp.Select).args["from_"].this
        by_table = {
            "order_lines": measure.lines,
            "per_customer": measure.per_customer,
            "running_buyers": measure.per_customer,
        }
        sql = formula(name) or by_table.get(read.name, measure.rollup or f"SUM({name})")
        if sql is None:
            raise BadInput(f"{file_name}: MEASURE({name}) is not defined over {read.name}")
        return (
            exp.paren(sqlglot.parse_one(sql, read="mysql"), copy=False)
            if measure.formula
            else sqlglot.parse_one(sql, read="mysql")
        )

    return query.transform(written_out)
