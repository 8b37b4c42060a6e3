"""Which revision a database's tables are of, and whether it is this version's; Alembic, which makes them, isn't needed.

Alembic is imported where there is something to upgrade, for its import takes a third of a short command's time.
"""

from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.failures import is_in_the_making

KNOWN = sorted(path.name.partition("_")[0] for path in (Path(__file__).parent / "versions").glob("[0-9]*_*.py"))
"""The revisions that this version knows, in their order: each has a file whose name begins with it."""

HEAD = KNOWN[-1]
"""The revision that this version needs."""

UNFINISHED_RESTORE = "unfinished_restore"
"""A table that is there while a restore is under way, or after one that was interrupted."""


class UnfinishedRestore(BadInput):
    """The database holds part of a backup."""


def open_warehouse(settings: Settings | None = None) -> Warehouse:
    """The warehouse of the settings, by default those of the environment, with its tables in order.

    Raises BadInput as `ensure_current` does.
    """
    with ExitStack() as opened:
        warehouse = opened.enter_context(Warehouse(settings or Settings()))
        ensure_current(warehouse)
        opened.pop_all()
    return warehouse


def ensure_current(warehouse: Warehouse) -> None:
    """Makes the tables of an empty database, and upgrades the embedded one.

    Raises BadInput where a server's tables are older, for upgrading those is somebody's decision, where tables are of
    a version that this one doesn't know, and where a restore was interrupted.
    """
    current = current_revision(warehouse)
    if current not in (None, HEAD) and not warehouse.is_sqlite and is_known(current):
        with warehouse.writing():  # servers show what another process is making this moment: it has ended then
            current = current_revision(warehouse)
    if current == HEAD:
        return
    if current is None or (warehouse.is_sqlite and is_known(current)):
        from retail_pipeline.warehouse.migrations.upgrade import upgrade

        upgrade(warehouse)
    else:
        raise BadInput(what_is_missing(current))


def missing_upgrade(warehouse: Warehouse) -> str | None:
    """What has to be done before the tables are those of this version; None where they are."""
    try:
        current = current_revision(warehouse)
    except UnfinishedRestore as error:
        return str(error)
    return None if current == HEAD else what_is_missing(current)


def revision_of(warehouse: Warehouse) -> str:
    """The revision of a database's tables, which need not be that of this version. Raises BadInput as above."""
    current = current_revision(warehouse)
    if current is None or not is_known(current):
        raise BadInput(what_is_missing(current))
    return current


@retry(retry=retry_if_exception(is_in_the_making), wait=wait_fixed(0.2), stop=stop_after_delay(60), reraise=True)
def current_revision(warehouse: Warehouse) -> str | None:
    """The revision of a database's tables, None where there are none. Raises UnfinishedRestore where that is so."""
    with warehouse.reading() as connection:
        if UNFINISHED_RESTORE in _tables(connection):
            raise UnfinishedRestore("a restore into this database was interrupted: run `retail restore` again")
        return revision_in(connection)


def revision_in(connection: sa.Connection) -> str | None:
    """The revision of a database's tables as Alembic notes it, None where there are none."""
    if "alembic_version" not in _tables(connection):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def _tables(connection: sa.Connection) -> list[str]:
    return sa.inspect(connection).get_table_names()  # not has_table, which fails where a user may read some alone


def what_is_missing(current: str | None) -> str:
    """What to tell people whose tables are of another revision than HEAD."""
    if current is None:
        return "there are no tables yet: run `retail db upgrade`"
    if not is_known(current):
        return f"the database's tables are of revision {current}, made by a later version of this program"
    return f"the database's tables are of revision {current}, this version needs {HEAD}: run `retail db upgrade`"


def is_known(revision: str) -> bool:
    """Whether this version knows tables of that revision, and so can upgrade them."""
    return revision in KNOWN
