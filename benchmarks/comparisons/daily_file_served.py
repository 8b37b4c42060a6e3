"""A daily file handed to a running service, against the same by a command of its own."""

import json
import time
import urllib.request
from pathlib import Path

from benchmarks import serving
from benchmarks.bench import Bench, Shop
from benchmarks.comparison import Comparison, Side
from benchmarks.measured import Cost
from retail_pipeline.marts.refresh import stale
from retail_pipeline.quality.under_test import untested
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger


def compare(bench: Bench) -> Comparison:
    """What a service has in memory, and a command has to load, is not to be waited for twice."""
    shop = bench.shop_with_history(1)
    address = bench.servers.enter_context(serving.service(shop))
    _post(shop, address)  # the first run has the warm process made
    return Comparison(
        title="A day's 2,000 lines posted to `retail serve` until all marts are fresh and checked, against `retail "
        f"ingest` of such a file beside it, after one year of half a million lines ({bench.exports.origin})",
        base=Side("a command, cold", shop.ingest_next_day, limit=8),
        contender=Side("a running service", lambda: _post(shop, address), limit=2),
        figure="seconds",
        target=2 / 8,
        same_lines=False,
    )


def _post(shop: Shop, address: str) -> Cost:
    path: Path = shop.next_day()
    warehouse = Warehouse(Settings(_env_file=None, home=shop.folder / "home", database_url=shop.url))
    query = f"source=online_retail&file_name={path.name}"
    request = urllib.request.Request(f"{address}/ingest?{query}", path.read_bytes(), {"Content-Type": "text/csv"})
    began = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        load_id = json.load(answer)["load_id"]
    while not _is_shown(warehouse, load_id):
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    warehouse.dispose()
    return Cost(seconds, cpu_seconds=0, peak_mib=0, lines=shop.lines)


def _is_shown(warehouse: Warehouse, load_id: str) -> bool:
    with warehouse.reading() as connection:
        is_loaded = ledger.entry(connection, load_id)["status"] == "loaded"
    return is_loaded and not stale(warehouse) and not untested(warehouse)
