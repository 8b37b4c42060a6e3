"""What a profile can say of an export's columns, numbers, times and statuses, and what comes of it."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.lines import type_batch
from retail_pipeline.intake.reader import read_batches, verify
from retail_pipeline.sources import SourceProfile

BASE = {
    "name": "till",
    "description": "The till in the corner shop.",
    "delimiter": ";",
    "columns": {
        "invoice_no": "no",
        "product_code": "sku",
        "quantity": "qty",
        "invoiced_at": "at",
        "unit_price": "price",
    },
    "date_formats": ["%Y-%m-%d %H:%M"],
    "time_zone": "Europe/Vienna",
    "currency": "EUR",
}
ROW = {"no": "1", "sku": "A", "qty": "2", "at": "2024-05-01 12:00", "price": "3"}


def profile(columns: dict | None = None, **changes) -> SourceProfile:
    return SourceProfile.model_validate(BASE | {"columns": BASE["columns"] | (columns or {})} | changes)


def lines(tmp_path: Path, rows: list[dict], source: SourceProfile, batch_rows: int = 100) -> list[dict | str]:
    """What became of each row: its line, or the reasons for which it is held back."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    texts = [";".join(header), *(";".join(row.get(name, "") for name in header) for row in rows)]
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    verify(path, source, "utf-8")
    found: dict[int, dict | str] = {}
    for text in read_batches(path, source, "utf-8", batch_rows):
        typed = type_batch(text.frame, source, text.date_formats)
        found |= dict(zip(typed.rejects["line_no"], typed.rejects["reasons"], strict=True))
        for line in typed.lines.astype(object).to_dict("records"):
            found[line["line_no"]] = {key: None if pd.isna(value) else value for key, value in line.items()}
    return [found[number] for number in range(1, len(rows) + 1)]


def values(tmp_path: Path, rows: list[dict], source: SourceProfile, *columns: str) -> list:
    found = lines(tmp_path, [ROW | row for row in rows], source)
    return [line if isinstance(line, str) else tuple(line[column] for column in columns) for line in found]


# Columns


def test_of_several_columns_the_first_that_a_row_fills_counts(tmp_path):
    source = profile({"product_code": ["sku", "name"], "invoice_no": ["number", "no"]})
    rows = [{"sku": "A", "name": "x"}, {"sku": " ", "name": "x"}, {"sku": "", "name": ""}]
    assert values(tmp_path, rows, source, "invoice_no", "product_code") == [
        ("1", "A"),
        ("1", "X"),
        "product_code_missing",
    ]


def test_a_default_stands_where_the_export_says_nothing_or_has_no_such_column(tmp_path):
    source = profile({"country": "land"}, defaults={"country": "Austria", "customer_id": "K1"})
    assert values(tmp_path, [{"land": ""}, {"land": "Italy"}], source, "country", "customer_id") == [
        ("Austria", "K1"),
        ("Italy", "K1"),
    ]
    assert values(tmp_path, [{}], source, "country") == [("Austria",)]


def test_a_default_stands_in_an_invoice_whose_first_row_says_nothing(tmp_path):
    source = profile({"country": "land"}, carry_down=["country"], defaults={"country": "Austria"})
    rows = [ROW | {"no": "1", "land": "Italy"}, ROW | {"no": "1", "land": ""}, ROW | {"no": "2", "land": ""}]
    assert [line["country"] for line in lines(tmp_path, rows, source)] == ["Italy", "Italy", "Austria"]


def test_an_optional_column_may_be_missing_and_another_may_not(tmp_path):
    source = profile({"discount": "rebate"}, optional=["discount"])
    assert values(tmp_path, [{}], source, "amount") == [(6,)]
    with pytest.raises(BadFile, match="column rebate: missing"):
        lines(tmp_path, [ROW], profile({"discount": "rebate"}))


