"""`retail serve`, with everything started for real."""

import json
import lzma
import os
import shutil
import socket
import urllib.request
from decimal import Decimal
from pathlib import Path

import httpx2 as httpx
import pytest

from retail_pipeline.demo.sample import write_sample
from retail_pipeline.marts.refresh import stale
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline_tests.end_to_end.commands import retail
from retail_pipeline_tests.end_to_end.serving import get, graphql, served, wait_for
from retail_pipeline_tests.exports import order_line
from retail_pipeline_tests.ports import free_port
from retail_pipeline_tests.receivers import web_receiver
from retail_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.end_to_end


def test_serve_shows_the_assets_and_the_runs_that_ingest_made_and_stops_cleanly(shop):
    port, api_port = free_port(), free_port()
    with served(shop, port, api_port) as process:
        found = wait_for(
            lambda: graphql(port, "{assetNodes{assetKey{path}} runsOrError{... on Runs{results{jobName status}}}}")
        )
        assert {"path": ["mart_kpis"]} in [node["assetKey"] for node in found["assetNodes"]]
        assert {"jobName": "ingest", "status": "SUCCESS"} in found["runsOrError"]["results"]
        health = wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{api_port}/health", timeout=30).read())
        assert json.loads(health) == dict.fromkeys(("status", "database", "migrations", "dagster"), "ok")
        taken = retail("serve", "--port", str(port), home=shop)
        assert taken.returncode == 2
        assert f"port {port} is in use" in taken.stderr
    assert process.returncode == 0
    for each in (port, api_port):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", each), timeout=1):
            pass


def test_files_that_are_posted_or_dropped_are_loaded_once_each_and_the_marts_follow_once(tmp_path, export):
    home, port, api_port = tmp_path / "shop", free_port(), free_port()
    api, inbox = f"http://127.0.0.1:{api_port}", home / "inbox"
    inbox.mkdir(parents=True)
    for name in ("A1", "A2"):
        export(f"{name}.csv", order_line(name)).rename(inbox / f"{name}.csv")
    (inbox / "bad.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with web_receiver() as receiver, served(home, port, api_port, RETAIL_ALERT_WEBHOOK=receiver.url):
        wait_for(lambda: get(f"{api}/health"))
        path = exported(tmp_path)
        posted = httpx.post(f"{api}/ingest", files={"file": (path.name, path.read_bytes())}, timeout=60)
        assert posted.status_code == 202
        assert posted.json()["status"] in ("landed", "running", "waiting")  # Dagster may not be up yet
        follow = f"{api}{posted.json()['follow']}"
        wait_until(lambda: get(follow)["status"] == "loaded" and get(follow)["checks"])
        told = get(follow)
        number, amount, page = 0, Decimal(0), f"/transactions?limit=10000&load_id={told['load_id']}"
        while page:
            found = get(api + page)
            number += len(found["items"])
            amount += sum(Decimal(item["amount"]) for item in found["items"])
            page = found["next"]
        assert number == told["ledger"]["rows_loaded"] > 10_000
        assert str(amount) == told["ledger"]["amount_loaded"]
        again = httpx.post(f"{api}/ingest", files={"file": (path.name, path.read_bytes())}, timeout=60)
        assert (again.status_code, again.json()["load_id"]) == (200, told["load_id"])

        warehouse = Warehouse(Settings(home=home))
        wait_until(lambda: len(loaded(warehouse)) == 3 and not stale(warehouse))
        for invoice in ("A1", "A2"):
            (order,) = get(f"{api}/marts/mart_orders?where=invoice_no={invoice}")["items"]
            assert order["net_revenue"] == "15.3000"
        asked = graphql(port, "{runsOrError{... on Runs{results{jobName status assetSelection{path}}}}}")
        runs = asked["runsOrError"]["results"]
        loading = [run for run in runs if run["jobName"] in ("load", "ingest")]
        assert [run["status"] for run in loading] == ["SUCCESS"] * 3
        alone = [run for run in loading if run["jobName"] == "ingest"]  # the posted file came before the others
        following = [run for run in runs if {"path": ["mart_kpis"]} in (run["assetSelection"] or ())]
        assert 1 <= len(alone) + len(following) <= 2
        wait_until(lambda: receiver.texts)
    assert len(receiver.texts) == 1
    assert "- bad.csv, line 1: no known source has these columns: a, b" in receiver.texts[0]
    assert {path.name for path in (inbox / "done").iterdir()} == {"A1.csv", "A2.csv"}
    assert {path.name for path in (inbox / "failed").iterdir()} == {"bad.csv", "bad.csv.why.txt"}


def loaded(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return [entry["load_id"] for entry in ledger.entries(connection) if entry["status"] == "loaded"]


def exported(folder: Path) -> Path:
    """UCI's Online Retail where it is at hand, else the demonstration's export."""
    path = folder / "export.csv"
    if real := os.environ.get("RETAIL_TEST_DATA"):
        with lzma.open(Path(real) / "data.csv.xz") as packed, path.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
    else:
        write_sample(path)
    return path
