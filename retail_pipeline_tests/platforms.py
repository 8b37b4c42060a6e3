"""The made-up shop's orders as the platforms export them that the shipped sources are for."""

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from retail_pipeline.demo.sample import FIRST_INVOICE, PENNY, Line, Order, Shop, sample_rows

NEW_YORK = ZoneInfo("America/New_York")

ISO = {"United Kingdom": "GB", "Germany": "DE", "France": "FR", "EIRE": "IE", "Spain": "ES", "Netherlands": "NL"}

SHOPIFY = (
    *("Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Fulfilled at", "Accepts Marketing"),
    *("Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code", "Discount Amount", "Shipping Method"),
    *("Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem compare at price"),
    *("Lineitem sku", "Lineitem requires shipping", "Lineitem taxable", "Lineitem fulfillment status"),
    *("Billing Name", "Billing Street", "Billing Address1", "Billing Address2", "Billing Company", "Billing City"),
    *("Billing Zip", "Billing Province", "Billing Country", "Billing Phone", "Shipping Name", "Shipping Street"),
    *("Shipping Address1", "Shipping Address2", "Shipping Company", "Shipping City", "Shipping Zip"),
    *("Shipping Province", "Shipping Country", "Shipping Phone", "Notes", "Note Attributes", "Cancelled at"),
    *("Payment Method", "Payment Reference", "Refunded Amount", "Vendor", "Outstanding Balance", "Employee"),
    *("Location", "Device ID", "Id", "Tags", "Risk Level", "Source", "Lineitem discount", "Tax 1 Name"),
    *("Tax 1 Value", "Phone", "Receipt Number", "Duties", "Billing Province Name", "Shipping Province Name"),
)
WOOCOMMERCE = (
    *("order_id", "order_number", "date", "status", "shipping_total", "shipping_tax_total", "fee_total"),
    *("fee_tax_total", "tax_total", "discount_total", "order_total", "refunded_total", "order_currency"),
    *("payment_method", "shipping_method", "customer_id", "billing_first_name", "billing_last_name"),
    *("billing_company", "billing_email", "billing_phone", "billing_address_1", "billing_address_2"),
    *("billing_postcode", "billing_city", "billing_state", "billing_country", "shipping_first_name"),
    *("shipping_last_name", "shipping_address_1", "shipping_address_2", "shipping_postcode", "shipping_city"),
    *("shipping_state", "shipping_country", "shipping_company", "customer_note", "item_id", "item_product_id"),
    *("item_name", "item_sku", "item_quantity", "item_subtotal", "item_subtotal_tax", "item_total"),
    *("item_total_tax", "item_refunded", "item_refunded_qty", "item_meta"),
)
AMAZON = (
    *("amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status"),
    *("fulfillment-channel", "sales-channel", "order-channel", "ship-service-level", "product-name", "sku", "asin"),
    *("item-status", "quantity", "currency", "item-price", "item-tax", "shipping-price", "shipping-tax"),
    *("gift-wrap-price", "gift-wrap-tax", "item-promotion-discount", "ship-promotion-discount", "ship-city"),
    *("ship-state", "ship-postal-code", "ship-country", "promotion-ids"),
)
SQUARE = (
    *("Date", "Time", "Time Zone", "Category", "Item", "Qty", "Price Point Name", "SKU", "Modifiers Applied"),
    *("Gross Sales", "Discounts", "Net Sales", "Tax", "Transaction ID", "Payment ID", "Device Name", "Notes"),
    *("Details", "Event Type", "Location", "Dining Option", "Customer ID", "Customer Name"),
    *("Customer Reference ID", "Unit", "Count"),
)
ONLINE_RETAIL_II = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")

CALLED_OFF = 23
"""Of so many orders in a row, one is called off before it is paid."""


class Sold(NamedTuple):
    """An order as a platform has it."""

    number: int
    order: Order
    moment: datetime
    is_called_off: bool


Row = dict[str, object]


def orders(shop: Shop) -> Iterator[Sold]:
    """What was ordered: returns and bookings are not what these platforms' exports show."""
    numbers = count(FIRST_INVOICE)
    for invoice in shop.invoices():
        if not invoice.prefix and invoice.order.goods and invoice.order.goods[0].quantity > 0:
            number = next(numbers)
            yield Sold(number, invoice.order, invoice.moment, number % CALLED_OFF == 0)


def discount(line: Line) -> Decimal:
    """A tenth off of what sells by the dozen; it rarely comes out even for a single piece."""
    total = line.quantity * line.price
    return (total / 10).quantize(PENNY) if line.quantity >= 12 else Decimal(0)


