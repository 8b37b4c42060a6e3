"""The dashboards in a real browser, with everything started for real and nothing allowed out of this machine."""

import csv
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from retail_pipeline.dashboards.description import dashboards
from retail_pipeline.dashboards.queries import Answers, answers, choices, select
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests.end_to_end.commands import environment, warm_retail
from retail_pipeline_tests.end_to_end.serving import SECONDS_TO_STOP, wait_for
from retail_pipeline_tests.exports import order_line
from retail_pipeline_tests.ports import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here, so no page was looked at in a browser"),
]

# A proxy that isn't there for whatever isn't this machine: the network is closed.
CLOSED = ["--no-sandbox", "--disable-gpu", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=127.0.0.1"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with the sample export, and a row in quarantine with a name that would be markup."""
    home = tmp_path_factory.mktemp("browser") / "shop"
    assert warm_retail("demo", home=home).returncode == 0
    export = home.parent / "more.csv"
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    lines = [order_line("n1", product="<b>1", description="<script>alert(1)</script>", country="Malta", quantity=900)]
    export.write_text("\n".join([header, *lines, order_line("n2", quantity="many"), ""]))
    assert warm_retail("ingest", export, home=home).returncode == 0
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Where the API serves that shop."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "api.main:app", "--host", "127.0.0.1", "--port", str(port)]
    with (home.parent / "api.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home), stdout=log, stderr=log)
        try:
            wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).read())
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(SECONDS_TO_STOP)


