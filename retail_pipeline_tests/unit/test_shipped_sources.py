"""Each shipped source reads its platform's export to the penny."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from retail_pipeline.demo.sample import Shop
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.lines import type_batch
from retail_pipeline.intake.reader import read_batches, verify
from retail_pipeline.intake.recognition import recognise
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline_tests.platforms import PLATFORMS, discount, orders, write_platform_sample

SOLD = list(orders(Shop(200, 2010)))
LINES = [(sold, line) for sold in SOLD for line in sold.order.goods]


def lines(path: Path, source: str) -> pd.DataFrame:
    profile = recognise(path, SourceCatalogue())
    assert profile.name == source
    encoding = encoding_of(path, profile.encodings)
    verify(path, profile, encoding)
    parts = [type_batch(text.frame, profile, text.date_formats) for text in read_batches(path, profile, encoding, 700)]
    rejects = pd.concat([part.rejects for part in parts])
    assert rejects.empty, rejects[["file_line", "reasons"]].head().to_string()
    return pd.concat([part.lines for part in parts], ignore_index=True)


@pytest.mark.parametrize("source", PLATFORMS)
def test_every_line_of_a_platforms_export_is_what_was_sold_and_what_it_came_to(tmp_path, source):
    found = lines(write_platform_sample(source, tmp_path), source)
    assert len(found) == len(LINES)
    sales = found[found["kind"] == "sale"]
    sold = [(sold, line) for sold, line in LINES if not sold.is_called_off]
    assert sum(sales["amount"]) == sum(line.quantity * line.price - discount(line) for _, line in sold)
    # A gift to nobody that is known is a movement of stock; Amazon names no customers.
    named = source != "amazon_orders"
    paid = [(sold, line) for sold, line in sold if line.price or (named and sold.order.customer)]
    assert list(sales["quantity"]) == [line.quantity for _, line in paid]
    assert sales["invoice_no"].nunique() == len({sold.number for sold, _ in paid})
    assert sales["customer_id"].nunique() <= len({sold.order.customer for sold in SOLD if sold.order.customer})
    others = {"square_items": "return"}.get(source, "stock_movement")
    assert set(found["kind"]) == {"sale", "stock_movement", others}
    exact = sales["quantity"] * sales["unit_price"] == sales["amount"]
    assert ((sales["amount"] / sales["quantity"] - sales["unit_price"]).abs() <= Decimal("0.00005"))[~exact].all()


@pytest.mark.parametrize(
    ("source", "first"), [("shopify_orders", 0), ("square_items", 0), ("woocommerce_orders", 0), ("amazon_orders", 7)]
)
def test_times_are_told_by_the_clock_of_the_reports(tmp_path, source, first):
    found = lines(write_platform_sample(source, tmp_path), source)
    expected = pd.Timestamp(SOLD[0].moment).tz_localize("UTC").tz_convert("America/Los_Angeles").tz_localize(None)
    moments = {7: expected, 0: pd.Timestamp(SOLD[0].moment)}
    assert found["invoiced_at"][0] == moments[first]


def test_a_shopify_order_has_its_head_on_each_of_its_lines_and_on_no_other_order(tmp_path):
    found = lines(write_platform_sample("shopify_orders", tmp_path), "shopify_orders")
    by_order = {f"#{sold.number}": sold for sold in SOLD}
    for invoice, customer, at in zip(found["invoice_no"], found["customer_id"], found["invoiced_at"], strict=True):
        sold = by_order[invoice]
        assert at == sold.moment
        assert (None if pd.isna(customer) else customer) == (
            f"customer{sold.order.customer}@example.com" if sold.order.customer else None
        )


def test_online_retail_ii_gives_the_lines_of_the_same_orders_in_online_retail(tmp_path):
    from retail_pipeline.demo.sample import write_sample

    write_sample(tmp_path / "one.csv", orders=200)
    two = write_platform_sample("online_retail_ii", tmp_path)
    both = []
    for path in (tmp_path / "one.csv", two):
        profile = recognise(path, SourceCatalogue())
        (text,) = read_batches(path, profile, encoding_of(path, profile.encodings), 10_000)
        both.append(type_batch(text.frame, profile))
    assert recognise(two, SourceCatalogue()).name == "online_retail_ii"
    pd.testing.assert_frame_equal(both[0].lines, both[1].lines)
    assert len(both[1].rejects) == 7
