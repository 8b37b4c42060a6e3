"""What else the API tells: quarantine, marts, measures, metrics, health, and its own documentation."""

import csv
import io
import re
import subprocess
import sys
from decimal import Decimal
from uuid import uuid4

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from api.main import create_app
from retail_pipeline.intake.spreadsheets import FORMULA_STARTS
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.measures import measures
from retail_pipeline.marts.measuring import Scope, figures
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, rights
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline_tests import servers
from retail_pipeline_tests.api.conftest import THIS_MACHINE
from retail_pipeline_tests.exports import ingest, order_line
from retail_pipeline_tests.faults.proxy import Proxy

pytestmark = pytest.mark.database


@pytest.fixture
def shop(warehouse, states, export) -> str:
    """Two lines, two rows in quarantine, and all marts; its load."""

    def fill(warehouse: Warehouse) -> str:
        lines = [
            order_line("1", quantity=2, price="1.25"),
            order_line("2", country="France", customer="9", at="1/5/2011 9:00"),
            order_line("3", description="=1+1", quantity="x"),
            order_line("", quantity="y"),
        ]
        load_id = ingest(warehouse, export("shop.csv", *lines))
        for mart in marts().values():
            refresh(warehouse, mart)
        return load_id

    return states.bring(warehouse, fill)


def test_quarantine_shows_what_the_file_said_and_why_it_is_held_back(client, shop):
    items = client.get(f"/quarantine?load_id={shop}").json()["items"]
    assert [(item["file_line"], item["reasons"]) for item in items] == [
        (4, "quantity_not_a_number"),
        (5, "invoice_no_missing,quantity_not_a_number"),
    ]
    assert items[0]["description"] == "=1+1"
    assert [item["line_no"] for item in client.get("/quarantine?reason=invoice_no_missing").json()["items"]] == [4]
    assert client.get("/quarantine?reason=invoice%25").json()["items"] == []
    assert client.get("/quarantine?load_id=nope").status_code == 404
    rows = list(csv.DictReader(io.StringIO(client.get("/quarantine?format=csv").text)))
    assert [row["description"] for row in rows] == ["'=1+1", "HEART"]


def test_pages_of_the_quarantine_lead_from_one_to_the_next_through_all_loads(client, shop, export, warehouse):
    ingest(warehouse, export("other.csv", *(order_line(str(number), quantity="x") for number in range(3))))
    everything = client.get("/quarantine").json()
    assert (len(everything["items"]), everything["next"]) == (5, None)
    found, path = [], "/quarantine?limit=2"
    while path:
        page = client.get(path).json()
        found += page["items"]
        path = page["next"]
    assert found == everything["items"]
    assert client.get("/quarantine?cursor=WyJ4Il0").status_code == 422


def test_every_text_that_a_spreadsheet_would_run_is_guarded(client, warehouse, export):
    texts = [f"{start}1+1" for start in sorted(FORMULA_STARTS - set("\t\r\n"))] + ["plain", "1=1"]
    lines = [order_line(str(number), description=text, quantity="x") for number, text in enumerate(texts)]
    ingest(warehouse, export("formulas.csv", *lines))
    rows = csv.DictReader(io.StringIO(client.get("/quarantine?format=csv").text))
    guarded = [f"'{text}" if text[0] in FORMULA_STARTS else text for text in texts]
    assert [row["description"] for row in rows] == guarded


def test_marts_are_listed_with_what_their_columns_mean(client):
    items = {item["name"]: item for item in client.get("/marts").json()["items"]}
    assert set(items) == {name for name, mart in marts().items() if mart.is_for_people}
    columns = {column["name"]: column for column in items["mart_sales_monthly"]["columns"]}
    assert columns["net_revenue"]["description"] == measures()["net_revenue"].definition


