"""The warehouse's own tables; each column's comment travels to the database, to Dagster's catalogue and to the docs."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.types import TypeEngine

from retail_pipeline.warehouse.collation import MYSQL
from retail_pipeline.warehouse.exact import ExactDecimal

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LOAD_ID = String(200)
CODE = String(64)
RAW_TEXT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
QUANTITY = ExactDecimal(12, 3)
UNIT_PRICE = ExactDecimal(12, 4)
AMOUNT = ExactDecimal(15, 4)
TOTAL = ExactDecimal(20, 4)
SECOND = DateTime().with_variant(sqlite.DATETIME(truncate_microseconds=True), "sqlite")
INSTANT = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def _described(name: str, type_: TypeEngine, comment: str, *, nullable: bool = False, **kwargs) -> Column:
    return Column(name, type_, comment=comment, nullable=nullable, **kwargs)


loads = Table(
    "loads",
    metadata,
    _described("load_id", LOAD_ID, "<file stem>-<first 12 hex of the SHA-256 of the file>.", primary_key=True),
    _described("sha256", String(64), "SHA-256 of the file's bytes: the same bytes are the same load."),
    _described(
        "landing_no", BigInteger, "The order in which files landed; a later load's invoices replace an earlier one's."
    ),
    _described("source", CODE, "The source profile by which the file is read."),
    _described("file_name", String(255), "The file's name as it was handed in."),
    _described("file_bytes", BigInteger, "The file's size in bytes."),
    _described("encoding", String(32), "The encoding of the file's text, or its format where it is none: excel."),
    _described(
        "status",
        String(16),
        "landed: kept, not in the tables yet; loaded; failed: the file can't be read; reverted.",
    ),
    _described("error", Text, "Why the load failed.", nullable=True),
    _described("currency", String(3), "ISO 4217 code of the amounts.", nullable=True),
    _described("rows_read", BigInteger, "Data rows in the file.", nullable=True),
    _described("rows_loaded", BigInteger, "Rows of this load in order_lines.", nullable=True),
    _described("rows_quarantined", BigInteger, "Rows of this load in quarantined_lines.", nullable=True),
    _described(
        "rows_superseded",
        BigInteger,
        "Rows of this load that a later load, or the line they repeat, replaced.",
        nullable=True,
    ),
    _described("rows_repeated", BigInteger, "Rows that repeat another row of the file exactly.", nullable=True),
    _described("amount_read", TOTAL, "Amount of all rows read, as far as it can be told.", nullable=True),
    _described("amount_loaded", TOTAL, "Amount of the rows in order_lines.", nullable=True),
    _described("amount_quarantined", TOTAL, "Amount held back in quarantine, as far as it can be told.", nullable=True),
    _described("amount_superseded", TOTAL, "Amount of the superseded rows.", nullable=True),
    _described("first_invoice_date", Date, "Earliest invoice date among the rows typed.", nullable=True),
    _described("last_invoice_date", Date, "Latest invoice date among the rows typed.", nullable=True),
    _described("landed_at", INSTANT, "When the file was safe in the landing store (UTC)."),
    _described("loaded_at", INSTANT, "When its rows became visible (UTC).", nullable=True),
    _described("checked_at", INSTANT, "When the load last passed every critical check (UTC).", nullable=True),
    _described("run_id", String(64), "The Dagster run that loads it, or did.", nullable=True),
    _described("checked_by", String(64), "The Dagster run that last tested it.", nullable=True),
    _described("requested_at", INSTANT, "When somebody undertook to start its run (UTC).", nullable=True),
    _described(
        "has_totals",
        SmallInteger,
        "1 where the source says the money of whole lines, so that unit prices are rounded.",
        nullable=True,
    ),
    _described("raw_pruned_at", INSTANT, "When its raw lines were pruned (UTC).", nullable=True),
    _described("file_pruned_at", INSTANT, "When its file was pruned (UTC).", nullable=True),
    UniqueConstraint("sha256"),
    UniqueConstraint("landing_no"),
    comment="The ledger. One row per load, that is per ingested file.",
    **MYSQL,
)

raw_order_lines = Table(
    "raw_order_lines",
    metadata,
    _described("load_id", LOAD_ID, "The load that the row came with.", primary_key=True),
    _described("line_no", Integer, "Data row of the file, counted from 1.", primary_key=True, autoincrement=False),
    _described("invoice_no", RAW_TEXT, "As the file says it."),
    _described("product_code", RAW_TEXT, "As the file says it."),
    _described("description", RAW_TEXT, "As the file says it."),
    _described("quantity", RAW_TEXT, "As the file says it."),
    _described("invoiced_at", RAW_TEXT, "As the file says it."),
    _described("unit_price", RAW_TEXT, "As the file says it."),
    _described("customer_id", RAW_TEXT, "As the file says it."),
    _described("country", RAW_TEXT, "As the file says it."),
    _described("extra", RAW_TEXT, "JSON object of the columns that the source doesn't map.", nullable=True),
    comment="What the files said, as text. One row per data row of a file.",
    **MYSQL,
)


def _own_number() -> Column:
    """Last in each table that has order lines: tables made before it was known had no place for it but the end."""
    return _described(
        "invoice_line", CODE, "The line's own number in its invoice, where the export has one.", nullable=True
    )


def _order_line_columns() -> list[Column]:
    """An order line's columns, once for the lines that count and once for those that were superseded."""
    return [
        _described("load_id", LOAD_ID, "The load that the line came with.", primary_key=True),
        _described("line_no", Integer, "Data row of the file, counted from 1.", primary_key=True, autoincrement=False),
        _described("source", CODE, "The source of the load; invoice and customer numbers are unique within it."),
        _described("invoice_no", CODE, "Invoice number."),
        _described("product_code", CODE, "Product code, trimmed and in upper case."),
        _described("description", String(500), "The product's description on this line.", nullable=True),
        _described("quantity", QUANTITY, "Units; negative where goods came back."),
        _described("unit_price", UNIT_PRICE, "Price of one unit in `currency`."),
        _described("amount", AMOUNT, "quantity × unit_price, exact."),
        _described("currency", String(3), "ISO 4217 code."),
        _described("invoiced_at", SECOND, "When the invoice was written, by the shop's clock."),
        _described("invoice_date", Date, "The day of invoiced_at."),
        _described("customer_id", CODE, "Customer; NULL for guests.", nullable=True),
        _described("country", String(100), "Country label as the source has it."),
        _described("kind", String(16), "sale, return, adjustment or stock_movement."),
    ]


