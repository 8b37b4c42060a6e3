"""Makes the tables that this version of the pipeline expects, or brings them there."""

import logging
import time
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import indexing
from retail_pipeline.warehouse.connection import Warehouse
from retail_pipeline.warehouse.geography import seed_countries
from retail_pipeline.warehouse.migrations.revisions import current_revision, is_known, revision_in, what_is_missing

log = logging.getLogger(__name__)


def upgrade(warehouse: Warehouse) -> None:
    """Makes or upgrades all tables, and what the pipeline itself knows about countries.

    An upgrade that was interrupted is finished. Raises BadInput as `ensure_current` does, but for older tables.
    """
    current = current_revision(warehouse)
    if current is not None and not is_known(current):
        raise BadInput(what_is_missing(current))
    with warehouse.writing() as connection:
        migrate(connection)
    indexing.complete(warehouse)


def migrate(connection: sa.Connection, revision: str = "head") -> None:
    """As `upgrade`, within a transaction, and as far as a revision."""
    began, before = time.monotonic(), revision_in(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    if revision == "head":
        seed_countries(connection)
    after = revision_in(connection)
    if before != after:
        facts = {"from_revision": before, "to_revision": after, "seconds": round(time.monotonic() - began, 3)}
        log.info("The tables are upgraded to revision %s", after, extra=facts)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
