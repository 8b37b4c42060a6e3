"""A made-up order export, with the shape and the kinds of dirt of the UCI Online Retail CSV.

Every order is a function of the seed and its number. So a cancellation can look up the order it returns, months later,
without anything being kept, and memory doesn't grow with the number of orders.
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, count
from pathlib import Path
from typing import NamedTuple

from retail_pipeline.yaml_files import read_yaml

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
HOME = "United Kingdom"
FIRST_INVOICE = 536365  # six digits, as in the real export
FIRST_CUSTOMER = 12346  # five digits
ORDERS_PER_CUSTOMER = 3  # with the regulars below, two customers in three come back
PENNY = Decimal("0.01")

# Of so many orders in a row, the nth is returned so many days later. What was ordered before the export begins comes
# back too: those returns can't be traced.
RETURN_CYCLE = 50
DAYS_UNTIL_RETURN = {3: 0, 9: 0, 14: 1, 22: 4, 27: 9, 33: 20, 38: 35, 46: 70}

# About half a month's sales of the default sample: who forgets that it was reversed gets a total that is plainly wrong.
REGRETTED_AMOUNT = 25_000

# One row each that can't be an order line, told by what differs from a good one.
BROKEN = (
    {"Quantity": "six"},
    {"InvoiceNo": ""},
    {"InvoiceDate": "2/30/2011 10:15"},
    {"UnitPrice": "3,75"},
    {"CustomerID": "1.785E+04"},
    {"StockCode": ""},
    {"CustomerID": None, "Country": None},  # too few fields
)


class Product(NamedTuple):
    code: str
    description: str
    price: Decimal


class Market(NamedTuple):
    country: str
    first_customer: int
    customers: int


class Line(NamedTuple):
    code: str
    description: str
    quantity: int
    price: Decimal


class Order(NamedTuple):
    customer: str  # empty for a guest
    country: str
    goods: list[Line]
    charges: list[Line]  # postage, carriage, vouchers: they don't come back


NOBODY = Order("", HOME, [], [])


class Invoice(NamedTuple):
    prefix: str
    order: Order
    moment: datetime
    broken: Sequence[dict] = ()  # how copies of its first line are broken


class Shop:
    """What all orders have in common."""

    def __init__(self, orders: int, seed: int) -> None:
        catalogue = read_yaml(Path(__file__).parent / "sample_catalogue.yaml")
        self.orders, self.seed = orders, seed
        self.bookings, self.stock_remarks = catalogue["bookings"], catalogue["stock_remarks"]
        self.hours, self.busyness = zip(*open_hours(**catalogue["calendar"]), strict=True)
        self.busy_until = list(accumulate(self.busyness))
        self.days = (self.hours[-1] - self.hours[0]).days
        # Shuffled, so that neither what sells best nor who buys next follows the catalogue.
        self.products = products(catalogue["finishes"], catalogue["wares"], catalogue["singles"])
        self.markets = list(markets(catalogue["countries"], orders))
        self.rng("products").shuffle(self.products)
        self.rng("markets").shuffle(self.markets)
        # Reversed as a whole within minutes, so it must not be one of those that are returned later.
        self.regretted = orders // 3 // RETURN_CYCLE * RETURN_CYCLE

    def rng(self, *what: object) -> random.Random:
        return random.Random(f"{self.seed} {what}")  # a text is hashed by SHA-512: the same on every machine

    def moment(self, n: int) -> datetime:
        """When the nth order came in: never before the one before it, and the busier the hour the more of them."""
        unit = 1000 * self.orders  # whole numbers only: they round alike everywhere
        position = (1000 * n + self.rng("moment", n).randrange(1000)) * self.busy_until[-1]
        i = bisect_right(self.busy_until, position // unit)
        into_the_hour = position - (self.busy_until[i] - self.busyness[i]) * unit
        return self.hours[i] + timedelta(minutes=60 * into_the_hour // (self.busyness[i] * unit))

    def order(self, n: int) -> Order:
        """The nth order, also where that was before the export begins (n < 0)."""
        rng, market = self.rng("order", n), self.markets[n % len(self.markets)]
        if n == self.regretted:
            code, description, price = self.products[0]
            goods = [Line(code, description, int(REGRETTED_AMOUNT // price), price)]
            return Order(customer(rng, market), market.country, goods, [])
        guest = rng.randrange(10) == 0
        bulk = 8 if rng.randrange(25) == 0 else 1
        # A number up to a random number: mostly small, sometimes large. Guests fill larger baskets, with less of each.
        lines = rng.randint(1, rng.randint(1, 160 if guest else 56))
        picked = dict.fromkeys(self.product(rng) for _ in range(lines))
        goods = [self.line(rng, product, guest, bulk) for product in picked]
        charges = list(self.charges(rng, guest, market.country))
        return Order("" if guest else customer(rng, market), market.country, goods, charges)

    def product(self, rng: random.Random) -> Product:
        n = len(self.products)
        return self.products[rng.randrange(rng.choice((n, n, n // 4, n // 20)))]  # the first ones sell best

    def line(self, rng: random.Random, product: Product, guest: bool, bulk: int) -> Line:
        code, description, price = product
        if guest:
            quantity = rng.choice((1, 1, 1, 1, 1, 2, 2, 3, 4))
            price = (price * Decimal("1.65")).quantize(PENNY)
        else:
            quantity = rng.choice((1, 1, 2, 2, 3, 4, 4, 6, 6, 8, 10, 12, 12, 24)) * bulk
            price = (price * Decimal("0.85")).quantize(PENNY) if quantity >= 12 else price
        slip = rng.randrange(600)
        if slip == 0:  # given away
            price = Decimal(0)
        elif slip < 4:  # typed by hand
            code = (code.lower(), f" {code}", f"{code} ")[slip - 1]
        return Line(code, description, quantity, price)

    def charges(self, rng: random.Random, guest: bool, country: str) -> Iterator[Line]:
        if guest:
            yield Line("DOT", "WEB SHOP POSTAGE", 1, rng.randint(295, 9500) * PENNY)
            if rng.randrange(6) == 0:
                yield Line("gift_0001_20", "GIFT VOUCHER £20", 1, Decimal("16.67"))
        elif country in ("EIRE", "Channel Islands"):
            yield Line("C2", "CARRIAGE BY SEA", 1, Decimal(50))
        elif country != HOME:
            yield Line("POST", "POSTAGE ABROAD", rng.randint(1, 4), Decimal(18))

    def returned(self, n: int) -> Iterator[Order]:
        """What comes back right after the nth order."""
        for which, days in DAYS_UNTIL_RETURN.items():
            earlier = n - max(1, self.orders * days // self.days)
            if earlier % RETURN_CYCLE == which:
                order, rng = self.order(earlier), self.rng("return", earlier)
                goods = order.goods
                if rng.randrange(12) > 0:  # the others come back as a whole
                    some = rng.sample(goods, min(len(goods), rng.randint(1, 3)))
                    goods = [line._replace(quantity=rng.randint(1, line.quantity)) for line in some]
                yield reversal(order._replace(goods=goods))

    def booked(self, n: int, order: Order) -> Iterator[tuple[str, Order]]:
        """The invoices that sell nothing, with their prefix, right after the nth order."""
        rng = self.rng("booking", n)
        for booking in self.bookings:
            if n % booking["every"] == booking["every"] // 2:
                price = rng.randint(*booking["pence"]) * PENNY
                line = Line(booking["code"], booking["description"], booking["quantity"], price)
                whose = order if booking["customer"] else NOBODY
                yield booking["invoice"], whose._replace(goods=[], charges=[line])
        if n % 15 == 7:  # stock is written off, or found again
            quantity = rng.choice((-1, -1, -1, -1, 1)) * rng.randint(1, 90)
            line = Line(self.product(rng).code, rng.choice(self.stock_remarks), quantity, Decimal(0))
            yield "", NOBODY._replace(goods=[line])

    def invoices(self) -> Iterator[Invoice]:
        broken_at = [i * self.orders // (len(BROKEN) + 1) for i in range(1, len(BROKEN) + 1)]
        for n in range(self.orders):
            order, moment = self.order(n), self.moment(n)
            yield Invoice("", order, moment, [broken for broken, at in zip(BROKEN, broken_at, strict=True) if at == n])
            if n == self.regretted:
                yield Invoice("C", reversal(order), moment + timedelta(minutes=12))
            for reverse in self.returned(n):
                yield Invoice("C", reverse, moment)
            for prefix, booking in self.booked(n, order):
                yield Invoice(prefix, booking, moment)


def products(finishes: list[str], wares: dict[str, float], singles: dict[str, float]) -> list[Product]:
    """The wares in all their finishes, and the singles; some descriptions are padded, as in the real export."""
    sold = [
        (f"{21000 + 53 * i}{letter}", f"{finish} {ware}", price)
        for i, (ware, price) in enumerate(wares.items())
        for letter, finish in zip("ABCDEFG", finishes, strict=True)
    ]
    sold += [(f"{84000 + 29 * i}", single, price) for i, (single, price) in enumerate(singles.items())]
    return [
        Product(code, " " * (i % 11 == 7) + name + " " * (i % 5 == 0), Decimal(str(price)))
        for i, (code, name, price) in enumerate(sold)
    ]


def markets(countries: dict[str, int], orders: int) -> Iterator[Market]:
    """Each country as often as it has orders in a round. Orders go round, so that chance leaves no country out."""
    first = FIRST_CUSTOMER
    for country, weight in countries.items():
        customers = max(1, orders * weight // sum(countries.values()) // ORDERS_PER_CUSTOMER)
        yield from [Market(country, first, customers)] * weight
        first += customers


def customer(rng: random.Random, market: Market) -> str:
    """One of the market's customers; every twelfth is a regular, who often orders in the others' place."""
    who = rng.randrange(market.customers)
    return str(market.first_customer + who - who % rng.choice((1, 1, 12)))


def open_hours(
    first_day: date, last_day: date, holidays: list[str], months: list[int], weekdays: list[int], hours: dict[int, int]
) -> Iterator[tuple[datetime, int]]:
    """The hours at which orders come in, and how busy each is."""
    for passed in range((last_day - first_day).days + 1):
        day = first_day + timedelta(days=passed)
        busy = 0 if f"{day:%m-%d}" in holidays else months[day.month - 1] * weekdays[day.weekday()]
        if busy:
            yield from ((datetime.combine(day, time(hour)), busy * weight) for hour, weight in hours.items())


def reversal(order: Order) -> Order:
    return order._replace(goods=[line._replace(quantity=-line.quantity) for line in order.goods], charges=[])


def sample_rows(orders: int, seed: int) -> Iterator[list[str]]:
    """The rows of the export, header first, one at a time."""
    yield list(HEADER)
    shop, numbers = Shop(orders, seed), count(FIRST_INVOICE)
    for prefix, order, moment, broken in shop.invoices():
        number = f"{prefix}{next(numbers)}"
        when = f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02}"
        rng = shop.rng("repeat", number)
        for i, (code, description, quantity, price) in enumerate(order.goods + order.charges):
            price_text = f"{price.normalize():f}"  # 2.1, not 2.10
            row = [number, code, description, str(quantity), when, price_text, order.customer, order.country]
            yield from [row] * (2 if rng.randrange(120) == 0 else 1)  # some are keyed in twice
            for faults in broken if i == 0 else ():
                yield [field for field in (dict(zip(HEADER, row, strict=True)) | faults).values() if field is not None]


def write_sample(path: Path, *, orders: int = 1200, seed: int = 2010) -> None:
    """Write an export of that many orders to `path` (cp1252, CRLF): the same bytes on every machine, in every run."""
    with path.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file).writerows(sample_rows(orders, seed))