order_lines = Table(
    "order_lines",
    metadata,
    *_order_line_columns(),
    _own_number(),
    Index("ix_order_lines_invoice", "source", "invoice_no"),
    Index("ix_order_lines_customer", "source", "customer_id", "kind", "invoice_date", "product_code"),
    Index("ix_order_lines_day", "invoice_date", "load_id", "line_no"),
    Index("ix_order_lines_product", "product_code", "invoice_date", "load_id", "line_no"),
    Index("ix_order_lines_country", "country", "invoice_date", "load_id", "line_no"),
    comment="The lines that count. One row per invoice line, from the latest load that carries the invoice.",
    **MYSQL,
)

superseded_lines = Table(
    "superseded_lines",
    metadata,
    *_order_line_columns(),
    _described(
        "superseded_by", LOAD_ID, "The load whose lines count instead; the line's own load for a dropped repeat."
    ),
    _described(
        "first_superseded_by",
        LOAD_ID,
        "The load that took the line's place first; another than superseded_by if that lost it again.",
    ),
    _own_number(),
    Index("ix_superseded_lines_invoice", "source", "invoice_no"),
    Index("ix_superseded_lines_superseded_by", "superseded_by"),
    Index("ix_superseded_lines_first_superseded_by", "first_superseded_by"),
    comment="Order lines that no longer count, kept so that what replaced them can be taken back.",
    **MYSQL,
)

quarantined_lines = Table(
    "quarantined_lines",
    metadata,
    _described("load_id", LOAD_ID, "The load that the row came with.", primary_key=True),
    _described("line_no", Integer, "Data row of the file, counted from 1.", primary_key=True, autoincrement=False),
    _described("file_line", Integer, "Line of the file where the row begins."),
    _described("reasons", String(500), "Why it can't be an order line: codes, separated by commas."),
    *(column._copy() for column in list(raw_order_lines.columns)[2:]),
    _described("amount", AMOUNT, "quantity × unit_price, where both can be told.", nullable=True),
    _described("status", String(16), "held: waits for a correction."),
    comment="Rows that can't be order lines, with the reasons and the money held back. One row per such row.",
    **MYSQL,
)

