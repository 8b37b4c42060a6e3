"""Up to which state marts passed their checks, the parts that are under test, and how returns are found."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

PARTS = {
    "source": sa.String(64),
    "invoice_no": sa.String(64),
    "customer_id": sa.String(64),
    "product_code": sa.String(64),
    "period": sa.String(64),
    "currency": sa.String(3),
    "invoice_date": sa.Date(),
    "month": sa.Date(),
    "load_id": sa.String(200),
}


def upgrade() -> None:
    op.create_table(
        "mart_tests",
        sa.Column("mart", sa.String(64), nullable=False, comment="The mart's name."),
        sa.Column(
            "version",
            sa.BigInteger(),
            nullable=False,
            comment="warehouse_state.version up to which the mart passed its checks.",
        ),
        sa.Column(
            "terms",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of the expectations, and of what makes all of the mart be tested again.",
        ),
        sa.Column("passed_at", INSTANT, nullable=False, comment="When it passed them (UTC)."),
        sa.PrimaryKeyConstraint("mart", name="pk_mart_tests"),
        comment=(
            "Up to which state of order_lines marts passed their checks. One row per mart that did when last tested."
        ),
        **MYSQL,
    )
    op.create_table(
        "tested_parts",
        sa.Column("parts", sa.String(200), nullable=False, comment="The columns that are filled, separated by commas."),
        *(sa.Column(name, kind, nullable=True, comment="Part of a mart's grain.") for name, kind in PARTS.items()),
        comment="Scratch table of the checks, the parts of a mart that are under test: empty while nothing is tested.",
        **MYSQL,
    )
    op.create_index("ix_tested_parts_parts", "tested_parts", ["parts"])
    # So that a product's returns are found without reading all of its lines, of which guests have thousands.
    with op.batch_alter_table("order_lines") as lines:
        lines.drop_index("ix_order_lines_customer_product")
        lines.create_index(
            "ix_order_lines_customer_product", ["source", "customer_id", "product_code", "kind", "invoice_date"]
        )
    op.add_column(
        "mart_refreshes",
        sa.Column(
            "times_made_anew",
            sa.BigInteger(),
            nullable=False,
            server_default="0",
            comment="How often all of it was made anew instead of following.",
        ),
    )
