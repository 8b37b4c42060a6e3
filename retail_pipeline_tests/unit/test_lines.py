"""Typing a batch: exact values, kinds by rule, and every row in exactly one of lines and rejects."""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.intake.lines import LONGEST, TypedBatch, type_batch
from retail_pipeline.intake.money import AMOUNT, QUANTITY, UNIT_PRICE
from retail_pipeline.intake.reader import TEXT
from retail_pipeline.sources import RAW_COLUMNS, SourceCatalogue, SourceProfile

PROFILE = SourceCatalogue().get("online_retail")
LINE = {
    "invoice_no": "536365",
    "product_code": "85123A",
    "description": "LANTERN",
    "quantity": "6",
    "invoiced_at": "12/1/2010 8:26",
    "unit_price": "2.55",
    "customer_id": "17850",
    "country": "United Kingdom",
}
REASONS = {
    *{"too_few_columns", "too_many_columns", "invoice_no_missing", "product_code_missing"},
    *{"invoice_no_in_scientific_notation", "customer_id_in_scientific_notation"},
    *{
        "invoice_no_too_long",
        "product_code_too_long",
        "description_too_long",
        "customer_id_too_long",
        "country_too_long",
    },
    *{"quantity_missing", "quantity_not_a_number", "quantity_out_of_range"},
    *{"unit_price_missing", "unit_price_not_a_number", "unit_price_out_of_range"},
    *{"amount_out_of_range", "amount_too_fine"},
    *{"invoiced_at_missing", "invoiced_at_not_a_date", "invoiced_at_ambiguous", "invoiced_at_out_of_range"},
}

many_rows = settings(max_examples=15)
"""Each example is a batch of rows already."""


def profile(**changes) -> SourceProfile:
    return SourceProfile.model_validate(PROFILE.model_dump() | changes)


def batch(*rows: dict[str, str | None]) -> pd.DataFrame:
    """A TextBatch's frame; what a row doesn't say is as in LINE."""
    frame = {"line_no": range(1, len(rows) + 1), "file_line": range(2, len(rows) + 2)}
    for column in RAW_COLUMNS:
        frame[column] = pd.array([row.get(column, LINE[column]) for row in rows], dtype=TEXT)
    for column in ("extra", "misfit"):
        frame[column] = pd.array([row.get(column) for row in rows], dtype=TEXT)
    return pd.DataFrame(frame)


def typed(*rows: dict[str, str | None], source: SourceProfile = PROFILE) -> TypedBatch:
    return type_batch(batch(*rows), source)


def fates(*rows: dict[str, str | None], source: SourceProfile = PROFILE) -> list[dict | str]:
    """What becomes of each row: its order line, or the reasons for which it is rejected."""
    result = typed(*rows, source=source)
    known = dict(zip(result.rejects["line_no"], result.rejects["reasons"], strict=True))
    for line in result.lines.astype(object).to_dict("records"):
        known[line["line_no"]] = {column: None if pd.isna(value) else value for column, value in line.items()}
    return [known[line_no] for line_no in range(1, len(rows) + 1)]


def read_as(column: str, texts: Iterable[str], source: SourceProfile = PROFILE, **same: str) -> dict[str, object]:
    """By text in this column: the value that it is, or the reasons for which it is none."""
    texts = list(texts)
    found = fates(*({column: text} | same for text in texts), source=source)
    return {text: fate if isinstance(fate, str) else fate[column] for text, fate in zip(texts, found, strict=True)}


# A line


def test_a_row_becomes_an_order_line():
    assert fates({}) == [
        {
            "line_no": 1,
            "invoice_no": "536365",
            "product_code": "85123A",
            "description": "LANTERN",
            "quantity": Decimal("6.000"),
            "unit_price": Decimal("2.5500"),
            "amount": Decimal("15.3000"),
            "invoiced_at": pd.Timestamp("2010-12-01 08:26"),
            "invoice_date": date(2010, 12, 1),
            "customer_id": "17850",
            "country": "United Kingdom",
            "kind": "sale",
        }
    ]