def test_date_and_time_may_stand_apart(tmp_path):
    source = profile({"invoiced_time": "hour"}, date_formats=["%d.%m.%Y %H:%M", "%d.%m.%Y"])
    rows = [{"at": "1.5.2024", "hour": "18:30"}, {"at": "1.5.2024", "hour": ""}]
    assert [str(at) for (at,) in values(tmp_path, rows, source, "invoiced_at")] == [
        "2024-05-01 18:30:00",
        "2024-05-01 00:00:00",
    ]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "x", "y"])), min_size=1, max_size=12), st.integers(1, 5)
)
def test_heads_are_carried_down_within_an_invoice_whatever_the_batches(tmp_path_factory, said, batch_rows):
    rows = [ROW | {"no": str(number), "land": land} for number, land in said]
    source = profile({"country": "land"}, carry_down=["country"], missing_country="none")
    expected, before, carried = [], None, ""
    for number, land in said:
        carried = land or (carried if number == before else "")
        before = number
        expected.append(carried or "none")
    found = lines(tmp_path_factory.mktemp("heads"), rows, source, batch_rows)
    assert [line["country"] for line in found] == expected


# Money


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"decimal": ","}, {"2,5": "2.5", "-,5": "-0.5", "7": "7", "2.5": None, "1.234,5": None}),
        (
            {"decimal": ",", "thousands": "."},
            {"1.234,5": "1234.5", "1.234": "1234", "1.23": None, "1.2345": None, "12345,6": "12345.6", "0.125": None},
        ),
        ({"thousands": ","}, {"1,234.5": "1234.5", "1,23": None, "1,234,567": "1234567", "-1,234": "-1234"}),
        (
            {"signs": ["$", "US$"], "parentheses": True},
            {
                "$5": "5",
                "-$5": "-5",
                "$-5": "-5",
                "5 $": "5",
                "($5.10)": "-5.10",
                "US$ 5": "5",
                "€5": None,
                "(-5)": None,
            },
        ),
        ({}, {"1,5": None, "$5": None, "(5)": None, "1.5": "1.5"}),
    ],
)
def test_numbers_are_read_as_the_source_writes_them_and_in_no_other_way(tmp_path, numbers, expected):
    found = values(tmp_path, [{"price": text} for text in expected], profile(numbers=numbers), "unit_price")
    assert found == [(Decimal(number),) if number else "unit_price_not_a_number" for number in expected.values()]


def test_either_unit_price_or_total_gives_the_other(tmp_path):
    source = profile({"line_total": "total"})
    rows = [
        {"price": "3", "total": ""},
        {"price": "", "total": "6"},
        {"price": "3", "total": "6.00"},
        {"qty": "3", "price": "", "total": "10"},
        {"qty": "3", "price": "3.3333", "total": "10"},
        {"price": "3", "total": "7"},
        {"price": "", "total": ""},
        {"qty": "0", "price": "", "total": "5"},
        {"qty": "-2", "price": "", "total": "-6"},
        {"qty": "0", "price": "", "total": "0"},
    ]
    assert values(tmp_path, rows, source, "unit_price", "amount") == [
        (3, 6),
        (3, 6),
        (3, 6),
        (Decimal("3.3333"), 10),
        (Decimal("3.3333"), 10),
        "line_total_differs",
        "unit_price_missing",
        "amount_without_quantity",
        (3, -6),
        (0, 0),
    ]


def test_discounts_and_contained_tax_make_a_line_smaller_whatever_their_sign(tmp_path):
    source = profile({"discount": "off", "tax": "vat"})
    rows = [
        {"off": "1", "vat": "0.5"},
        {"off": "-1", "vat": "-0.5"},
        {"off": "", "vat": ""},
        {"qty": "-2", "off": "1", "vat": "0.5"},
        {"off": "x", "vat": ""},
    ]
    assert values(tmp_path, rows, source, "unit_price", "amount") == [
        (Decimal("2.25"), Decimal("4.5")),
        (Decimal("2.25"), Decimal("4.5")),
        (3, 6),
        (Decimal("2.25"), Decimal("-4.5")),
        "discount_not_a_number",
    ]


