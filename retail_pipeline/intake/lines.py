"""From a batch of text to typed order lines and rejects: a pure function, the batch taken as a whole."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.kinds import cancelled, kinds, not_sold
from retail_pipeline.intake.moments import moments
from retail_pipeline.intake.money import priced, returned
from retail_pipeline.intake.reader import TEXT
from retail_pipeline.intake.reasons import Reasons
from retail_pipeline.sources import FURTHER_COLUMNS, RAW_COLUMNS, SourceProfile

LONGEST = {"invoice_no": 64, "product_code": 64, "description": 500, "customer_id": 64, "country": 100}
"""Characters that the warehouse's columns take."""

LONGEST_INVOICE_LINE = 64

SCIENTIFIC = r"[+-]?\d+(\.\d*)?[eE][+-]?\d+"
FLOATED_ID = re.compile(r"\.0+$")


@dataclass(frozen=True)
class TypedBatch:
    """What became of a text batch; every row of it is in exactly one of the two frames.

    `lines`: line_no, invoice_no, product_code, description, quantity, unit_price, amount, invoiced_at, invoice_date,
    customer_id (null for guests), country, invoice_line (if the source has it), kind. `rejects`: line_no, file_line,
    reasons (comma-separated codes), the RAW_COLUMNS as the file has them, extra, amount (null where it can't be told).
    """

    lines: pd.DataFrame
    rejects: pd.DataFrame


def type_batch(text: pd.DataFrame, profile: SourceProfile, date_formats: tuple[str, ...] | None = None) -> TypedBatch:
    """Types the rows of a TextBatch's frame; rows that can't be order lines are rejected with all their reasons.

    `date_formats` are the batch's, where they are not just the profile's.
    """
    trimmed = {column: _trimmed(text[column]) for column in (*RAW_COLUMNS, *FURTHER_COLUMNS) if column in text}
    reasons = Reasons(text["misfit"])

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

    status = trimmed.get("status")
    called_off = not_sold(status, profile)
    quantity, unit_price, amount = priced(trimmed, called_off, profile, reasons)
    # In a row with too few or too many fields, what stands where the price should be need not be the price.
    amount = amount.where(text["misfit"].isna())
    returns = cancelled(invoice_no, status, quantity, amount, profile)
    if profile.cancellation and (profile.cancellation.negative_amount or profile.cancellation.quantities == "positive"):
        quantity, unit_price, amount = returned(quantity, unit_price, amount, returns)
    invoiced_at = moments("invoiced_at", trimmed["invoiced_at"], date_formats or profile.date_formats, profile, reasons)
    if "currency" in trimmed:
        _check_currency(trimmed["currency"], called_off, profile, reasons)

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
    if "invoice_line" in trimmed:
        own = _without_float_ending(trimmed["invoice_line"])
        reasons.add("invoice_line_too_long", own.str.len() > LONGEST_INVOICE_LINE)
        lines["invoice_line"] = own.where(own != "")
    accepted = (reasons.joined == "").to_numpy(dtype=bool)
    lines = lines[accepted].reset_index(drop=True)
    found = kinds(lines, None if called_off is None else called_off[accepted], returns[accepted], profile)
    lines["kind"] = pd.array(pa.array(found, pa.string()), dtype=TEXT)

    rejects = text[["line_no", "file_line", *RAW_COLUMNS, "extra"]]
    rejects.insert(2, "reasons", reasons.joined)
    rejects = rejects.assign(amount=amount)
    return TypedBatch(lines, rejects[~accepted].reset_index(drop=True))


def _check_currency(
    currency: pd.Series, called_off: np.ndarray | None, profile: SourceProfile, reasons: Reasons
) -> None:
    blank = currency == ""
    needed = blank if called_off is None else blank & ~called_off
    reasons.add("currency_missing", needed)
    reasons.add("currency_is_another", ~blank & (currency.str.upper() != profile.currency))


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