def test_a_rejected_row_is_kept_as_the_file_has_it():
    row = {column: f" {value} " for column, value in LINE.items()} | {"quantity": " six ", "extra": '{"Till": "7"}'}
    [kept] = typed({}, row).rejects.to_dict("records")
    assert pd.isna(kept.pop("amount"))
    assert kept == row | {"line_no": 2, "file_line": 3, "reasons": "quantity_not_a_number"}


def test_the_money_of_a_rejected_row_is_told_where_quantity_and_price_are_known():
    rejects = typed({"invoice_no": ""}, {"quantity": ""}, {"unit_price": "x"}, {"invoiced_at": "soon"}).rejects
    amounts = [None if pd.isna(amount) else amount for amount in rejects["amount"]]
    assert amounts == [Decimal("15.3"), None, None, Decimal("15.3")]


def test_a_batch_without_lines_or_rejects_has_the_columns_of_any_other():
    full = typed({}, {"quantity": ""})
    for result in (typed(), typed({}), typed({"quantity": ""})):
        assert list(result.lines.dtypes.items()) == list(full.lines.dtypes.items())
        assert list(result.rejects.dtypes.items()) == list(full.rejects.dtypes.items())


# Reasons


def test_each_row_that_can_not_be_an_order_line_is_rejected_with_its_reason():
    rows = {
        "too_few_columns": {"misfit": "too_few_columns"},
        "too_many_columns": {"misfit": "too_many_columns"},
        "invoice_no_missing": {"invoice_no": " \u00a0\t"},
        "product_code_missing": {"product_code": ""},
        "invoice_no_in_scientific_notation": {"invoice_no": "5.36365E+05"},
        "customer_id_in_scientific_notation": {"customer_id": "1.785e+04"},
        "quantity_missing": {"quantity": ""},
        "quantity_not_a_number": {"quantity": "six"},
        "quantity_out_of_range": {"quantity": "1000000000"},
        "unit_price_missing": {"unit_price": " "},
        "unit_price_not_a_number": {"unit_price": "£3,75"},
        "unit_price_out_of_range": {"unit_price": "0.00001"},
        "amount_out_of_range": {"quantity": "100000000", "unit_price": "1000"},
        "amount_too_fine": {"quantity": "0.001", "unit_price": "0.01"},
        "invoiced_at_missing": {"invoiced_at": ""},
        "invoiced_at_not_a_date": {"invoiced_at": "2/29/2011 10:15"},
        "invoiced_at_out_of_range": {"invoiced_at": "12/31/0999 23:59"},
        **{f"{column}_too_long": {column: "x" * (limit + 1)} for column, limit in LONGEST.items()},
    }
    assert fates(*rows.values()) == list(rows)
    assert set(rows) == REASONS - {"invoiced_at_ambiguous"}


def test_a_row_is_rejected_with_all_its_reasons():
    row = {"misfit": "too_few_columns", "invoice_no": "", "quantity": "x", "unit_price": "", "invoiced_at": "x"}
    assert fates(row, dict.fromkeys(RAW_COLUMNS, "")) == [
        "too_few_columns,invoice_no_missing,quantity_not_a_number,unit_price_missing,invoiced_at_not_a_date",
        "invoice_no_missing,product_code_missing,quantity_missing,unit_price_missing,invoiced_at_missing",
    ]


@pytest.mark.parametrize(("column", "limit"), LONGEST.items())
def test_texts_are_measured_in_characters_after_trimming(column, limit):
    # Some of these letters are two in upper case, or two to four bytes.
    for letter in ("x", "ß", "ŉ", "漢", "😀"):
        longest, longer = f" {letter * limit} ", letter * (limit + 1)
        values = read_as(column, [longest, longer])
        assert len(values[longest]) == limit
        assert values[longer] == f"{column}_too_long"


