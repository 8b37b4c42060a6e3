"""What is known of each mart: which state of order_lines it shows, and with which it passed its checks."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from retail_pipeline.warehouse.ledger import now
from retail_pipeline.warehouse.tables import mart_refreshes, mart_tests


@dataclass(frozen=True)
class MartState:
    """What was noted when a mart was last refreshed: the version of order_lines, the mart's definition, its rows.

    `times_made_anew` is how often all of it was made anew where it could have followed what changed.
    """

    version: int
    definition: str
    rows: int
    times_made_anew: int
    refreshed_at: datetime | None


NOT_MADE = MartState(version=-1, definition="", rows=0, times_made_anew=0, refreshed_at=None)


def states(connection: sa.Connection) -> dict[str, MartState]:
    """The state of each mart that was ever made."""
    noted = mart_refreshes.c
    query = sa.select(
        *(noted.mart, noted.version, noted.definition, noted.rows_written, noted.times_made_anew, noted.refreshed_at)
    )
    return {mart: MartState(*state) for mart, *state in connection.execute(query)}


def state_of(connection: sa.Connection, mart: str) -> MartState:
    """The state of one mart."""
    return states(connection).get(mart, NOT_MADE)


def enter_refreshed(connection: sa.Connection, mart: str, state: MartState) -> None:
    """Notes which state a mart shows from now on."""
    connection.execute(sa.delete(mart_refreshes).where(mart_refreshes.c.mart == mart))
    connection.execute(
        sa.insert(mart_refreshes).values(
            mart=mart,
            version=state.version,
            definition=state.definition,
            rows_written=state.rows,
            times_made_anew=state.times_made_anew,
            refreshed_at=state.refreshed_at,
        )
    )


def passed_versions(connection: sa.Connection) -> dict[str, tuple[int, str]]:
    """For each mart that passed its checks when last tested, the version of order_lines and the terms of that test."""
    query = sa.select(mart_tests.c.mart, mart_tests.c.version, mart_tests.c.terms)
    return {mart: (version, terms) for mart, version, terms in connection.execute(query)}


def enter_tested(connection: sa.Connection, mart: str, version: int, terms: str, *, passed: bool) -> None:
    """Notes up to which version a mart passed its checks, or that it didn't."""
    connection.execute(sa.delete(mart_tests).where(mart_tests.c.mart == mart))
    if passed:
        connection.execute(sa.insert(mart_tests).values(mart=mart, version=version, terms=terms, passed_at=now()))
