"""Files into the raw and the typed table: as the pipeline loads them, and as the server does it with the least work."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import sqlalchemy as sa

from benchmarks.bench import Bench, NoServer
from benchmarks.measured import Cost
from retail_pipeline.engines import DatabaseEngine
from retail_pipeline.settings import Settings
from retail_pipeline.sources import RAW_COLUMNS, SourceCatalogue
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import no_progress
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline.warehouse.tables import order_lines

SOURCE = "online_retail"

_FILE = """
LOAD DATA LOCAL INFILE :path INTO TABLE {table} CHARACTER SET latin1
FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' LINES TERMINATED BY '\\r\\n' IGNORE 1 LINES
"""
_RAW = f"""
{_FILE.format(table="raw_order_lines")} ({", ".join(RAW_COLUMNS)})
SET load_id = :load_id, line_no = (@line := @line + 1)
"""
_TYPED = f"""
{_FILE.format(table="order_lines")} (invoice_no, @code, description, @quantity, @moment, @price, @customer, country)
SET load_id = :load_id, line_no = (@line := @line + 1), source = '{SOURCE}', product_code = UPPER(TRIM(@code)),
  quantity = @quantity, unit_price = @price, amount = @quantity * @price, currency = 'GBP',
  invoiced_at = STR_TO_DATE(@moment, '%c/%e/%Y %H:%i'), invoice_date = DATE(STR_TO_DATE(@moment, '%c/%e/%Y %H:%i')),
  customer_id = NULLIF(@customer, ''), kind = IF(@quantity < 0, 'return', 'sale')
"""


def years(bench: Bench, number: int) -> list[Path]:
    """So many years of half a million order lines, a file each."""
    return [bench.year(back) for back in range(number)]


def years_for_the_floor(bench: Bench, number: int) -> list[Path]:
    """The same for `floor`; raises NoServer before any is written."""
    if not bench.server:
        raise NoServer("the floor is LOAD DATA of MySQL or MariaDB: name a server by --database")
    return years(bench, number)


def floor(bench: Bench, files: list[Path]) -> Cost:
    """The same two tables with their indexes, filled by LOAD DATA from the files, without a look at what is in them."""
    with (
        bench.empty_database() as url,
        bench.empty_folder() as folder,
        Warehouse(Settings(_env_file=None, home=folder, database_url=url)) as warehouse,
    ):
        upgrade(warehouse)
        return _timed(warehouse, partial(_load_as_they_are, warehouse, files))


def _load_as_they_are(warehouse: Warehouse, files: list[Path]) -> None:
    for path in files:
        with warehouse.engine.begin() as connection:
            for statement in (_RAW, _TYPED):
                connection.execute(sa.text("SET @line = 0"))
                text = sa.text(statement.replace("@line :=", "@line \\:="))
                connection.execute(text, {"path": str(path), "load_id": path.stem})


def by_the_pipeline(bench: Bench, files: list[Path]) -> Cost:
    """Typed, with what can't be an order line in quarantine, overlaps settled and the ledger added up."""
    sources = SourceCatalogue()
    with (
        bench.empty_database() as url,
        bench.empty_folder() as folder,
        Warehouse(Settings(_env_file=None, home=folder, database_url=url)) as warehouse,
    ):
        upgrade(warehouse)
        landed = [land(warehouse, path, sources.get(SOURCE)).load_id for path in files]

        def load_all() -> None:
            if problems := DatabaseEngine(warehouse).load(landed, sources, None, no_progress):
                raise click.ClickException("\n".join(map(str, problems.values())))

        return _timed(warehouse, load_all)


def _timed(warehouse: Warehouse, work: Callable[[], None]) -> Cost:
    began, cpu_began = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    with warehouse.reading() as connection:
        lines = connection.scalar(sa.select(sa.func.count()).select_from(order_lines))
    return Cost(seconds, cpu_seconds, peak_mib=0, lines=lines)
