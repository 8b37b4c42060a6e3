"""What a source profile says about one kind of export, and how its YAML file is read."""

import codecs
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import time_zones
from retail_pipeline.sources.dates import checked_format
from retail_pipeline.yaml_files import Described, read_yaml, validated

RAW_COLUMNS = (
    "invoice_no",
    "product_code",
    "description",
    "quantity",
    "invoiced_at",
    "unit_price",
    "customer_id",
    "country",
)
"""The columns of an order line that a file can say, in the order in which tables have them."""

FURTHER_COLUMNS = {
    "invoiced_time": "time of day, where the export has it apart from the date in invoiced_at",
    "line_total": "money of the whole line; it gives the unit price where that is not said",
    "discount": "money that is taken off the line, however signed",
    "tax": "tax contained in the price, which is taken out of the line",
    "currency": "checked against the source's currency",
    "status": "what cancellation and not_sold look at",
    "invoice_line": "the line's own number; lines with different ones are no repeats of each other",
}
"""What else a profile may map; raw_order_lines keeps it in `extra`, under the export's own name."""

OPTIONAL_COLUMNS = frozenset({"description", "customer_id", "country"})
"""Columns that an export may lack altogether; every other one must be mapped."""

ASCII = bytes(range(128))

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _without_blanks(names: str | tuple[str, ...]) -> str | tuple[str, ...]:
    trimmed = names.strip() if isinstance(names, str) else tuple(name.strip() for name in names)
    if not trimmed or not all(trimmed):
        raise ValueError("a column of the export needs a name")
    return trimmed


Names = Annotated[str | tuple[str, ...], AfterValidator(_without_blanks)]
"""An export's column, or several: the first of them that a row fills counts."""

Mark = Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"[^\r\n\x00]")]


class Layout(Described):
    """How a file is laid out, as far as the file itself doesn't say it."""

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"[^\"\r\n\x00]")] = ","
    quote: Mark | Literal[""] = Field(default='"', description="Empty where quotes are characters like any other.")
    escape: Mark | None = Field(default=None, description="What a quote is escaped by, where it isn't doubled.")
    encodings: tuple[str, ...] = Field(default=("utf-8",), min_length=1, description="Tried in this order.")
    sheet: Name | None = Field(default=None, description="Of an Excel workbook with several.")
    records: Name | None = Field(default=None, description="Where in a JSON document the list of rows is: a.b.")

    @field_validator("encodings")
    @classmethod
    def _known_encodings(cls, encodings: tuple[str, ...]) -> tuple[str, ...]:
        for encoding in encodings:
            try:
                extends_ascii = ASCII.decode(encoding) == ASCII.decode("ascii")
            except LookupError:
                raise ValueError(f"unknown encoding {encoding!r}") from None
            except UnicodeError:
                extends_ascii = False
            if not extends_ascii:
                raise ValueError(
                    f"encoding {encoding!r} doesn't extend ASCII; exports in it have to be converted to UTF-8"
                )
        return tuple(codecs.lookup(encoding).name for encoding in encodings)


