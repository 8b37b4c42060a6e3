"""The expectations as their YAML files describe them, one file per table."""

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import Parts, marts
from retail_pipeline.yaml_files import Described, read_yaml, validated

FOLDER = Path(__file__).parent / "expectations"
_NAME = re.compile(r"\w+")


class Expectation(Described):
    """Something that must be true of a table.

    Either `expect` names one of Great Expectations' classes and `arguments` are its own, or `query`, in MySQL's
    dialect, selects the rows that contradict it from `{batch}`; `{loads}` stands for the loads under test.

    Of a mart that changed in parts, `{batch}` are the rows of these parts, and `{name_of_a_table}` are the rows of
    another table that belong to the same parts. A table without braces is read whole. `parts` names the columns that
    tell parts apart, those by which the mart is refreshed unless said otherwise; where it is `whole`, or the mart isn't
    refreshed by parts, `{batch}` is all of the mart. Classes always look at all of a mart.
    """

    name: str
    expect: str = "UnexpectedRowsExpectation"
    arguments: dict[str, Any] = Field(default_factory=dict)
    query: str | None = None
    parts: tuple[str, ...] | Literal["whole"] | None = None
    severity: Literal["critical", "warning"]
    why: str

    @model_validator(mode="after")
    def _either_class_or_query(self) -> "Expectation":
        by_query = self.expect == "UnexpectedRowsExpectation" and not self.arguments
        if (self.query is not None) != by_query:
            raise ValueError("give either `expect` with `arguments`, or `query`")
        if self.parts and not self.query:
            raise ValueError("`parts` are of a `query`")
        return self


class Suite(Described):
    """The expectations of one table; Dagster shows them at `asset`, which is the table's own unless said otherwise."""

    table: str
    asset: str = ""
    loads_by: str = "load_id"
    expectations: list[Expectation]

    @property
    def asset_name(self) -> str:
        return self.asset or self.table

    @property
    def is_of_loads(self) -> bool:
        """Whether it tests the rows of loads, told by the column `loads_by`, rather than the whole table."""
        return self.table not in marts()

    def parts_of(self, expectation: Expectation) -> tuple[str, ...]:
        """The columns that tell apart the parts by which an expectation can be tested; none if by all rows alone."""
        if self.is_of_loads or not expectation.query or expectation.parts == "whole":
            return ()
        refresh = marts()[self.table].refresh
        return expectation.parts or (refresh.parts if isinstance(refresh, Parts) else ())

    @cached_property
    def ways(self) -> frozenset[tuple[str, ...]]:
        """The columns that tell parts apart, as its expectations name them."""
        return frozenset(map(self.parts_of, self.expectations)) - {()}

    @cached_property
    def reads(self) -> frozenset[str]:
        """The marts whose rows its expectations look at, its own included."""
        named = {name for expectation in self.expectations for name in _NAME.findall(expectation.query or "")}
        return frozenset(named & marts().keys()) | {self.table} & marts().keys()


@cache
def suites() -> tuple[Suite, ...]:
    """All suites. Raises BadInput, naming file and key, where one can't be used."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.yaml")))


def _read(path: Path) -> Suite:
    try:
        content = read_yaml(path)
    except yaml.YAMLError as error:
        raise BadInput(f"{path.name}: not a readable YAML file: {error}") from error
    return validated(Suite, content, path.name)
