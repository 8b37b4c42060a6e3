"""Which rows of a mart its checks look at: those of the parts that changed since it passed them, or all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.incremental import is_chosen
from retail_pipeline.marts.refresh import choose_to_test, few_changes_since
from retail_pipeline.quality.catalogue import Suite, suites
from retail_pipeline.warehouse import Warehouse, changes, check_results, mart_states
from retail_pipeline.warehouse.mart_states import NOT_MADE
from retail_pipeline.warehouse.table_changes import delete_by_index
from retail_pipeline.warehouse.tables import TESTED_PARTS_INDEX, tested_parts


@dataclass(frozen=True)
class Scope:
    """What of a mart is to be tested: the parts that changed after version `since`, or all of it where that is None.

    `version` is the one up to which the mart has passed if it passes now, on these `terms`.
    """

    version: int
    terms: str
    since: int | None


def scope_of(connection: sa.Connection, suite: Suite) -> Scope:
    """What is to be tested of a suite's mart.

    All of it is, unless it passed when it was last tested; since then nothing but noted changes was followed, by it
    and by all marts that its expectations read; and its expectations are the same. Where nothing changed since, who
    asks wants all of it tested again.
    """
    states = mart_states.states(connection)
    shown = {mart: states.get(mart, NOT_MADE) for mart in sorted(suite.reads)}
    version = min(state.version for state in shown.values())
    made = [(mart, marts()[mart].definition, state.times_made_anew) for mart, state in shown.items()]
    terms = sha256(repr((suite.model_dump(), made)).encode()).hexdigest()
    since, former_terms = mart_states.passed_versions(connection).get(suite.table, (-1, ""))
    follows = terms == former_terms and since < version and few_changes_since(connection, since)
    return Scope(version, terms, since if follows else None)


def untested(warehouse: Warehouse) -> list[str]:
    """Marts that weren't tested since they were last refreshed: whoever refreshed them was killed before.

    One that failed before says nothing of when it was tested; it was told, and all of it is tested next time.
    """
    with warehouse.reading() as connection:
        shown, passed = mart_states.states(connection), mart_states.passed_versions(connection)
        ever = check_results.tables_tested(connection)
    tables = [suite.table for suite in suites() if not suite.is_of_loads]
    behind = {table for table, (version, _) in passed.items() if table in shown and version < shown[table].version}
    return [table for table in tables if table in behind or (table in shown and table not in ever)]


def enter(connection: sa.Connection, mart: str, scope: Scope, *, passed: bool) -> None:
    """Notes that a mart passed, and up to which version, or that it didn't: then all of it will be tested again."""
    mart_states.enter_tested(connection, mart, scope.version, scope.terms, passed=passed)
    changes.forget_followed(connection, list(marts()))


@contextmanager
def chosen_parts(warehouse: Warehouse, suite: Suite, since: int | None) -> Iterator[dict[tuple[str, ...], int]]:
    """Chooses the parts of a mart that changed after a version, none where it is tested as a whole.

    Gives the number of its rows under test by the columns that tell parts apart. Every session sees the choice while it
    lasts, for Great Expectations has connections of its own.
    """
    with warehouse.reading() as connection:
        rows = {(): mart_states.state_of(connection, suite.table).rows}
    if since is None or not suite.ways:
        yield rows
        return
    mart = marts()[suite.table]
    with warehouse.writing(lock=mart.name) as connection:
        _clear(connection, mart)
        rows |= {parts: choose_to_test(connection, mart, parts, since) for parts in suite.ways}
    try:
        yield rows
    finally:
        with warehouse.writing(lock=mart.name) as connection:
            _clear(connection, mart)


def _clear(connection: sa.Connection, mart: Mart) -> None:
    delete_by_index(connection, tested_parts.name, TESTED_PARTS_INDEX, is_chosen(mart))
