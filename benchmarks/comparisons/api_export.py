"""All order lines as CSV from the API, against reading them by the driver alone."""

import time
import urllib.request

import sqlalchemy as sa

from benchmarks import serving
from benchmarks.bench import Bench, Shop
from benchmarks.comparison import Comparison, Side
from benchmarks.measured import Cost
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

CHUNK_BYTES = 1 << 20
BATCH_ROWS = 10_000


def compare(bench: Bench) -> Comparison:
    shop = bench.shop_with_history(1)
    address = bench.servers.enter_context(serving.api(shop))
    return Comparison(
        title="All order lines as CSV over HTTP, against fetching them by PyMySQL or sqlite3 and dropping them",
        base=Side("the driver", lambda: _by_driver(shop)),
        contender=Side("the API", lambda: _by_api(address)),
        figure="seconds",
        target=1,
        same_lines=True,
    )


def _by_driver(shop: Shop) -> Cost:
    warehouse = Warehouse(Settings(_env_file=None, home=shop.folder / "home", database_url=shop.url))
    began, lines = time.perf_counter(), 0
    with warehouse.reading() as connection:
        held = {"stream_results": True, "max_row_buffer": BATCH_ROWS}
        result = connection.execution_options(**held).execute(sa.text("SELECT * FROM order_lines"))
        while rows := result.fetchmany(BATCH_ROWS):
            lines += len(rows)
    warehouse.dispose()
    return Cost(time.perf_counter() - began, 0, 0, lines)


def _by_api(address: str) -> Cost:
    began, breaks = time.perf_counter(), 0
    with urllib.request.urlopen(f"{address}/transactions?format=csv") as answer:
        while chunk := answer.read(CHUNK_BYTES):
            breaks += chunk.count(b"\n")
    return Cost(time.perf_counter() - began, 0, 0, breaks - 1)  # the first line is the header