def test_a_text_that_grows_when_its_characters_are_composed_is_measured_as_it_is_stored():
    assert len(unicodedata.normalize("NFC", "\u0958")) == 2
    text = "\u0958" * 33
    assert read_as("product_code", [text]) == {text: "product_code_too_long"}


# Numbers


def test_a_number_is_what_its_digits_say():
    numbers = {
        **{"6": "6", "-6": "-6", "+6": "6", "006": "6", "6.": "6", "6.0": "6", ".5": "0.5", "-.5": "-0.5", "-0": "0"},
        **{" 7 ": "7", "\t7\u00a0": "7", "7\n": "7", "1.500000000000000000": "1.5", "0" * 60 + "1": "1"},
        **{"999999999": "999999999", "-999999999": "-999999999", "1." + "0" * 27: "1"},
    }
    expected = {text: Decimal(number) for text, number in numbers.items()}
    assert read_as("quantity", numbers, unit_price="1") == expected


def test_what_is_not_plainly_a_number_is_never_read_as_one():
    texts = [
        *["six", ".", "-", "+-1", "--1", "1-", "(1)", "1,000", "1 000", "1_000", "1e2", "1e400", "0x10", "1/2", "½"],
        *["²", "NaN", "nan", "inf", "-Infinity", "None", "NULL", "true", "١٢", "１２", "Ⅷ", "−1", "1\u200b", "\ufeff1"],
        "1\n2",
    ]
    for column in ("quantity", "unit_price"):
        assert read_as(column, texts) == dict.fromkeys(texts, f"{column}_not_a_number")


def test_a_number_beyond_what_the_tables_keep_is_rejected_however_long_it_is():
    texts = ["9" * 10, "9" * 5000, "-" + "9" * 40, "1." + "0" * 60, "0." + "0" * 40 + "1"]
    for column in ("quantity", "unit_price"):
        assert read_as(column, texts) == dict.fromkeys(texts, f"{column}_out_of_range")


def test_an_amount_is_kept_up_to_eleven_digits_and_four_decimals_and_never_rounded():
    factors = {
        ("999999999", "0.0001"): None,
        ("-999999999.999", "0.1"): None,
        ("999999999.999", "100"): None,
        ("1000", "99999999.9999"): None,
        ("-1000", "99999999.9999"): None,
        ("999.9", "-99999999.999"): None,
        ("0.001", "0.1"): None,
        ("1000.001", "99999999"): "amount_out_of_range",
        ("100000000", "1000"): "amount_out_of_range",
        ("-100000000", "1000"): "amount_out_of_range",
        ("0.001", "0.0999"): "amount_too_fine",
        ("-0.001", "0.0001"): "amount_too_fine",
        ("999999999.999", "99999999.9999"): "amount_out_of_range,amount_too_fine",
    }
    found = fates(*({"quantity": quantity, "unit_price": unit_price} for quantity, unit_price in factors))
    for (quantity, unit_price), reasons, fate in zip(factors, factors.values(), found, strict=True):
        if reasons:
            assert fate == reasons
        else:
            assert (fate["quantity"], fate["unit_price"]) == (Decimal(quantity), Decimal(unit_price))
            assert fate["amount"] == Decimal(quantity) * Decimal(unit_price)


QUANTITIES = st.decimals(-(10**10), 10**10, places=3) | st.integers(-100, 100).map(Decimal)
UNIT_PRICES = st.decimals(-(10**9), 10**9, places=4) | st.decimals(0, 100, places=2)


