"""MySQL and MariaDB compare texts by their bytes without padding them, so that what marts sort is a fifth as large."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    collation = "utf8mb4_nopad_bin" if connection.dialect.is_mariadb else "utf8mb4_0900_bin"
    for table in _padded(connection):
        if table == "order_lines":
            _drop_what_is_built_afterwards(connection)
        op.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def _padded(connection: sa.Connection) -> list[str]:
    """Tables of ours, marts too, that aren't converted yet. New databases have none."""
    padded = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_collation = "
    ours = {
        *op.get_context().opts["target_metadata"].tables,
        *connection.scalars(sa.text("SELECT mart FROM mart_refreshes")),
    }
    return sorted(ours.intersection(connection.scalars(sa.text(padded + "'utf8mb4_bin'"))))


def _drop_what_is_built_afterwards(connection: sa.Connection) -> None:
    """Adding all lines to these indexes one by one takes far longer than building them, which ends every upgrade."""
    names = {found["name"] for found in sa.inspect(connection).get_indexes("order_lines")} - {"ix_order_lines_invoice"}
    if names:
        op.execute(f"ALTER TABLE order_lines {', '.join(f'DROP INDEX {name}' for name in sorted(names))}")