corrections = Table(
    "corrections",
    metadata,
    _described("load_id", LOAD_ID, "The load whose row is corrected.", primary_key=True),
    _described("line_no", Integer, "Data row of the file, counted from 1.", primary_key=True, autoincrement=False),
    _described("column_name", CODE, "The column whose text is corrected.", primary_key=True),
    _described(
        "correction_no",
        BigInteger,
        "Counts the files of corrections; of several for a text, the last one holds.",
        primary_key=True,
        autoincrement=False,
    ),
    _described("old_text", RAW_TEXT, "What it was before."),
    _described("new_text", RAW_TEXT, "What it is instead."),
    _described("corrected_by", String(200), "Who said so."),
    _described("corrected_at", INSTANT, "When (UTC)."),
    _described("file_name", String(255), "The file that said so."),
    _described("sha256", String(64), "SHA-256 of that file's bytes."),
    _described("is_applied", Boolean, "Whether the load was loaded with it."),
    comment="The trail of corrections: who said what and when. One row per text that somebody corrected.",
    **MYSQL,
)

contested_invoices = Table(
    "contested_invoices",
    metadata,
    _described("source", CODE, "The source of the invoice.", primary_key=True),
    _described("invoice_no", CODE, "An invoice that several loads carry.", primary_key=True),
    _described("winner_no", BigInteger, "landing_no of the latest load that carries it.", nullable=True),
    comment="Scratch table of a load: empty outside its transaction.",
    **MYSQL,
)

contested_carriers = Table(
    "contested_carriers",
    metadata,
    _described("source", CODE, "The source of the invoice.", primary_key=True),
    _described("invoice_no", CODE, "A contested invoice.", primary_key=True),
    _described(
        "landing_no", BigInteger, "landing_no of a load that carries it.", primary_key=True, autoincrement=False
    ),
    comment="Scratch table of a load: empty outside its transaction.",
    **MYSQL,
)

countries = Table(
    "countries",
    metadata,
    _described("label", String(100), "A country's name or code in upper case, as exports write it.", primary_key=True),
    _described("country_name", String(100), "The country's common name.", nullable=True),
    _described("iso2", String(2), "ISO 3166-1 alpha-2 code.", nullable=True),
    _described("iso3", String(3), "ISO 3166-1 alpha-3 code.", nullable=True),
    _described("iso_numeric", String(3), "ISO 3166-1 numeric code.", nullable=True),
    _described("region", String(32), "Continent-level grouping; Unknown where the label is no place."),
    comment="What exports call countries. One row per label.",
    **MYSQL,
)

warehouse_state = Table(
    "warehouse_state",
    metadata,
    _described("id", Integer, "Always 1.", primary_key=True, autoincrement=False),
    _described("version", BigInteger, "Counts the transactions that changed order_lines."),
    _described("bulk_version", BigInteger, "The latest version whose changes were too many to be noted one by one."),
    comment="How often order_lines changed. One row.",
    **MYSQL,
)

mart_refreshes = Table(
    "mart_refreshes",
    metadata,
    _described("mart", CODE, "The mart's name.", primary_key=True),
    _described("version", BigInteger, "warehouse_state.version that the mart shows."),
    _described("definition", String(64), "SHA-256 of the mart's SQL and description."),
    _described("rows_written", BigInteger, "Rows of the mart."),
    _described(
        "times_made_anew", BigInteger, "How often all of it was made anew instead of following.", server_default="0"
    ),
    _described("refreshed_at", INSTANT, "When it was refreshed (UTC)."),
    comment="Which state of order_lines each mart shows. One row per mart.",
    **MYSQL,
)

changed_invoices = Table(
    "changed_invoices",
    metadata,
    _described("version", BigInteger, "warehouse_state.version of the change.", primary_key=True, autoincrement=False),
    _described("source", CODE, "The source of the invoice.", primary_key=True),
    _described("invoice_no", CODE, "An invoice whose lines changed.", primary_key=True),
    comment="Invoices that some mart doesn't show as they are now. One row per change of an invoice.",
    **MYSQL,
)

