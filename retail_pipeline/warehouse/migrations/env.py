"""Alembic's entry: runs migrations on the connection that `upgrade` hands over, inside its transaction."""

from alembic import context

from retail_pipeline.warehouse.migrations.resuming import refuse_strange_tables
from retail_pipeline.warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_as_batch=True,  # SQLite alters tables only by copying them
)
with context.begin_transaction():
    context.run_migrations()
if context.get_revision_argument() == context.script.get_current_head():
    refuse_strange_tables(context.get_context())