Opened = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    """Opens an address as somebody does who was never there before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CLOSED)
        yield partial(page_of, browser)
        browser.close()


@contextmanager
def page_of(browser: Any, url: str, **context: Any) -> Iterator[Any]:
    """A page that knows of no other; afterwards, that it complained of nothing and asked nobody else for anything."""
    complaints: list[str] = []
    with browser.new_context(**context) as fresh:
        page = fresh.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        own = (url.split("/", 3)[0] + "//" + url.split("/", 3)[2], "data:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else complaints.append(asked.url))
        page.goto(url)
        yield page
    assert complaints == []


def drawn(page: Any, number: int) -> None:
    page.wait_for_selector(f"body[data-ready='{number}']", timeout=60_000)


def asked(home: Path, name: str, **chosen: str) -> Answers:
    """What SQL says."""
    warehouse = Warehouse(Settings(home=home, database_url=""))
    with warehouse.reading() as connection:
        selection = select(choices(connection), chosen.get("region"), chosen.get("period"), None)
        return answers(connection, dashboards()[name], selection)


def assert_every_figure_is_on_the_page(page: Any, name: str, expected: Answers) -> None:
    for column, value in expected.figures.items():
        figure = page.locator(f"#{name}-{column}")
        assert figure.get_attribute("value") == str(value)
        digits = "".join(sign for sign in figure.text_content() if sign.isdigit() or sign == ".")
        assert abs(Decimal(digits) / (100 if "%" in figure.text_content() else 1) - Decimal(value)) < Decimal("0.006")
    for sheet in dashboards()[name].sheets:
        values = page.locator(f"#{sheet.name} tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.querySelectorAll('data')].map(cell => cell.value))"
        )
        rows = expected.rows[sheet.name]
        assert values == [["" if row[c] is None else str(row[c]) for c in sheet.columns] for row in rows]
    body = page.locator("main").text_content()
    assert "None" not in body
    assert "nan" not in body.lower().split()


@pytest.mark.parametrize(
    ("name", "query"),
    [("sales", {}), ("sales", {"region": "Europe", "period": "2011"}), ("customers", {})],
    ids=["sales", "europe", "customers"],
)
def test_every_figure_in_the_browser_is_what_sql_says(opened, home, address, name, query):
    dashboard, expected = dashboards()[name], asked(home, name, **query)
    question = "?" + "&".join(f"{key}={value}" for key, value in query.items())
    with opened(address + dashboard.path + question) as page:
        drawn(page, len(dashboard.sheets))
        assert_every_figure_is_on_the_page(page, name, expected)
        for sheet in dashboard.sheets:
            chart = page.locator(f"#{sheet.name} svg")
            assert chart.count() == 1
            assert chart.locator("[aria-roledescription]").count() >= min(len(expected.rows[sheet.name]), 3)
        tips = page.locator("#revenue_by_month [aria-roledescription=bar]").evaluate_all(
            "bars => bars.map(bar => bar.getAttribute('aria-label'))"
        )
        assert len(tips) == (len(expected.rows["revenue_by_month"]) if name == "sales" else 0)


def test_europe_is_one_click_and_so_is_the_way_back_without_a_script_as_well(opened, home, address):
    with opened(address, java_script_enabled=False) as page:
        page.get_by_role("link", name="Europe", exact=True).click()
        assert page.locator(".about").text_content() == "Europe, all time, in GBP"
        assert_every_figure_is_on_the_page(page, "sales", asked(home, "sales", region="Europe"))
        page.get_by_role("link", name="All countries", exact=True).click()
        assert_every_figure_is_on_the_page(page, "sales", asked(home, "sales"))


def test_charts_can_be_seen_without_a_script(opened, address):
    with opened(f"{address}/?charts=drawn", java_script_enabled=False) as page:
        assert page.locator(".chart svg").count() == len(dashboards()["sales"].sheets)


@pytest.mark.parametrize("path", ["/", "/customers", "/operations"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_tell_text_from_ground(opened, address, path, scheme):
    with opened(address + path, viewport={"width": 360, "height": 740}, color_scheme=scheme) as page:
        if path != "/operations":
            number = len(dashboards()["sales" if path == "/" else "customers"].sheets)
            drawn(page, number)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        ink, ground = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        lightness = [sum(map(int, colour[4:-1].split(","))) for colour in (ink, ground)]
        assert (lightness[0] < lightness[1]) == (scheme == "light")


def test_operations_lists_the_loads_with_what_is_held_back_and_the_bridge_of_each(opened, home, address):
    warehouse = Warehouse(Settings(home=home, database_url=""))
    with warehouse.reading() as connection:
        loads = connection.execute(sa.text("SELECT load_id, rows_quarantined FROM loads")).all()
        net = asked(home, "sales").figures["net_revenue"]
    with opened(f"{address}/operations") as page:
        text = page.locator("#loads").text_content()
        assert all(load_id in text for load_id, _ in loads)
        assert page.locator("#bridge tr.net_revenue data").get_attribute("value") == str(net)
        rows = page.locator("#quarantine tbody tr")
        assert rows.count() >= 2
        link = rows.first.get_by_role("link").get_attribute("href")
        with urllib.request.urlopen(address + link, timeout=30) as downloaded:
            held = list(csv.DictReader(downloaded.read().decode("utf-8-sig").splitlines()))
        assert str(len(held)) == rows.first.locator("td.number").first.text_content()
        assert {row["reasons"].replace("_", " ") for row in held} == {rows.first.locator("th").text_content()}
        page.locator("#loads").get_by_role("link").first.click()
        assert "All loads" in page.locator("#bridge").text_content()


def test_the_page_to_be_mailed_shows_the_same_figures_with_no_server_at_all(opened, home):
    file = home.parent / "dashboards.html"
    written = warm_retail("dashboards", "--output", file, home=home)
    assert written.returncode == 0, written.stderr
    with opened(file.as_uri(), java_script_enabled=False) as page:
        for name in dashboards():
            assert_every_figure_is_on_the_page(page, name, asked(home, name))


def test_a_region_that_is_none_is_told_with_those_there_are(address):
    request = urllib.request.Request(f"{address}/?region=Mars")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == 404
    assert "There is no region" in refused.value.read().decode()
    assert "default-src 'none'" in refused.value.headers["Content-Security-Policy"]


def test_pages_can_be_walked_through_by_keyboard(opened, address):
    with opened(f"{address}/customers") as page:
        drawn(page, len(dashboards()["customers"].sheets))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the figures"
        names = []
        for _ in range(30):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert "Operations" in names
        assert "Table of Top 10 customers" in names
