"""Brings a database to the tables that this version of the pipeline expects."""

import logging
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.failures import is_in_the_making
from retail_pipeline.warehouse.geography import seed_countries

log = logging.getLogger(__name__)


class UnfinishedRestore(BadInput):
    """The database holds part of a backup."""


UNFINISHED_RESTORE = "unfinished_restore"
"""A table that is there while a restore is under way, or after one that was interrupted."""


def upgrade(warehouse: Warehouse) -> None:
    """Makes or upgrades all tables, and what the pipeline itself knows about countries.

    An upgrade that was interrupted is finished. Raises BadInput as `ensure_current` does, but for older tables.
    """
    current, head = _revisions(warehouse)
    if current not in (None, head) and not is_known(current):
        raise BadInput(_what_is_missing(current, head))
    with warehouse.writing() as connection:
        migrate(connection)


def migrate(connection: sa.Connection, revision: str = "head") -> None:
    """As `upgrade`, within a transaction, and as far as a revision."""
    began, before = time.monotonic(), MigrationContext.configure(connection).get_current_revision()
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if revision == "head":
        seed_countries(connection)
    after = MigrationContext.configure(connection).get_current_revision()
    if before != after:
        facts = {"from_revision": before, "to_revision": after, "seconds": round(time.monotonic() - began, 3)}
        log.info("The tables are upgraded to revision %s", after, extra=facts)


def ensure_current(warehouse: Warehouse) -> None:
    """Makes the tables of an empty database, and upgrades the embedded one.

    Raises BadInput where a server's tables are older, for upgrading those is somebody's decision, where tables are of
    a version that this one doesn't know, and where a restore was interrupted.
    """
    current, head = _revisions(warehouse)
    if current not in (None, head) and not warehouse.is_sqlite and is_known(current):
        with warehouse.writing():  # servers show what another process is making this moment: it has ended then
            current, head = _revisions(warehouse)
    if current == head:
        return
    if current is None or (warehouse.is_sqlite and is_known(current)):
        upgrade(warehouse)
    else:
        raise BadInput(_what_is_missing(current, head))


def missing_upgrade(warehouse: Warehouse) -> str | None:
    """What has to be done before the tables are those of this version; None where they are."""
    try:
        current, head = _revisions(warehouse)
    except UnfinishedRestore as error:
        return str(error)
    return None if current == head else _what_is_missing(current, head)


def revision_of(warehouse: Warehouse) -> str:
    """The revision of a database's tables, which need not be that of this version. Raises BadInput as above."""
    current, head = _revisions(warehouse)
    if current is None or not is_known(current):
        raise BadInput(_what_is_missing(current, head))
    return current


@retry(retry=retry_if_exception(is_in_the_making), wait=wait_fixed(0.2), stop=stop_after_delay(60), reraise=True)
def _revisions(warehouse: Warehouse) -> tuple[str | None, str]:
    """The revision of a database's tables, and the one that this version needs."""
    with warehouse.reading() as connection:
        # Not has_table, which fails where a user may read some tables only.
        if UNFINISHED_RESTORE in sa.inspect(connection).get_table_names():
            raise UnfinishedRestore("a restore into this database was interrupted: run `retail restore` again")
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_config()).get_current_head()


def _what_is_missing(current: str | None, head: str) -> str:
    if current is None:
        return "there are no tables yet: run `retail db upgrade`"
    if not is_known(current):
        return f"the database's tables are of revision {current}, made by a later version of this program"
    return f"the database's tables are of revision {current}, this version needs {head}: run `retail db upgrade`"


def is_known(revision: str) -> bool:
    """Whether this version knows tables of that revision, and so can upgrade them."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
