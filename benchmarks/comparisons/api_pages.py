"""A thousand pages of a hundred order lines, against Datasette on the same lines."""

from benchmarks import serving
from benchmarks.bench import Bench
from benchmarks.comparison import Comparison, Side

LINES = 100


def compare(bench: Bench) -> Comparison:
    """Datasette reads SQLite only, and with the settings by which it is fastest; the API reads what is asked for."""
    copy = bench.embedded_shop()
    datasette = bench.servers.enter_context(serving.datasette(copy.folder / "home" / "retail.db"))
    api = bench.servers.enter_context(serving.api(bench.shop_with_history(1)))
    fastest = f"/retail/order_lines.json?_size={LINES}&_nocount=1&_nofacet=1&_shape=array"
    return Comparison(
        title="Pages of 100 order lines from the API, against Datasette on SQLite; seconds for a thousand requests",
        base=Side("Datasette", lambda: serving.load(datasette, fastest, LINES)),
        contender=Side("the API", lambda: serving.load(api, f"/transactions?limit={LINES}", LINES)),
        figure="seconds",
        target=0.5,
        same_lines=True,
    )