lines_before = Table(
    "lines_before",
    metadata,
    _described("version", BigInteger, "warehouse_state.version of the change.", primary_key=True, autoincrement=False),
    *_order_line_columns(),
    _described("first_superseded_by", LOAD_ID, "As in superseded_lines; empty for a line that counted."),
    _own_number(),
    Index("ix_lines_before_invoice", "source", "invoice_no"),
    comment="The lines of changed invoices as they were before the change: what a refresh subtracts.",
    **MYSQL,
)

changed_loads = Table(
    "changed_loads",
    metadata,
    _described("version", BigInteger, "warehouse_state.version of the change.", primary_key=True, autoincrement=False),
    _described("load_id", LOAD_ID, "A load that was loaded or reverted.", primary_key=True),
    comment="Loads that some mart doesn't show as they are now. One row per change of a load.",
    **MYSQL,
)

mart_tests = Table(
    "mart_tests",
    metadata,
    _described("mart", CODE, "The mart's name.", primary_key=True),
    _described("version", BigInteger, "warehouse_state.version up to which the mart passed its checks."),
    _described("terms", String(64), "SHA-256 of the expectations, and of what makes all of the mart be tested again."),
    _described("passed_at", INSTANT, "When it passed them (UTC)."),
    comment="Up to which state of order_lines marts passed their checks. One row per mart that did when last tested.",
    **MYSQL,
)


def _part_columns() -> list[Column]:
    """Whose part it is, and the columns of which those that the mart is cut into parts by are filled."""
    codes = ("source", "invoice_no", "customer_id", "product_code", "period")
    types = dict.fromkeys(codes, CODE) | {"currency": String(3), "invoice_date": Date, "month": Date}
    types["load_id"] = LOAD_ID
    grain = [_described(name, type_, "Part of a mart's grain.", nullable=True) for name, type_ in types.items()]
    return [_described("mart", String(64), "The mart's name."), *grain]


REFRESH_PARTS_INDEX, TESTED_PARTS_INDEX = "ix_refresh_parts_mart", "ix_tested_parts_mart"
"""By which a mart's parts are found without touching those of others, which may be refreshed meanwhile."""

refresh_parts = Table(
    "refresh_parts",
    metadata,
    *_part_columns(),
    Index(REFRESH_PARTS_INDEX, "mart"),
    comment="Scratch table of a refresh, the parts of a mart that are made anew: empty outside its transaction.",
    **MYSQL,
)

tested_parts = Table(
    "tested_parts",
    metadata,
    *_part_columns(),
    _described("parts", String(200), "The columns that are filled, separated by commas."),
    Index(TESTED_PARTS_INDEX, "mart", "parts"),
    comment="Scratch table of the checks, the parts of a mart that are under test: empty while nothing is tested.",
    **MYSQL,
)

check_results = Table(
    "check_results",
    metadata,
    _described("run_id", String(64), "The Dagster run in which it was tested.", primary_key=True),
    _described("asset", CODE, "The Dagster asset that shows it.", primary_key=True),
    _described("name", String(200), "The expectation's name.", primary_key=True),
    _described("table_name", CODE, "The table that was tested."),
    _described("severity", String(16), "critical: the marts stay as they are; or warning."),
    _described("passed", Boolean, "Whether it holds."),
    _described("unexpected_rows", BigInteger, "Rows that contradict it, where they were counted.", nullable=True),
    _described("details", RAW_TEXT, "JSON object: counts, a sample of offending rows, or the error."),
    _described("checked_at", INSTANT, "When it was tested (UTC)."),
    Index("ix_check_results_check", "asset", "name", "checked_at"),
    comment="What the checks found. One row per expectation and run.",
    **MYSQL,
)

api_keys = Table(
    "api_keys",
    metadata,
    _described("key_id", String(16), "The public part of the key.", primary_key=True),
    _described("name", String(100), "Whom it was made for."),
    _described("secret_sha256", String(64), "SHA-256 of the secret part, which is kept nowhere."),
    _described("scopes", String(64), "What it may do: ingest, read; separated by commas."),
    _described("created_at", INSTANT, "When it was made (UTC)."),
    _described("revoked_at", INSTANT, "When it was revoked (UTC).", nullable=True),
    comment="Keys of the API. One row per key.",
    **MYSQL,
)

LINE_TABLES = (raw_order_lines, order_lines, superseded_lines, quarantined_lines)
"""The tables whose rows belong to a load."""
