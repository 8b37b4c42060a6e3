"""A database with data goes forward from every released version, and nothing is lost."""

import signal
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.refresh import stale
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.quality.great_expectations_bridge import evaluate
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, correcting, ledger
from retail_pipeline.warehouse.backups.restoring import restore
from retail_pipeline.warehouse.backups.writing import back_up
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.migrations import ensure_current, missing_upgrade
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline.warehouse.tables import (
    LINE_TABLES,
    api_keys,
    corrections,
    loads,
    order_lines,
    quarantined_lines,
    raw_order_lines,
    superseded_lines,
)
from retail_pipeline_tests.database.test_migrations import assert_it_compares_texts_by_their_bytes
from retail_pipeline_tests.database.test_refreshing import assert_as_if_made_anew, refresh_all, shown
from retail_pipeline_tests.exports import ONLINE_RETAIL, assert_everything_is_accounted_for, ingest, rows
from retail_pipeline_tests.killing import exit_status, in_a_process, kill_before_statement
from retail_pipeline_tests.released import CORRECTED, EXPORTS, REVISIONS, restore_dump

pytestmark = pytest.mark.database

OF_A_LOAD = "source", "status", "currency", "rows_read", "rows_loaded", "amount_loaded", "rows_quarantined"
"""What the ledger says of a load that doesn't depend on when it was loaded."""


