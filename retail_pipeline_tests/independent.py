"""The marts of `online_retail` exports computed a second time, from the CSV files alone, and how to compare the two.

Nothing here comes from retail_pipeline. Money and units are whole numbers of 10^-4 until presented: never floats.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pandas as pd

NOT_PRODUCTS = r"POST|DOT|M|C2|D|S|B|BANK CHARGES|AMAZONFEE|CRUK|GIFT_0001_.*"
PLACES = 4  # of every amount
SUMS = ["gross_sales", "returns_value", "units_sold", "units_returned", "adjustments_value", "net_revenue"]
RATIOS = {"average_order_value": ("gross_sales", "orders", 4), "return_rate": ("returns_value", "gross_sales", 6)}
LOYALTY = ["one_time", "repeat", "no_order", "guest"]
SCALED = {*SUMS, "unit_price", *(f"{who}_net_revenue" for who in LOYALTY)}
PLACE = ["country", "country_code", "region"]
MEASURES = "gross_sales returns_value units_sold units_returned"
SALES = f"{MEASURES} orders customers adjustments_value net_revenue average_order_value return_rate"
COLUMNS = {
    "mart_invoice_days": "source invoice_no invoice_date month country country_code region customer_id customer_key "
    f"currency order_key first_invoiced_at line_count {MEASURES} adjustments_value",
    "mart_orders": "source invoice_no invoice_date first_invoiced_at country country_code region customer_id currency "
    f"line_count orders {MEASURES} adjustments_value net_revenue",
    "mart_sales_daily": f"invoice_date country country_code region currency {SALES}",
    "mart_sales_monthly": f"month country country_code region currency {SALES} repeat_customers",
    "mart_products": f"source product_code currency first_sold last_sold {MEASURES} orders customers description "
    "net_revenue return_rate",
    "mart_customers": f"source customer_id currency first_order_date last_order_date {MEASURES} orders country "
    "country_code region customer_type net_revenue average_order_value return_rate",
    "mart_returns": "load_id line_no source invoice_no invoice_date month product_code description customer_id country "
    "country_code region currency unit_price units_returned returns_value",
    "mart_kpis": f"scope_type scope period currency first_invoice_date last_invoice_date {SALES} one_time_customers "
    f"repeat_customers guest_orders {' '.join(f'{who}_net_revenue' for who in LOYALTY)}",
}

Geography = Mapping[str, tuple[str | None, str]]


def expected_marts(paths: Iterable[Path], geography: Geography) -> dict[str, pd.DataFrame]:
    """The marts by name, of exports that don't overlap; `geography` gives a country label's ISO code and region.

    Values are str, int, Decimal, date, datetime and None. Reads both dialects; leaves out what can't be an order line.
    """
    lines = measured(pd.concat([read(path) for path in paths], ignore_index=True), geography)
    marts = {
        "mart_invoice_days": invoice_days(lines),
        "mart_orders": orders(lines),
        "mart_sales_daily": totals(lines, ["invoice_date", *PLACE, "currency"]),
        "mart_sales_monthly": with_loyalty(lines, ["month", *PLACE, "currency"]),
        "mart_products": products(lines),
        "mart_customers": customers(lines),
        "mart_returns": lines[lines.kind == "return"],
        "mart_kpis": kpis(lines),
    }
    return {name: presented(marts[name], columns.split()) for name, columns in COLUMNS.items()}


def read(path: Path) -> pd.DataFrame:
    """The order lines of one export. Not by pandas.read_csv: that fills up the rows that have too few fields."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252")
    header, *rows = filter(None, csv.reader(io.StringIO(text, newline=""), strict=True))
    whole = [(line_no, *row) for line_no, row in enumerate(rows, 1) if len(row) == len(header)]
    raw = pd.DataFrame(whole, columns=["line_no", *header])
    lines = raw[["line_no"]].assign(load_id=f"{path.stem}-{hashlib.sha256(content).hexdigest()[:12]}")
    good = pd.Series(True, index=raw.index)
    for column, (name, parse) in FIELDS.items():
        values = {}
        for field in raw[column].unique():
            with suppress(ValueError):
                values[field] = parse(field.strip())
        good &= raw[column].isin(values.keys())
        lines[name] = raw[column].map(values)
    return lines[good].astype({"quantity": "int64", "unit_price": "int64"})


