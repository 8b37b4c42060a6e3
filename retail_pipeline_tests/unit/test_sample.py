"""The sample export: the same bytes everywhere, every kind of dirt, and nothing broken that isn't meant to be."""

import csv
import hashlib
import re
import tracemalloc
from collections import Counter, defaultdict, deque
from datetime import datetime
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path

import pytest

from retail_pipeline.demo.sample import HEADER, sample_rows, write_sample

SHA256 = "c6816215a1e8a0e78a7ce5504f4c0ca6cafdce4f2d9de3359d7976042e1a5794"

BROKEN = [
    ("Quantity", "six"),
    ("InvoiceNo", ""),
    ("InvoiceDate", "2/30/2011 10:15"),
    ("UnitPrice", "3,75"),
    ("CustomerID", "1.785E+04"),
    ("StockCode", ""),
    ("Country", None),  # too few fields
]

DIRT = {
    "a cancellation": lambda row: row["InvoiceNo"].startswith("C") and int(row["Quantity"]) < 0,
    "an office invoice": lambda row: row["InvoiceNo"].startswith("A"),
    "a guest": lambda row: row["CustomerID"] == "",
    "a stock movement": lambda row: int(row["Quantity"]) < 0 and price(row) == 0 and row["CustomerID"] == "",
    "a gift": lambda row: price(row) == 0 and row["CustomerID"] != "",
    "a price below a penny's grain": lambda row: row["UnitPrice"] == "0.125",
    "a negative price": lambda row: row["StockCode"] == "B" and price(row) < 0,
    "a lower-case code": lambda row: re.fullmatch(r"\d{5}[a-g]", row["StockCode"]),
    "a code padded before": lambda row: row["StockCode"].startswith(" "),
    "a code padded after": lambda row: row["StockCode"].endswith(" "),
    "a description padded before": lambda row: row["Description"].startswith(" "),
    "a description padded after": lambda row: row["Description"].endswith(" "),
    "a blank description": lambda row: row["Description"] == "",
    "a pound sign": lambda row: "£" in row["Description"],
    "an accent": lambda row: "É" in row["Description"],
    "a comma and quotes": lambda row: re.search('".*,.*"', row["Description"]),
}

NON_PRODUCTS = ["POST", "DOT", "M", "C2", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK", "gift_0001_20"]


def price(row: dict) -> Decimal:
    return Decimal(row["UnitPrice"])


def moment(row: dict) -> datetime:
    return datetime.strptime(row["InvoiceDate"], "%m/%d/%Y %H:%M")  # noqa: DTZ007 the shop's own time, as in the export


def fault(row: dict) -> str | None:
    """The last column that keeps a row from being an order line, told without the pipeline's own code."""
    if row["Country"] is None:
        return "Country"
    forms = {
        "InvoiceNo": r"[AC]?\d{6}",
        "StockCode": r" ?\w[\w ]*",
        "Quantity": r"-?[1-9]\d*",
        "UnitPrice": r"-?\d+(\.\d{1,3})?",
        "CustomerID": r"(\d{5})?",
        "Country": r"\w[\w ]+",
    }
    try:
        moment(row)
    except ValueError:
        return "InvoiceDate"
    return next((column for column, form in forms.items() if not re.fullmatch(form, row[column])), None)


def parse(rows) -> list[dict]:
    return [dict.fromkeys(HEADER) | dict(zip(HEADER, row, strict=False)) for row in rows]


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path)
    return path


@pytest.fixture(scope="module")
def rows(sample) -> list[dict]:
    with sample.open(encoding="cp1252", newline="") as file:
        return parse(islice(csv.reader(file, strict=True), 1, None))


@pytest.fixture(scope="module")
def good(rows) -> list[dict]:
    return [row for row in rows if not fault(row)]


@pytest.fixture(scope="module")
def returns(good) -> list[tuple[dict, list[dict]]]:
    """The cancelled lines of known customers, each with what that customer had bought of that product until then."""
    bought, found = defaultdict(list), []
    for row in good:
        key = row["CustomerID"], row["StockCode"]
        if row["InvoiceNo"].startswith("C") and row["CustomerID"] and row["StockCode"] not in NON_PRODUCTS:
            found.append((row, list(bought[key])))
        elif int(row["Quantity"]) > 0:
            bought[key].append(row)
    return found


def test_two_writes_give_the_same_bytes_on_every_machine(sample, tmp_path):
    write_sample(tmp_path / "again.csv")
    again = (tmp_path / "again.csv").read_bytes()
    assert again == sample.read_bytes()
    assert hashlib.sha256(again).hexdigest() == SHA256


def test_another_seed_gives_another_export(sample, tmp_path):
    write_sample(tmp_path / "other.csv", seed=2011)
    assert (tmp_path / "other.csv").read_bytes() != sample.read_bytes()


