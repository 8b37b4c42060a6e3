"""From the files to order lines, and to the rows that can't be any."""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

PLACES = 4  # of every amount
NOT_PRODUCTS = r"POST|DOT|M|C2|D|S|B|BANK CHARGES|AMAZONFEE|CRUK|GIFT_0001_.*"
LARGEST_AMOUNT = 10**15 - 1  # fifteen digits

Geography = Mapping[str, tuple[str | None, str]]


def read(path: Path, landing_no: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The order lines of one export, and the rows that can't be order lines: what they'd be worth, if that can be told.

    Not by pandas.read_csv: that fills up the rows that have too few fields.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    header, *rows = filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))
    width = len(header)
    raw = pd.DataFrame([(row + [""] * width)[:width] for row in rows], columns=header, dtype=object)
    lines = pd.DataFrame({"line_no": range(1, len(rows) + 1)})
    lines = lines.assign(load_id=f"{path.stem}-{hashlib.sha256(content).hexdigest()[:12]}", landing_no=landing_no)
    fitting = pd.Series([len(row) >= width and not any(row[width:]) for row in rows], dtype=bool)
    good = fitting.copy()
    for column, (name, parse) in FIELDS.items():
        values = {}
        for field in raw[column].unique():
            with suppress(ValueError):
                values[field] = parse(field.strip())
        good &= raw[column].isin(values.keys())
        lines[name] = pd.Series([values.get(field) for field in raw[column]], dtype=object)
    lines["amount"] = pd.Series([*map(amount, lines.quantity, lines.unit_price)], dtype=object)
    can_be_told = lines.amount.notna()
    good &= can_be_told
    worth = lines.amount.where(can_be_told & fitting, 0)  # which field is which, where the row has too few or too many?
    quarantined = lines[["load_id"]].assign(amount=worth.astype("int64"))[~good]
    kinds = {"quantity": "int64", "unit_price": "int64", "amount": "int64", "invoiced_at": "datetime64[us]"}
    return lines[good].astype(kinds | dict.fromkeys(TEXTS, "str")), quarantined


def filled(text: str) -> str:
    if not text:
        raise ValueError(text)
    return text


def identifier(text: str) -> str:
    """A number that some spreadsheet took for a quantity: 17850.0 is 17850, but 1.785E+04 may be one of many."""
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[Ee][+-]?\d+", text):
        raise ValueError(text)
    return re.sub(r"^(\d+)\.0+$", r"\1", text)


def number(text: str, digits: int, places: int) -> int:
    """In units of 10^-4, if it has no more digits before and places after the point."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", text):
        raise ValueError(text)
    exact = Decimal(text)
    if abs(exact) >= 10**digits or exact.scaleb(places) % 1:
        raise ValueError(text)
    return int(exact.scaleb(PLACES))


def amount(quantity: int | None, unit_price: int | None) -> int | None:
    """Their product, unless one of them, or the product with its four places, can't be told."""
    if quantity is None or unit_price is None:
        return None
    product, rest = divmod(quantity * unit_price, 10**PLACES)
    return product if rest == 0 and abs(product) <= LARGEST_AMOUNT else None


def moment(text: str) -> datetime:
    form = "%m/%d/%Y %H:%M" if "/" in text else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(text, form)  # noqa: DTZ007 the shop's own time, as in the export


FIELDS = {
    "InvoiceNo": ("invoice_no", lambda text: identifier(filled(text))),
    "StockCode": ("product_code", lambda text: filled(text).upper()),
    "Description": ("description", str),
    "Quantity": ("quantity", lambda text: number(text, 9, 3)),
    "InvoiceDate": ("invoiced_at", moment),
    "UnitPrice": ("unit_price", lambda text: number(text, 8, 4)),
    "CustomerID": ("customer_id", identifier),
    "Country": ("country", lambda text: text or "Unspecified"),
}
"""The export's columns: their names in the tables, and what a trimmed field means (a ValueError: nothing)."""

TEXTS = ["invoice_no", "product_code", "description", "customer_id", "country"]


def measured(lines: pd.DataFrame, geography: Geography) -> pd.DataFrame:
    """The lines with their kind, what each adds to every sum, and the order and the customer that it makes count."""
    guest = lines.customer_id == ""
    rules = [
        (lines.product_code.str.fullmatch(NOT_PRODUCTS), "adjustment"),
        (lines.invoice_no.str.startswith("C"), "return"),
        ((lines.unit_price == 0) & guest, "stock_movement"),
        (lines.quantity < 0, "return"),
    ]
    kind = pd.Series(np.select(*zip(*rules, strict=True), "sale"), index=lines.index)
    sale, back = kind == "sale", kind == "return"
    places = {label.upper(): place for label, place in geography.items()}
    here = {label: places.get(label.upper(), (None, "Unknown")) for label in lines.country.unique()}
    return lines.assign(
        source="online_retail",
        currency="GBP",
        kind=kind,
        invoice_date=lines.invoiced_at.dt.normalize(),
        month=lines.invoiced_at.dt.to_period("M").dt.start_time,
        year=lines.invoiced_at.dt.strftime("%Y"),
        country_code=lines.country.map({label: iso2 or "" for label, (iso2, _) in here.items()}),
        region=lines.country.map({label: region for label, (_, region) in here.items()}),
        gross_sales=lines.amount.where(sale, 0),
        returns_value=-lines.amount.where(back, 0),
        net_revenue=lines.amount.where(sale | back, 0),
        guest_net_revenue=lines.amount.where((sale | back) & guest, 0),
        units_sold=lines.quantity.where(sale, 0),
        units_returned=-lines.quantity.where(back, 0),
        adjustments_value=lines.amount.where(kind == "adjustment", 0),
        adjustment_code=lines.product_code.where(kind == "adjustment", ""),
        order=lines.invoice_no.where(sale),
        guest_order=lines.invoice_no.where(sale & guest),
        buyer=lines.customer_id.where(sale & ~guest),
        day_sold=lines.invoiced_at.dt.normalize().where(sale),
    )
