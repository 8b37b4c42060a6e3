"""A customer's lines lie in the order of their days, and pages of a country's lines have an index."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # A day's lines then go to a page of the index per customer, not per customer and product: a server whose memory
    # doesn't hold the index reads and writes each of them.
    with op.batch_alter_table("order_lines") as lines:
        lines.drop_index("ix_order_lines_customer_product")
        lines.create_index("ix_order_lines_customer", ["source", "customer_id", "kind", "invoice_date", "product_code"])
        lines.create_index("ix_order_lines_country", ["country", "invoice_date", "load_id", "line_no"])