def test_a_mart_s_rows_are_filtered_and_ordered_and_handed_out_in_every_format(client, shop):
    found = client.get(
        "/marts/mart_sales_monthly", params={"where": ["country=France", "month>=2011-01-01"], "order": "-gross_sales"}
    ).json()
    assert [row["gross_sales"] for row in found["items"]] == ["15.3000"]
    assert found["rows_in_all"] == 2
    both = client.get("/marts/mart_sales_monthly?order=-gross_sales").json()["items"]
    assert [row["gross_sales"] for row in both] == ["15.3000", "2.5000"]
    assert client.get("/marts/mart_sales_monthly?order=gross_sales&limit=1&offset=1").json()["items"] == both[:1]
    (row,) = csv.DictReader(io.StringIO(client.get("/marts/mart_sales_monthly?format=csv&where=gross_sales<=3").text))
    assert row["gross_sales"] == "2.5000"


def test_every_mart_is_handed_out_as_json_csv_and_parquet(client, shop):
    for name in (name for name, mart in marts().items() if mart.is_for_people):
        found = client.get(f"/marts/{name}").json()
        as_csv = list(csv.DictReader(io.StringIO(client.get(f"/marts/{name}?format=csv").text)))
        assert len(as_csv) == len(found["items"]) == found["rows_in_all"]
        assert client.get(f"/marts/{name}?format=parquet").content[:4] == b"PAR1"
        for row, item in zip(as_csv, found["items"], strict=True):
            for column, described in marts()[name].columns.items():
                if described.type in ("money", "ratio", "units", "decimal", "count"):
                    assert row[column] == ("" if item[column] is None else str(item[column])), (name, column)


REFUSED = {
    "nothing": 404,
    "running_scopes": 404,
    "mart_orders?where=nonsense": 422,
    "mart_orders?where=nothing=1": 422,
    "mart_orders?where=gross_sales=NaN": 422,
    "mart_orders?where=gross_sales=1e999": 422,
    "mart_orders?where=invoice_date=soon": 422,
    "mart_orders?order=1;DROP TABLE loads": 422,
    "mart_orders?where=1=1 OR 1=1": 422,
}


def test_what_no_mart_has_is_refused(client):
    for path, status in REFUSED.items():
        answer = client.get(f"/marts/{path}")
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_mart_that_was_not_made_yet_is_not_found(client):
    answer = client.get("/marts/mart_orders")
    assert (answer.status_code, "ingest a file first" in answer.json()["detail"]) == (404, True)


def test_a_measure_is_told_with_its_definition_its_figure_and_its_loads(client, shop, warehouse):
    for name, measure in measures().items():
        with warehouse.reading() as connection:
            expected = {figure.currency: figure.value for figure in figures(connection, name, Scope())}
        for parameters in ({}, {"recompute": True}):
            told = client.get(f"/measures/{name}", params=parameters).json()
            assert told["definition"] == measure.definition
            values = {one["currency"]: one["value"] for one in told["figures"]}
            assert {currency: value and Decimal(value) for currency, value in values.items()} == expected, name
        assert told["loads"] == [{"load_id": shop, "currency": "GBP", "line_count": 2}]


def test_a_measure_of_a_place_and_a_month_is_computed_from_the_lines(client, shop):
    told = client.get("/measures/gross_sales?scope=France&period=2011-01").json()
    assert (told["figures"], told["computed_from"]) == ([{"currency": "GBP", "value": "15.3000"}], "order_lines")
    assert client.get("/measures/gross_sales?period=2010").json()["computed_from"] == "mart_kpis"
    assert client.get("/measures/nothing").status_code == 404
    assert client.get("/measures/gross_sales?period=20%25").status_code == 422


def test_prometheus_reads_requests_loads_lines_and_checks(client, shop):
    client.get("/marts/mart_orders")
    told = client.get("/metrics").text
    for line in (
        'retail_loads{status="loaded"} 1.0',
        "retail_order_lines 2.0",
        "retail_quarantined_lines 2.0",
        'retail_failed_checks{severity="critical"} 0.0',
        'retail_requests_total{method="GET",path="/marts/{name}",status="200"} 1.0',
    ):
        assert line in told.splitlines()
    assert re.search(r"^retail_newest_line_age_seconds \d", told, re.MULTILINE)