def test_is_cp1252_with_crlf_under_the_header_of_the_real_export(sample):
    content = sample.read_bytes()
    assert content.startswith(b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n")
    assert content.count(b"\n") == content.count(b"\r") == content.count(b"\r\n")
    assert b"GIFT VOUCHER \xa320" in content
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


def test_descriptions_with_commas_and_quotes_are_quoted(sample):
    assert b',"TIN SIGN ""TEA, CAKE & GOSSIP""",' in sample.read_bytes()


def test_exactly_seven_rows_are_broken_each_for_another_reason(rows):
    broken = [(fault(row), row) for row in rows if fault(row)]
    assert [(column, row[column]) for column, row in broken] == BROKEN


def test_broken_rows_are_spread_over_the_file(rows):
    positions = [0, *(i for i, row in enumerate(rows) if fault(row)), len(rows)]
    assert all(after - before > len(rows) / 20 for before, after in pairwise(positions))


@pytest.mark.parametrize("orders", [1, 9, 100])
def test_an_export_of_any_size_has_the_broken_rows(orders):
    broken = [fault(row) for row in parse(islice(sample_rows(orders, seed=7), 1, None)) if fault(row)]
    assert broken == [column for column, _ in BROKEN]


@pytest.mark.parametrize("kind", DIRT)
def test_has_every_kind_of_dirt(good, kind):
    assert any(DIRT[kind](row) for row in good)


@pytest.mark.parametrize("code", NON_PRODUCTS)
def test_has_every_code_that_is_not_a_product(good, code):
    assert any(row["StockCode"] == code for row in good)


def test_repeats_whole_lines_inside_an_invoice(good):
    repeated = [row for row, times in Counter(tuple(row.values()) for row in good).items() if times > 1]
    assert len(repeated) > 100


def test_sales_follow_one_another_in_time_and_end_amid_a_month(good):
    moments = [moment(row) for row in good if row["InvoiceNo"][0] not in "AC"]
    assert moments == sorted(moments)
    assert f"{moments[0]:%Y-%m-%d}" == "2010-12-01"
    assert f"{moments[-1]:%Y-%m-%d}" == "2011-12-09"
    assert "Saturday" not in {f"{moment:%A}" for moment in moments}


def test_sells_most_in_autumn(good):
    lines = Counter(f"{moment(row):%Y-%m}" for row in good)
    assert lines.most_common(1)[0][0] == "2011-11"


def test_sells_to_38_countries_but_mostly_at_home(good):
    orders = Counter(country for _, country in {(row["InvoiceNo"], row["Country"]) for row in good})
    assert len(orders) == 38
    assert {"EIRE", "RSA", "USA", "Channel Islands", "Unspecified", "European Community"} < set(orders)
    assert 0.87 < orders["United Kingdom"] / orders.total() < 0.93


def test_a_quarter_of_the_lines_are_guests(good):
    assert 0.2 < sum(row["CustomerID"] == "" for row in good) / len(good) < 0.3


def test_two_known_customers_in_three_come_back(good):
    sales = {(row["CustomerID"], row["InvoiceNo"]) for row in good if row["CustomerID"] and int(row["Quantity"]) > 0}
    orders = Counter(customer for customer, _ in sales)
    assert 0.6 < sum(times > 1 for times in orders.values()) / len(orders) < 0.73


@pytest.mark.parametrize(
    "is_such",
    [
        pytest.param(lambda row, sales: not sales, id="untraceable"),
        pytest.param(
            lambda row, sales: any(moment(row).date() == moment(sale).date() for sale in sales), id="same day"
        ),
        pytest.param(lambda row, sales: sales and moment(row).month != moment(sales[-1]).month, id="later month"),
        pytest.param(
            lambda row, sales: sales and -int(row["Quantity"]) < min(int(sale["Quantity"]) for sale in sales),
            id="partial",
        ),
    ],
)
def test_returns_are_of_every_kind(returns, is_such):
    assert sum(bool(is_such(row, sales)) for row, sales in returns) >= 10


def test_most_returns_can_be_traced_to_what_the_customer_bought(returns):
    assert sum(bool(sales) for _, sales in returns) > 0.8 * len(returns)


def test_one_large_order_is_reversed_within_minutes(good):
    largest = max(good, key=lambda row: int(row["Quantity"]) * price(row))
    [reversal] = [row for row in good if row["Quantity"] == f"-{largest['Quantity']}" and row["InvoiceNo"][0] == "C"]
    unchanged = ("StockCode", "Description", "UnitPrice", "CustomerID", "Country")
    assert [reversal[column] for column in unchanged] == [largest[column] for column in unchanged]
    assert (moment(reversal) - moment(largest)).total_seconds() == 12 * 60


def test_rows_of_a_billion_orders_begin_at_once():
    assert len(list(islice(sample_rows(10**9, seed=1), 1000))) == 1000


def test_memory_does_not_grow_with_the_number_of_orders():
    def peak(orders: int) -> int:
        tracemalloc.start()
        deque(sample_rows(orders, seed=1), maxlen=0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)  # what is loaded once and for all
    assert peak(1000) < 2 * peak(100)  # collected rows would make it thirty times as much