@settings(max_examples=50)
@given(
    quantity=st.integers(-99999, 99999).filter(bool),
    cents=st.integers(-(10**8), 10**8),
    off=st.integers(0, 10**4),
)
def test_the_money_of_a_line_is_its_total_to_the_penny_and_the_unit_price_its_quotient(
    tmp_path_factory, quantity, cents, off
):
    total, less = Decimal(cents) / 100, Decimal(off) / 100
    source = profile({"line_total": "total", "discount": "off"})
    row = ROW | {"qty": str(quantity), "price": "", "total": f"{total:f}", "off": f"{less:f}"}
    (line,) = lines(tmp_path_factory.mktemp("money"), [row], source)
    if isinstance(line, str):
        assert line == "unit_price_out_of_range"
        return
    assert line["amount"] == (total - less if total >= 0 else total + less)
    assert abs(line["unit_price"] - line["amount"] / quantity) <= Decimal("0.00005")


def test_amounts_in_another_currency_are_held_back_and_never_added(tmp_path):
    rows = [{"cur": "EUR"}, {"cur": "eur"}, {"cur": "CHF"}, {"cur": ""}]
    assert values(tmp_path, rows, profile({"currency": "cur"}), "amount") == [
        (6,),
        (6,),
        "currency_is_another",
        "currency_missing",
    ]


# Times


def test_times_with_an_offset_are_told_by_the_shops_clock(tmp_path):
    source = profile(date_formats=["%Y-%m-%dT%H:%M:%S%z"])
    texts = ["2024-01-01T23:30:00Z", "2024-07-01T23:30:00+00:00", "2024-07-01T23:30:00-0500", "2024-07-01T23:30:00"]
    found = values(tmp_path, [{"at": text} for text in texts], source, "invoiced_at", "invoice_date")
    assert [line if isinstance(line, str) else str(line[0]) for line in found] == [
        "2024-01-02 00:30:00",
        "2024-07-02 01:30:00",
        "2024-07-02 06:30:00",
        "invoiced_at_not_a_date",
    ]
    assert str(found[0][1]) == "2024-01-02"


def test_a_time_is_converted_to_the_reporting_zone_unless_the_clock_changed_in_that_hour(tmp_path):
    source = profile(time_zone="America/New_York", reporting_time_zone="Europe/London")
    texts = ["2024-01-01 20:00", "2024-03-10 02:30", "2024-11-03 01:30", "2024-11-03 03:00"]
    found = values(tmp_path, [{"at": text} for text in texts], source, "invoiced_at")
    assert [line if isinstance(line, str) else str(line[0]) for line in found] == [
        "2024-01-02 01:00:00",
        "invoiced_at_when_the_clock_changes",
        "invoiced_at_when_the_clock_changes",
        "2024-11-03 08:00:00",
    ]


# Cancellations


def test_a_cancellation_is_marked_by_prefix_status_or_sign(tmp_path):
    rows = [{"no": "C1", "qty": "-2"}, {"state": "refund"}, {"price": "-3"}, {}]
    cancelling = {"invoice_prefix": "C", "statuses": ["Refund"], "negative_amount": True}
    source = profile({"status": "state"}, cancellation=cancelling)
    assert values(tmp_path, rows, source, "kind", "quantity", "unit_price", "amount") == [
        ("return", -2, 3, -6),
        ("return", -2, 3, -6),
        ("return", -2, 3, -6),
        ("sale", 2, 3, 6),
    ]


def test_an_export_may_write_cancelled_quantities_positive(tmp_path):
    source = profile(cancellation={"invoice_prefix": "C", "quantities": "positive"})
    assert values(tmp_path, [{"no": "C1"}, {}], source, "kind", "quantity", "amount") == [
        ("return", -2, -6),
        ("sale", 2, 6),
    ]


