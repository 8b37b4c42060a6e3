"""What a source profile says about one kind of export, and how its YAML file is read."""

import codecs
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from retail_pipeline.errors import BadInput
from retail_pipeline.sources.dates import checked_format

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

OPTIONAL_COLUMNS = frozenset({"description", "customer_id", "country"})
"""Columns that an export may lack altogether; every other one must be mapped."""


ASCII = bytes(range(128))


class Strict(BaseModel):
    """A part of a profile: unknown keys are mistakes, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Cancellation(Strict):
    """What marks an invoice as cancelled."""

    invoice_prefix: Annotated[str, StringConstraints(min_length=1)]


class SourceProfile(Strict):
    """One kind of export."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    description: str
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"[^\"\r\n\x00]")] = ","
    encodings: tuple[str, ...] = Field(default=("utf-8",), min_length=1, description="Tried in this order.")
    columns: dict[str, Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]] = Field(
        description="Order line column: the export's column."
    )
    date_formats: tuple[Annotated[str, AfterValidator(checked_format)], ...] = Field(
        min_length=1, description="strptime formats; a value that two of them read differently is ambiguous."
    )
    time_zone: str = Field(
        description="IANA name of the shop's time zone; times are kept as the shop's clock had them."
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    cancellation: Cancellation | None = None
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

    @field_validator("non_product_codes")
    @classmethod
    def _as_lines_have_them(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if code != code.strip().upper() or not code:
                raise ValueError(f"{code!r} fits no line, for product codes are trimmed and in upper case")
        return codes

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, time_zone: str) -> str:
        if time_zone not in available_timezones():
            raise ValueError(f"unknown time zone {time_zone!r}")
        ZoneInfo(time_zone)
        return time_zone

    @model_validator(mode="after")
    def _maps_an_order_line(self) -> "SourceProfile":
        unknown = sorted(set(self.columns) - set(RAW_COLUMNS))
        if unknown:
            raise ValueError(
                f"columns: {unknown[0]!r} is no column of an order line; those are {', '.join(RAW_COLUMNS)}"
            )
        missing = sorted(set(RAW_COLUMNS) - OPTIONAL_COLUMNS - set(self.columns))
        if missing:
            raise ValueError(f"columns: {missing[0]!r} is not mapped")
        twice = sorted({name for name in self.columns.values() if list(self.columns.values()).count(name) > 1})
        if twice:
            raise ValueError(f"columns: the export's column {twice[0]!r} is mapped twice")
        return self

    def matches(self, header: list[str]) -> bool:
        """Whether an export with this header is of this kind."""
        return set(self.columns.values()) <= set(header)


def read_profile(path: Path) -> SourceProfile:
    """The profile in a YAML file.

    Raises BadInput, naming the file and the key, where it isn't one.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        # ValueError: bytes that aren't UTF-8, and what YAML takes for a date or a number and can't read.
        raise BadInput(f"{path}: not a readable YAML file: {error}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path}: a source profile is a mapping of keys to values")
    try:
        return SourceProfile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{path}: {key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}") from error
