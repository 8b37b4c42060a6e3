"""What a process has in memory from which runs are forked: whatever each of them would import and work out anew."""

import gc

from retail_pipeline.definitions import defs
from retail_pipeline.defs.marts import lineage
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.quality.great_expectations_bridge import great_expectations

defs.get_repository_def().get_all_jobs()
great_expectations()
for name in marts():
    lineage(name)
gc.freeze()  # so that no collection writes to the pages that forks have in common
