"""Checks of what isn't in the database: the same expectations, on the store's tables."""

from collections.abc import Sequence
from typing import Any

from retail_pipeline.quality import great_expectations_bridge as bridge
from retail_pipeline.quality.catalogue import Suite
from retail_pipeline.spark.tables import Tables
from retail_pipeline.warehouse.tables import LINE_TABLES


class StoreGround:
    """The tables of Spark's session, for Great Expectations' engine for Spark."""

    dialect = "spark"

    def __init__(self, tables: Tables):
        self._tables = tables

    def batch(self, gx: Any, table: str) -> Any:
        self._tables.show()
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_spark("store").add_dataframe_asset(table)
        frame = self._tables.session.table(table)
        return asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


def evaluate(tables: Tables, suite: Suite, load_ids: Sequence[str], since: int | None) -> dict[str, bridge.Verdict]:
    """A verdict for every expectation, from where the rows are: a suite that looks at lines, from the store."""
    import pyspark.sql  # noqa: F401 - Great Expectations takes it where it is imported already

    ground = StoreGround(tables) if _looks_at_lines(suite) else None
    return bridge.evaluate(tables.warehouse, suite, load_ids, since, ground)


def _looks_at_lines(suite: Suite) -> bool:
    queries = " ".join(expectation.query or "" for expectation in suite.expectations)
    return suite.is_of_loads or any(table.name in queries for table in LINE_TABLES)