@many_rows
@given(st.lists(st.tuples(QUANTITIES, UNIT_PRICES), min_size=1, max_size=50))
def test_any_quantity_times_any_price_is_exact_or_rejected_for_the_right_reason(factors):
    found = fates(*({"quantity": f"{quantity:f}", "unit_price": f"{price:f}"} for quantity, price in factors))
    for (quantity, price), fate in zip(factors, found, strict=True):
        out_of_range = {"quantity": abs(quantity) >= 10**9, "unit_price": abs(price) >= 10**8}
        reasons = [f"{column}_out_of_range" for column, is_out in out_of_range.items() if is_out]
        if not reasons and abs(quantity * price) >= 10**11:
            reasons.append("amount_out_of_range")
        if not any(out_of_range.values()) and round(quantity * price, 4) != quantity * price:
            reasons.append("amount_too_fine")
        assert (fate if reasons else fate["amount"]) == (",".join(reasons) or quantity * price)


def test_numbers_are_decimals_of_the_tables_precision():
    lines = typed({}).lines
    assert lines["quantity"].dtype.pyarrow_dtype == QUANTITY == pa.decimal128(12, 3)
    assert lines["unit_price"].dtype.pyarrow_dtype == UNIT_PRICE == pa.decimal128(12, 4)
    assert lines["amount"].dtype.pyarrow_dtype == AMOUNT == pa.decimal128(15, 4)


# Times


def times(texts: Iterable[str], *formats: str) -> dict[str, str]:
    """By text: the time that it is, or why it is none."""
    source = profile(date_formats=formats) if formats else PROFILE
    return {text: str(value) for text, value in read_as("invoiced_at", texts, source).items()}


def test_a_time_is_read_in_each_format_of_the_source():
    expected = {
        "12/1/2010 8:26": "2010-12-01 08:26:00",
        "12/01/2010 08:26": "2010-12-01 08:26:00",
        "2010-12-01 08:26:00": "2010-12-01 08:26:00",
        " 12/1/2010  8:26\n": "2010-12-01 08:26:00",
        "2/29/2012 0:00": "2012-02-29 00:00:00",
        "1/1/1000 0:00": "1000-01-01 00:00:00",
        "9999-12-31 23:59:59": "9999-12-31 23:59:59",
    }
    assert times(expected) == expected


def test_a_time_at_the_end_of_the_calendar_is_held_back_where_another_zone_may_have_none():
    offset = profile(date_formats=["%Y-%m-%d %H:%M:%S %z"])
    (found,) = read_as("invoiced_at", ["9999-12-31 23:59:59 -0500"], offset).values()
    assert found == "invoiced_at_out_of_range"
    elsewhere = profile(date_formats=["%Y-%m-%d %H:%M:%S"], reporting_time_zone="America/New_York")
    (found,) = read_as("invoiced_at", ["9999-12-31 23:59:59"], elsewhere).values()
    assert found == "invoiced_at_out_of_range"


def test_the_invoice_date_is_the_day_of_the_shops_clock():
    lines = typed({"invoiced_at": "12/31/2010 23:59"}, {"invoiced_at": "2011-01-01 00:00:00"}).lines
    assert list(lines["invoice_date"]) == [date(2010, 12, 31), date(2011, 1, 1)]


def test_what_no_format_fits_to_the_letter_is_no_date():
    texts = [
        *["2/29/2011 10:15", "13/1/2010 8:26", "4/31/2011 8:26", "0/1/2010 8:26", "2010-02-30 08:26:00"],
        *["12/1/2010 24:00", "12/1/2010 8:60", "2010-12-01 08:26:60", "2010-12-01 08:26:61", "2010-12-01 24:00:00"],
        *["12/1/10 8:26", "12/31/10000 8:26", "1/1/0000 8:26", "-2010-12-01 08:26:00", "12/1/2010", "2010-12-01"],
        *["2010-12-01T08:26:00", "2010-12-01 08:26:00Z", "2010-12-01 08:26:00+01:00", "2010-12-01 08:26:00.5"],
        *["12/1/2010 8:26 PM", "now", "today", "NaT", "nan", "40513.35", "1291191960", "1 December 2010"],
        *[
            "１２/1/2010 8:26",
            "٢٠١٠-12-01 08:26:00",
            "２０１０-12-01 08:26:00",
            "12/1/2010 8:26\u200b",
            "12 /1/2010 8:26",
        ],
    ]
    assert times(texts) == dict.fromkeys(texts, "invoiced_at_not_a_date")


