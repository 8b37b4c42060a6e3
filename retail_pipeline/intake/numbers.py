"""From texts to exact decimals."""

import re

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.reasons import Reasons
from retail_pipeline.sources import Numbers

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)"
PLAIN = Numbers()


def plain(values: pd.Series, numbers: Numbers) -> pd.Series:
    """Numbers as a source writes them, with a point and nothing else; what is none of its numbers stays none."""
    if numbers == PLAIN:
        return values
    texts = pa.array(values, pa.string())
    if numbers.parentheses:
        texts = pc.replace_substring_regex(texts, r"^\((.*)\)$", r"-\1")
    if numbers.signs:
        sign = "(?:" + "|".join(map(re.escape, numbers.signs)) + ")"
        texts = pc.replace_substring_regex(texts, rf"^([+-]?)\s*{sign}\s*([+-]?)", r"\1\2")
        texts = pc.replace_substring_regex(texts, rf"\s*{sign}$", "")
    if numbers.thousands:
        groups = rf"^[+-]?[1-9]\d{{0,2}}(?:{re.escape(numbers.thousands)}\d{{3}})+(?:{re.escape(numbers.decimal)}\d*)?$"
        whole = pc.replace_substring(texts, numbers.thousands, "")
        texts = pc.if_else(pc.match_substring_regex(texts, groups), whole, texts)
    if numbers.decimal != ".":
        texts = pc.replace_substring(texts, ".", "?")  # which is no number
        texts = pc.replace_substring(texts, numbers.decimal, ".")
    return pd.Series(pd.array(texts, dtype=pd.ArrowDtype(pa.string())), index=values.index)


def exact(
    column: str, values: pd.Series, decimal: pa.Decimal128Type, reasons: Reasons, *, needed: bool = True
) -> pd.Series:
    """The exact decimals that the texts are, null where a text is none that fits `decimal`."""
    missing = values == ""
    number = values.str.fullmatch(NUMBER)
    whole, fraction = decimal.precision - decimal.scale, decimal.scale
    # No more closing zeros than that, for pyarrow reads 38 digits.
    zeros = "0{0,24}"
    fits = values.str.fullmatch(rf"[+-]?0*(\d{{1,{whole}}}(\.\d{{0,{fraction}}}{zeros})?|\.\d{{1,{fraction}}}{zeros})")
    if needed:
        reasons.add(f"{column}_missing", missing)
    reasons.add(f"{column}_not_a_number", ~number & ~missing)
    reasons.add(f"{column}_out_of_range", number & ~fits)
    texts = pa.array(values.where(fits), pa.string())
    return pd.Series(pd.array(pc.cast(texts, decimal), dtype=pd.ArrowDtype(decimal)), index=values.index)