class Numbers(Described):
    """How an export writes numbers."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f"] = Field(
        default="", description="Between groups of three digits, where the export has them."
    )
    signs: tuple[Name, ...] = Field(default=(), description="Currency signs before or after a number.")
    parentheses: bool = Field(default=False, description="(1.00) is -1.00.")

    @model_validator(mode="after")
    def _two_marks(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError(f"{self.decimal!r} can't be both the decimal and the thousands mark")
        return self


class Cancellation(Described):
    """What marks an invoice, or a line of it, as cancelled: any of these."""

    invoice_prefix: Annotated[str, StringConstraints(min_length=1)] | None = None
    statuses: tuple[Name, ...] = Field(default=(), description="Texts of the column status, in any case.")
    negative_amount: bool = Field(default=False, description="The price or total is negative, not the quantity.")
    quantities: Literal["negative", "positive"] = Field(
        default="negative", description="How the export writes the quantity of what was cancelled."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.invoice_prefix or self.statuses or self.negative_amount):
            raise ValueError("one of invoice_prefix, statuses and negative_amount must say what marks a cancellation")
        return self


class Lookup(Layout):
    """A second file in which columns of a line are looked up: prices of products, or the heads of orders."""

    file: Annotated[str, StringConstraints(pattern=r"^[^/\\\x00]+$")] = Field(
        description="Its name. It lies beside the export, and is kept with it, or beside the profile."
    )
    by: Name = Field(description="The export's column whose value is looked up.")
    key: Name = Field(description="The second file's column in which it stands, once.")
    columns: dict[str, Names] = Field(description="Order line column: the second file's column.", min_length=1)


class SourceProfile(Layout):
    """One kind of export."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    description: str
    extends: str | None = Field(default=None, description="The shipped profile whose keys hold where this has none.")
    columns: dict[str, Names] = Field(description="Order line column: the export's column.")
    defaults: dict[str, Annotated[str, StringConstraints(min_length=1)]] = Field(
        default_factory=dict, description="Order line column: what it is where the export doesn't say it."
    )
    optional: tuple[str, ...] = Field(
        default=(), description="Order line columns whose column some exports of this kind lack."
    )
    carry_down: tuple[str, ...] = Field(
        default=(), description="Order line columns that only the first row of an invoice has."
    )
    lookups: tuple[Lookup, ...] = ()
    numbers: Numbers = Numbers()
    date_formats: tuple[Annotated[str, AfterValidator(checked_format)], ...] = Field(
        min_length=1, description="strptime formats; a value that two of them read differently is ambiguous."
    )
    time_zone: str = Field(description="IANA name of the time zone that the export's times are in.")
    reporting_time_zone: str | None = Field(
        default=None, description="The zone by whose clock days and months are told; time_zone if left out."
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    cancellation: Cancellation | None = None
    not_sold: tuple[Name, ...] = Field(
        default=(), description="Texts of the column status that mean that nothing was sold: never paid, called off."
    )
    non_product_codes: tuple[str, ...] = Field(
        default=(), description="Upper case; a trailing * stands for any ending."
    )
    missing_country: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        default="Unspecified", description="The label of lines without a country."
    )
    overlap: Literal["replace", "append"] = Field(
        default="replace",
        description="replace: a later load's invoice replaces the earlier one; append: exports cut invoices in two.",
    )
    repeats: Literal["keep", "drop"] = Field(default="keep", description="What to do with exact repeats inside a file.")
    folder: Path | None = Field(default=None, description="Where the profile was read from; not for the YAML file.")

    @field_validator("non_product_codes")
    @classmethod
    def _as_lines_have_them(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if code != code.strip().upper() or not code:
                raise ValueError(f"{code!r} fits no line, for product codes are trimmed and in upper case")
        return codes

    @field_validator("time_zone", "reporting_time_zone")
    @classmethod
    def _known_time_zone(cls, time_zone: str | None) -> str | None:
        if time_zone is not None and time_zone not in time_zones():
            raise ValueError(f"unknown time zone {time_zone!r}")
        return time_zone

    @model_validator(mode="after")
    def _maps_an_order_line(self) -> Self:
        for key, columns in (
            ("columns", self.columns),
            ("defaults", self.defaults),
            ("optional", self.optional),
            ("carry_down", self.carry_down),
            ("lookups", self.looked_up),
        ):
            unknown = sorted(set(columns) - {*RAW_COLUMNS, *FURTHER_COLUMNS})
            if unknown:
                raise ValueError(
                    f"{key}: {unknown[0]!r} is no column of an order line; those are {', '.join(RAW_COLUMNS)}; "
                    f"and, for what they are made from, {', '.join(FURTHER_COLUMNS)}"
                )
        without = {*OPTIONAL_COLUMNS, "unit_price"} if "line_total" in self.said else OPTIONAL_COLUMNS
        missing = sorted(set(RAW_COLUMNS) - without - self.said)
        if missing:
            raise ValueError(f"columns: {missing[0]!r} is not mapped")
        names = [
            self.names_of(column)[0] for column in self.columns
        ]  # what stands in for one may have a use of its own
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"columns: the export's column {twice[0]!r} is mapped twice")
        cancelling = self.cancellation.statuses if self.cancellation else ()
        if (cancelling or self.not_sold) and "status" not in self.said:
            raise ValueError("columns: 'status' is not mapped, and cancellation or not_sold look at it")
        return self

    @property
    def looked_up(self) -> frozenset[str]:
        """The order line columns that second files say."""
        return frozenset(column for lookup in self.lookups for column in lookup.columns)

    @property
    def said(self) -> frozenset[str]:
        """The order line columns that an export says, or a second file or default."""
        return self.looked_up | {*self.columns, *self.defaults}

    @property
    def has_totals(self) -> bool:
        """Whether it says the money of whole lines, so that a unit price may be a rounded quotient."""
        return not self.said.isdisjoint({"line_total", "discount", "tax"})

    def names_of(self, column: str) -> tuple[str, ...]:
        """The export's columns that an order line column may come from, best first; empty where it isn't mapped."""
        names = self.columns.get(column, ())
        return (names,) if isinstance(names, str) else names

    @property
    def needed(self) -> list[tuple[str, ...]]:
        """What a header must have: one of the names of each column that nothing else says, and what look-ups need."""
        elsewhere = self.looked_up | {*self.defaults, *self.optional}
        mapped = [self.names_of(column) for column in self.columns if column not in elsewhere]
        return [*mapped, *((lookup.by,) for lookup in self.lookups)]

    def matches(self, header: list[str]) -> bool:
        """Whether an export with this header is of this kind."""
        there = set(header)
        return all(there & set(names) for names in self.needed)

    @property
    def clock(self) -> str:
        """The time zone that invoiced_at is told in."""
        return self.reporting_time_zone or self.time_zone


def read_profile(path: Path, shipped: Path | None = None) -> SourceProfile:
    """The profile in a YAML file; what it extends is looked for in the folder `shipped`.

    Raises BadInput, naming the file and the key, where it isn't one.
    """
    content = _read_mapping(path)
    base = content.get("extends")
    while shipped and isinstance(base, str):
        if not (shipped / f"{base}.yaml").is_file():
            known = ", ".join(sorted(other.stem for other in shipped.glob("*.yaml")))
            raise BadInput(f"{path}: extends: no profile {base!r} is shipped; those are {known}")
        extended = _read_mapping(shipped / f"{base}.yaml")
        content, base = extended | content, extended.get("extends")
    return validated(SourceProfile, content | {"folder": path.parent}, path)


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # ValueError: bytes that aren't UTF-8, and what YAML takes for a date or a number and can't read.
        raise BadInput(f"{path}: not a readable YAML file: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: a source profile is a mapping of keys to values")
    return content