def shopify(sold: Sold) -> Iterator[Row]:
    when = sold.moment.replace(tzinfo=NEW_YORK)
    head: Row = {
        "Email": f"customer{sold.order.customer}@example.com" if sold.order.customer else "",
        "Financial Status": "voided" if sold.is_called_off else "paid",
        "Fulfillment Status": "unfulfilled" if sold.is_called_off else "fulfilled",
        "Currency": "USD",
        "Created at": f"{when:%Y-%m-%d %H:%M:%S %z}",
        "Billing Country": ISO.get(sold.order.country, "US"),
        "Shipping Country": ISO.get(sold.order.country, "US") if sold.number % 7 else "",
        "Id": 5_000_000_000_000 + sold.number,
    }
    for place, line in enumerate(sold.order.goods):
        yield (head if place == 0 else {}) | {
            "Name": f"#{sold.number}",
            "Lineitem quantity": line.quantity,
            "Lineitem name": line.description.strip() or "GIFT",
            "Lineitem price": line.price,
            "Lineitem sku": line.code.strip() if place % 9 else "",
            "Lineitem requires shipping": "true",
            "Lineitem discount": discount(line),
        }


def woocommerce(sold: Sold) -> Iterator[Row]:
    for place, line in enumerate(sold.order.goods):
        yield {
            "order_id": sold.number,
            "order_number": sold.number,
            "date": f"{sold.moment:%Y-%m-%d %H:%M:%S}",
            "status": "cancelled" if sold.is_called_off else "completed",
            "order_currency": "EUR",
            "customer_id": sold.order.customer,
            "billing_country": ISO.get(sold.order.country, "DE"),
            "item_id": sold.number * 100 + place,
            "item_name": line.description.strip(),
            "item_sku": line.code.strip(),
            "item_quantity": line.quantity,
            "item_subtotal": line.quantity * line.price,
            "item_total": line.quantity * line.price - discount(line),
        }


def amazon(sold: Sold) -> Iterator[Row]:
    when = sold.moment.replace(tzinfo=UTC)
    for line in sold.order.goods:
        yield {
            "amazon-order-id": f"{sold.number % 1000:03}-{sold.number:07}-{sold.number * 7 % 10**7:07}",
            "purchase-date": when.isoformat(),
            "last-updated-date": when.isoformat(),
            "order-status": "Cancelled" if sold.is_called_off else "Shipped",
            "sales-channel": "Amazon.com",
            "product-name": line.description.strip(),
            "sku": line.code.strip(),
            "quantity": 0 if sold.is_called_off else line.quantity,
            "currency": "" if sold.is_called_off else "USD",
            "item-price": "" if sold.is_called_off else line.quantity * line.price,
            "item-promotion-discount": "" if sold.is_called_off else discount(line) or "",
            "ship-country": ISO.get(sold.order.country, "US"),
        }


def square(sold: Sold) -> Iterator[Row]:
    sign, event = (-1, "Refund") if sold.is_called_off else (1, "Payment")
    for line in sold.order.goods:
        gross, off = sign * line.quantity * line.price, sign * discount(line)
        yield {
            "Date": f"{sold.moment:%Y-%m-%d}",
            "Time": f"{sold.moment:%H:%M:%S}",
            "Time Zone": "Eastern Time (US & Canada)",
            "Category": "Gifts",
            "Item": line.description.strip() or "GIFT",
            "Qty": f"{sign * line.quantity}.0",
            "Price Point Name": "Regular",
            "SKU": line.code.strip(),
            "Gross Sales": dollars(gross),
            "Discounts": dollars(-off),
            "Net Sales": dollars(gross - off),
            "Tax": dollars(Decimal(0)),
            "Transaction ID": f"Tx{sold.number}",
            "Event Type": event,
            "Location": "Main Street",
            "Customer ID": sold.order.customer,
            "Unit": "ea",
            "Count": sign * line.quantity,
        }


def dollars(money: Decimal) -> str:
    return f"{'-' if money < 0 else ''}${abs(money):,.2f}"


class Platform(NamedTuple):
    """How a platform's export is written."""

    file_name: str
    header: tuple[str, ...]
    rows: Callable[[Sold], Iterator[Row]]
    dialect: Mapping[str, object] = MappingProxyType({})


PLATFORMS = {
    "shopify_orders": Platform("orders_export_1.csv", SHOPIFY, shopify),
    "woocommerce_orders": Platform("orders-export.csv", WOOCOMMERCE, woocommerce),
    "amazon_orders": Platform(
        "amazon_orders.txt", AMAZON, amazon, {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
    ),
    "square_items": Platform("items.csv", SQUARE, square),
}


def write_platform_sample(source: str, folder: Path, *, orders_made: int = 200, seed: int = 2010) -> Path:
    """Writes a made-up export of one of the shipped sources; the same bytes on every machine, in every run."""
    if source == "online_retail_ii":
        path = folder / "online_retail_II.csv"
        rows = sample_rows(orders_made, seed)
        next(rows)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([ONLINE_RETAIL_II, *rows])
        return path
    platform = PLATFORMS[source]
    path = folder / platform.file_name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, platform.header, restval="", **platform.dialect)
        writer.writeheader()
        for sold in orders(Shop(orders_made, seed)):
            writer.writerows(platform.rows(sold))
    return path
