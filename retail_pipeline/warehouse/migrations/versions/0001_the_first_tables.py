"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, sqlite

from retail_pipeline.warehouse.exact import ExactDecimal

revision = "0001"
down_revision = None

MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
SECOND = sa.DateTime().with_variant(sqlite.DATETIME(truncate_microseconds=True), "sqlite")
RAW_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "changed_invoices",
        sa.Column(
            "version",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="warehouse_state.version of the change.",
        ),
        sa.Column("source", sa.String(length=64), nullable=False, comment="The source of the invoice."),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="An invoice whose lines changed."),
        sa.PrimaryKeyConstraint("version", "source", "invoice_no", name="pk_changed_invoices"),
        comment="Invoices that some mart doesn't show as they are now. One row per change of an invoice.",
        **MYSQL,
    )
    op.create_table(
        "changed_loads",
        sa.Column(
            "version",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="warehouse_state.version of the change.",
        ),
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="A load that was loaded or reverted."),
        sa.PrimaryKeyConstraint("version", "load_id", name="pk_changed_loads"),
        comment="Loads that some mart doesn't show as they are now. One row per change of a load.",
        **MYSQL,
    )
    op.create_table(
        "contested_carriers",
        sa.Column("source", sa.String(length=64), nullable=False, comment="The source of the invoice."),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="A contested invoice."),
        sa.Column(
            "landing_no",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="landing_no of a load that carries it.",
        ),
        sa.PrimaryKeyConstraint("source", "invoice_no", "landing_no", name="pk_contested_carriers"),
        comment="Scratch table of a load: empty outside its transaction.",
        **MYSQL,
    )
    op.create_table(
        "contested_invoices",
        sa.Column("source", sa.String(length=64), nullable=False, comment="The source of the invoice."),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="An invoice that several loads carry."),
        sa.Column(
            "winner_no", sa.BigInteger(), nullable=True, comment="landing_no of the latest load that carries it."
        ),
        sa.PrimaryKeyConstraint("source", "invoice_no", name="pk_contested_invoices"),
        comment="Scratch table of a load: empty outside its transaction.",
        **MYSQL,
    )
    op.create_table(
        "countries",
        sa.Column(
            "label",
            sa.String(length=100),
            nullable=False,
            comment="A country's name or code in upper case, as exports write it.",
        ),
        sa.Column("country_name", sa.String(length=100), nullable=True, comment="The country's common name."),
        sa.Column("iso2", sa.String(length=2), nullable=True, comment="ISO 3166-1 alpha-2 code."),
        sa.Column("iso3", sa.String(length=3), nullable=True, comment="ISO 3166-1 alpha-3 code."),
        sa.Column("iso_numeric", sa.String(length=3), nullable=True, comment="ISO 3166-1 numeric code."),
        sa.Column(
            "region",
            sa.String(length=32),
            nullable=False,
            comment="Continent-level grouping; Unknown where the label is no place.",
        ),
        sa.PrimaryKeyConstraint("label", name="pk_countries"),
        comment="What exports call countries. One row per label.",
        **MYSQL,
    )
    op.create_table(
        "lines_before",
        sa.Column(
            "version",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="warehouse_state.version of the change.",
        ),
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load that the line came with."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column(
            "source",
            sa.String(length=64),
            nullable=False,
            comment="The source of the load; invoice and customer numbers are unique within it.",
        ),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="Invoice number."),
        sa.Column(
            "product_code", sa.String(length=64), nullable=False, comment="Product code, trimmed and in upper case."
        ),
        sa.Column(
            "description", sa.String(length=500), nullable=True, comment="The product's description on this line."
        ),
        sa.Column(
            "quantity",
            ExactDecimal(precision=12, scale=3),
            nullable=False,
            comment="Units; negative where goods came back.",
        ),
        sa.Column(
            "unit_price",
            ExactDecimal(precision=12, scale=4),
            nullable=False,
            comment="Price of one unit in `currency`.",
        ),
        sa.Column(
            "amount", ExactDecimal(precision=15, scale=4), nullable=False, comment="quantity × unit_price, exact."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code."),
        sa.Column("invoiced_at", SECOND, nullable=False, comment="When the invoice was written, by the shop's clock."),
        sa.Column("invoice_date", sa.Date(), nullable=False, comment="The day of invoiced_at."),
        sa.Column("customer_id", sa.String(length=64), nullable=True, comment="Customer; NULL for guests."),
        sa.Column("country", sa.String(length=100), nullable=False, comment="Country label as the source has it."),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="sale, return, adjustment or stock_movement."),
        sa.Column(
            "first_superseded_by",
            sa.String(length=200),
            nullable=False,
            comment="As in superseded_lines; empty for a line that counted.",
        ),
        sa.PrimaryKeyConstraint("version", "load_id", "line_no", name="pk_lines_before"),
        comment="The lines of changed invoices as they were before the change: what a refresh subtracts.",
        **MYSQL,
    )
    with op.batch_alter_table("lines_before", schema=None) as batch_op:
        batch_op.create_index("ix_lines_before_invoice", ["source", "invoice_no"], unique=False)

    op.create_table(
        "loads",
        sa.Column(
            "load_id",
            sa.String(length=200),
            nullable=False,
            comment="<file stem>-<first 12 hex of the SHA-256 of the file>.",
        ),
        sa.Column(
            "sha256",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the file's bytes: the same bytes are the same load.",
        ),
        sa.Column(
            "landing_no",
            sa.BigInteger(),
            nullable=False,
            comment="The order in which files landed; a later load's invoices replace an earlier one's.",
        ),
        sa.Column(
            "source", sa.String(length=64), nullable=False, comment="The source profile by which the file is read."
        ),
        sa.Column("file_name", sa.String(length=255), nullable=False, comment="The file's name as it was handed in."),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False, comment="The file's size in bytes."),
        sa.Column(
            "encoding", sa.String(length=32), nullable=False, comment="The encoding that the file was found to be in."
        ),
        sa.Column(
            "status",
            sa.String(length=16),
            nullable=False,
            comment="landed: kept, not in the tables yet; loaded; failed: the file can't be read; reverted.",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="Why the load failed."),
        sa.Column("currency", sa.String(length=3), nullable=True, comment="ISO 4217 code of the amounts."),
        sa.Column("rows_read", sa.BigInteger(), nullable=True, comment="Data rows in the file."),
        sa.Column("rows_loaded", sa.BigInteger(), nullable=True, comment="Rows of this load in order_lines."),
        sa.Column(
            "rows_quarantined", sa.BigInteger(), nullable=True, comment="Rows of this load in quarantined_lines."
        ),
        sa.Column(
            "rows_superseded",
            sa.BigInteger(),
            nullable=True,
            comment="Rows of this load that a later load, or the line they repeat, replaced.",
        ),
        sa.Column(
            "rows_repeated", sa.BigInteger(), nullable=True, comment="Rows that repeat another row of the file exactly."
        ),
        sa.Column(
            "amount_read",
            ExactDecimal(precision=20, scale=4),
            nullable=True,
            comment="Amount of all rows read, as far as it can be told.",
        ),
        sa.Column(
            "amount_loaded",
            ExactDecimal(precision=20, scale=4),
            nullable=True,
            comment="Amount of the rows in order_lines.",
        ),
        sa.Column(
            "amount_quarantined",
            ExactDecimal(precision=20, scale=4),
            nullable=True,
            comment="Amount held back in quarantine, as far as it can be told.",
        ),
        sa.Column(
            "amount_superseded",
            ExactDecimal(precision=20, scale=4),
            nullable=True,
            comment="Amount of the superseded rows.",
        ),
        sa.Column(
            "first_invoice_date", sa.Date(), nullable=True, comment="Earliest invoice date among the rows typed."
        ),
        sa.Column("last_invoice_date", sa.Date(), nullable=True, comment="Latest invoice date among the rows typed."),
        sa.Column("landed_at", INSTANT, nullable=False, comment="When the file was safe in the landing store (UTC)."),
        sa.Column("loaded_at", INSTANT, nullable=True, comment="When its rows became visible (UTC)."),
        sa.Column(
            "checked_at", INSTANT, nullable=True, comment="When the load last passed every critical check (UTC)."
        ),
        sa.Column("run_id", sa.String(length=64), nullable=True, comment="The Dagster run that loaded it."),
        sa.PrimaryKeyConstraint("load_id", name="pk_loads"),
        sa.UniqueConstraint("landing_no", name="uq_loads_landing_no"),
        sa.UniqueConstraint("sha256", name="uq_loads_sha256"),
        comment="The ledger. One row per load, that is per ingested file.",
        **MYSQL,
    )
    op.create_table(
        "mart_refreshes",
        sa.Column("mart", sa.String(length=64), nullable=False, comment="The mart's name."),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="warehouse_state.version that the mart shows."),
        sa.Column(
            "definition", sa.String(length=64), nullable=False, comment="SHA-256 of the mart's SQL and description."
        ),
        sa.Column("rows_written", sa.BigInteger(), nullable=False, comment="Rows of the mart."),
        sa.Column("refreshed_at", INSTANT, nullable=False, comment="When it was refreshed (UTC)."),
        sa.PrimaryKeyConstraint("mart", name="pk_mart_refreshes"),
        comment="Which state of order_lines each mart shows. One row per mart.",
        **MYSQL,
    )
    op.create_table(
        "order_lines",
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load that the line came with."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column(
            "source",
            sa.String(length=64),
            nullable=False,
            comment="The source of the load; invoice and customer numbers are unique within it.",
        ),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="Invoice number."),
        sa.Column(
            "product_code", sa.String(length=64), nullable=False, comment="Product code, trimmed and in upper case."
        ),
        sa.Column(
            "description", sa.String(length=500), nullable=True, comment="The product's description on this line."
        ),
        sa.Column(
            "quantity",
            ExactDecimal(precision=12, scale=3),
            nullable=False,
            comment="Units; negative where goods came back.",
        ),
        sa.Column(
            "unit_price",
            ExactDecimal(precision=12, scale=4),
            nullable=False,
            comment="Price of one unit in `currency`.",
        ),
        sa.Column(
            "amount", ExactDecimal(precision=15, scale=4), nullable=False, comment="quantity × unit_price, exact."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code."),
        sa.Column("invoiced_at", SECOND, nullable=False, comment="When the invoice was written, by the shop's clock."),
        sa.Column("invoice_date", sa.Date(), nullable=False, comment="The day of invoiced_at."),
        sa.Column("customer_id", sa.String(length=64), nullable=True, comment="Customer; NULL for guests."),
        sa.Column("country", sa.String(length=100), nullable=False, comment="Country label as the source has it."),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="sale, return, adjustment or stock_movement."),
        sa.PrimaryKeyConstraint("load_id", "line_no", name="pk_order_lines"),
        comment="The lines that count. One row per invoice line, from the latest load that carries the invoice.",
        **MYSQL,
    )
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.create_index(
            "ix_order_lines_customer_product", ["source", "customer_id", "product_code", "invoice_date"], unique=False
        )
        batch_op.create_index("ix_order_lines_invoice", ["source", "invoice_no"], unique=False)

    op.create_table(
        "quarantined_lines",
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load that the row came with."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column("file_line", sa.Integer(), nullable=False, comment="Line of the file where the row begins."),
        sa.Column(
            "reasons",
            sa.String(length=500),
            nullable=False,
            comment="Why it can't be an order line: codes, separated by commas.",
        ),
        sa.Column("invoice_no", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("product_code", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("description", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("quantity", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("invoiced_at", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("unit_price", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("customer_id", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("country", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("extra", RAW_TEXT, nullable=True, comment="JSON object of the columns that the source doesn't map."),
        sa.Column(
            "amount",
            ExactDecimal(precision=15, scale=4),
            nullable=True,
            comment="quantity × unit_price, where both can be told.",
        ),
        sa.Column("status", sa.String(length=16), nullable=False, comment="held: waits for a correction."),
        sa.PrimaryKeyConstraint("load_id", "line_no", name="pk_quarantined_lines"),
        comment="Rows that can't be order lines, with the reasons and the money held back. One row per such row.",
        **MYSQL,
    )
    op.create_table(
        "raw_order_lines",
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load that the row came with."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column("invoice_no", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("product_code", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("description", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("quantity", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("invoiced_at", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("unit_price", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("customer_id", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("country", RAW_TEXT, nullable=False, comment="As the file says it."),
        sa.Column("extra", RAW_TEXT, nullable=True, comment="JSON object of the columns that the source doesn't map."),
        sa.PrimaryKeyConstraint("load_id", "line_no", name="pk_raw_order_lines"),
        comment="What the files said, as text. One row per data row of a file.",
        **MYSQL,
    )
    op.create_table(
        "refresh_parts",
        sa.Column("source", sa.String(length=64), nullable=True, comment="Part of a mart's grain."),
        sa.Column("invoice_no", sa.String(length=64), nullable=True, comment="Part of a mart's grain."),
        sa.Column("customer_id", sa.String(length=64), nullable=True, comment="Part of a mart's grain."),
        sa.Column("product_code", sa.String(length=64), nullable=True, comment="Part of a mart's grain."),
        sa.Column("currency", sa.String(length=3), nullable=True, comment="Part of a mart's grain."),
        sa.Column("invoice_date", sa.Date(), nullable=True, comment="Part of a mart's grain."),
        sa.Column("month", sa.Date(), nullable=True, comment="Part of a mart's grain."),
        sa.Column("period", sa.String(length=64), nullable=True, comment="Part of a mart's grain."),
        sa.Column("load_id", sa.String(length=200), nullable=True, comment="Part of a mart's grain."),
        comment="Scratch table of a refresh, the parts of a mart that are made anew: empty outside its transaction.",
        **MYSQL,
    )
    op.create_table(
        "superseded_lines",
        sa.Column("load_id", sa.String(length=200), nullable=False, comment="The load that the line came with."),
        sa.Column(
            "line_no",
            sa.Integer(),
            autoincrement=False,
            nullable=False,
            comment="Data row of the file, counted from 1.",
        ),
        sa.Column(
            "source",
            sa.String(length=64),
            nullable=False,
            comment="The source of the load; invoice and customer numbers are unique within it.",
        ),
        sa.Column("invoice_no", sa.String(length=64), nullable=False, comment="Invoice number."),
        sa.Column(
            "product_code", sa.String(length=64), nullable=False, comment="Product code, trimmed and in upper case."
        ),
        sa.Column(
            "description", sa.String(length=500), nullable=True, comment="The product's description on this line."
        ),
        sa.Column(
            "quantity",
            ExactDecimal(precision=12, scale=3),
            nullable=False,
            comment="Units; negative where goods came back.",
        ),
        sa.Column(
            "unit_price",
            ExactDecimal(precision=12, scale=4),
            nullable=False,
            comment="Price of one unit in `currency`.",
        ),
        sa.Column(
            "amount", ExactDecimal(precision=15, scale=4), nullable=False, comment="quantity × unit_price, exact."
        ),
        sa.Column("currency", sa.String(length=3), nullable=False, comment="ISO 4217 code."),
        sa.Column("invoiced_at", SECOND, nullable=False, comment="When the invoice was written, by the shop's clock."),
        sa.Column("invoice_date", sa.Date(), nullable=False, comment="The day of invoiced_at."),
        sa.Column("customer_id", sa.String(length=64), nullable=True, comment="Customer; NULL for guests."),
        sa.Column("country", sa.String(length=100), nullable=False, comment="Country label as the source has it."),
        sa.Column("kind", sa.String(length=16), nullable=False, comment="sale, return, adjustment or stock_movement."),
        sa.Column(
            "superseded_by",
            sa.String(length=200),
            nullable=False,
            comment="The load whose lines count instead; the line's own load for a dropped repeat.",
        ),
        sa.Column(
            "first_superseded_by",
            sa.String(length=200),
            nullable=False,
            comment="The load that took the line's place first; another than superseded_by if that lost it again.",
        ),
        sa.PrimaryKeyConstraint("load_id", "line_no", name="pk_superseded_lines"),
        comment="Order lines that no longer count, kept so that what replaced them can be taken back.",
        **MYSQL,
    )
    with op.batch_alter_table("superseded_lines", schema=None) as batch_op:
        batch_op.create_index("ix_superseded_lines_first_superseded_by", ["first_superseded_by"], unique=False)
        batch_op.create_index("ix_superseded_lines_invoice", ["source", "invoice_no"], unique=False)
        batch_op.create_index("ix_superseded_lines_superseded_by", ["superseded_by"], unique=False)

    op.create_table(
        "warehouse_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="Always 1."),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="Counts the transactions that changed order_lines."
        ),
        sa.Column(
            "bulk_version",
            sa.BigInteger(),
            nullable=False,
            comment="The latest version whose changes were too many to be noted one by one.",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_warehouse_state"),
        comment="How often order_lines changed. One row.",
        **MYSQL,
    )
    op.execute("INSERT INTO warehouse_state (id, version, bulk_version) VALUES (1, 0, 0)")
