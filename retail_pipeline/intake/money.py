"""What a line is worth, to the last decimal: quantity × unit price or a total, less discounts and contained tax."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.intake.numbers import exact, plain
from retail_pipeline.intake.reasons import Reasons
from retail_pipeline.sources import SourceProfile

QUANTITY = pa.decimal128(12, 3)
UNIT_PRICE = pa.decimal128(12, 4)
AMOUNT = pa.decimal128(15, 4)
"""Fifteen digits, which every database of ours keeps exactly: SQLite has no wider exact number with a fraction."""

WIDE = pa.decimal128(30, 7)
"""What any amount is before it is known to fit: the product of a quantity and a price has seven decimals."""

DEDUCTIONS = ("discount", "tax")


def priced(
    texts: dict[str, pd.Series], not_sold: np.ndarray | None, profile: SourceProfile, reasons: Reasons
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Quantity, unit price and amount of each row, null where they can't be told.

    The amount is quantity × unit price, or where the source says totals or deductions, those decide, and the unit
    price is what a unit came to, rounded to four decimals.
    """
    texts = {column: plain(texts[column], profile.numbers) for column in ("quantity", *_MONEY) if column in texts}
    if not_sold is not None:
        texts |= _blanks_are_nothing(texts, not_sold)
    has_totals = "line_total" in texts
    quantity = exact("quantity", texts["quantity"], QUANTITY, reasons)
    price_needed = (texts["line_total"] == "") if has_totals else None
    unit_price = exact("unit_price", texts["unit_price"], UNIT_PRICE, reasons, needed=not has_totals)
    if not has_totals and not any(column in texts for column in DEDUCTIONS):
        return quantity, unit_price, _fitted(pc.multiply(pa.array(quantity), pa.array(unit_price)), quantity, reasons)

    amount = pc.cast(pc.multiply(pa.array(quantity), pa.array(unit_price)), WIDE)
    if has_totals:
        reasons.add("unit_price_missing", price_needed & (texts["unit_price"] == ""))
        total = pc.cast(pa.array(exact("line_total", texts["line_total"], AMOUNT, reasons, needed=False)), WIDE)
        amount = _agreed(amount, total, quantity, unit_price, reasons)
    for column in DEDUCTIONS:
        if column in texts:
            amount = _less(amount, exact(column, texts[column], AMOUNT, reasons, needed=False), texts[column] == "")
    amount = _fitted(amount, quantity, reasons)
    unit_price = _of_a_unit(amount, quantity, unit_price, reasons)
    return quantity, unit_price, amount


_MONEY = ("unit_price", "line_total", *DEDUCTIONS)


def _blanks_are_nothing(texts: dict[str, pd.Series], which: np.ndarray) -> dict[str, pd.Series]:
    """What was called off may come without a quantity and without a price."""
    quantity, price = texts["quantity"], texts["unit_price"]
    unpriced = which & (price == "").to_numpy(dtype=bool)
    money = "unit_price"
    if "line_total" in texts:
        money = "line_total"
        unpriced &= (texts[money] == "").to_numpy(dtype=bool)
    return {
        "quantity": quantity.where(~(which & (quantity == "").to_numpy(dtype=bool)), "0"),
        money: texts[money].where(~unpriced, "0"),
    }


def returned(
    quantity: pd.Series, unit_price: pd.Series, amount: pd.Series, which: np.ndarray
) -> tuple[pd.Series, pd.Series, pd.Series]:
    """The same with a negative quantity and amount, and a positive price, for the rows `which`."""
    mask = pa.array(which)
    parts = [(quantity, -1), (unit_price, 1), (amount, -1)]
    turned = []
    for values, sign in parts:
        array = pa.array(values)
        size = pc.abs(array)
        turned.append(_series(pc.if_else(mask, pc.negate(size) if sign < 0 else size, array), values))
    return turned[0], turned[1], turned[2]


