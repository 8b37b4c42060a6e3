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
    with warehouse.reading() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    if current == head:
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise BadInput(f"the database's tables are of revision {current}, made by a later version of this program")
    if current is None or warehouse.is_sqlite:
        upgrade(warehouse)
        return
    raise BadInput(
        f"the database's tables are of revision {current}, this version needs {head}: run `retail db upgrade`"
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