def test_what_was_never_paid_is_no_sale_and_may_lack_a_price(tmp_path):
    source = profile({"status": "state"}, not_sold=["Cancelled"])
    rows = [{"state": "CANCELLED"}, {"state": "cancelled", "price": "", "qty": ""}, {"state": "paid", "price": ""}]
    assert values(tmp_path, rows, source, "kind", "amount") == [
        ("stock_movement", 6),
        ("stock_movement", 0),
        "unit_price_missing",
    ]


# Look-ups


def test_prices_and_heads_are_looked_up_in_a_second_file(tmp_path):
    (tmp_path / "products.csv").write_text("code,net\nA,4\nB,\n")
    (tmp_path / "heads.csv").write_text("id|when|who\n1|2024-05-01 12:00|K7\n")
    source = profile(
        columns={},
        lookups=[
            {"file": "products.csv", "by": "sku", "key": "code", "columns": {"unit_price": "net"}},
            {
                **{"file": "heads.csv", "delimiter": "|", "by": "no", "key": "id"},
                "columns": {"invoiced_at": "when", "customer_id": "who"},
            },
        ],
    )
    rows = [{"price": ""}, {"price": "9"}, {"price": "", "sku": "B"}, {"price": "", "sku": "Z"}, {"no": "2", "at": ""}]
    assert values(tmp_path, rows, source, "unit_price", "customer_id") == [
        (4, "K7"),
        (9, "K7"),
        "unit_price_missing",
        "unit_price_missing",
        "invoiced_at_missing",
    ]


def test_the_time_of_day_is_looked_up_like_any_other_column(tmp_path):
    (tmp_path / "heads.csv").write_text("id,hour\n1,17:45\n")
    lookup = {"file": "heads.csv", "by": "no", "key": "id", "columns": {"invoiced_time": "hour"}}
    source = profile(lookups=[lookup])
    assert values(tmp_path, [{"at": "2024-05-01"}], source, "invoiced_at") == [(pd.Timestamp("2024-05-01 17:45"),)]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "sales.csv: source till looks sku up in products.csv, which isn't there"),
        ("code,net\nA,1\nA,2\n", "products.csv, column code: says 'A' twice; each row must have its own"),
        ("code,gross\nA,1\n", "products.csv, column net: missing; the file has code, gross"),
        ("code,net\nA,1\nB,2,50\n", "products.csv, line 3: too many columns"),
    ],
)
def test_a_second_file_that_cant_be_used_is_named(tmp_path, content, complaint):
    if content:
        (tmp_path / "products.csv").write_text(content)
    lookup = {"file": "products.csv", "by": "sku", "key": "code", "columns": {"unit_price": "net"}}
    with pytest.raises(BadFile) as refused:
        lines(tmp_path, [ROW], profile(lookups=[lookup]))
    assert str(refused.value) == complaint


# Mistakes


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"defaults": {"colour": "red"}}, "defaults: 'colour' is no column of an order line"),
        ({"carry_down": ["head"]}, "carry_down: 'head' is no column of an order line"),
        ({"not_sold": ["void"]}, "columns: 'status' is not mapped, and cancellation or not_sold look at it"),
        ({"numbers": {"decimal": ",", "thousands": ","}}, "',' can't be both the decimal and the thousands mark"),
        ({"cancellation": {}}, "one of invoice_prefix, statuses and negative_amount must say what"),
        ({"reporting_time_zone": "Mars"}, "unknown time zone 'Mars'"),
        ({"lookups": [{"file": "../x", "by": "a", "key": "b", "columns": {"country": "c"}}]}, "lookups.0.file"),
    ],
)
def test_a_mistake_is_named(changes, complaint):
    with pytest.raises(ValueError) as refused:  # noqa: PT011 the message is compared
        profile(**changes)
    assert complaint in str(refused.value)
