"""What a line is: sale, return, adjustment or stock movement, by its source's rules."""

import numpy as np
import pandas as pd

from retail_pipeline.sources import SourceProfile


def not_sold(status: pd.Series | None, profile: SourceProfile) -> np.ndarray | None:
    """Which rows were never sold; None where the source doesn't say such a thing."""
    return _has_status(status, profile.not_sold) if profile.not_sold and status is not None else None


def cancelled(
    invoice_no: pd.Series, status: pd.Series | None, quantity: pd.Series, amount: pd.Series, profile: SourceProfile
) -> np.ndarray:
    """Which rows the source marks as cancelled."""
    rule, marked = profile.cancellation, np.zeros(len(invoice_no), dtype=bool)
    if rule is None:
        return marked
    if rule.invoice_prefix:
        marked |= invoice_no.str.startswith(rule.invoice_prefix).to_numpy(dtype=bool)
    if rule.statuses and status is not None:
        marked |= _has_status(status, rule.statuses)
    if rule.negative_amount:
        marked |= ((amount < 0) & (quantity > 0)).fillna(False).to_numpy(dtype=bool)
    return marked


def kinds(
    lines: pd.DataFrame, called_off: np.ndarray | None, returns: np.ndarray, profile: SourceProfile
) -> np.ndarray:
    """The kind of each line; the first rule that fits decides."""
    endings = tuple(code.removesuffix("*") for code in profile.non_product_codes if code.endswith("*"))
    adjustment = lines["product_code"].isin(profile.non_product_codes)
    if endings:
        adjustment |= lines["product_code"].str.startswith(endings)
    unpaid = (lines["unit_price"] == 0) & lines["customer_id"].isna()
    rules = [adjustment, returns, unpaid, lines["quantity"] < 0]
    names = ["adjustment", "return", "stock_movement", "return"]
    if called_off is not None:  # at most goods were put aside and back; no money came of it
        rules, names = [called_off, *rules], ["stock_movement", *names]
    return np.select([np.asarray(rule, dtype=bool) for rule in rules], names, default="sale")


def _has_status(status: pd.Series, wanted: tuple[str, ...]) -> np.ndarray:
    return status.str.lower().isin([text.lower() for text in wanted]).to_numpy(dtype=bool)
