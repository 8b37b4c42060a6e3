"""Brings a database to the tables that this version of the pipeline expects."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.geography import seed_countries


def upgrade(warehouse: Warehouse) -> None:
    """Makes or upgrades all tables, and what the pipeline itself knows about countries."""
    with warehouse.writing() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        seed_countries(connection)


def ensure_current(warehouse: Warehouse) -> None:
    """Makes the tables of an empty database, and upgrades the embedded one.

    Raises BadInput where a server's tables are older, for upgrading those is somebody's decision, and where tables are
    of a version that this one doesn't know.
    """
    current, head = _revisions(warehouse)
    if current == head:
        return
    if current is None or (warehouse.is_sqlite and _is_known(current)):
        upgrade(warehouse)
    else:
        raise BadInput(_what_is_missing(current, head))


def missing_upgrade(warehouse: Warehouse) -> str | None:
    """What has to be done before the tables are those of this version; None where they are."""
    current, head = _revisions(warehouse)
    return None if current == head else _what_is_missing(current, head)


def _revisions(warehouse: Warehouse) -> tuple[str | None, str]:
    """The revision of a database's tables, and the one that this version needs."""
    with warehouse.reading() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_config()).get_current_head()


def _what_is_missing(current: str | None, head: str) -> str:
    if current is None:
        return "there are no tables yet: run `retail db upgrade`"
    if not _is_known(current):
        return f"the database's tables are of revision {current}, made by a later version of this program"
    return f"the database's tables are of revision {current}, this version needs {head}: run `retail db upgrade`"


def _is_known(revision: str) -> bool:
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
