"""GET /transactions, on every database: pages, filters and formats."""

import csv
import io
import json

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
import sqlalchemy as sa
from hypothesis import given

from retail_pipeline.warehouse import Warehouse, indexing
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.paging import COLUMNS, LineFilter, in_order
from retail_pipeline.warehouse.streaming import batches
from retail_pipeline.warehouse.tables import order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line, rows
from retail_pipeline_tests.properties import on_a_database

pytestmark = pytest.mark.database

NASTY = "=HYPERLINK(\"x\") 'a' \\ 100% ü"


@pytest.fixture
def shop(warehouse, states, export) -> list[str]:
    """Two loads with 60 lines on three days, of several customers, countries and kinds."""
    days = ("12/1/2010 8:26", "12/2/2010 9:00", "12/3/2010 10:00")
    first = [
        order_line(
            f"{number // 3}",
            f"P{number % 7}",
            number - 2 if number % 5 else -3,
            f"{number}.5",
            days[number // 20],
            str(number % 4) if number % 4 else "",
            "France" if number % 2 else "Germany",
        )
        for number in range(1, 50)
    ]
    second = [order_line(f"N{number}", at=days[1], description=f'"{number}"') for number in range(10)]
    second.append(order_line("C9", quantity=-1, at=days[2], description='"' + NASTY.replace('"', '""') + '"'))

    def fill(warehouse: Warehouse) -> list[str]:
        return [ingest(warehouse, export("first.csv", *first)), ingest(warehouse, export("second.csv", *second))]

    return states.bring(warehouse, fill)


def paged(client, limit: int, **filters: object) -> list[dict]:
    """All lines, page by page."""
    found, following, pages = [], "/transactions", 0
    parameters = {name.replace("first_day", "from").replace("last_day", "to"): value for name, value in filters.items()}
    answer = client.get(following, params=parameters | {"limit": limit})
    while True:
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        pages += 1
        assert len(page["items"]) <= limit
        assert pages <= 100
        if not page["next"]:
            return found
        answer = client.get(page["next"])


def key(item: dict) -> tuple:
    return item["invoice_date"], item["load_id"], item["line_no"]


@pytest.mark.parametrize("limit", [1, 7, 60, 10_000])
def test_pages_of_any_size_hold_every_line_once_and_in_order(client, shop, warehouse, limit):
    found = paged(client, limit)
    assert [key(item) for item in found] == sorted(key(item) for item in found)
    stored = rows(warehouse, order_lines)
    assert len(found) == len(stored) == 60
    by_key = {(item["load_id"], item["line_no"]): item for item in found}
    for row in stored:
        line = dict(zip(COLUMNS, row, strict=True))
        item = by_key[line["load_id"], line["line_no"]]
        for name in ("quantity", "unit_price", "amount", "invoice_date"):
            assert item[name] == str(line[name])
        assert item["invoiced_at"] == line["invoiced_at"].isoformat()
        assert item["description"] == line["description"]
        assert item["customer_id"] == line["customer_id"]


FILTERS = [
    {"first_day": "2010-12-02"},
    {"last_day": "2010-12-01"},
    {"first_day": "2010-12-02", "last_day": "2010-12-02", "country": "France"},
    {"customer_id": "2"},
    {"product_code": "P3", "kind": "return"},
    {"invoice_no": "3"},
    {"source": "online_retail", "customer_id": "17850"},
    {"source": "another"},
    {"customer_id": "' OR 1=1 --"},
    {"country": 'x" OR ""="'},
    {"invoice_no": "\\"},
]


@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_filters_choose_the_lines_that_have_all_of_their_values(client, shop, number):
    wanted = FILTERS[number]
    conditions = {"first_day": lambda item, day: item["invoice_date"] >= day}
    conditions["last_day"] = lambda item, day: item["invoice_date"] <= day
    expected = [
        item
        for item in paged(client, 1000)
        if all(
            conditions[name](item, value) if name in conditions else item[name] == value
            for name, value in wanted.items()
        )
    ]
    assert paged(client, 4, **wanted) == expected
    assert (not expected) == (number >= 7)


def test_a_load_s_lines_come_in_the_order_of_its_file(client, shop):
    found = paged(client, 10, load_id=shop[0])
    assert [item["line_no"] for item in found] == list(range(1, 50))


@on_a_database(examples=8)
@given(st.integers(1, 30), st.integers(0, 4))
def test_pages_stay_stable_while_loads_come_and_go(client, shop, warehouse, export, limit, at_page):
    before = {key(item) for item in paged(client, 1000)}
    seen, following, page = [], f"/transactions?limit={limit}", 0
    extra = None
    while following:
        if page == at_page:
            again = order_line("0", "P9", page + limit, at="12/1/2010 7:00")
            extra = ingest(warehouse, export(f"extra_{page}_{limit}.csv", again, order_line("1", "P1", limit)))
        answer = client.get(following).json()
        seen += [key(item) for item in answer["items"]]
        following, page = answer["next"], page + 1
    if extra:
        during = {key(item) for item in paged(client, 1000)}
        revert(warehouse, extra)
        assert (before & during) <= set(seen)
    assert len(seen) == len(set(seen))
    assert {key(item) for item in paged(client, 1000)} == before


def test_csv_ndjson_parquet_and_arrow_hold_the_same_lines(client, shop):
    pages = paged(client, 1000)
    by_key = {(item["load_id"], item["line_no"]): item for item in pages}

    ndjson = [json.loads(line) for line in client.get("/transactions?format=ndjson").text.splitlines()]
    for item in ndjson:
        assert item == by_key[item["load_id"], item["line_no"]]
    assert len(ndjson) == len(by_key)

    as_csv = list(csv.DictReader(io.StringIO(client.get("/transactions?format=csv").text)))
    assert len(as_csv) == len(pages)
    for row in as_csv:
        item = by_key[row["load_id"], int(row["line_no"])]
        assert row["amount"] == item["amount"]
        assert row["customer_id"] == (item["customer_id"] or "")

    arrow = pa.ipc.open_stream(client.get("/transactions?format=arrow").content).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(client.get("/transactions?format=parquet").content))
    assert arrow.schema.field("amount").type == parquet.schema.field("amount").type == pa.decimal128(15, 4)
    for table in (arrow, parquet):
        assert {(row["load_id"], row["line_no"]): str(row["amount"]) for row in table.to_pylist()} == {
            place: item["amount"] for place, item in by_key.items()
        }