def matching(pattern: str, text: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(text)
    return text


def moment(text: str) -> datetime:
    form = "%m/%d/%Y %H:%M" if "/" in text else "%Y-%m-%d %H:%M:%S"
    return datetime.strptime(text, form)  # noqa: DTZ007 the shop's own time, as in the export


FIELDS = {
    "InvoiceNo": ("invoice_no", lambda text: matching(r".+", text)),
    "StockCode": ("product_code", lambda text: matching(r".+", text).upper()),
    "Description": ("description", str),
    "Quantity": ("quantity", lambda text: int(matching(r"-?\d+", text))),
    "InvoiceDate": ("invoiced_at", moment),
    "UnitPrice": ("unit_price", lambda text: int(Decimal(matching(r"-?\d+(\.\d{1,4})?", text)).scaleb(PLACES))),
    "CustomerID": ("customer_id", lambda text: matching(r"(?![\d.]+[Ee][+-]?\d+$).*", text).removesuffix(".0")),
    "Country": ("country", lambda text: text or "Unspecified"),
}
"""The export's columns: their names in the tables, and what a trimmed field means (a ValueError: nothing)."""


def measured(lines: pd.DataFrame, geography: Geography) -> pd.DataFrame:
    """The lines with their kind, what each adds to every sum, and the order and the customer that it makes count."""
    amount, quantity = lines.quantity * lines.unit_price, lines.quantity * 10**PLACES
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
        country_code=lines.country.map({label: iso2 or "" for label, (iso2, _) in here.items()}),
        region=lines.country.map({label: region for label, (_, region) in here.items()}),
        gross_sales=amount.where(sale, 0),
        returns_value=-amount.where(back, 0),
        net_revenue=amount.where(sale | back, 0),
        units_sold=quantity.where(sale, 0),
        units_returned=-quantity.where(back, 0),
        adjustments_value=amount.where(kind == "adjustment", 0),
        order=lines.invoice_no.where(sale),
        buyer=lines.customer_id.where(sale & ~guest),
    )


def totals(lines: pd.DataFrame, grain: list[str], **also: tuple[str, str]) -> pd.DataFrame:
    """The measures of each group of lines, and what else is asked for as (column, aggregation)."""
    sums = {name: (name, "sum") for name in SUMS}
    counts = {"orders": ("order", "nunique"), "customers": ("buyer", "nunique"), "line_count": ("line_no", "size")}
    return lines.groupby(grain, as_index=False).agg(**sums, **counts, **also)


def with_loyalty(lines: pd.DataFrame, grain: list[str], **also: tuple[str, str]) -> pd.DataFrame:
    """`totals`, and customers, orders and net revenue by how often a customer ordered within the group of lines."""
    each = totals(lines, [*grain, "customer_id"])
    known = each.customer_id != ""
    types = (known & (each.orders == 1), known & (each.orders >= 2), known & (each.orders == 0), ~known)
    for who, such in zip(LOYALTY, types, strict=True):
        each[f"{who}_customers"] = such.astype("int64")
        each[f"{who}_orders"], each[f"{who}_net_revenue"] = each.orders.where(such, 0), each.net_revenue.where(such, 0)
    loyalty = [f"{who}_{what}" for who in LOYALTY for what in ("customers", "orders", "net_revenue")]
    counted = each.groupby(grain, as_index=False)[loyalty].sum()
    return totals(lines, grain, **also).merge(counted, on=grain, validate="1:1")


def invoice_days(lines: pd.DataFrame) -> pd.DataFrame:
    grain = ["source", "invoice_no", "invoice_date", "month", *PLACE, "customer_id", "currency"]
    found = totals(lines, grain, first_invoiced_at=("invoiced_at", "min"))
    found["customer_key"] = (found.source + "/" + found.customer_id).where(found.customer_id != "", "")
    found["order_key"] = (found.source + "/" + found.invoice_no).where(found.orders > 0, "")
    return found


def orders(lines: pd.DataFrame) -> pd.DataFrame:
    """A row per invoice; day, place and customer are those of its earliest line."""
    first = {name: (name, "first") for name in ["invoice_date", *PLACE, "customer_id", "currency"]}
    in_time = lines.sort_values("invoiced_at", kind="stable")
    return totals(in_time, ["source", "invoice_no"], first_invoiced_at=("invoiced_at", "first"), **first)


