"""What assets and checks are given: the warehouse, the source profiles, and somebody to tell of progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import dagster as dg

from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.loading import no_progress
from retail_pipeline.warehouse.migrations import ensure_current

POOL = "warehouse"
"""Whoever writes to the warehouse is in this pool, of which Dagster starts one run at a time."""


class Retail(dg.ConfigurableResource):
    """The warehouse and the sources of the process's settings, for one run at a time.

    A run loads, checks and refreshes in several transactions; another one between them would make the checks compare
    figures of different moments.
    """

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Retail"]:
        with self.warehouse.alone():
            yield self

    @cached_property
    def warehouse(self) -> Warehouse:
        warehouse = Warehouse(Settings())
        ensure_current(warehouse)
        return warehouse

    @cached_property
    def sources(self) -> SourceCatalogue:
        return SourceCatalogue(Settings().sources_folder)


RESOURCES = {"retail": Retail(), "progress": dg.ResourceDefinition.hardcoded_resource(no_progress)}