def test_text_that_a_spreadsheet_would_run_is_guarded_in_csv_and_numbers_are_not(client, shop):
    (row,) = csv.DictReader(io.StringIO(client.get("/transactions?format=csv&invoice_no=C9").text))
    assert row["description"] == "'" + NASTY
    assert row["quantity"] == "-1.000"
    (item,) = client.get("/transactions?invoice_no=C9").json()["items"]
    assert item["description"] == NASTY


@pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_while_a_first_load_has_no_indexes_yet_pages_are_to_be_asked_for_again(
    client, warehouse, export, database_url, monkeypatch
):
    monkeypatch.setattr(indexing, "MUCH_BYTES", 1)
    load_id = land(warehouse, export("first.csv", order_line()), ONLINE_RETAIL).load_id
    with indexing.built_at_once(warehouse, [load_id]):
        load(warehouse, load_id, ONLINE_RETAIL)
        answer = client.get("/transactions")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert client.get("/transactions").status_code == 200


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet", "arrow"])
def test_a_result_without_lines_is_a_whole_file(client, shop, form):
    answer = client.get(f"/transactions?format={form}&country=Nowhere")
    assert answer.status_code == 200
    if form == "csv":
        assert len(answer.text.splitlines()) == 1
    elif form == "ndjson":
        assert answer.content == b""
    elif form == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(answer.content)).num_rows == 0
    else:
        assert pa.ipc.open_stream(answer.content).read_all().num_rows == 0


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/csv", "text/csv"),
        ("text/html, application/x-ndjson;q=0.8, */*;q=0.1", "application/x-ndjson"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("*/*", "application/json"),
        ("text/csv;q=0, application/json", "application/json"),
        ("image/png", "application/problem+json"),
    ],
)
def test_the_format_follows_the_accept_header(client, shop, accept, expected):
    answer = client.get("/transactions", headers={"accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == expected
    assert answer.status_code == (406 if "problem" in expected else 200)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=10001",
        "cursor=nonsense",
        "cursor=WzFd",
        "cursor=WyIyMDEwLTEyLTAxIiwieCIsMTAwMDAwMDAwMDAwXQ",
        "from=yesterday",
        "kind=gift",
        "colour=red",
        "format=xml",
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_name(client, query):
    answer = client.get(f"/transactions?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert query.partition("=")[0] in answer.json()["detail"]


def test_a_cursor_of_another_order_is_refused(client, shop):
    following = client.get("/transactions?limit=2").json()["next"]
    answer = client.get(f"{following}&load_id={shop[0]}")
    assert answer.status_code == 422


def test_a_reader_who_goes_away_leaves_no_query_and_no_connection_behind(warehouse, shop):
    crossed = sa.select(order_lines).join(sa.table("order_lines").alias("other"), sa.true())
    reading = batches(warehouse, crossed)
    next(reading)
    reading.close()
    assert warehouse.engine.pool.checkedout() == 0
    if not warehouse.is_sqlite:
        with warehouse.reading() as connection:
            running = connection.execute(sa.text("SHOW PROCESSLIST")).mappings().all()
        mine = [row for row in running if row["db"] == warehouse.url.database and "other" in (row["Info"] or "")]
        assert not mine


@pytest.mark.parametrize(
    "wanted", [LineFilter(), LineFilter(customer_id="2"), LineFilter(product_code="P1"), LineFilter(country="Nowhere")]
)
def test_the_lines_of_a_page_are_found_by_an_index(warehouse, shop, wanted):
    with warehouse.reading() as connection:
        query = in_order(connection, wanted).limit(100)
        text = str(query.compile(warehouse.engine, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN " if warehouse.is_sqlite else "EXPLAIN FORMAT=JSON "
        plan = [str(value) for row in connection.exec_driver_sql(explain + text).all() for value in row]
    assert wanted.index in " ".join(plan)
