"""What of a load was pruned, and when."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    op.add_column(
        "loads", sa.Column("raw_pruned_at", INSTANT, nullable=True, comment="When its raw lines were pruned (UTC).")
    )
    op.add_column(
        "loads", sa.Column("file_pruned_at", INSTANT, nullable=True, comment="When its file was pruned (UTC).")
    )
