"""Whatever loads came in which order, however often: the tables are a function of the set and its landing order."""

from collections import Counter

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import given

from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load
from retail_pipeline.warehouse.tables import LINE_TABLES, contested_invoices, loads, order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, assert_everything_is_accounted_for, order_line, rows
from retail_pipeline_tests.properties import on_a_database

pytestmark = pytest.mark.database

invoices = st.sampled_from(["1", "2", "3", "C4"])
files = st.lists(st.lists(st.tuples(invoices, st.integers(-3, 9)), max_size=6), min_size=1, max_size=4)


@on_a_database(examples=8)
@given(files=files, data=st.data())
def test_any_sequence_of_loads_and_reruns_ends_in_the_same_tables(warehouse, export, files, data):
    with warehouse.writing() as connection:
        for table in (*LINE_TABLES, loads):
            connection.execute(sa.delete(table))
    load_ids = []
    for number, lines in enumerate(files):
        texts = [order_line(invoice, quantity=quantity, description=f"F{number}") for invoice, quantity in lines]
        path = export(f"{number}.csv", *texts, order_line(f"own{number}"))
        load_ids.append(land(warehouse, path, ONLINE_RETAIL).load_id)

    more = data.draw(st.lists(st.sampled_from(load_ids), max_size=4))
    for load_id in data.draw(st.permutations([*load_ids, *more])):
        load(warehouse, load_id, ONLINE_RETAIL)

    latest = {invoice: number for number, lines in enumerate(files) for invoice, _ in lines}
    latest |= {f"own{number}": number for number in range(len(files))}
    expected = Counter(
        (load_ids[number], invoice, quantity)
        for number, lines in enumerate([*lines, (f"own{number}", 6)] for number, lines in enumerate(files))
        for invoice, quantity in lines
        if latest[invoice] == number
    )
    assert Counter(rows(warehouse, order_lines, "load_id", "invoice_no", "quantity")) == expected
    assert rows(warehouse, contested_invoices) == []
    assert_everything_is_accounted_for(warehouse)
