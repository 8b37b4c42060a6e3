"""What always holds of loads, on every database."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from retail_pipeline.engines import DatabaseEngine
from retail_pipeline.errors import BadFile, BadInput, Unreachable
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, bulk, ledger
from retail_pipeline.warehouse.landing import land, landed_file, read_anew
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.tables import (
    contested_invoices,
    order_lines,
    quarantined_lines,
    raw_order_lines,
    superseded_lines,
)
from retail_pipeline_tests.exports import (
    ONLINE_RETAIL,
    assert_everything_is_accounted_for,
    entry,
    ingest,
    order_line,
    rows,
)

pytestmark = pytest.mark.database

TABLES = (raw_order_lines, order_lines, superseded_lines, quarantined_lines)


def snapshot(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """All that loads left in the tables, but for when it happened."""
    figures = ["load_id", "rows_loaded", "rows_superseded", "amount_loaded", "amount_superseded"]
    with warehouse.reading() as connection:
        figures_of_loads = [tuple(row[name] for name in figures) for row in ledger.entries(connection)]
    return {table.name: rows(warehouse, table) for table in TABLES} | {"loads": figures_of_loads}


def test_a_load_keeps_the_text_types_the_lines_and_holds_back_the_rest(warehouse, export):
    path = export("day.csv", order_line(quantity=3, price="2.555"), order_line(quantity="six"))
    load_id = ingest(warehouse, path)
    assert rows(warehouse, raw_order_lines, "line_no", "quantity") == [(1, "3"), (2, "six")]
    assert rows(warehouse, order_lines, "line_no", "quantity", "unit_price", "amount", "kind") == [
        (1, Decimal("3.000"), Decimal("2.5550"), Decimal("7.6650"), "sale")
    ]
    assert rows(warehouse, quarantined_lines, "line_no", "file_line", "reasons", "quantity") == [
        (2, 3, "quantity_not_a_number", "six")
    ]
    assert entry(warehouse, load_id)["amount_read"] == Decimal("7.6650")
    assert_everything_is_accounted_for(warehouse)


def test_the_landed_file_is_kept_byte_for_byte(warehouse, export):
    path = export("day.csv", order_line())
    load_id = ingest(warehouse, path)
    assert landed_file(warehouse, load_id, "day.csv").read_bytes() == path.read_bytes()
    assert list(warehouse.landing_folder.glob(".arriving*")) == []


def test_the_same_bytes_are_the_same_load_whatever_the_file_is_called(warehouse, export, tmp_path):
    first = land(warehouse, export("day.csv", order_line()), ONLINE_RETAIL)
    shutil.copy(tmp_path / "day.csv", tmp_path / "copy.csv")
    again = land(warehouse, tmp_path / "copy.csv", ONLINE_RETAIL)
    assert (again.load_id, again.is_new) == (first.load_id, False)


def test_running_a_load_again_changes_nothing(warehouse, export):
    load_id = ingest(warehouse, export("day.csv", order_line(), order_line(quantity="x"), order_line()))
    before = snapshot(warehouse)
    load(warehouse, load_id, ONLINE_RETAIL)
    assert snapshot(warehouse) == before


def test_a_later_load_replaces_an_invoice_as_a_whole(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1", "A"), order_line("1", "B"), order_line("2", "C")))
    second = ingest(warehouse, export("2.csv", order_line("1", "A", quantity=1)))
    assert rows(warehouse, order_lines, "load_id", "invoice_no", "product_code") == [
        (first, "2", "C"),
        (second, "1", "A"),
    ]
    assert rows(warehouse, superseded_lines, "load_id", "product_code", "superseded_by") == [
        (first, "A", second),
        (first, "B", second),
    ]
    assert entry(warehouse, first)["rows_superseded"] == 2
    assert entry(warehouse, first)["amount_superseded"] == Decimal("30.6000")
    assert_everything_is_accounted_for(warehouse)


def test_running_an_old_load_again_never_overrides_a_newer_one(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1", quantity=1), order_line("2")))
    ingest(warehouse, export("2.csv", order_line("1", quantity=2)))
    before = snapshot(warehouse)
    load(warehouse, first, ONLINE_RETAIL)
    assert snapshot(warehouse) == before
    assert_everything_is_accounted_for(warehouse)


def test_the_order_of_runs_does_not_matter(warehouse, export):
    paths = [
        export("1.csv", order_line("1", "A"), order_line("2", "A"), order_line("3", "A")),
        export("2.csv", order_line("1", "B"), order_line("2", "B")),
        export("3.csv", order_line("2", "C"), order_line("3", "C"), order_line("4", "C")),
    ]
    load_ids = [land(warehouse, path, ONLINE_RETAIL).load_id for path in paths]
    outcomes = []
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1)):
        for place in order:
            load(warehouse, load_ids[place], ONLINE_RETAIL)
        outcomes.append(snapshot(warehouse))
        assert_everything_is_accounted_for(warehouse)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert rows(warehouse, order_lines, "invoice_no", "product_code") == [
        ("1", "B"),
        ("2", "C"),
        ("3", "C"),
        ("4", "C"),
    ]
    assert rows(warehouse, contested_invoices) == []


def test_what_a_load_took_over_returns_when_a_corrected_profile_no_longer_reads_the_invoice(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1", at="12/1/2010 8:26")))
    second = ingest(warehouse, export("2.csv", order_line("1", at="2010-12-02 08:00:00")))
    assert rows(warehouse, order_lines, "load_id") == [(second,)]
    american_dates_only = ONLINE_RETAIL.model_copy(update={"date_formats": ("%m/%d/%Y %H:%M",)})
    load(warehouse, second, american_dates_only)
    assert rows(warehouse, order_lines, "load_id") == [(first,)]
    assert_everything_is_accounted_for(warehouse)


def test_a_source_that_cuts_invoices_in_two_keeps_both_halves(warehouse, export):
    cut = ONLINE_RETAIL.model_copy(update={"overlap": "append"})
    ingest(warehouse, export("1.csv", order_line("1", "A")), cut)
    ingest(warehouse, export("2.csv", order_line("1", "B")), cut)
    assert rows(warehouse, order_lines, "product_code") == [("A",), ("B",)]
    assert_everything_is_accounted_for(warehouse)


def test_a_source_that_turns_out_to_cut_invoices_in_two_gets_its_other_halves_back(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1", "A"), order_line("2", "A")))
    second = ingest(warehouse, export("2.csv", order_line("1", "B")))
    other_shop = ONLINE_RETAIL.model_copy(update={"name": "other_shop"})
    ingest(warehouse, export("3.csv", order_line("1", "X")), other_shop)
    last = ingest(warehouse, export("4.csv", order_line("1", "Y")), other_shop)
    cut = ONLINE_RETAIL.model_copy(update={"overlap": "append"})
    load(warehouse, second, cut)
    assert rows(warehouse, order_lines, "load_id", "product_code") == sorted(
        [(first, "A"), (first, "A"), (second, "B"), (last, "Y")]
    )
    third = ingest(warehouse, export("5.csv", order_line("1", "C")), cut)
    counted = rows(warehouse, order_lines)
    for load_id in (first, second, third):
        load(warehouse, load_id, cut)
        assert rows(warehouse, order_lines) == counted
    assert_everything_is_accounted_for(warehouse)


def test_a_half_of_an_invoice_that_is_taken_back_leaves_the_others(warehouse, export, tmp_path):
    first = ingest(warehouse, export("1.csv", order_line("1", "A")))
    second = ingest(warehouse, export("2.csv", order_line("1", "B")))
    cut = ONLINE_RETAIL.model_copy(update={"overlap": "append"})
    third = ingest(warehouse, export("3.csv", order_line("1", "C")), cut)
    shipped = (SourceCatalogue.shipped / "online_retail.yaml").read_text(encoding="utf-8")
    (tmp_path / "online_retail.yaml").write_text(shipped.replace("overlap: replace", "overlap: append"), "utf-8")
    DatabaseEngine(warehouse).revert(first, SourceCatalogue(tmp_path))
    assert rows(warehouse, order_lines, "load_id") == [(second,), (third,)]
    assert_everything_is_accounted_for(warehouse)


def test_lines_that_are_to_be_read_by_another_profile_are_replaced_until_they_are(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1", "A")))
    other_shop = ONLINE_RETAIL.model_copy(update={"name": "other_shop"})
    read_anew(warehouse, first, other_shop)  # whoever asked for it is killed before its run begins
    second = ingest(warehouse, export("2.csv", order_line("1", "B")))
    assert rows(warehouse, order_lines, "load_id", "source") == [(second, "online_retail")]
    load(warehouse, first, other_shop)
    assert rows(warehouse, order_lines, "load_id", "source") == [(first, "other_shop"), (second, "online_retail")]
    assert_everything_is_accounted_for(warehouse)


def test_a_load_that_is_to_be_read_by_another_profile_and_has_no_run_is_taken_over_and_not_taken_back(
    warehouse, export
):
    load_id = ingest(warehouse, export("1.csv", order_line("1")))
    read_anew(warehouse, load_id, ONLINE_RETAIL)
    with pytest.raises(BadInput, match="it is landed"):
        revert(warehouse, load_id)
    with warehouse.writing() as connection:
        taken = ledger.take_over(connection, abandoned_after=timedelta(0))
    assert [entry["load_id"] for entry in taken] == [load_id]


def test_a_load_is_taken_back_once_also_where_the_answer_to_the_commit_is_lost(warehouse, export, monkeypatch):
    load_id = ingest(warehouse, export("1.csv", order_line("1")))
    commits, writing = [], Warehouse.writing

    @contextmanager
    def loses_an_answer(self: Warehouse, lock: str = "tables") -> Iterator[sa.Connection]:
        with writing(self, lock) as connection:
            yield connection
        commits.append(lock)
        if len(commits) == 1:
            raise Unreachable("the connection was lost")

    monkeypatch.setattr(Warehouse, "writing", loses_an_answer)
    revert(warehouse, load_id)
    assert len(commits) == 2
    assert entry(warehouse, load_id)["status"] == "reverted"
    with pytest.raises(BadInput, match="it is reverted"):
        revert(warehouse, load_id)


def test_exact_repeats_inside_a_file_are_kept_and_counted(warehouse, export):
    load_id = ingest(warehouse, export("day.csv", order_line(), order_line(), order_line(), order_line(quantity=1)))
    assert len(rows(warehouse, order_lines)) == 4
    assert entry(warehouse, load_id)["rows_repeated"] == 2


def test_a_source_may_drop_repeats_which_then_count_as_superseded(warehouse, export):
    dropping = ONLINE_RETAIL.model_copy(update={"repeats": "drop"})
    path = export("1.csv", order_line("1"), order_line("1"), order_line("2"))
    load_id = ingest(warehouse, path, dropping)
    assert rows(warehouse, order_lines, "line_no") == [(1,), (3,)]
    assert rows(warehouse, superseded_lines, "line_no", "superseded_by") == [(2, load_id)]
    assert entry(warehouse, load_id)["rows_superseded"] == 1
    before = snapshot(warehouse)
    load(warehouse, load_id, dropping)
    assert snapshot(warehouse) == before
    ingest(warehouse, export("2.csv", order_line("1", quantity=9)), dropping)
    load(warehouse, load_id, dropping)
    assert rows(warehouse, order_lines, "invoice_no", "quantity") == [("2", Decimal(6)), ("1", Decimal(9))]
    assert_everything_is_accounted_for(warehouse)


def test_invoices_of_different_sources_never_replace_each_other(warehouse, export):
    other_shop = ONLINE_RETAIL.model_copy(update={"name": "other_shop"})
    ingest(warehouse, export("1.csv", order_line("1", "A")))
    ingest(warehouse, export("2.csv", order_line("1", "B")), other_shop)
    assert len(rows(warehouse, order_lines)) == 2


def test_codes_that_differ_by_case_or_accent_stay_apart(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("a1"), order_line("A1"), order_line("Á1")))
    ingest(warehouse, export("2.csv", order_line("A1", quantity=1)))
    assert sorted(rows(warehouse, order_lines, "invoice_no", "quantity")) == [
        ("A1", Decimal(1)),
        ("a1", Decimal(6)),
        ("Á1", Decimal(6)),
    ]


def test_text_arrives_as_it_was_whatever_it_holds(warehouse, export):
    odd = ['"a ""quoted"" one"', r"back\slash", "NULL", r"\N", '"two\nlines"', "£5 ✓ 🎁", '"comma, here"', "'", "a\tb"]
    ingest(warehouse, export("odd.csv", *(order_line(description=text) for text in odd)))
    expected = ['a "quoted" one', r"back\slash", "NULL", r"\N", "two\nlines", "£5 ✓ 🎁", "comma, here", "'", "a\tb"]
    assert [text for (text,) in rows(warehouse, raw_order_lines, "description")] == expected
    assert [text for (text,) in rows(warehouse, order_lines, "description")] == expected


def test_the_largest_and_smallest_numbers_arrive_exactly(warehouse, export):
    ingest(
        warehouse,
        export(
            "big.csv",
            order_line("1", quantity="99999999.999", price="1000"),
            order_line("2", quantity="-0.001", price="0.1"),
            order_line("3", quantity="1", price="99999999.9999"),
        ),
    )
    assert rows(warehouse, order_lines, "amount") == [
        (Decimal("99999999999.0000"),),
        (Decimal("-0.0001"),),
        (Decimal("99999999.9999"),),
    ]
    assert_everything_is_accounted_for(warehouse)


def test_batches_of_any_size_give_the_same_tables(warehouse, export, monkeypatch):
    lines = [order_line(str(number // 3), quantity="x" if number % 5 == 0 else number) for number in range(20)]
    load_id = ingest(warehouse, export("day.csv", *lines))
    before = snapshot(warehouse)
    warehouse.settings.batch_rows = 3
    load(warehouse, load_id, ONLINE_RETAIL)
    assert snapshot(warehouse) == before


def test_a_file_that_breaks_in_the_middle_leaves_the_tables_as_they_were(warehouse, export):
    warehouse.settings.batch_rows = 2
    load_id = land(
        warehouse, export("day.csv", *(order_line(str(number)) for number in range(6))), ONLINE_RETAIL
    ).load_id
    load(warehouse, load_id, ONLINE_RETAIL)
    before = snapshot(warehouse)
    landed = landed_file(warehouse, load_id, "day.csv")
    landed.write_bytes(landed.read_bytes() + b'"never closed')
    with pytest.raises(BadFile, match="line 8: the row that begins here has a quoted field that is never closed"):
        load(warehouse, load_id, ONLINE_RETAIL)
    assert snapshot(warehouse) == before


def test_a_file_that_is_broken_is_not_landed(warehouse, tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text(
        f'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n{order_line()}\n"x'
    )
    with pytest.raises(BadFile, match="never closed"):
        land(warehouse, broken, ONLINE_RETAIL)
    with warehouse.reading() as connection:
        assert ledger.entries(connection) == []
    assert list(warehouse.landing_folder.iterdir()) == []


@pytest.mark.parametrize("allowed", [True, False])
def test_inserts_give_the_same_tables_as_load_data(warehouse, export, monkeypatch, allowed):
    # The setting is the whole server's, on which other tests run at the same time: so the choice is made here.
    monkeypatch.setattr(bulk, "load_data_allowed", lambda engine: allowed)
    path = export(
        "day.csv",
        order_line(description="NULL"),
        order_line(customer="", quantity="2.5"),
        order_line("2", quantity="x"),
    )
    ingest(warehouse, path)
    assert rows(warehouse, order_lines, "description", "customer_id", "quantity", "invoiced_at") == [
        ("NULL", "17850", Decimal("6.000"), datetime.fromisoformat("2010-12-01 08:26")),
        ("HEART", None, Decimal("2.500"), datetime.fromisoformat("2010-12-01 08:26")),
    ]
    assert rows(warehouse, quarantined_lines, "invoice_no", "quantity", "amount") == [("2", "x", None)]
    assert_everything_is_accounted_for(warehouse)


def test_the_checks_find_lower_case_of_every_alphabet_in_product_codes(warehouse, export):
    from retail_pipeline.quality.catalogue import suites
    from retail_pipeline.quality.great_expectations_bridge import evaluate

    (suite,) = [suite for suite in suites() if suite.table == "order_lines"]
    load_id = ingest(warehouse, export("day.csv", order_line("1", "É1"), order_line("2", "É2")))
    assert evaluate(warehouse, suite, [load_id])["product_codes_are_trimmed_and_upper_case"].passed
    with warehouse.writing() as connection:
        connection.execute(sa.update(order_lines).where(order_lines.c.line_no == 2).values(product_code="é2"))
    assert not evaluate(warehouse, suite, [load_id])["product_codes_are_trimmed_and_upper_case"].passed
