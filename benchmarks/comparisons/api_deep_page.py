"""The page behind nine tenths of all order lines, against the first one."""

from api.cursors import cursor_of
from benchmarks import serving
from benchmarks.bench import Bench, Shop
from benchmarks.comparison import Comparison, Side
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.paging import LineFilter, in_order

LINES = 100
DEPTH = 0.9


def compare(bench: Bench) -> Comparison:
    shop = bench.shop_with_history(1)
    address = bench.servers.enter_context(serving.api(shop))
    cursor = _cursor(shop)
    return Comparison(
        title="Pages of 100 order lines behind nine tenths of all, against the first; seconds for a thousand requests",
        base=Side("the first page", lambda: serving.load(address, f"/transactions?limit={LINES}", LINES)),
        contender=Side(
            "a deep page", lambda: serving.load(address, f"/transactions?limit={LINES}&cursor={cursor}", LINES)
        ),
        figure="seconds",
        target=1.2,
        same_lines=True,
    )


def _cursor(shop: Shop) -> str:
    """Where the deep page begins."""
    warehouse = Warehouse(Settings(_env_file=None, home=shop.folder / "home", database_url=shop.url))
    with warehouse.reading() as connection:
        everything = in_order(connection, LineFilter())
        line = connection.execute(everything.offset(int(DEPTH * shop.lines)).limit(1)).mappings().one()
    warehouse.dispose()
    return cursor_of(tuple(line[name] for name in LineFilter().key))
