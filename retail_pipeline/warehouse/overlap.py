"""Overlapping exports: of the loads that carry an invoice, the one that landed last counts, whatever ran when.

For every invoice that a load touches, the latest load that carries it is looked up among the lines that count and
those that were superseded; then lines move so that the winner's count and all others name it. Because this doesn't ask
how things came to be as they are, the tables are a function of the set of loads and their landing order.

A source whose exports cut invoices in two says so (`overlap: append`): then the lines of all loads count.
"""

import sqlalchemy as sa

from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.exact import exact_sum
from retail_pipeline.warehouse.tables import contested_carriers as carriers
from retail_pipeline.warehouse.tables import contested_invoices as contested
from retail_pipeline.warehouse.tables import loads, order_lines, superseded_lines

LINE_COLUMNS = [column.name for column in order_lines.columns]

SUPERSEDERS = ["superseded_by", "first_superseded_by"]

SAME_LINE = (
    "invoice_no",
    "product_code",
    "description",
    "quantity",
    "unit_price",
    "invoiced_at",
    "customer_id",
    "country",
    "invoice_line",
)
"""What two lines of a file have in common when one repeats the other."""


_winner = loads.alias("winner")
WINNER = sa.select(_winner.c.load_id).where(_winner.c.landing_no == contested.c.winner_no).scalar_subquery()
"""The load_id that a contested invoice goes to."""


def invoice_index(lines: sa.Table) -> str:
    """The name of the index by which a table's lines of an invoice are found."""
    return f"ix_{lines.name}_invoice"


def contest_what_it_shares(connection: sa.Connection, load_id: str) -> None:
    """Marks the invoices that a load took over from others, or lost to them; call it before its rows are deleted."""
    shared = (
        sa.select(superseded_lines.c.source, superseded_lines.c.invoice_no)
        .where(
            sa.or_(
                superseded_lines.c.superseded_by == load_id,
                superseded_lines.c.first_superseded_by == load_id,
                superseded_lines.c.load_id == load_id,
            ),
            *_replaced(superseded_lines),
        )
        .distinct()
    )
    connection.execute(sa.insert(contested).from_select(["source", "invoice_no"], shared))


def contest_what_others_carry(connection: sa.Connection, load_id: str) -> None:
    """Marks the invoices of a load that other loads carry as well; call it after the load's rows are inserted."""
    # Of whatever source: lines still bear the one by which they were loaded when their load is to be read by another.
    others = sa.select(loads.c.load_id).where(loads.c.load_id != load_id, loads.c.rows_read > 0)
    if connection.scalar(others.limit(1)) is None:
        return
    mine = (
        sa.select(order_lines.c.source, order_lines.c.invoice_no)
        .where(order_lines.c.load_id == load_id)
        .distinct()
        .subquery()
    )

    def in_another_load(table: sa.Table) -> sa.ColumnElement[bool]:
        lines = table.alias()
        same = (lines.c.source == mine.c.source, lines.c.invoice_no == mine.c.invoice_no, lines.c.load_id != load_id)
        query = sa.select(lines.c.load_id).where(*same).correlate(mine)
        # MySQL believes that a table is as small as before the first load, and would read all of it each time.
        return query.with_hint(lines, f"FORCE INDEX ({invoice_index(table)})", "mysql").exists()

    marked = sa.exists().where(contested.c.source == mine.c.source, contested.c.invoice_no == mine.c.invoice_no)
    shared = sa.select(mine.c.source, mine.c.invoice_no).where(
        sa.or_(in_another_load(order_lines), in_another_load(superseded_lines)), sa.not_(marked)
    )
    connection.execute(sa.insert(contested).from_select(["source", "invoice_no"], shared))


def release(connection: sa.Connection, source: str) -> None:
    """Lets all lines of a source's contested invoices count: its exports add to each other, or do so from now on."""
    superseded = (*_same_invoice(superseded_lines), *_replaced(superseded_lines), contested.c.source == source)
    _restore(connection, sa.and_(*superseded))
    connection.execute(sa.delete(contested).where(contested.c.source == source))


def settle(connection: sa.Connection) -> None:
    """Gives every contested invoice to the latest load that carries it, and enters what moved in the ledger."""
    if connection.scalar(sa.select(contested.c.source).limit(1)) is None:
        return
    carried = sa.union(*(_carriers(lines) for lines in (order_lines, superseded_lines)))
    connection.execute(sa.insert(carriers).from_select(["source", "invoice_no", "landing_no"], carried))
    latest = sa.select(sa.func.max(carriers.c.landing_no)).where(*_same_invoice(carriers)).scalar_subquery()
    connection.execute(sa.update(contested).values(winner_no=latest))
    _supersede_losers(connection)
    won = (*_same_invoice(superseded_lines), *_replaced(superseded_lines), superseded_lines.c.load_id == WINNER)
    _restore(connection, sa.and_(*won))
    _name_winners(connection)
    for scratch in (contested, carriers):
        connection.execute(sa.delete(scratch))