def test_a_time_before_the_first_that_the_tables_keep_is_out_of_range():
    texts = ["1/1/0001 0:00", "12/31/0999 23:59", "0999-12-31 23:59:59"]
    assert times(texts) == dict.fromkeys(texts, "invoiced_at_out_of_range")


@pytest.mark.parametrize("formats", [("%d/%m/%Y", "%m/%d/%Y"), ("%m/%d/%Y", "%d/%m/%Y")])
def test_a_date_that_two_formats_read_differently_is_ambiguous_in_whichever_order(formats):
    expected = {
        "1/2/2010": "invoiced_at_ambiguous",
        "12/11/2010": "invoiced_at_ambiguous",
        "2/2/2010": "2010-02-02 00:00:00",
        "13/2/2010": "2010-02-13 00:00:00",
        "2/13/2010": "2010-02-13 00:00:00",
        "13/13/2010": "invoiced_at_not_a_date",
    }
    assert times(expected, *formats) == expected


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("%Y%m%d", {"20101201": "2010-12-01", "201012": None, "2010121": None, "today": None}),
        ("%d%m%Y", {"01122010": "2010-12-01", "1122010": None}),
        ("%d/%m/%Y %H%M", {"1/12/2010 0826": "2010-12-01 08:26", "1/12/2010 826": None}),
        ("%y-%m-%d", {"10-12-01": "2010-12-01", "2010-12-01": None}),
        ("%Y-%m-%d", {"2010-12-01": "2010-12-01", "10-12-01": None, "2010-12-01 00:00:00": None, "now": None}),
        ("%d %b %Y", {"1 dec 2010": "2010-12-01", "01 DEC 2010": "2010-12-01", "1 Dez 2010": None}),
        ("%B %d, %Y", {"December 1, 2010": "2010-12-01", "Dec 1, 2010": None}),
        ("%d.%m.%Y", {"1.12.2010": "2010-12-01", "1-12-2010": None, "1x12x2010": None}),
        ("%Y-%m-%dT%H:%M:%S", {"2010-12-01T08:26:00": "2010-12-01 08:26", "2010-12-01 08:26:00": None}),
        (
            "%m/%d/%Y %I:%M %p",
            {"12/1/2010 8:26 pm": "2010-12-01 20:26", "12/1/2010 12:00 AM": "2010-12-01", "12/1/2010 13:00 PM": None},
        ),
    ],
)
def test_a_text_fits_a_format_in_one_way_only(format, expected):
    assert times(expected, format) == {
        text: str(pd.Timestamp(time)) if time else "invoiced_at_not_a_date" for text, time in expected.items()
    }


def test_times_are_kept_to_the_second_and_never_rounded_up():
    texts = [f"2010-12-31 23:59:59.{fraction}" for fraction in ("5", "000", "999999", "9999999", "123456789")]
    assert times(texts, "%Y-%m-%d %H:%M:%S.%f") == dict.fromkeys(texts, "2010-12-31 23:59:59")


@many_rows
@given(st.lists(st.datetimes(datetime.fromisoformat("1000-01-01")), min_size=1, unique=True))
def test_any_time_that_a_source_can_write_is_read_back(moments):
    texts = {
        f"{moment:%m/%d/}{moment.year:04}{moment: %H:%M}": f"{moment.isoformat(' ', 'minutes')}:00"
        for moment in moments
    }
    texts |= {moment.isoformat(" ", "seconds"): moment.isoformat(" ", "seconds") for moment in moments}
    assert times(texts) == texts


# Identifiers and texts


