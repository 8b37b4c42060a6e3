"""Corrections of quarantined rows, and the line numbers that exports have themselves."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
RAW_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    for table in ("order_lines", "superseded_lines", "lines_before"):
        op.add_column(
            table,
            sa.Column(
                "invoice_line",
                sa.String(length=64),
                nullable=True,
                comment="The line's own number in its invoice, where the export has one.",
            ),
        )
    with op.batch_alter_table("loads") as loads:
        loads.alter_column(
            "encoding",
            existing_type=sa.String(length=32),
            existing_nullable=False,
            existing_comment="The encoding that the file was found to be in.",
            comment="The encoding of the file's text, or its format where it is none: excel.",
        )
    op.add_column(
        "loads",
        sa.Column(
            "has_totals",
            sa.SmallInteger(),
            nullable=True,
            comment="1 where the source says the money of whole lines, so that unit prices are rounded.",
        ),
    )
    op.create_table(
        "corrections",
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load whose row is corrected."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column("column_name", sa.String(length=64), nullable=False, comment="The column whose text is corrected."),
        sa.Column(
            "correction_no",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="Counts the files of corrections; of several for a text, the last one holds.",
        ),
        sa.Column("old_text", RAW_TEXT, nullable=False, comment="What it was before."),
        sa.Column("new_text", RAW_TEXT, nullable=False, comment="What it is instead."),
        sa.Column("corrected_by", sa.String(length=200), nullable=False, comment="Who said so."),
        sa.Column("corrected_at", INSTANT, nullable=False, comment="When (UTC)."),
        sa.Column("file_name", sa.String(length=255), nullable=False, comment="The file that said so."),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="SHA-256 of that file's bytes."),
        sa.Column("is_applied", sa.Boolean(), nullable=False, comment="Whether the load was loaded with it."),
        sa.PrimaryKeyConstraint("load_id", "line_no", "column_name", "correction_no", name="pk_corrections"),
        comment="The trail of corrections: who said what and when. One row per text that somebody corrected.",
        **MYSQL,
    )
