"""Reading a file and typing its batches, against loading the same batches into the database."""

import time
from collections.abc import Callable
from functools import partial

import pyarrow as pa

from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side
from benchmarks.measured import Cost
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.intake.lines import type_batch
from retail_pipeline.intake.reader import read_batches
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, bulk
from retail_pipeline.warehouse.loading import rows_of
from retail_pipeline.warehouse.migrations.upgrade import upgrade


def compare(bench: Bench) -> Comparison:
    """What Python does of a load must not be what it waits for: typing a batch costs less than loading it."""
    return Comparison(
        title="Typing the batches of half a million order lines, against loading them into raw_order_lines and "
        f"order_lines ({bench.exports.origin})",
        base=Side("loading", partial(_measured, bench, "loading")),
        contender=Side("typing", partial(_measured, bench, "typing")),
        figure="seconds",
        target=1.0,
        same_lines=True,
    )


def _measured(bench: Bench, what: str) -> Cost:
    """The seconds of one of the two, within a load in which both take turns."""
    profile = SourceCatalogue().get("online_retail")
    seconds, lines = {"typing": 0.0, "loading": 0.0}, 0
    with bench.empty_database() as url, bench.empty_folder() as folder:
        warehouse = Warehouse(Settings(_env_file=None, home=folder, database_url=url))
        upgrade(warehouse)
        path = bench.exports.whole
        with warehouse.writing() as connection:
            batches = read_batches(path, profile, encoding_of(path, profile.encodings), warehouse.settings.batch_rows)
            for text in batches:
                typed = _timed(seconds, "typing", lambda text=text: type_batch(text.frame, profile, text.date_formats))
                for table, (frame, constants) in rows_of(text, typed, "bench", profile).items():
                    rows = pa.Table.from_pandas(frame, preserve_index=False)
                    _timed(seconds, "loading", partial(bulk.insert, connection, table, rows, constants))
                lines += len(typed.lines)
        warehouse.engine.dispose()
    return Cost(seconds=seconds[what], cpu_seconds=seconds[what], peak_mib=0, lines=lines)


def _timed(seconds: dict[str, float], what: str, work: Callable):
    started = time.perf_counter()
    result = work()
    seconds[what] += time.perf_counter() - started
    return result
