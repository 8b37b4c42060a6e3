"""From a batch of text to typed order lines and rejects: a pure function, the batch taken as a whole."""

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.reader import TEXT
from retail_pipeline.sources import RAW_COLUMNS, SourceProfile
from retail_pipeline.sources.dates import pattern_of

QUANTITY = pa.decimal128(12, 3)
UNIT_PRICE = pa.decimal128(12, 4)
AMOUNT = pa.decimal128(15, 4)
"""Fifteen digits, which every database of ours keeps exactly: SQLite has no wider exact number with a fraction."""

LONGEST = {"invoice_no": 64, "product_code": 64, "description": 500, "customer_id": 64, "country": 100}
"""Characters that the warehouse's columns take."""

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)"
SCIENTIFIC = r"[+-]?\d+(\.\d*)?[eE][+-]?\d+"
FLOATED_ID = re.compile(r"\.0+$")
EARLIEST, LATEST = pd.Timestamp("1000-01-01"), pd.Timestamp("9999-12-31 23:59:59")
"""What MySQL's DATETIME can hold."""


@dataclass(frozen=True)
class TypedBatch:
    """What became of a text batch; every row of it is in exactly one of the two frames.

    `lines`: line_no, invoice_no, product_code, description, quantity, unit_price, amount, invoiced_at, invoice_date,
    customer_id (null for guests), country, kind. `rejects`: line_no, file_line, reasons (comma-separated codes), the
    RAW_COLUMNS as the file has them, extra, amount (null where quantity or price can't be told).
    """

    lines: pd.DataFrame
    rejects: pd.DataFrame


def type_batch(text: pd.DataFrame, profile: SourceProfile) -> TypedBatch:
    """Types the rows of a TextBatch's frame; rows that can't be order lines are rejected with all their reasons."""
    trimmed = {column: _trimmed(text[column]) for column in RAW_COLUMNS}
    reasons = _Reasons(text["misfit"])

    invoice_no = _without_float_ending(trimmed["invoice_no"])
    customer_id = _without_float_ending(trimmed["customer_id"])
    product_code = trimmed["product_code"].str.upper()
    country = trimmed["country"].where(trimmed["country"] != "", profile.missing_country)
    for column, values in (("invoice_no", invoice_no), ("product_code", product_code)):
        reasons.add(f"{column}_missing", values == "")
    for column, values in (("invoice_no", invoice_no), ("customer_id", customer_id)):
        reasons.add(f"{column}_in_scientific_notation", values.str.fullmatch(SCIENTIFIC))
    for column, limit in LONGEST.items():
        reasons.add(f"{column}_too_long", trimmed[column].str.len() > limit)

    quantity = _number("quantity", trimmed["quantity"], QUANTITY, reasons)
    unit_price = _number("unit_price", trimmed["unit_price"], UNIT_PRICE, reasons)
    amount = _amount(quantity, unit_price, reasons)
    # In a row with too few or too many fields, what stands where the price should be need not be the price.
    amount = amount.where(text["misfit"].isna())
    invoiced_at = _moment("invoiced_at", trimmed["invoiced_at"], profile.date_formats, reasons)

    lines = pd.DataFrame(
        {
            "line_no": text["line_no"],
            "invoice_no": invoice_no,
            "product_code": product_code,
            "description": trimmed["description"].where(trimmed["description"] != ""),
            "quantity": quantity,
            "unit_price": unit_price,
            "amount": amount,
            "invoiced_at": invoiced_at,
            "invoice_date": invoiced_at.astype(pd.ArrowDtype(pa.date32())),
            "customer_id": customer_id.where(customer_id != ""),
            "country": country,
        }
    )
    accepted = (reasons.joined == "").to_numpy()
    lines = lines[accepted].reset_index(drop=True)
    lines["kind"] = _kind(lines, profile)

    rejects = text.drop(columns="misfit")
    rejects.insert(2, "reasons", reasons.joined)
    rejects["amount"] = amount
    return TypedBatch(lines, rejects[~accepted].reset_index(drop=True))


class _Reasons:
    """Collects why rows are rejected, in the order in which the reasons were found."""

    def __init__(self, misfit: pd.Series):
        self.joined = misfit.fillna("")

    def add(self, code: str, rejected: pd.Series) -> None:
        rejected = rejected.fillna(False).to_numpy(dtype=bool)
        if rejected.any():
            known = self.joined[rejected]
            self.joined[rejected] = (known + ("," + code)).str.lstrip(",")


def _trimmed(values: pd.Series) -> pd.Series:
    values = values.str.strip()
    if pc.all(pc.string_is_ascii(pa.array(values))).as_py() is False:
        # NFC, so that an é typed in two ways is one é in codes, names and searches.
        return values.str.normalize("NFC")
    return values