@pytest.fixture
def released(request: pytest.FixtureRequest, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """A warehouse as the code of a revision left it."""
    monkeypatch.setenv("RETAIL_DATABASE_URL", database_url)
    warehouse = restore_dump(request.param)
    yield warehouse
    warehouse.dispose()


from_every_revision = pytest.mark.parametrize("released", REVISIONS, indirect=True)
from_the_first = pytest.mark.parametrize("released", REVISIONS[:1], indirect=True)
on_a_server = pytest.mark.parametrize("database_url", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)


def ingested_afresh(home, *, corrected: bool) -> Warehouse:
    """A new warehouse in which this version's code has done what the released code did, and loaded the last file."""
    warehouse = Warehouse(Settings(home=home, database_url=""))
    upgrade(warehouse)
    december, _, wrong, _ = [ingest(warehouse, path) for path in EXPORTS]
    revert(warehouse, wrong)
    if corrected:
        correcting.take_in(warehouse, CORRECTED, SourceCatalogue(), by="Ann")
        load(warehouse, december, ONLINE_RETAIL)
    refresh_all(warehouse)
    return warehouse


def stored(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """Rows in the tables that the first version had, by its columns, whatever version they are of."""
    found = {}
    with warehouse.reading() as connection:
        for table in (raw_order_lines, order_lines, superseded_lines, quarantined_lines, loads):
            known = [column for column in table.columns if column.name not in NEWER]
            query = sa.select(*known).order_by(*table.primary_key.columns)
            found[table.name] = list(map(tuple, connection.execute(query)))
    return found


NEWER = {"checked_by", "requested_at", "invoice_line", "has_totals", "raw_pruned_at", "file_pruned_at"}
"""Columns that came after the first version."""


def assert_same_as_afresh(warehouse: Warehouse, afresh: Warehouse) -> None:
    for table in LINE_TABLES:
        assert rows(warehouse, table) == rows(afresh, table), table.name
    assert rows(warehouse, loads, "load_id", *OF_A_LOAD) == rows(afresh, loads, "load_id", *OF_A_LOAD)
    figures, expected = shown(warehouse), shown(afresh)
    for mart, found in figures.items():
        if mart != "mart_restatements":  # which tells when files landed
            assert found == expected[mart], mart


def assert_texts_and_indexes_are_as_if_made_by_this_version(warehouse: Warehouse) -> None:
    if not warehouse.is_sqlite:
        assert_it_compares_texts_by_their_bytes(warehouse)
    with warehouse.reading() as connection:
        there = {index["name"] for index in sa.inspect(connection).get_indexes(order_lines.name)}
    assert there == {index.name for index in order_lines.indexes}


@from_every_revision
def test_an_upgraded_database_has_all_that_it_had_and_goes_on_as_if_it_had_always_been_of_this_version(
    released, tmp_path, request
):
    before = stored(released)
    upgrade(released)
    upgrade(released)  # a second time changes nothing
    assert stored(released) == before
    assert_texts_and_indexes_are_as_if_made_by_this_version(released)
    assert len(rows(released, api_keys)) == (0 if "0001" in request.node.name else 2)
    assert_everything_is_accounted_for(released)

    assert missing_upgrade(released) is None
    with released.reading() as connection:
        (february,) = ledger.waiting(connection)
        assert ledger.to_be_corrected(connection) == {}
    load(released, february, ONLINE_RETAIL)
    refresh_all(released)
    assert stale(released) == []
    assert_as_if_made_anew(released)
    assert_same_as_afresh(released, ingested_afresh(tmp_path / "afresh", corrected=bool(rows(released, corrections))))
    assert_everything_is_accounted_for(released)
    with released.reading() as connection:
        load_ids = [entry["load_id"] for entry in ledger.entries(connection) if entry["status"] == "loaded"]
    for suite in suites():
        if suite.is_of_loads:
            verdicts = evaluate(released, suite, load_ids)
            failed = {expectation.name for expectation in suite.expectations if not verdicts[expectation.name].passed}
            assert failed <= {each.name for each in suite.expectations if each.severity == "warning"}, failed


@from_the_first
@on_a_server
def test_an_upgrade_that_is_killed_again_and_again_is_finished_by_the_next_one(released):
    before = stored(released)
    with pytest.raises(BadInput, match=r"of revision 0001, this version needs .*: run `retail db upgrade`"):
        ensure_current(released)
    statuses = []
    for number in range(4, 200, 6):

        def work(number: int = number) -> None:
            own = Warehouse(Settings())
            kill_before_statement(number)
            upgrade(own)

        released.dispose()
        statuses.append(exit_status(in_a_process(work)))
        if statuses[-1] == 0:
            break
    assert set(statuses[:-1]) == {-signal.SIGKILL}
    assert len(statuses) > 5, "an upgrade has more steps than that"
    assert statuses[-1] == 0
    assert missing_upgrade(released) is None
    assert stored(released) == before
    assert_texts_and_indexes_are_as_if_made_by_this_version(released)


@from_the_first
def test_many_may_upgrade_at_the_same_time_while_others_read(released):
    before = stored(released)
    released.dispose()
    pids = [in_a_process(lambda: upgrade(Warehouse(Settings()))) for _ in range(4)]
    assert [exit_status(pid) for pid in pids] == [0] * 4
    assert missing_upgrade(released) is None
    assert stored(released) == before


@from_the_first
def test_a_backup_made_before_an_upgrade_is_restored_and_upgraded(released, tmp_path):
    before = stored(released)
    backup = back_up(released, tmp_path / "before.zip")
    assert backup.manifest.revision == "0001"
    if released.is_sqlite:
        ensure_current(released)  # which upgrades the embedded database by itself
    else:
        upgrade(released)
    with released.writing() as connection:
        connection.execute(sa.delete(order_lines))
    restore(released, backup.path, replace=True)
    assert missing_upgrade(released) is None
    assert stored(released) == before


@on_a_server
def test_a_table_of_somebody_else_with_the_name_of_one_of_ours_is_not_taken_for_it(database_url):
    warehouse = Warehouse(Settings(database_url=database_url))
    with warehouse.writing() as connection:
        connection.execute(sa.text("CREATE TABLE mart_tests (id INTEGER PRIMARY KEY)"))
    with pytest.raises(BadInput, match=r"tables of these names that aren't this program's: .*mart_tests"):
        upgrade(warehouse)
    warehouse.dispose()
