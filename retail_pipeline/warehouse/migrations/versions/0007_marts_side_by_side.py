"""Marts are refreshed and tested side by side: their scratch tables say whose part a row is."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}

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


def part_columns() -> list[sa.Column]:
    return [
        sa.Column("mart", sa.String(64), nullable=False, comment="The mart's name."),
        *(sa.Column(name, kind, nullable=True, comment="Part of a mart's grain.") for name, kind in PARTS.items()),
    ]


def upgrade() -> None:
    for table in ("refresh_parts", "tested_parts"):  # what a killed run left in them serves nobody
        op.execute(f"DROP TABLE IF EXISTS {table}")
    op.create_table(
        "refresh_parts",
        *part_columns(),
        comment="Scratch table of a refresh, the parts of a mart that are made anew: empty outside its transaction.",
        **MYSQL,
    )
    op.create_index("ix_refresh_parts_mart", "refresh_parts", ["mart"])
    op.create_table(
        "tested_parts",
        *part_columns(),
        sa.Column("parts", sa.String(200), nullable=False, comment="The columns that are filled, separated by commas."),
        comment="Scratch table of the checks, the parts of a mart that are under test: empty while nothing is tested.",
        **MYSQL,
    )
    op.create_index("ix_tested_parts_mart", "tested_parts", ["mart", "parts"])