def _agreed(
    product: pa.Array, total: pa.Array, quantity: pd.Series, unit_price: pd.Series, reasons: Reasons
) -> pa.Array:
    """The total where the row says one, else the product; where it says both, they must be the same money."""
    implied = _ratio(total, pa.array(quantity))
    same = pc.or_(
        pc.fill_null(pc.equal(product, total), True), pc.fill_null(pc.equal(implied, pa.array(unit_price)), False)
    )
    reasons.add("line_total_differs", pd.Series(pc.invert(same).to_pandas(), index=quantity.index))
    return pc.coalesce(total, product)


def _less(amount: pa.Array, deduction: pd.Series, blank: pd.Series) -> pa.Array:
    """What is left of amounts; a deduction makes them smaller, of sales and of returns, whatever its sign."""
    size = pc.cast(pc.abs(pa.array(deduction)), WIDE)
    size = pc.if_else(pa.array(blank), pa.scalar(Decimal(0), WIDE), size)
    negative = pc.less(amount, pa.scalar(Decimal(0), WIDE))
    return pc.if_else(negative, _wide(pc.add(amount, size)), _wide(pc.subtract(amount, size)))


def _of_a_unit(amount: pd.Series, quantity: pd.Series, said: pd.Series, reasons: Reasons) -> pd.Series:
    """The unit price as the row says it if that gives the amount, else the amount of a unit."""
    counts, sums, prices = pa.array(quantity), pa.array(amount), pa.array(said)
    product = pc.multiply(counts, prices)
    exactly = pc.fill_null(pc.equal(pc.cast(sums, product.type), product), False)
    nothing = pc.equal(counts, pa.scalar(Decimal(0), QUANTITY))
    no_money = pc.equal(sums, pa.scalar(Decimal(0), AMOUNT))
    reasons.add(
        "amount_without_quantity", pd.Series(pc.and_(nothing, pc.invert(no_money)).to_pandas(), index=said.index)
    )
    ratio = _ratio(sums, counts)
    limit = pa.scalar(Decimal(10) ** (UNIT_PRICE.precision - UNIT_PRICE.scale))
    too_large = pc.fill_null(pc.greater_equal(pc.abs(ratio), limit), False)
    reasons.add("unit_price_out_of_range", pd.Series(too_large.to_pandas(), index=said.index))
    ratio = pc.if_else(too_large, pa.scalar(None, ratio.type), ratio)
    price = pc.if_else(exactly, prices, pc.cast(ratio, UNIT_PRICE))
    zero = pc.fill_null(pc.and_(nothing, no_money), False)
    return _series(pc.if_else(zero, pc.coalesce(price, pa.scalar(Decimal(0), UNIT_PRICE)), price), said)


def _ratio(amount: pa.Array, quantity: pa.Array) -> pa.Array:
    """amount ÷ quantity rounded half away from zero to the decimals of a unit price; null where the quantity is 0."""
    divisor = pc.if_else(pc.equal(quantity, pa.scalar(Decimal(0), QUANTITY)), pa.scalar(None, QUANTITY), quantity)
    quotient = pc.divide(pc.cast(amount, pa.decimal128(20, 7)), divisor)
    return pc.round(quotient, ndigits=UNIT_PRICE.scale, round_mode="half_towards_infinity")


def _fitted(exactly: pa.Array, like: pd.Series, reasons: Reasons) -> pd.Series:
    """Amounts to the last decimal, null where one doesn't fit AMOUNT."""
    limit = pa.scalar(Decimal(10) ** (AMOUNT.precision - AMOUNT.scale))
    too_large = pc.greater_equal(pc.abs(exactly), limit)
    too_fine = pc.not_equal(exactly, pc.round(exactly, ndigits=AMOUNT.scale))
    fits = pc.invert(pc.or_(too_large, too_fine))
    for code, rejected in (("amount_out_of_range", too_large), ("amount_too_fine", too_fine)):
        reasons.add(code, pd.Series(rejected.to_pandas(), index=like.index))
    return _series(pc.if_else(fits, exactly, pa.scalar(None, exactly.type)).cast(AMOUNT), like)


def _wide(values: pa.Array) -> pa.Array:
    return pc.cast(values, WIDE)


def _series(values: pa.Array, like: pd.Series) -> pd.Series:
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(values.type)), index=like.index)
