"""What changed since a mart was refreshed: which invoices and loads, and the lines that invoices had before.

Every transaction that changes order_lines has a version. It notes the invoices it touches, with all their lines as they
were, so that a refresh can make anew the parts of a mart that are concerned, or add what came and subtract what went.
A change of a good part of all lines isn't noted: making everything anew costs less then. Nor is one that no mart will
follow, as those of a shop's first files.
"""

import sqlalchemy as sa

from retail_pipeline.warehouse.tables import (
    changed_invoices,
    changed_loads,
    lines_before,
    loads,
    mart_refreshes,
    mart_tests,
    order_lines,
    superseded_lines,
    warehouse_state,
)

LINES = [column.name for column in order_lines.columns]
INVOICE = ["source", "invoice_no"]
NOTED_LINES, NOTED_SHARE = 1000, 0.1
"""A change of so many lines, or of that share of all, is noted line by line."""


class Change:
    """The change of order_lines that a transaction makes, by loading a load or taking it out."""

    def __init__(self, connection: sa.Connection, load_id: str):
        """Begins a new version. Call it before the load's rows are deleted, whether it has any or not."""
        self.connection, self.load_id = connection, load_id
        connection.execute(sa.update(warehouse_state).values(version=warehouse_state.c.version + 1))
        state = warehouse_state.c
        shown = sa.select(sa.func.max(mart_refreshes.c.version)).scalar_subquery()
        self.version, bulk_version, shown_version = connection.execute(
            sa.select(state.version, state.bulk_version, shown)
        ).one()
        can_be_followed = shown_version is not None and shown_version >= bulk_version
        connection.execute(sa.insert(changed_loads).values(version=self.version, load_id=load_id))
        kept = loads.c.rows_loaded + loads.c.rows_superseded
        figures = sa.select(sa.func.coalesce(loads.c.rows_read, 0), kept).where(loads.c.load_id == load_id)
        rows, lines = connection.execute(figures).one()
        self.is_noted = can_be_followed and not self._is_bulk(rows) and not (lines and self._is_elsewhere())
        if self.is_noted and rows:
            self._note_own_rows()

    def note(self, rows: int) -> None:
        """Notes the invoices of the load's new rows, and what other loads' lines they have.

        Call it after the new rows are inserted and before overlaps are settled.
        """
        if not self.is_noted or self._is_bulk(rows):
            self._note_nothing()
            return
        self._note_invoices(order_lines, order_lines.c.load_id == self.load_id)
        for lines, superseder in _STATES:
            self._keep(lines, superseder, lines.c.load_id != self.load_id, of_changed=True)

    def _note_own_rows(self) -> None:
        taken = sa.or_(
            superseded_lines.c.superseded_by == self.load_id, superseded_lines.c.first_superseded_by == self.load_id
        )
        self._note_invoices(superseded_lines, taken)
        for lines, superseder in _STATES:
            self._note_invoices(lines, lines.c.load_id == self.load_id)
            self._keep(lines, superseder, lines.c.load_id == self.load_id)

    def _note_invoices(self, lines: sa.Table, condition: sa.ColumnElement[bool]) -> None:
        noted = sa.exists().where(
            changed_invoices.c.version == self.version,
            *(changed_invoices.c[column] == lines.c[column] for column in INVOICE),
        )
        found = (
            sa.select(sa.literal(self.version), *(lines.c[column] for column in INVOICE))
            .where(condition, sa.not_(noted))
            .distinct()
        )
        self.connection.execute(sa.insert(changed_invoices).from_select(["version", *INVOICE], found))

    def _keep(
        self,
        lines: sa.Table,
        superseder: sa.ColumnElement[str],
        condition: sa.ColumnElement[bool],
        *,
        of_changed: bool = False,
    ) -> None:
        found = sa.select(sa.literal(self.version), *(lines.c[column] for column in LINES), superseder).where(condition)
        if of_changed:
            same = sa.and_(*(changed_invoices.c[column] == lines.c[column] for column in INVOICE))
            found = found.join_from(changed_invoices, lines, same).where(changed_invoices.c.version == self.version)
        self.connection.execute(sa.insert(lines_before).from_select(["version", *LINES, "first_superseded_by"], found))

    def _is_elsewhere(self) -> bool:
        """Whether the database has none of the load's lines, which the marts may show: another engine loaded them."""
        tables = (order_lines, superseded_lines)
        own = (sa.select(lines.c.line_no).where(lines.c.load_id == self.load_id).limit(1) for lines in tables)
        return all(self.connection.scalar(query) is None for query in own)

    def _is_bulk(self, rows: int) -> bool:
        if rows <= NOTED_LINES:
            return False
        others = sa.select(sa.func.coalesce(sa.func.sum(loads.c.rows_loaded), 0)).where(loads.c.load_id != self.load_id)
        return rows > NOTED_SHARE * float(self.connection.scalar(others))

    def _note_nothing(self) -> None:
        """Every mart is made anew from here on; what was noted before serves nobody."""
        self.connection.execute(sa.update(warehouse_state).values(bulk_version=self.version))
        _forget(self.connection, self.version)


def enter_unnoted(connection: sa.Connection) -> None:
    """Begins a new version of which nothing is noted, so that every mart is made anew."""
    connection.execute(sa.update(warehouse_state).values(version=warehouse_state.c.version + 1))
    connection.execute(sa.update(warehouse_state).values(bulk_version=warehouse_state.c.version))
    _forget(connection, connection.scalar(sa.select(warehouse_state.c.version)))


_STATES = (
    (order_lines, sa.literal("").label("first_superseded_by")),
    (superseded_lines, superseded_lines.c.first_superseded_by),
)
"""Where an invoice's lines are, and what lines_before says of them."""


def version(connection: sa.Connection) -> int:
    """How often order_lines changed."""
    return connection.scalar(sa.select(warehouse_state.c.version)) or 0


def are_noted_since(connection: sa.Connection, version: int) -> bool:
    """Whether every change after a version is noted."""
    return version >= connection.scalar(sa.select(warehouse_state.c.bulk_version))


def number_since(connection: sa.Connection, version: int) -> int:
    """How many changes of invoices are noted after a version."""
    count = sa.select(sa.func.count()).select_from(changed_invoices).where(changed_invoices.c.version > version)
    return connection.scalar(count)


def forget_followed(connection: sa.Connection, marts: list[str]) -> None:
    """Drops the notes that nobody needs: all of these marts show the changes, and those that passed, passed with them.

    A mart that failed, or never was tested, needs none: all of it will be tested.
    """
    shown = sa.select(sa.func.min(mart_refreshes.c.version)).where(mart_refreshes.c.mart.in_(marts))
    passed = sa.select(sa.func.min(mart_tests.c.version)).where(mart_tests.c.mart.in_(marts))
    number = sa.select(sa.func.count()).where(mart_refreshes.c.mart.in_(marts))
    noted = sa.select(sa.func.min(changed_loads.c.version))
    asked = [query.scalar_subquery() for query in (number, noted, shown, passed)]
    count, first, *followed = connection.execute(sa.select(*asked)).one()
    if first is None or count < len(marts):
        return
    oldest = min(version for version in followed if version is not None)
    if first <= oldest:
        _forget(connection, oldest)


def _forget(connection: sa.Connection, version: int) -> None:
    for notes in (changed_invoices, lines_before, changed_loads):
        connection.execute(sa.delete(notes).where(notes.c.version <= version))