def products(lines: pd.DataFrame) -> pd.DataFrame:
    grain, sales = ["source", "product_code", "currency"], lines[lines.kind == "sale"]
    days = {"first_sold": ("invoice_date", "min"), "last_sold": ("invoice_date", "max")}
    sold = sales.groupby(grain, as_index=False).agg(**days)
    names = sales[sales.description != ""].groupby([*grain, "description"], as_index=False).agg(times=("kind", "size"))
    names = names.sort_values(["times", "description"], ascending=[False, True]).drop_duplicates(grain)
    found = totals(lines[lines.kind.isin(["sale", "return"])], grain)
    return found.merge(sold, "left", grain).merge(names, "left", grain)


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    grain, known = ["source", "customer_id", "currency"], lines[lines.customer_id != ""]
    days = {"first_order_date": ("invoice_date", "min"), "last_order_date": ("invoice_date", "max")}
    dates = known[known.kind == "sale"].groupby(grain, as_index=False).agg(**days)
    latest = orders(known).sort_values(["first_invoiced_at", "invoice_no"]).drop_duplicates(grain, keep="last")
    found = totals(known, grain).merge(dates, "left", grain).merge(latest[grain + PLACE], "left", grain)
    found["customer_type"] = np.select([found.orders == 0, found.orders == 1], ["No orders", "One-time"], "Repeat")
    return found


def kpis(lines: pd.DataFrame) -> pd.DataFrame:
    grain = ["scope_type", "scope", "period", "currency"]
    days = {"first_invoice_date": ("invoice_date", "min"), "last_invoice_date": ("invoice_date", "max")}
    scopes = {"all": "All countries", "region": lines.region, "country": lines.country}
    periods = ["all time", lines.invoice_date.dt.strftime("%Y")]
    scoped = (lines.assign(scope_type=kind, scope=scopes[kind], period=period) for kind in scopes for period in periods)
    return pd.concat([with_loyalty(part, grain, **days) for part in scoped])


def presented(mart: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The mart's columns, with their values as a database's driver gives them."""

    def value(column: str, stored: object) -> object:
        if pd.isna(stored) or stored == "":
            return None
        if isinstance(stored, pd.Timestamp):
            return stored.to_pydatetime() if column == "first_invoiced_at" else stored.date()
        return Decimal(stored).scaleb(-PLACES) if column in SCALED else stored

    shown = {name: [value(name, stored) for stored in mart[name].tolist()] for name in columns if name not in RATIOS}
    for name in RATIOS.keys() & set(columns):
        above, below, places = RATIOS[name]
        pairs = zip(shown[above], shown[below], strict=True)
        unit = Decimal(1).scaleb(-places)
        shown[name] = [(a / b).quantize(unit, ROUND_HALF_UP) if b else None for a, b in pairs]  # half away from zero
    return pd.DataFrame(shown, columns=columns, dtype=object)


def differences(expected: pd.DataFrame, actual: pd.DataFrame, grain: list[str]) -> list[str]:
    """Where two tables differ, whatever the order of their rows: the first 20 places by row and column."""
    columns = list(expected.columns)
    if uneven := sorted({*columns} ^ {*actual.columns}):
        return [f"columns that only one side has: {', '.join(uneven)}"]
    found: list[str] = []
    sides: dict[str, dict[str, dict]] = {"expected": {}, "actual": {}}
    for side, table in (("expected", expected[columns]), ("actual", actual[columns])):
        for values in table.astype(object).where(table.notna(), None).itertuples(index=False, name=None):
            row = dict(zip(columns, values, strict=True))
            key = ", ".join(f"{name} {row[name]!s}" for name in grain)
            if key in sides[side]:
                found.append(f"{key}: more than one row in {side}")
            sides[side][key] = row
    for key in sides["expected"] | sides["actual"]:
        wanted, given = sides["expected"].get(key), sides["actual"].get(key)
        if wanted is None or given is None:
            found.append(f"{key}: {'unexpected' if wanted is None else 'missing'}")
            continue
        for name, value in wanted.items():
            if given[name] != value or isinstance(given[name], float):  # a float that happens to be equal is wrong too
                found.append(f"{key}: {name}: expected {value!s}, actual {given[name]!s}")
    return found[:20]