def test_health_tells_the_state_of_the_database_the_migrations_and_dagster(client_for, dagster, warehouse):
    assert client_for(dagster).get("/health").json() == {
        "status": "ok",
        "database": "ok",
        "migrations": "ok",
        "dagster": "ok",
    }
    client = client_for()
    degraded = client.get("/health")
    assert (degraded.status_code, degraded.json()["status"], degraded.json()["dagster"]) == (
        200,
        "degraded",
        "unreachable",
    )
    with warehouse.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    old = client.get("/health")
    assert old.status_code == 503
    assert "retail db upgrade" in old.json()["migrations"]


def test_a_database_that_cannot_be_reached_makes_health_say_so_and_requests_wait(client_for):
    client = client_for(database_url="mysql://nobody:secret@127.0.0.1:1/nothing")
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert "secret" not in answer.text
    reading = client.get("/transactions")
    assert reading.status_code == 503
    assert "secret" not in reading.text


@pytest.mark.mysql
def test_while_the_database_is_away_requests_are_told_to_wait_and_then_answered_without_a_restart(mysql_url):
    with servers.database_url(mysql_url, "retail_away") as url:
        named = sa.make_url(url)
        proxy = Proxy(named.port)
        through = named.set(port=proxy.port).render_as_string(hide_password=False)
        upgrade(Warehouse(Settings(database_url=url)))
        app = create_app(Settings(database_url=through, retry_seconds=1, dagster_url="http://127.0.0.1:1"))
        client = TestClient(app, raise_server_exceptions=False, **THIS_MACHINE)
        paths = ("/transactions", "/quarantine", "/health")
        for _ in range(2):
            assert [client.get(path).status_code for path in paths] == [200] * len(paths)
            proxy.go_away()
            for path in paths:
                answer = client.get(path)
                assert answer.status_code == 503, path
            told = client.get("/transactions")
            assert (told.headers["content-type"], told.headers["retry-after"]) == ("application/problem+json", "5")
            lines = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            handed_in = client.post("/ingest", files={"file": ("day.csv", lines + order_line() + "\n")})
            assert handed_in.status_code == 503
            proxy.come_back()
        proxy.close()


def test_the_documentation_asks_no_other_machine(client):
    page = client.get("/docs").text
    named = re.findall(r'(?:src|href)="([^"]+)"', page) + re.findall(r"url: '([^']+)'", page)
    assert named
    for url in named:
        assert url.startswith("/"), url
        assert client.get(url).status_code == 200
    assert client.get("/redoc").status_code == 404


def test_every_path_declares_its_problems_and_describes_its_answer(client):
    paths = client.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for operation in operations.values():
            assert operation["description"] or operation["summary"]
            if path != "/health":
                assert "application/problem+json" in operation["responses"]["401"]["content"]


def test_the_api_imports_neither_dagster_nor_great_expectations_nor_pandas():
    code = "import sys, api.main; print([m for m in ('dagster', 'great_expectations', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.mysql
@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
def test_the_api_needs_no_more_than_its_own_rights(client_for, warehouse, shop):
    name = f"api_{uuid4().hex[:8]}"
    with warehouse.engine.connect() as root:
        root.exec_driver_sql(f"CREATE USER {name} IDENTIFIED BY 'Letters9'")
    rights.let_serve(warehouse, name)
    try:
        url = warehouse.url.set(username=name, password="Letters9").render_as_string(hide_password=False)
        client = client_for(api_database_url=url)
        content = order_line("1") + "\n"
        header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        handed_in = client.post("/ingest", files={"file": ("new.csv", (header + content).encode())})
        assert handed_in.status_code == 202, handed_in.text
        for path in (
            handed_in.json()["follow"],
            "/health",
            "/transactions",
            "/transactions?format=csv",
            "/quarantine",
            "/marts/mart_orders",
            "/measures/net_revenue?recompute=true",
            "/metrics",
        ):
            assert client.get(path).status_code == 200, path
    finally:
        client.close()
        with warehouse.engine.connect() as root:
            root.exec_driver_sql(f"DROP USER {name}")
