"""A refresh follows what changed, and ends in the rows that making everything anew would give."""

import re
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import date
from graphlib import TopologicalSorter

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import example, given

from retail_pipeline.errors import BadInput
from retail_pipeline.marts import refresh as refreshing
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.refresh import refresh, stale
from retail_pipeline.warehouse import Warehouse, changes, ledger, mart_states
from retail_pipeline.warehouse.dialect import dialect_of
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.tables import (
    LINE_TABLES,
    changed_invoices,
    changed_loads,
    contested_carriers,
    contested_invoices,
    lines_before,
    loads,
    mart_tests,
    order_lines,
    refresh_parts,
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
from retail_pipeline_tests.properties import on_a_database

pytestmark = pytest.mark.database

NOTES = (changed_invoices, lines_before, changed_loads)
SCRATCH = (refresh_parts, contested_invoices, contested_carriers)
APPENDING = ONLINE_RETAIL.model_copy(update={"name": "appending", "overlap": "append"})
DROPPING = ONLINE_RETAIL.model_copy(update={"name": "dropping", "repeats": "drop"})


def refresh_all(warehouse: Warehouse, *, full: bool = False) -> set[str]:
    """Refreshes every mart; returns the ways in which that was done."""
    return {refresh(warehouse, mart, full=full).way for mart in marts().values()}


def shown(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """The rows of all marts."""
    with warehouse.reading() as connection:
        return {
            mart.name: sorted(map(tuple, connection.execute(sa.select(mart.table()))), key=repr)
            for mart in marts().values()
        }


def assert_as_if_made_anew(warehouse: Warehouse) -> None:
    followed = shown(warehouse)
    with warehouse.reading() as connection:
        counted = {name: state.rows for name, state in mart_states.states(connection).items()}
    assert counted == {name: len(found) for name, found in followed.items()}
    assert refresh_all(warehouse, full=True) == {"full"}
    anew = shown(warehouse)
    for name, found in followed.items():
        assert found == anew[name], name
    assert [rows(warehouse, scratch) for scratch in SCRATCH] == [[], [], []]


def empty(warehouse: Warehouse) -> None:
    with warehouse.writing() as connection:
        for table in (*LINE_TABLES, *NOTES, loads, mart_tests, sa.table("mart_refreshes")):
            connection.execute(sa.delete(table))


lines = st.lists(
    st.builds(
        order_line,
        invoice=st.sampled_from(["1", "2", "C3"]),
        product=st.sampled_from(["A", "B", "C", "POST"]),
        quantity=st.integers(-2, 4),
        price=st.sampled_from(["0", "0.1", "3.33"]),
        at=st.sampled_from(["12/30/2010 9:00", "12/31/2010 9:00", "1/1/2011 9:00", "2/3/2011 9:00", "tomorrow"]),
        customer=st.sampled_from(["", "17", "18"]),
        country=st.sampled_from(["France", "Mordor", "United Kingdom"]),
        description=st.sampled_from(["", "CUP", "MUG"]),
    ),
    min_size=2,
    max_size=6,
)
steps = st.lists(st.sampled_from(["load", "load", "rerun", "revert", "refresh", "one"]), min_size=3, max_size=8)
sources = st.sampled_from([ONLINE_RETAIL, ONLINE_RETAIL, APPENDING, DROPPING])


@on_a_database(examples=8)
@given(data=st.data())
def test_any_sequence_of_loads_reruns_and_reverts_is_followed_as_if_all_were_made_anew(warehouse, export, data):
    empty(warehouse)
    profiles = {}
    number = 0
    usual = data.draw(sources)
    for step in ["load", "refresh", "load", *data.draw(steps)]:
        known = sorted(profiles)
        if step == "load":
            number += 1
            profile = data.draw(st.sampled_from([usual, usual, ONLINE_RETAIL]))
            path = export(f"{number}.csv", *data.draw(lines), order_line(f"own{number}"))
            load_id = land(warehouse, path, profile).load_id
            load(warehouse, load_id, profile)
            profiles[load_id] = profile
        elif step == "rerun" and known:
            load_id = data.draw(st.sampled_from(known))
            load(warehouse, load_id, profiles[load_id])
        elif step == "revert" and known:
            load_id = data.draw(st.sampled_from(known))
            revert(warehouse, load_id)
            del profiles[load_id]
        elif step == "refresh":
            refresh_all(warehouse)
        elif step == "one":
            refresh(warehouse, marts()[data.draw(st.sampled_from(sorted(marts())))])
    assert_everything_is_accounted_for(warehouse)
    refresh_all(warehouse)
    assert stale(warehouse) == []
    assert_as_if_made_anew(warehouse)


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_a_refresh_does_not_wait_for_another_marts_parts(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1")))
    refresh_all(warehouse)
    ingest(warehouse, export("2.csv", *(order_line(f"2{number}") for number in range(100))))
    with warehouse.engine.connect() as other:
        # One row among a hundred of a mart: the server would rather read all of them than ask the index.
        other.execute(sa.insert(refresh_parts).values(mart="mart_of_another", invoice_no="1"))
        with ThreadPoolExecutor(1) as threads:
            refreshed = threads.submit(refresh_all, warehouse)
            done, _ = wait([refreshed], timeout=30)
            other.rollback()
    assert done, "it waited for the other mart's parts"
    assert "incremental" in refreshed.result()
    assert_as_if_made_anew(warehouse)


def refresh_side_by_side(warehouse: Warehouse) -> set[str]:
    """Refreshes each mart as soon as those that it reads are; returns the ways in which that was done."""
    order = TopologicalSorter({mart.name: mart.reads & marts().keys() for mart in marts().values()})
    order.prepare()
    ways = set()
    with ThreadPoolExecutor(4) as threads:
        running = {}
        while order.is_active():
            running |= {threads.submit(refresh, warehouse, marts()[name]): name for name in order.get_ready()}
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                ways.add(done.result().way)
                order.done(running.pop(done))
    return ways


@on_a_database(examples=3)
@given(days=st.lists(lines, min_size=2, max_size=3))
def test_marts_that_are_refreshed_side_by_side_show_what_they_would_one_after_the_other(warehouse, export, days):
    empty(warehouse)
    for number, day in enumerate(days):
        ingest(warehouse, export(f"{number}.csv", *day, order_line(f"own{number}")))
        refresh_side_by_side(warehouse)
    assert stale(warehouse) == []
    assert_as_if_made_anew(warehouse)


days_over_years = st.builds(
    "{}/{} 9:00".format, st.sampled_from(["5/31", "6/1", "6/2", "11/30"]), st.integers(2009, 2012)
)
sales = st.builds(order_line, st.sampled_from("1234"), quantity=st.integers(1, 4), at=days_over_years)
returns = st.builds(order_line, st.sampled_from(["C5", "C6", "C7"]), quantity=st.integers(-3, -1), at=days_over_years)


@on_a_database(examples=10)
@example(
    loaded=[
        [order_line("1", quantity=4, at="6/1/2010 9:00")],
        [order_line("C2", quantity=-3, at="6/1/2011 9:00")],
        [order_line("C3", quantity=-2, at="12/1/2010 9:00")],
    ]
)
@given(loaded=st.lists(st.lists(sales | returns, min_size=1, max_size=4), min_size=3, max_size=6))
def test_returns_are_followed_over_the_years_in_whatever_order_their_lines_come(warehouse, export, loaded):
    empty(warehouse)
    last = marts()["mart_returns_monthly"]
    of_returns = [mart for mart in marts().values() if mart is last or mart.name in read_by(last)]
    loads = []
    for number, lines in enumerate(loaded):
        loads.append(ingest(warehouse, export(f"{number}.csv", *lines, order_line(f"own{number}", "other"))))
        followed = [refresh(warehouse, mart).way for mart in of_returns]
    assert followed[-1] == "incremental"
    assert_followed(warehouse, of_returns)
    revert(warehouse, loads[-1])
    assert_followed(warehouse, of_returns)


def read_by(mart: Mart) -> set[str]:
    """The marts that a mart is computed from, and those that they are computed from."""
    return {name for table in mart.reads & marts().keys() for name in {table, *read_by(marts()[table])}}


def assert_followed(warehouse: Warehouse, some: list[Mart]) -> None:
    """That some marts show after a refresh what they do when they are made anew."""
    for mart in some:
        refresh(warehouse, mart)
        followed = Counter(rows(warehouse, mart.table()))
        assert refresh(warehouse, mart).way == "none"
        assert refresh(warehouse, mart, full=True).way == "full"
        assert Counter(rows(warehouse, mart.table())) == followed, mart.name


def test_a_month_is_no_longer_partial_when_lines_come_years_later_and_is_again_when_they_go(warehouse, export):
    monthly = marts()["mart_returns_monthly"].table()
    ingest(warehouse, export("1.csv", order_line("1", at="12/1/2010 9:00"), order_line("2", at="12/5/2010 9:00")))
    refresh_all(warehouse)
    assert rows(warehouse, monthly, "is_partial") == [(1,)]
    years_later = ingest(warehouse, export("2.csv", order_line("3", at="12/5/2013 9:00")))
    refresh_all(warehouse)
    assert sorted(rows(warehouse, monthly, "month", "is_partial")) == [(date(2010, 12, 1), 0), (date(2013, 12, 1), 1)]
    revert(warehouse, years_later)
    refresh_all(warehouse)
    assert rows(warehouse, monthly, "is_partial") == [(1,)]
    assert_as_if_made_anew(warehouse)


def test_what_is_new_is_followed_and_nothing_is_made_anew_that_can_be_followed(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1"), order_line("2", customer="18")))
    refresh_all(warehouse)
    ingest(warehouse, export("2.csv", order_line("3", at="1/4/2011 9:00")))
    ways = {mart.name: refresh(warehouse, mart).way for mart in marts().values()}
    assert {mart.name: "full" if mart.refresh == "whole" else "incremental" for mart in marts().values()} == ways
    assert_as_if_made_anew(warehouse)


def test_a_refresh_touches_no_row_of_a_part_that_did_not_change(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1"), order_line("2", at="1/4/2011 9:00", customer="18")))
    refresh_all(warehouse)
    with warehouse.writing() as connection:
        connection.execute(sa.text("UPDATE mart_orders SET country = 'untouched'"))
        connection.execute(sa.text("UPDATE running_customers SET orders = 99"))
    ingest(warehouse, export("2.csv", order_line("3", customer="18")))
    refresh_all(warehouse)
    orders = dict(rows(warehouse, marts()["mart_orders"].table(), "invoice_no", "country"))
    assert orders == {"1": "untouched", "2": "untouched", "3": "United Kingdom"}
    customers = dict(rows(warehouse, marts()["running_customers"].table(), "customer_id", "orders"))
    assert customers == {"17850": 99, "18": 2}


def test_notes_of_changes_are_dropped_once_every_mart_shows_them(warehouse, export):
    refresh_all(warehouse)
    first = ingest(warehouse, export("1.csv", order_line("1"), order_line("2")))
    assert rows(warehouse, changed_invoices) == [(1, "online_retail", "1"), (1, "online_retail", "2")]
    assert rows(warehouse, changed_loads) == [(1, first)]
    second = ingest(warehouse, export("2.csv", order_line("2", quantity=1)))
    assert rows(warehouse, lines_before, "version", "load_id", "line_no") == [(2, first, 2)]
    assert rows(warehouse, changed_loads) == [(1, first), (2, second)]
    refresh_all(warehouse)
    assert [rows(warehouse, notes) for notes in NOTES] == [[], [], []]


def test_a_change_of_most_lines_is_not_noted_and_makes_marts_anew(warehouse, export, monkeypatch):
    monkeypatch.setattr(changes, "NOTED_LINES", 2)
    ingest(warehouse, export("1.csv", *(order_line(str(number)) for number in range(30))))
    refresh_all(warehouse)
    ingest(warehouse, export("few.csv", order_line("40"), order_line("41"), order_line("42")))
    assert rows(warehouse, changed_invoices) != []
    assert "incremental" in refresh_all(warehouse)
    large = ingest(warehouse, export("many.csv", *(order_line(str(number), quantity=1) for number in range(20))))
    assert [rows(warehouse, notes) for notes in NOTES] == [[], [], []]
    assert refresh_all(warehouse) == {"full"}
    revert(warehouse, large)
    assert [rows(warehouse, notes) for notes in NOTES] == [[], [], []]
    assert refresh_all(warehouse) == {"full"}


def test_what_no_mart_will_follow_is_not_noted(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1"), order_line("2")))
    ingest(warehouse, export("2.csv", order_line("2", quantity=1), order_line("3")))
    assert [rows(warehouse, notes) for notes in NOTES] == [[], [], []]
    assert refresh_all(warehouse) == {"full"}
    ingest(warehouse, export("3.csv", order_line("3", quantity=1)))
    assert [bool(rows(warehouse, notes)) for notes in NOTES] == [True, True, True]
    assert "incremental" in refresh_all(warehouse)
    assert_as_if_made_anew(warehouse)


def test_lines_that_another_engine_loaded_are_not_counted_twice_when_the_database_loads_them(warehouse, export):
    first = ingest(warehouse, export("1.csv", order_line("1"), order_line("2")))
    second = ingest(warehouse, export("2.csv", order_line("3")))
    refresh_all(warehouse)
    figures = shown(warehouse)
    with warehouse.writing() as connection:  # as Spark leaves it: its lines are in files
        for table in LINE_TABLES:
            connection.execute(sa.delete(table))
    for load_id in (first, second):
        load(warehouse, load_id, ONLINE_RETAIL)
    refresh_all(warehouse)
    assert shown(warehouse) == figures
    assert_as_if_made_anew(warehouse)


def test_a_mart_that_lags_behind_others_follows_all_that_it_missed(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1"), order_line("2")))
    refresh_all(warehouse)
    lagging = marts()["mart_product_customers"]
    for number, quantity in enumerate((3, 4, 5)):
        ingest(warehouse, export(f"again{number}.csv", order_line("2", quantity=quantity), order_line(f"n{number}")))
        for mart in marts().values():
            if mart is not lagging:
                refresh(warehouse, mart)
    assert refresh(warehouse, lagging).way == "incremental"
    refresh_all(warehouse)
    assert_as_if_made_anew(warehouse)


def test_the_last_day_a_product_was_sold_goes_back_when_its_last_sale_is_corrected_away(warehouse, export):
    products = marts()["mart_products"].table()
    ingest(warehouse, export("1.csv", order_line("1", "A", at="12/1/2010 9:00")))
    ingest(warehouse, export("2.csv", order_line("2", "A", at="12/9/2010 9:00"), order_line("2", "B")))
    refresh_all(warehouse)
    assert [str(day) for day in rows(warehouse, products, "last_sold")[0]] == ["2010-12-09"]
    ingest(warehouse, export("3.csv", order_line("2", "B")))
    refresh_all(warehouse)
    assert [str(day) for day in rows(warehouse, products, "last_sold")[0]] == ["2010-12-01"]
    assert_as_if_made_anew(warehouse)


def test_a_reverted_load_leaves_everything_as_if_it_had_never_been(warehouse, export):
    ingest(warehouse, export("1.csv", order_line("1", quantity=1), order_line("2", quantity=2)))
    refresh_all(warehouse)
    counted, replaced, figures = rows(warehouse, order_lines), rows(warehouse, superseded_lines), shown(warehouse)
    bad = ingest(warehouse, export("bad.csv", order_line("2", quantity=99), order_line("3"), order_line("4", "A", "x")))
    refresh_all(warehouse)
    assert shown(warehouse) != figures

    revert(warehouse, bad)
    refresh_all(warehouse)
    assert rows(warehouse, order_lines) == counted
    assert rows(warehouse, superseded_lines) == replaced
    assert shown(warehouse) == figures
    assert entry(warehouse, bad)["status"] == "reverted"
    assert all((bad,) not in rows(warehouse, table, "load_id") for table in LINE_TABLES)
    assert_everything_is_accounted_for(warehouse)


def test_a_revert_gives_an_invoice_to_the_load_before_and_leaves_later_ones_alone(warehouse, export):
    first, second, third = (
        ingest(warehouse, export(f"{number}.csv", order_line("1", quantity=number), order_line(f"own{number}")))
        for number in (1, 2, 3)
    )
    columns = ("load_id", "superseded_by", "first_superseded_by")
    assert rows(warehouse, superseded_lines, *columns) == [(first, third, second), (second, third, third)]
    revert(warehouse, second)
    assert rows(warehouse, superseded_lines, *columns) == [(first, third, third)]
    revert(warehouse, third)
    assert rows(warehouse, superseded_lines) == []
    assert rows(warehouse, order_lines, "load_id", "invoice_no") == [(first, "1"), (first, "own1")]


def test_a_reverted_file_that_is_ingested_again_lands_anew_after_all_others(warehouse, export):
    path = export("1.csv", order_line("1", quantity=1))
    first = ingest(warehouse, path)
    revert(warehouse, first)
    ingest(warehouse, export("2.csv", order_line("1", quantity=2)))
    landing = land(warehouse, path, ONLINE_RETAIL)
    assert (landing.load_id, landing.is_new) == (first, True)
    load(warehouse, first, ONLINE_RETAIL)
    assert entry(warehouse, first)["landing_no"] == 3
    assert rows(warehouse, order_lines, "load_id") == [(first,)]


def test_only_a_load_in_the_tables_can_be_reverted(warehouse, export):
    landed = land(warehouse, export("1.csv", order_line()), ONLINE_RETAIL).load_id
    with pytest.raises(BadInput, match=f"{landed} isn't in the tables: it is landed"):
        revert(warehouse, landed)
    with pytest.raises(BadInput, match="there is no load 'nobody'"):
        revert(warehouse, "nobody")
    load(warehouse, landed, ONLINE_RETAIL)
    revert(warehouse, landed)
    with pytest.raises(BadInput, match="it is reverted"):
        revert(warehouse, landed)
    with warehouse.reading() as connection:
        assert ledger.waiting(connection) == []


def test_a_refresh_that_follows_new_invoices_asks_nothing_that_was_not_translated_beforehand(
    warehouse, export, monkeypatch
):
    ingest(warehouse, export("1.csv", order_line("1"), order_line("C1", quantity=-1)))
    refresh_all(warehouse)
    ingest(warehouse, export("2.csv", order_line("2"), order_line("C2", quantity=-1)))
    refreshing._text.cache_clear()
    refreshing.prepare(dialect_of(warehouse.engine))
    monkeypatch.setattr(refreshing, "translate", lambda *_: pytest.fail("translated in the run"))
    refresh_all(warehouse)
    assert stale(warehouse) == []


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_no_long_table_within_a_query_is_looked_up_by_a_constant(warehouse, export):
    """MySQL keeps all pages of what it finds so until the end, and hangs where they outgrow its buffer pool."""
    with warehouse.reading() as connection:
        if connection.dialect.is_mariadb:
            pytest.skip("MariaDB keeps such tables otherwise")
    plans = []

    @sa.event.listens_for(warehouse.engine, "before_cursor_execute")
    def explain(connection, _cursor, statement, parameters, *_) -> None:
        if statement.startswith("INSERT INTO") and " SELECT " in statement:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN FORMAT=TREE {statement}", parameters)
                plans.append(cursor.fetchone()[0])

    ingest(warehouse, export("a.csv", order_line("1"), order_line("2", quantity=-1)))
    refresh_all(warehouse)
    found = {
        table for plan in plans for table in re.findall(r"lookup on (\w+) using <auto_key\d+> \(\w+ = \d+\)", plan)
    }
    assert len(plans) >= len(marts())
    assert found == {"counted"}  # which has a row for each pair of months
