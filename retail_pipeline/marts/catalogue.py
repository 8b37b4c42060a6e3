"""The marts as their files describe them: SQL, grain, columns and the measures behind them."""

from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
import sqlglot
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlglot import exp

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.exact import ExactDecimal
from retail_pipeline.warehouse.tables import CODE, LOAD_ID, MYSQL, SECOND, TOTAL, metadata

FOLDER = Path(__file__).parent

TYPES: dict[str, sa.types.TypeEngine] = {
    "load": LOAD_ID,
    "code": CODE,
    "key": sa.String(130),  # a source, a slash and a code
    "name": sa.String(100),
    "text": sa.String(500),
    "currency": sa.String(3),
    "date": sa.Date(),
    "time": SECOND,
    "count": sa.BigInteger(),
    "units": ExactDecimal(18, 3),
    "money": TOTAL,
    "ratio": ExactDecimal(12, 6),
}
"""What a column's type in YAML is in the database. Ids are text, lest a BI tool adds them up."""

TypeName = Literal[
    "load", "code", "key", "name", "text", "currency", "date", "time", "count", "units", "money", "ratio"
]


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Described):
    """A measure; see measures.yaml for what `lines`, `rollup` and `formula` are."""

    definition: str
    type: TypeName
    lines: str | None = None
    rollup: str | None = None
    formula: str | None = None


class MartColumn(_Described):
    """A column of a mart."""

    type: TypeName
    description: str
    nullable: bool = False


class _MartFile(_Described):
    description: str
    grain: list[str]
    columns: list[str | dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Mart:
    """A mart: `query` is its SQL in MySQL's dialect with measures written out, its columns in the table's order."""

    name: str
    description: str
    grain: tuple[str, ...]
    columns: dict[str, MartColumn]
    query: exp.Query

    @cached_property
    def reads(self) -> frozenset[str]:
        """The tables and marts that it is computed from."""
        defined_here = {cte.alias for cte in self.query.find_all(exp.CTE)}
        return frozenset(table.name for table in self.query.find_all(exp.Table)) - defined_here

    @cached_property
    def definition(self) -> str:
        """A hash that changes when the mart's SQL or its columns do."""
        columns = [(name, column.type, column.nullable) for name, column in self.columns.items()]
        return sha256(repr((self.query.sql("mysql"), self.grain, columns)).encode()).hexdigest()

    def table(self, name: str | None = None) -> sa.Table:
        """The mart's table; its grain is its primary key unless part of it can be empty."""
        keyed = not any(self.columns[column].nullable for column in self.grain)
        return sa.Table(
            name or self.name,
            sa.MetaData(),
            *(
                sa.Column(
                    column,
                    TYPES[described.type],
                    nullable=described.nullable,
                    primary_key=keyed and column in self.grain,
                    autoincrement=False,
                    comment=described.description,
                )
                for column, described in self.columns.items()
            ),
            comment=self.description,
            **MYSQL,
        )


@cache
def measures() -> dict[str, Measure]:
    """The measures by name."""
    return {
        name: _validated(Measure, content, FOLDER / "measures.yaml", name)
        for name, content in _yaml("measures.yaml").items()
    }


@cache
def marts() -> dict[str, Mart]:
    """The marts by name, each after those that it reads.

    Raises BadInput, naming file and key, where a description or its SQL can't be used.
    """
    found = {path.stem: _read_mart(path) for path in sorted(FOLDER.glob("mart_*.sql"))}
    order = TopologicalSorter({mart.name: mart.reads & found.keys() for mart in found.values()}).static_order()
    return {name: found[name] for name in order}


@cache
def schema() -> dict[str, dict[str, str]]:
    """Column types of everything that marts can read, by table, in MySQL's words: what sqlglot needs to know."""
    described = [*metadata.sorted_tables, *(mart.table() for mart in marts().values())]
    dialect = sa.dialects.mysql.dialect()
    return {table.name: {column.name: column.type.compile(dialect) for column in table.columns} for table in described}


def _read_mart(path: Path) -> Mart:
    described_in = path.with_suffix(".yaml")
    if not described_in.exists():
        raise BadInput(f"{path.name} has no description: {described_in.name} is missing")
    content = _validated(_MartFile, _yaml(described_in.name), described_in)
    columns = dict(_column(item, described_in) for item in content.columns)
    if unknown := [name for name in content.grain if name not in columns]:
        raise BadInput(f"{described_in.name}: grain: {unknown[0]!r} is no column of the mart")
    try:
        query = sqlglot.parse_one(path.read_text(encoding="utf-8"), read="mysql")
    except sqlglot.ParseError as error:
        raise BadInput(f"{path.name}: {error}") from error
    return Mart(path.stem, content.description, tuple(content.grain), columns, _with_measures(query, path.name))


def _column(item: str | dict[str, dict[str, Any]], path: Path) -> tuple[str, MartColumn]:
    """A column of a mart's file: a measure, a shared dimension, or what the file itself says."""
    name, own = (item, {}) if isinstance(item, str) else next(iter(item.items()))
    shared = _yaml("dimensions.yaml").get(name, {})
    if measure := measures().get(name):
        # A ratio without a denominator is empty.
        shared = {
            "type": measure.type,
            "description": measure.definition,
            "nullable": "NULLIF" in (measure.formula or ""),
        }
    return name, _validated(MartColumn, shared | own, path, f"columns.{name}")


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
        sql = measure.formula or (measure.lines if read.name == "order_lines" else measure.rollup or f"SUM({name})")
        if sql is None:
            raise BadInput(f"{file_name}: MEASURE({name}) is not defined over order_lines")
        return (
            exp.paren(sqlglot.parse_one(sql, read="mysql"), copy=False)
            if measure.formula
            else sqlglot.parse_one(sql, read="mysql")
        )

    return query.transform(written_out)


@cache
def _yaml(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _validated(model: type[BaseModel], content: Any, path: Path, key: str = "") -> Any:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (key, *first["loc"]) if part)
        raise BadInput(f"{path.name}: {place}: {first['msg']}") from error
