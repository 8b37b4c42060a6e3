"""What a process has in memory from which runs are forked: whatever each of them would import and work out anew."""

import gc
from contextlib import suppress

from retail_pipeline.definitions import defs
from retail_pipeline.defs.marts import lineage
from retail_pipeline.errors import BadInput
from retail_pipeline.marts import refresh
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.quality.great_expectations_bridge import expectations_of
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.dialect import dialect_of

defs.get_repository_def().get_all_jobs()
for name in marts():
    lineage(name)
with suppress(BadInput):  # which a run tells, where people look for it
    dialect = dialect_of(Warehouse(Settings()).engine)
    refresh.prepare(dialect)
    for suite in suites():
        expectations_of(dialect, suite, [], in_parts=not suite.is_of_loads)
        for parts in suite.ways:
            refresh.texts_to_test(dialect, marts()[suite.table], parts)
gc.freeze()  # so that no collection writes to the pages that forks have in common