def drop_repeats(connection: sa.Connection, load_id: str) -> None:
    """Supersedes the lines of a load that repeat an earlier line of it exactly."""
    place = sa.func.row_number().over(
        partition_by=[order_lines.c[column] for column in SAME_LINE], order_by=order_lines.c.line_no
    )
    ranked = sa.select(*order_lines.columns, place.label("place")).where(order_lines.c.load_id == load_id).subquery()
    repeats = sa.select(*(ranked.c[column] for column in LINE_COLUMNS), *[sa.literal(load_id)] * 2).where(
        ranked.c.place > 1
    )
    connection.execute(sa.insert(superseded_lines).from_select([*LINE_COLUMNS, *SUPERSEDERS], repeats))
    dropped = sa.select(superseded_lines.c.line_no).where(superseded_lines.c.load_id == load_id)
    _enter_moves(connection, superseded_lines, superseded_lines.c.load_id == load_id, sign=1)
    connection.execute(
        sa.delete(order_lines).where(order_lines.c.load_id == load_id, order_lines.c.line_no.in_(dropped))
    )


def repeated_rows(connection: sa.Connection, load_id: str) -> int:
    """How many lines of a load repeat an earlier line of it exactly."""
    alike = (
        sa.select(sa.func.count().label("lines"))
        .where(order_lines.c.load_id == load_id)
        .group_by(*(order_lines.c[column] for column in SAME_LINE))
        .having(sa.func.count() > 1)
        .subquery()
    )
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(alike.c.lines - 1), 0))))


def _carriers(lines: sa.Table) -> sa.Select[tuple[str, str, int]]:
    """Contested invoices, each with landing_no of the loads that have lines of it in a table."""
    return (
        sa.select(contested.c.source, contested.c.invoice_no, loads.c.landing_no)
        .join_from(contested, lines, sa.and_(*_same_invoice(lines), *_replaced(lines)))
        .join(loads, loads.c.load_id == lines.c.load_id)
        .distinct()
    )


def _supersede_losers(connection: sa.Connection) -> None:
    lost = sa.and_(*_same_invoice(order_lines), order_lines.c.load_id != WINNER)
    lines = sa.select(*order_lines.columns, WINNER, WINNER).join_from(contested, order_lines, lost)
    connection.execute(sa.insert(superseded_lines).from_select([*LINE_COLUMNS, *SUPERSEDERS], lines))
    _enter_moves(connection, order_lines, lost, sign=1)
    _delete(connection, order_lines, lost)


def _restore(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Lets superseded lines of contested invoices count again."""
    lines = sa.select(*(superseded_lines.c[column] for column in LINE_COLUMNS)).join_from(
        contested, superseded_lines, which
    )
    connection.execute(sa.insert(order_lines).from_select(LINE_COLUMNS, lines))
    _enter_moves(connection, superseded_lines, which, sign=-1)
    _delete(connection, superseded_lines, which)


def _name_winners(connection: sa.Connection) -> None:
    """Makes superseded lines name the load that has the invoice now, and the one that landed next after their own."""
    own, following = loads.alias("own"), loads.alias("following")
    own_landing = (
        sa.select(own.c.landing_no)
        .where(own.c.load_id == superseded_lines.c.load_id)
        .correlate(superseded_lines)
        .scalar_subquery()
    )
    next_landing = (
        sa.select(sa.func.min(carriers.c.landing_no))
        .where(
            carriers.c.source == superseded_lines.c.source,
            carriers.c.invoice_no == superseded_lines.c.invoice_no,
            carriers.c.landing_no > own_landing,
        )
        .correlate(superseded_lines)
        .scalar_subquery()
    )
    next_load = sa.select(following.c.load_id).where(following.c.landing_no == next_landing).scalar_subquery()
    connection.execute(
        sa.update(superseded_lines)
        .values(superseded_by=WINNER, first_superseded_by=next_load)
        .where(*_same_invoice(superseded_lines), *_replaced(superseded_lines))
    )


def _replaced(lines: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    """Leaves out repeats that their source drops: those never come back."""
    return (lines.c.superseded_by != lines.c.load_id,) if lines is superseded_lines else ()


def _same_invoice(lines: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return lines.c.source == contested.c.source, lines.c.invoice_no == contested.c.invoice_no


def _enter_moves(connection: sa.Connection, lines: sa.Table, moved: sa.ColumnElement[bool], sign: int) -> None:
    """Enters lines that become superseded (sign 1) or count again (sign -1) in their loads' figures."""
    figures = (
        sa.select(lines.c.load_id, sa.func.count(), exact_sum(lines.c.amount)).where(moved).group_by(lines.c.load_id)
    )
    for load_id, rows, amount in connection.execute(figures).all():
        ledger.move_figures(connection, load_id, sign * rows, sign * amount)


def _delete(connection: sa.Connection, lines: sa.Table, condition: sa.ColumnElement[bool]) -> None:
    """Deletes lines by a condition on them and contested_invoices: MySQL joins in a DELETE, SQLite knows row ids."""
    if connection.dialect.name == "sqlite":
        row_id = sa.literal_column(f"{lines.name}.rowid")
        rows = sa.select(row_id).join_from(contested, lines, condition)
        connection.execute(sa.delete(lines).where(sa.literal_column("rowid").in_(rows)))
    else:
        connection.execute(sa.delete(lines).where(condition))
