"""What does the work of loading, taking back, refreshing and testing: the database itself, or Apache Spark."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import pyarrow

from retail_pipeline.errors import BadInput, few_of
from retail_pipeline.marts import refresh, verification
from retail_pipeline.marts.catalogue import Mart
from retail_pipeline.quality import great_expectations_bridge as bridge
from retail_pipeline.quality import tester
from retail_pipeline.quality.catalogue import Suite
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, bulk, indexing, ledger, loading
from retail_pipeline.warehouse.loading import Progress
from retail_pipeline.warehouse.retrying import retried


class Engine(Protocol):
    """Whatever it is, the ledger, the marts and what is in quarantine end up in the database, and are the same."""

    def load(
        self, load_ids: Iterable[str], sources: SourceCatalogue, run_id: str | None, progress: Progress
    ) -> dict[str, BadInput]:
        """Loads landed files, and loads that another engine loaded; returns what is wrong with those that can't be."""

    def way(self) -> str:
        """How rows are loaded, for people who wonder why it is slow."""

    def revert(self, load_id: str, sources: SourceCatalogue) -> None:
        """Takes a load back out. Raises BadInput where it isn't in the tables."""

    def refresh(self, mart: Mart, *, full: bool = False) -> refresh.Refresh:
        """Brings a mart up to date; with `full`, by making all of it anew."""

    def evaluate(
        self, suite: Suite, load_ids: Sequence[str] = (), since: int | None = None
    ) -> dict[str, bridge.Verdict]:
        """A verdict for every expectation of a suite, as `great_expectations_bridge.evaluate` gives it."""

    def difference(self, mart: Mart) -> verification.Difference:
        """Compares a mart in the database with what it would be if all of it were made anew."""


class DatabaseEngine:
    """Everything happens in the database."""

    def __init__(self, warehouse: Warehouse):
        self._warehouse, self._all_lines_are_here = warehouse, False

    def load(
        self, load_ids: Iterable[str], sources: SourceCatalogue, run_id: str | None, progress: Progress
    ) -> dict[str, BadInput]:
        problems, wanted = {}, list(dict.fromkeys([*load_ids, *self._without_lines()]))
        with indexing.built_at_once(self._warehouse, wanted):
            for load_id in wanted:
                try:
                    _load(self._warehouse, load_id, sources, run_id, progress)
                except BadInput as problem:
                    problems[load_id] = problem
            pyarrow.default_memory_pool().release_unused()  # the lines are in, and who tests them needs it
            tester.prepare()
        return problems

    def way(self) -> str:
        with self._warehouse.reading() as connection:
            return bulk.way(connection)

    def revert(self, load_id: str, sources: SourceCatalogue) -> None:
        loading.revert(self._warehouse, load_id, [source.name for source in sources if source.overlap == "append"])

    def refresh(self, mart: Mart, *, full: bool = False) -> refresh.Refresh:
        if not self._all_lines_are_here and (elsewhere := self._without_lines()):
            raise BadInput(
                f"{few_of(elsewhere)}: loaded by Spark, and not in the database. "
                f"`retail loads reload {elsewhere[0]}` loads all of them there"
            )
        self._all_lines_are_here = True  # asked once in a run: it looks at every load, and no other run is at work
        return refresh.refresh(self._warehouse, mart, full=full)

    def evaluate(
        self, suite: Suite, load_ids: Sequence[str] = (), since: int | None = None
    ) -> dict[str, bridge.Verdict]:
        return bridge.evaluate(self._warehouse, suite, load_ids, since)

    def difference(self, mart: Mart) -> verification.Difference:
        return verification.difference(self._warehouse, mart)

    def _without_lines(self) -> list[str]:
        return _without_lines(self._warehouse)


@retried
def _load(warehouse: Warehouse, load_id: str, sources: SourceCatalogue, run_id: str | None, progress: Progress) -> None:
    with warehouse.reading() as connection:
        source = ledger.entry(connection, load_id)["source"]
    loading.load(warehouse, load_id, sources.get(source), run_id=run_id, progress=progress)


@retried
def _without_lines(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return ledger.without_lines(connection)


def engine_of(warehouse: Warehouse) -> Engine:
    """The engine that the settings name."""
    if warehouse.settings.engine == "spark":
        from retail_pipeline.spark.engine import SparkEngine

        return SparkEngine(warehouse)
    return DatabaseEngine(warehouse)
