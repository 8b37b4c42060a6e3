"""The files for Tableau: assets downstream of the marts that they show, rebuilt when one of those changes."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from retail_pipeline.dashboards.description import dashboard_marts
from retail_pipeline.dashboards.tableau.files import write_live, write_packaged
from retail_pipeline.dashboards.tableau.workbook import FORMATS
from retail_pipeline.defs.automation import WITH_ITS_MARTS
from retail_pipeline.defs.metadata import OWNERS
from retail_pipeline.defs.resources import POOL, Retail
from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

Writer = Callable[[Warehouse, sa.Connection, Path, str], list[Path]]


def _workbook(name: str, description: str, write: Writer, *, automatic: bool) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        deps=list(dashboard_marts()),
        description=description,
        group_name="dashboards",
        kinds={"tableau", "file"},
        owners=OWNERS,
        automation_condition=WITH_ITS_MARTS if automatic else None,
        output_required=False,
        pool=POOL,
    )
    def asset(context: dg.AssetExecutionContext, retail: Retail) -> Iterator[dg.MaterializeResult]:
        folder = retail.warehouse.settings.tableau_folder
        try:
            with retail.warehouse.reading() as connection:
                written = write(retail.warehouse, connection, folder, FORMATS[0])
        except BadInput as reason:  # nothing that could be written here: no failure of the marts
            context.log.warning(f"Left out: {reason}")
            return
        size = sum(path.stat().st_size for path in written)
        yield dg.MaterializeResult(
            metadata={"path": dg.MetadataValue.path(str(written[0])), "files": len(written), "bytes": size}
        )

    return asset


TABLEAU_ASSETS = [
    _workbook(
        "tableau_workbook",
        "retail.twb and a .tds for each mart, on the live marts in MySQL or MariaDB. One workbook with all dashboards.",
        write_live,
        automatic=not Warehouse(Settings()).is_sqlite,  # else every refresh would start a run that has nothing to do
    ),
    _workbook(
        "tableau_packaged_workbook",
        "retail.twbx, which brings the marts along as an extract. One workbook with all dashboards.",
        write_packaged,
        automatic=find_spec("pantab") is not None,
    ),
]