@pytest.mark.parametrize("column", ["invoice_no", "customer_id"])
def test_a_number_that_was_taken_for_a_fraction_is_itself_again_and_any_other_stays(column):
    expected = {
        **{"17850": "17850", "17850.0": "17850", "17850.000": "17850", " 17850.0 ": "17850", "0.0": "0"},
        **{"00123.0": "00123", "17850.5": "17850.5", "17850.05": "17850.05", "A17850.0": "A17850.0"},
        **{"C536379": "C536379", "1.0.0": "1.0.0", "١٧٨٥٠.0": "١٧٨٥٠.0", "12E": "12E", "E12": "E12"},
    }
    assert read_as(column, expected) == expected


@pytest.mark.parametrize("column", ["invoice_no", "customer_id"])
def test_an_identifier_in_scientific_notation_has_lost_its_digits_and_is_rejected(column):
    texts = ["1.785E+04", "1.785e4", "1785E1", "-1.785E+04", "1.E5", "536365E-05"]
    assert read_as(column, texts) == dict.fromkeys(texts, f"{column}_in_scientific_notation")


def test_product_codes_are_trimmed_and_in_upper_case():
    expected = {
        **{"85123a": "85123A", " 85123A\t": "85123A", "\u00a0post ": "POST", "bank charges": "BANK CHARGES"},
        **{"é": "É", "15056e3": "15056E3"},
    }
    assert read_as("product_code", expected) == expected


def test_the_case_of_everything_else_stays():
    for column in ("invoice_no", "description", "customer_id", "country"):
        assert read_as(column, ["c536379", "Lantern"]) == {"c536379": "c536379", "Lantern": "Lantern"}


def test_a_letter_typed_in_two_ways_is_one_letter():
    for column in ("invoice_no", "product_code", "description", "customer_id", "country"):
        assert set(read_as(column, ["CAFE\u0301", "CAF\u00c9"]).values()) == {"CAF\u00c9"}


def test_what_is_left_out_is_null_or_the_sources_label():
    texts = ["", " ", "\t\u00a0\u3000"]
    assert read_as("description", texts) == dict.fromkeys(texts)
    assert read_as("customer_id", texts) == dict.fromkeys(texts)
    assert read_as("country", texts) == dict.fromkeys(texts, "Unspecified")
    assert read_as("country", texts, profile(missing_country="At home")) == dict.fromkeys(texts, "At home")


@many_rows
@given(st.sets(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=20), min_size=1))
def test_any_code_is_trimmed_composed_and_upper_once_and_for_all(texts):
    codes = {code for code in read_as("product_code", texts).values() if code != "product_code_missing"}
    assert all(code == code.strip() == unicodedata.normalize("NFC", code) for code in codes)
    assert read_as("product_code", codes) == {code: code for code in codes}


# Kinds


def kinds(rows: Iterable[dict[str, str]], source: SourceProfile = PROFILE) -> list[str]:
    return [fate["kind"] for fate in fates(*rows, source=source)]


def kinds_of_codes(codes: Iterable[str], source: SourceProfile = PROFILE) -> list[str]:
    return kinds([{"product_code": code} for code in codes], source)


FREE = {"unit_price": "0"}
GUEST = {"customer_id": ""}
BACK = {"quantity": "-1"}
CANCELLED = {"invoice_no": "C536379"}
POSTAGE = {"product_code": "post"}


