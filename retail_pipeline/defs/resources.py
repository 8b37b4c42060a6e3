"""What assets and checks are given: the warehouse, the source profiles, and somebody to tell of progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import dagster as dg

from retail_pipeline import logs
from retail_pipeline.defs import processes
from retail_pipeline.defs.processes import PROCESS_TAG
from retail_pipeline.engines import Engine, engine_of
from retail_pipeline.quality import tester
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, indexing, ledger
from retail_pipeline.warehouse.loading import no_progress
from retail_pipeline.warehouse.migrations import ensure_current
from retail_pipeline.warehouse.retrying import retried

POOL = "warehouse"
"""Whoever writes to the warehouse is in this pool, of which Dagster starts one run at a time."""


class Retail(dg.ConfigurableResource):
    """The warehouse and the sources of the process's settings, for one run at a time.

    A run loads, checks and refreshes in several transactions; another one between them would make the checks compare
    figures of different moments.
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Retail"]:
        if context.instance is not None and context.run is not None:
            context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: processes.this_one()})
        with self.warehouse, self.warehouse.alone(), logs.about(run_id=context.run and context.run.run_id):
            self.warehouse.when_silent(tester.end)  # who waits for that process waits for the server too
            indexing.complete(self.warehouse)
            yield self

    def interrupt(self) -> None:
        """Breaks off what the run's threads are doing with the database."""
        self.warehouse.interrupt()
        tester.end()

    @cached_property
    def warehouse(self) -> Warehouse:
        warehouse = Warehouse(Settings())
        _ready(warehouse)
        return warehouse

    @cached_property
    def engine(self) -> Engine:
        return engine_of(self.warehouse)

    @cached_property
    def unchecked(self) -> list[str]:
        """Loads that haven't passed the critical checks, as the run's first mart finds it: the checks came before."""
        return _unchecked(self.warehouse)

    @cached_property
    def sources(self) -> SourceCatalogue:
        return SourceCatalogue(Settings().sources_folder)


@retried
def _ready(warehouse: Warehouse) -> None:
    """Waits for a database that is only just coming up, as a run that begins by itself should."""
    ensure_current(warehouse)


@retried
def _unchecked(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        return ledger.unchecked(connection)


RESOURCES = {"retail": Retail(), "progress": dg.ResourceDefinition.hardcoded_resource(no_progress)}
