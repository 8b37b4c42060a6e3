"""Spark as an engine, which is what `retail_pipeline.engines` says it is."""

from collections.abc import Iterable, Sequence

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import Mart
from retail_pipeline.marts.refresh import Refresh
from retail_pipeline.marts.verification import Difference
from retail_pipeline.quality.catalogue import Suite
from retail_pipeline.quality.great_expectations_bridge import Verdict
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.spark import checks, loading, refreshing
from retail_pipeline.spark.tables import Tables
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.loading import Progress


class SparkEngine:
    """Lines are in the store alone; the ledger, the marts and the rows in quarantine are in the database."""

    def __init__(self, warehouse: Warehouse):
        self._tables = Tables(warehouse)

    def load(
        self, load_ids: Iterable[str], sources: SourceCatalogue, run_id: str | None, progress: Progress
    ) -> dict[str, BadInput]:
        return loading.load(self._tables, load_ids, sources, run_id, progress)

    def way(self) -> str:
        return "Spark"

    def revert(self, load_id: str, sources: SourceCatalogue) -> None:
        loading.revert(self._tables, load_id)

    def refresh(self, mart: Mart, *, full: bool = False) -> Refresh:
        return refreshing.refresh(self._tables, mart, full=full)

    def evaluate(self, suite: Suite, load_ids: Sequence[str] = (), since: int | None = None) -> dict[str, Verdict]:
        return checks.evaluate(self._tables, suite, load_ids, since)

    def difference(self, mart: Mart) -> Difference:
        return refreshing.difference(self._tables, mart)
