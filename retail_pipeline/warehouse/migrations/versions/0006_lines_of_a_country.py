"""An index by which pages of a country's order lines are found."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index(
        "ix_order_lines_country", "order_lines", ["country", "invoice_date", "load_id", "line_no"], unique=False
    )