def _without_float_ending(ids: pd.Series) -> pd.Series:
    """`17850.0` is 17850: a spreadsheet or pandas took the id for a number."""
    floated = ids.str.fullmatch(r"\d+\.0+").to_numpy(dtype=bool)
    if floated.any():
        ids = ids.copy()
        ids[floated] = ids[floated].str.replace(FLOATED_ID, "", regex=True)
    return ids


def _number(column: str, values: pd.Series, decimal: pa.Decimal128Type, reasons: _Reasons) -> pd.Series:
    """The exact decimals that the texts are, null where a text is none that fits `decimal`."""
    missing = values == ""
    number = values.str.fullmatch(NUMBER)
    whole, fraction = decimal.precision - decimal.scale, decimal.scale
    # No more closing zeros than that, for pyarrow reads 38 digits.
    zeros = "0{0,24}"
    fits = values.str.fullmatch(rf"[+-]?0*(\d{{1,{whole}}}(\.\d{{0,{fraction}}}{zeros})?|\.\d{{1,{fraction}}}{zeros})")
    reasons.add(f"{column}_missing", missing)
    reasons.add(f"{column}_not_a_number", ~number & ~missing)
    reasons.add(f"{column}_out_of_range", number & ~fits)
    texts = pa.array(values.where(fits), pa.string())
    return pd.Series(pd.array(pc.cast(texts, decimal), dtype=pd.ArrowDtype(decimal)), index=values.index)


def _amount(quantity: pd.Series, unit_price: pd.Series, reasons: _Reasons) -> pd.Series:
    """quantity × unit_price to the last decimal, null where the product doesn't fit AMOUNT."""
    exact = pc.multiply(pa.array(quantity), pa.array(unit_price))
    limit = pa.scalar(Decimal(10) ** (AMOUNT.precision - AMOUNT.scale))
    too_large = pc.greater_equal(pc.abs(exact), limit)
    too_fine = pc.not_equal(exact, pc.round(exact, ndigits=AMOUNT.scale))
    fits = pc.invert(pc.or_(too_large, too_fine))
    for code, rejected in (("amount_out_of_range", too_large), ("amount_too_fine", too_fine)):
        reasons.add(code, pd.Series(rejected.to_pandas(), index=quantity.index))
    amount = pc.if_else(fits, exact, pa.scalar(None, exact.type)).cast(AMOUNT)
    return pd.Series(pd.array(amount, dtype=pd.ArrowDtype(AMOUNT)), index=quantity.index)


def _moment(column: str, values: pd.Series, formats: tuple[str, ...], reasons: _Reasons) -> pd.Series:
    """The times that the texts are, to the second; null where a text fits no format, or two differently."""
    moments = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    ambiguous = np.zeros(len(values), dtype=bool)
    for format in formats:
        fitting = values.where(values.str.fullmatch(pattern_of(format)))
        read = pd.to_datetime(fitting, format=format, errors="coerce").astype("datetime64[us]").dt.floor("s")
        ambiguous |= (read.notna() & moments.notna() & (read != moments)).to_numpy()
        moments = moments.fillna(read)
    impossible = moments.notna() & ~moments.between(EARLIEST, LATEST)
    reasons.add(f"{column}_missing", values == "")
    reasons.add(f"{column}_not_a_date", moments.isna() & (values != ""))
    reasons.add(f"{column}_ambiguous", pd.Series(ambiguous, index=values.index))
    reasons.add(f"{column}_out_of_range", impossible)
    return moments.mask(ambiguous | impossible).astype(pd.ArrowDtype(pa.timestamp("s")))


def _kind(lines: pd.DataFrame, profile: SourceProfile) -> pd.Series:
    """What each line is; the first rule that fits decides."""
    endings = tuple(code.removesuffix("*") for code in profile.non_product_codes if code.endswith("*"))
    adjustment = lines["product_code"].isin(profile.non_product_codes)
    if endings:
        adjustment |= lines["product_code"].str.startswith(endings)
    cancelled = pd.Series(False, index=lines.index)
    if profile.cancellation:
        cancelled = lines["invoice_no"].str.startswith(profile.cancellation.invoice_prefix)
    unpaid = (lines["unit_price"] == 0) & lines["customer_id"].isna()
    rules = [adjustment, cancelled, unpaid, lines["quantity"] < 0]
    kinds = np.select(
        [rule.to_numpy(dtype=bool) for rule in rules],
        ["adjustment", "return", "stock_movement", "return"],
        default="sale",
    )
    return pd.Series(pd.array(pa.array(kinds, pa.string()), dtype=TEXT), index=lines.index)