def test_the_kind_of_a_line_is_the_first_rule_that_fits():
    expected = [
        ({}, "sale"),
        (GUEST, "sale"),
        (FREE, "sale"),
        ({"quantity": "0"}, "sale"),
        ({"unit_price": "-1"}, "sale"),
        (BACK, "return"),
        (BACK | FREE, "return"),
        (FREE | GUEST, "stock_movement"),
        (FREE | GUEST | BACK, "stock_movement"),
        ({"unit_price": "0.0000", "customer_id": " "}, "stock_movement"),
        (CANCELLED, "return"),
        (CANCELLED | BACK, "return"),
        (CANCELLED | FREE | GUEST, "return"),
        ({"invoice_no": " C536379"}, "return"),
        (POSTAGE, "adjustment"),
        (POSTAGE | CANCELLED | BACK, "adjustment"),
        (POSTAGE | FREE | GUEST, "adjustment"),
        ({"invoice_no": "A563185", "product_code": "B"}, "adjustment"),
    ]
    assert list(zip([row for row, _ in expected], kinds(row for row, _ in expected), strict=True)) == expected


def test_a_non_product_code_makes_an_adjustment_however_it_is_written():
    codes = ["POST", "dot", " M ", "C2", "D", "S", "B", "Bank Charges", "amazonfee", "CRUK"]
    assert kinds_of_codes(codes) == ["adjustment"] * len(codes)


def test_only_a_code_with_a_star_stands_for_any_ending():
    assert kinds_of_codes(["GIFT_0001_80", "gift_0001_10", "GIFT_0001_"]) == ["adjustment"] * 3
    assert kinds_of_codes(["GIFT_0001", "GIFTX0001_80", "XGIFT_0001_80", "POSTER", "DOTCOM"]) == ["sale"] * 5


def test_a_star_inside_a_code_and_regular_expressions_are_just_characters():
    source = profile(non_product_codes=["A*B", "C.D", "[E]*"])
    assert kinds_of_codes(["A*B", "C.D", "[E]1"], source) == ["adjustment"] * 3
    assert kinds_of_codes(["AXB", "CXD", "E1"], source) == ["sale"] * 3


def test_a_source_may_have_no_cancellation_rule_and_no_non_product_codes():
    source = profile(cancellation=None, non_product_codes=[])
    assert kinds([CANCELLED, POSTAGE, BACK], source) == ["sale", "sale", "return"]


# Every row, once

ANY_TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ODD_TEXT = st.sampled_from(["", " ", "-1", "0.001", "1e5", "1.0", "x", "now", "١", "x" * 600])
ANY_ROW = st.fixed_dictionaries(
    {column: st.just(usual) | ODD_TEXT | ANY_TEXT for column, usual in LINE.items()}
    | {"misfit": st.sampled_from([None, None, "too_few_columns", "too_many_columns"])}
)


@many_rows
@given(st.lists(ANY_ROW, max_size=20))
def test_every_row_of_a_batch_ends_in_exactly_one_of_lines_and_rejects(rows):
    text = batch(*rows)
    result = type_batch(text, PROFILE)
    assert sorted([*result.lines["line_no"], *result.rejects["line_no"]]) == list(text["line_no"])
    assert {reason for reasons in result.rejects["reasons"] for reason in reasons.split(",")} <= REASONS
    assert result.lines.drop(columns=["description", "customer_id"]).notna().all(axis=None)
    for line in result.lines.to_dict("records"):
        assert line["amount"] == line["quantity"] * line["unit_price"]
    kept = text[text["line_no"].isin(result.rejects["line_no"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(result.rejects[["file_line", *RAW_COLUMNS]], kept[["file_line", *RAW_COLUMNS]])


@many_rows
@given(st.lists(ANY_ROW, min_size=1, max_size=12), st.data())
def test_what_becomes_of_a_row_does_not_depend_on_the_rows_beside_it(rows, data):
    text = batch(*rows)
    cut = data.draw(st.integers(0, len(rows)))
    whole = type_batch(text, PROFILE)
    parts = [type_batch(part.reset_index(drop=True), PROFILE) for part in (text[:cut], text[cut:])]
    for whole_frame, part_frames in (
        (whole.lines, [part.lines for part in parts]),
        (whole.rejects, [part.rejects for part in parts]),
    ):
        pd.testing.assert_frame_equal(whole_frame, pd.concat(part_frames, ignore_index=True))
