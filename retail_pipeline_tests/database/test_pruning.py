"""What is pruned is gone, the ledger says so, and every total stays."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from retail_pipeline.cli import main
from retail_pipeline.definitions import defs
from retail_pipeline.errors import BadInput
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.quality.great_expectations_bridge import evaluate
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, check_results, correcting, ledger, pruning
from retail_pipeline.warehouse.check_results import CheckResult
from retail_pipeline.warehouse.landing import land, landed_file, read_anew
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.pruning import Pruned, prune
from retail_pipeline.warehouse.tables import loads, order_lines, quarantined_lines, raw_order_lines, superseded_lines
from retail_pipeline_tests.database.test_refreshing import refresh_all, shown
from retail_pipeline_tests.exports import ONLINE_RETAIL, entry, ingest, order_line, rows

pytestmark = pytest.mark.database


def age(warehouse: Warehouse, load_id: str, days: int) -> None:
    """Makes a load have landed, and passed its checks, so many days ago."""
    then = ledger.now() - timedelta(days=days)
    with warehouse.writing() as connection:
        values = {"landed_at": then, "checked_at": then}
        connection.execute(sa.update(loads).where(loads.c.load_id == load_id).values(values))


def file_of(warehouse: Warehouse, load_id: str) -> Path:
    return landed_file(warehouse, load_id, entry(warehouse, load_id)["file_name"])


@pytest.fixture
def pruned(warehouse: Warehouse, export) -> tuple[Warehouse, str, str]:
    """A warehouse that keeps things for 30 days, an old load of which all was pruned, and a new one."""
    old = ingest(warehouse, export("old.csv", order_line("1"), order_line("2"), order_line("3", quantity="six")))
    new = ingest(warehouse, export("new.csv", order_line("2", quantity=1), order_line("4", at="1/4/2011 9:00")))
    age(warehouse, old, 31)
    age(warehouse, new, 29)
    refresh_all(warehouse)
    warehouse.settings.keep_raw_days = warehouse.settings.keep_files_days = 30
    before = [rows(warehouse, table) for table in (order_lines, superseded_lines, quarantined_lines)]
    figures, size = shown(warehouse), file_of(warehouse, old).stat().st_size
    expected = Pruned(loads_without_raw_lines=1, raw_lines=3, files=1, file_bytes=size)
    assert prune(warehouse, dry_run=True) == expected
    assert file_of(warehouse, old).exists()
    assert prune(warehouse) == expected
    assert prune(warehouse) == Pruned()
    assert [rows(warehouse, table) for table in (order_lines, superseded_lines, quarantined_lines)] == before
    assert refresh_all(warehouse, full=True) == {"full"}
    assert shown(warehouse) == figures
    return warehouse, old, new


def test_what_is_older_than_is_kept_goes_and_nothing_else_and_all_checks_pass(pruned):
    warehouse, old, new = pruned
    assert {load_id for (load_id,) in rows(warehouse, raw_order_lines, "load_id")} == {new}
    assert not file_of(warehouse, old).parent.exists()
    assert file_of(warehouse, new).exists()
    for suite in suites():
        if suite.is_of_loads:
            verdicts = evaluate(warehouse, suite, [old, new])
            for expectation in suite.expectations:
                assert verdicts[expectation.name].passed or expectation.severity == "warning", expectation.name
    with warehouse.writing() as connection:  # lines that are lost without having been pruned are still found
        connection.execute(sa.delete(raw_order_lines))
    (suite,) = (suite for suite in suites() if suite.table == "loads")
    verdict = evaluate(warehouse, suite, [old, new])["raw_rows_are_as_many_as_were_read"]
    assert (verdict.passed, verdict.details["unexpected_rows"]) == (False, 1)


def test_a_pruned_load_cannot_be_read_again_or_corrected_and_says_why(pruned, tmp_path):
    warehouse, old, _ = pruned
    told = rf"{old} can't be read again: its file was pruned on .* ingest the same file once more"
    with pytest.raises(BadInput, match=told):
        load(warehouse, old, ONLINE_RETAIL)
    with pytest.raises(BadInput, match=told):
        read_anew(warehouse, old, ONLINE_RETAIL)
    with pytest.raises(BadInput, match=told):
        correcting.hand_out(warehouse, old, SourceCatalogue(), tmp_path / "fix.csv")
    assert entry(warehouse, old)["status"] == "loaded"


def test_the_same_file_handed_in_again_brings_a_pruned_load_back_to_life(pruned, tmp_path):
    warehouse, old, _ = pruned
    lines = rows(warehouse, order_lines)
    again = tmp_path / "another name.csv"
    again.write_bytes((tmp_path / "old.csv").read_bytes())
    assert land(warehouse, again, ONLINE_RETAIL).load_id == old
    assert file_of(warehouse, old).read_bytes() == again.read_bytes()
    with pytest.raises(BadInput, match=r"raw lines were pruned on .* `retail loads reload"):
        correcting.hand_out(warehouse, old, SourceCatalogue(), tmp_path / "fix.csv")
    load(warehouse, old, ONLINE_RETAIL)
    assert rows(warehouse, order_lines) == lines
    assert entry(warehouse, old)["raw_pruned_at"] is None
    assert correcting.hand_out(warehouse, old, SourceCatalogue(), tmp_path / "fix.csv") == 1


def test_a_pruned_load_can_be_taken_back_out_and_ingested_again(pruned, tmp_path):
    warehouse, old, new = pruned
    revert(warehouse, old)
    assert {load_id for (load_id,) in rows(warehouse, order_lines, "load_id")} == {new}
    assert ingest(warehouse, tmp_path / "old.csv") == old
    assert len(rows(warehouse, raw_order_lines)) == 5


def test_the_file_of_a_load_that_was_taken_back_out_is_pruned_too(warehouse, export):
    load_id = ingest(warehouse, export("old.csv", order_line("1")))
    age(warehouse, load_id, 31)
    revert(warehouse, load_id)
    warehouse.settings.keep_files_days = 30
    assert prune(warehouse).files == 1
    assert not file_of(warehouse, load_id).exists()


def test_a_file_that_is_handed_in_again_while_others_are_pruned_stays(warehouse, export, monkeypatch):
    path = export("again.csv", order_line("1"))
    again, other = ingest(warehouse, path), ingest(warehouse, export("other.csv", order_line("2")))
    for load_id in (again, other):
        age(warehouse, load_id, 31)
    revert(warehouse, again)
    warehouse.settings.keep_raw_days = warehouse.settings.keep_files_days = 30
    prune_raw_lines = pruning._prune_raw_lines

    def and_meanwhile(*arguments) -> None:
        prune_raw_lines(*arguments)
        land(warehouse, path, ONLINE_RETAIL)

    monkeypatch.setattr(pruning, "_prune_raw_lines", and_meanwhile)
    assert prune(warehouse).files == 1
    assert not file_of(warehouse, other).exists()
    load(warehouse, again, ONLINE_RETAIL)
    assert entry(warehouse, again)["status"] == "loaded"


def test_days_that_reach_before_all_time_are_refused_by_name(warehouse, monkeypatch):
    monkeypatch.setenv("RETAIL_KEEP_CHECKS_DAYS", "999999")
    result = CliRunner().invoke(main, ["prune"])
    assert result.exit_code == 2
    assert result.output.startswith("retail: RETAIL_KEEP_CHECKS_DAYS: Input should be less than or equal to 100000")


def test_a_load_that_is_not_checked_or_waits_for_a_correction_is_kept_and_a_pruning_that_was_killed_is_finished(
    warehouse, export
):
    load_id = ingest(warehouse, export("old.csv", order_line("1")))
    age(warehouse, load_id, 31)
    warehouse.settings.keep_raw_days = warehouse.settings.keep_files_days = 30
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).values(checked_at=None))
    assert prune(warehouse) == Pruned()
    age(warehouse, load_id, 31)
    with warehouse.writing() as connection:  # killed after it was noted
        ledger.enter_pruned(connection, [load_id], "file", ledger.now())
    assert prune(warehouse).files == 0
    assert not file_of(warehouse, load_id).exists()


def test_what_checks_found_is_forgotten_but_for_the_newest_of_each(warehouse):
    with warehouse.writing() as connection:
        for run, days, names in [("1", 500, "ab"), ("2", 400, "a"), ("3", 300, "a")]:
            results = [CheckResult("order_lines", "loads", name, "critical", True) for name in names]
            check_results.enter(connection, run, results)
            then = ledger.now() - timedelta(days=days)
            table = check_results.check_results
            connection.execute(sa.update(table).where(table.c.run_id == run).values(checked_at=then))
    assert prune(warehouse, dry_run=True).check_results == 2
    assert prune(warehouse).check_results == 2
    assert rows(warehouse, check_results.check_results, "run_id", "name") == [("1", "b"), ("3", "a")]


def test_the_job_in_dagster_prunes_as_the_command_does_and_says_how_much(warehouse, export, monkeypatch):
    monkeypatch.setenv("RETAIL_KEEP_RAW_DAYS", "30")
    load_id = ingest(warehouse, export("old.csv", order_line("1")))
    age(warehouse, load_id, 31)
    result = defs.resolve_job_def("prune").execute_in_process()
    assert rows(warehouse, raw_order_lines) == []
    (output,) = result.filter_events(lambda event: event.is_successful_output)
    assert output.event_specific_data.metadata["raw_lines"].value == 1
