"""Keys of the API, what the checks found, and the indexes by which order lines are paged through."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
RAW_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(16), nullable=False, comment="The public part of the key."),
        sa.Column("name", sa.String(100), nullable=False, comment="Whom it was made for."),
        sa.Column(
            "secret_sha256",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of the secret part, which is kept nowhere.",
        ),
        sa.Column(
            "scopes", sa.String(64), nullable=False, comment="What it may do: ingest, read; separated by commas."
        ),
        sa.Column("created_at", INSTANT, nullable=False, comment="When it was made (UTC)."),
        sa.Column("revoked_at", INSTANT, nullable=True, comment="When it was revoked (UTC)."),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        comment="Keys of the API. One row per key.",
        **MYSQL,
    )
    op.create_table(
        "check_results",
        sa.Column("run_id", sa.String(64), nullable=False, comment="The Dagster run in which it was tested."),
        sa.Column("asset", sa.String(64), nullable=False, comment="The Dagster asset that shows it."),
        sa.Column("name", sa.String(200), nullable=False, comment="The expectation's name."),
        sa.Column("table_name", sa.String(64), nullable=False, comment="The table that was tested."),
        sa.Column(
            "severity", sa.String(16), nullable=False, comment="critical: the marts stay as they are; or warning."
        ),
        sa.Column("passed", sa.Boolean(), nullable=False, comment="Whether it holds."),
        sa.Column(
            "unexpected_rows",
            sa.BigInteger(),
            nullable=True,
            comment="Rows that contradict it, where they were counted.",
        ),
        sa.Column(
            "details",
            RAW_TEXT,
            nullable=False,
            comment="JSON object: counts, a sample of offending rows, or the error.",
        ),
        sa.Column("checked_at", INSTANT, nullable=False, comment="When it was tested (UTC)."),
        sa.PrimaryKeyConstraint("run_id", "asset", "name", name="pk_check_results"),
        comment="What the checks found. One row per expectation and run.",
        **MYSQL,
    )
    op.create_index("ix_check_results_check", "check_results", ["asset", "name", "checked_at"])
    op.add_column(
        "loads",
        sa.Column("checked_by", sa.String(64), nullable=True, comment="The Dagster run that last tested it."),
    )
    op.add_column(
        "loads",
        sa.Column("requested_at", INSTANT, nullable=True, comment="When somebody undertook to start its run (UTC)."),
    )
    with op.batch_alter_table("loads") as loads:
        loads.alter_column(
            "run_id",
            existing_type=sa.String(64),
            existing_nullable=True,
            comment="The Dagster run that loads it, or did.",
        )
    op.create_index("ix_order_lines_day", "order_lines", ["invoice_date", "load_id", "line_no"])
    op.create_index("ix_order_lines_product", "order_lines", ["product_code", "invoice_date", "load_id", "line_no"])
