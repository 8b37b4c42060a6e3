"""The Dagster graph at work, on every database: loads, checks that block, marts, and runs that start over."""

from collections.abc import Iterator

import dagster as dg
import pytest
import sqlalchemy as sa

from retail_pipeline import ingestion, reports
from retail_pipeline.defs.instance import open_instance
from retail_pipeline.defs.loads import LOADS
from retail_pipeline.defs.runs import RunOutcome, run_ingest, run_refresh
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh, stale
from retail_pipeline.quality.catalogue import suites
from retail_pipeline.quality.under_test import untested
from retail_pipeline.warehouse import Warehouse, check_results, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load, no_progress
from retail_pipeline.warehouse.tables import loads, mart_tests, order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, entry, order_line, rows

pytestmark = pytest.mark.database


@pytest.fixture
def instance(warehouse) -> Iterator[dg.DagsterInstance]:
    with open_instance(warehouse.settings) as instance:
        yield instance


def ingest(warehouse: Warehouse, instance: dg.DagsterInstance, *load_ids: str) -> RunOutcome:
    """Runs the job for loads that lie together, so that there is one run."""
    (outcome,) = run_ingest(instance, warehouse, load_ids, no_progress)
    return outcome


def landed(warehouse, export, *names: str) -> list[str]:
    return [
        land(warehouse, export(f"{name}.csv", order_line(name), order_line(name, quantity="x")), ONLINE_RETAIL).load_id
        for name in names
    ]


def failed(outcome: RunOutcome, *, critical: bool) -> set[str]:
    return {check.name for check in outcome.checks if not check.passed and check.critical == critical}


def test_a_load_is_reverted_and_the_marts_refreshed_by_one_command(warehouse, instance, export, capsys):
    first, bad = landed(warehouse, export, "1", "2")
    ingest(warehouse, instance, first, bad)
    assert ingestion.revert_load(bad) == 0
    said = capsys.readouterr().out
    assert f"{bad} is taken back out." in said
    assert "The marts are refreshed." in said
    assert rows(warehouse, marts()["mart_orders"].table(), "invoice_no") == [("1",)]
    assert stale(warehouse) == []
    reports.print_loads()
    assert "reverted" in capsys.readouterr().out
    assert ingestion.ingest_files([]) == 0  # a reverted load isn't unfinished work
    assert "Nothing is new" in capsys.readouterr().out


@pytest.mark.parametrize(("invoice", "tested"), [("1", {"order_lines"}), ("2", set())])
def test_where_lines_come_back_their_load_is_tested_again_and_else_none_is(
    warehouse, instance, export, invoice, tested
):
    first, second = export("1.csv", order_line("1")), export("2.csv", order_line(invoice, price="9.99"))
    assert ingestion.ingest_files([first, second]) == 0
    with warehouse.reading() as connection:
        _, later = (loaded["load_id"] for loaded in ledger.loaded(connection))
    assert ingestion.revert_load(later) == 0
    (run,) = instance.get_runs(limit=1)
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assets = {event.dagster_event.event_specific_data.asset_key.path[-1] for event in events}
    assert assets & {"order_lines"} == tested
    assert set(marts()) <= assets


def test_a_mart_that_somebody_spoiled_is_told_and_made_anew_with_full(warehouse, instance, export, capsys):
    assert ingestion.ingest_files([export("1.csv", order_line("1"))]) == 0
    with warehouse.writing() as connection:
        connection.execute(sa.text("UPDATE running_products SET gross_sales = gross_sales + 1"))
    assert ingestion.ingest_files([export("2.csv", order_line("2"))]) == 1
    said = capsys.readouterr().err
    assert "FAILED: running_products: totals reconcile" in said
    assert "`retail marts refresh --full` makes the marts anew" in said
    assert ingestion.refresh_marts(full=True) == 0
    assert stale(warehouse) == []


def test_checks_of_marts_say_how_much_they_tested(warehouse, instance, export):
    def tested(outcome: RunOutcome) -> dict[str, tuple[str, str]]:
        details = {f"{check.asset}.{check.name}": check.details for check in outcome.checks}
        return {name: (found["tested"], found["rows_tested"]) for name, found in details.items() if "tested" in found}

    reconciled = "mart_orders.totals_reconcile"
    first, second = landed(warehouse, export, "1", "2")
    assert tested(ingest(warehouse, instance, first))[reconciled] == ("everything", "1")
    outcome = ingest(warehouse, instance, second)
    assert (outcome.errors, failed(outcome, critical=True)) == ([], set())
    found = tested(outcome)
    assert found[reconciled] == ("what changed", "1")
    assert found["mart_kpis.totals_reconcile"][0] == "everything"
    assert tested(run_refresh(instance, warehouse, full=True))[reconciled] == ("everything", "2")


def test_a_mart_is_tested_after_every_mart_that_it_is_compared_with_was_refreshed(warehouse, instance, export):
    (first,) = landed(warehouse, export, "1")
    outcome = ingest(warehouse, instance, first)
    reads = {suite.asset_name: suite.reads for suite in suites() if not suite.is_of_loads}
    refreshed, tested = set(), set()
    for event in instance.all_logs(outcome.run_id):
        if event.is_dagster_event and event.dagster_event.is_step_materialization:
            refreshed.add(event.dagster_event.asset_key.path[-1])
        elif event.is_dagster_event and event.dagster_event.event_type_value == "ASSET_CHECK_EVALUATION":
            mart = event.dagster_event.asset_check_evaluation_data.asset_key.path[-1]
            tested.add(mart)
            assert reads.get(mart, set()) <= refreshed, mart
    assert tested >= reads.keys()


def test_one_run_loads_many_files_and_then_checks_and_refreshes_once(warehouse, instance, export):
    load_ids = landed(warehouse, export, "1", "2", "3")
    outcome = ingest(warehouse, instance, *load_ids)
    assert outcome.success
    assert outcome.errors == []
    names = [check.name for check in outcome.checks]
    assert len(names) == len({(check.asset, check.name) for check in outcome.checks})
    assert stale(warehouse) == []
    assert {entry(warehouse, load_id)["run_id"] for load_id in load_ids} == {outcome.run_id}
    assert len(instance.get_runs()) == 1
    for table in ("raw_order_lines", "order_lines", "quarantined_lines"):
        assert instance.get_materialized_partitions(dg.AssetKey(table)) == set(load_ids)


def test_what_a_killed_run_left_unsaid_or_untested_or_without_an_index_is_made_up_by_the_next_one(
    warehouse, instance, export, capsys
):
    (load_id,) = landed(warehouse, export, "1")
    load(warehouse, load_id, ONLINE_RETAIL)  # killed before it told Dagster, and before it tested the marts
    with warehouse.writing() as connection:
        ledger.enter_checked(connection, [load_id], "killed", passed=True)
    for name in stale(warehouse):
        refresh(warehouse, marts()[name])
    assert "mart_kpis" in untested(warehouse)
    (by_day,) = (index for index in order_lines.indexes if index.name == "ix_order_lines_day")
    with warehouse.writing() as connection:  # killed before a first load's indexes were built
        connection.execute(sa.schema.DropIndex(by_day))
    assert ingestion.ingest_files([]) == 0
    assert by_day.name in {index["name"] for index in sa.inspect(warehouse.engine).get_indexes("order_lines")}
    assert "Checks: " in capsys.readouterr().out
    assert untested(warehouse) == []
    for table in ("raw_order_lines", "order_lines", "quarantined_lines"):
        assert instance.get_materialized_partitions(dg.AssetKey(table)) == {load_id}
    with warehouse.writing() as connection:
        connection.execute(sa.update(mart_tests).where(mart_tests.c.mart == "mart_kpis").values(version=0))
    assert untested(warehouse) == ["mart_kpis"]


def test_each_load_has_its_own_row_counts_and_money_in_the_catalogue(warehouse, instance, export):
    one = land(warehouse, export("1.csv", order_line("1", quantity=2, price="1.5")), ONLINE_RETAIL).load_id
    two = land(warehouse, export("2.csv", order_line("2"), order_line("3", quantity="x")), ONLINE_RETAIL).load_id
    ingest(warehouse, instance, one, two)
    records = instance.fetch_materializations(dg.AssetKey("order_lines"), limit=10).records
    shown = {record.partition_key: record.asset_materialization.metadata for record in records}
    assert {key: found["dagster/partition_row_count"].value for key, found in shown.items()} == {one: 1, two: 1}
    assert shown[one]["amount_loaded"].value == "3.0000"
    assert shown[two]["amount_loaded"].value == "15.3000"


def test_a_failed_critical_check_keeps_the_marts_as_they_were_in_that_run_and_in_later_ones(
    warehouse, instance, export
):
    first, second = landed(warehouse, export, "1", "2")
    assert ingest(warehouse, instance, first).success
    before = rows(warehouse, marts()["mart_orders"].table())
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).where(loads.c.load_id == first).values(rows_read=99, checked_at=None))

    outcome = ingest(warehouse, instance, second)
    assert not outcome.success
    assert failed(outcome, critical=True) == {"every_row_is_accounted_for", "raw_rows_are_as_many_as_were_read"}
    assert rows(warehouse, marts()["mart_orders"].table()) == before
    assert not run_refresh(instance, warehouse, full=True).success
    assert rows(warehouse, marts()["mart_orders"].table()) == before

    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).where(loads.c.load_id == first).values(rows_read=2))
    assert run_refresh(instance, warehouse, full=False).success
    assert len(rows(warehouse, marts()["mart_orders"].table())) == 2


def test_a_failed_warning_does_not_block(warehouse, instance, export):
    load_id = land(
        warehouse, export("1.csv", order_line("1", country="Mordor"), order_line("2", price=0)), ONLINE_RETAIL
    ).load_id
    outcome = ingest(warehouse, instance, load_id)
    assert outcome.success
    assert failed(outcome, critical=False) == {"countries_are_known", "sales_have_a_positive_amount"}
    assert stale(warehouse) == []


def test_what_the_checks_found_is_kept_beside_the_data_and_the_ledger_says_which_run_found_it(
    warehouse, instance, export
):
    load_id = land(warehouse, export("1.csv", order_line("1", country="Mordor")), ONLINE_RETAIL).load_id
    outcome = ingest(warehouse, instance, load_id)
    assert entry(warehouse, load_id)["checked_by"] == outcome.run_id
    with warehouse.reading() as connection:
        kept = check_results.of_run(connection, outcome.run_id)
        assert check_results.latest(connection) == kept
    assert {(row["asset"], row["name"], row["passed"]) for row in kept} == {
        (check.asset, check.name, check.passed) for check in outcome.checks
    }
    (mordor,) = [row for row in kept if row["name"] == "countries_are_known"]
    assert (mordor["severity"], mordor["passed"], mordor["unexpected_rows"]) == ("warning", False, 1)
    assert "Mordor" in mordor["details"]
    again = run_refresh(instance, warehouse, full=True)
    with warehouse.reading() as connection:
        assert {row["run_id"] for row in check_results.latest(connection)} == {again.run_id}
        assert check_results.of_run(connection, outcome.run_id) == kept


def test_a_check_that_cannot_run_is_a_failed_check_with_the_error_s_text(warehouse, instance, export):
    (load_id,) = landed(warehouse, export, "1")
    with warehouse.writing() as connection:
        connection.execute(sa.text("ALTER TABLE countries RENAME TO countries_elsewhere"))
    outcome = ingest(warehouse, instance, load_id)
    assert not outcome.success
    (check,) = [check for check in outcome.checks if check.name == "countries_are_known"]
    assert not check.passed
    assert "countries" in check.details["error"]


def test_marts_are_not_refreshed_past_loads_that_nobody_checked(warehouse, instance, export):
    from retail_pipeline.definitions import defs

    (load_id,) = landed(warehouse, export, "1")
    instance.add_dynamic_partitions(LOADS.name, [load_id])
    everything = defs.resolve_implicit_global_asset_job_def()
    only_lines = everything.get_subset(asset_selection={dg.AssetKey("order_lines")}, asset_check_selection=set())
    assert only_lines.execute_in_process(instance=instance, partition_key=load_id).success
    assert len(rows(warehouse, order_lines)) == 1
    only_a_mart = everything.get_subset(asset_selection={dg.AssetKey("mart_returns")}, asset_check_selection=set())
    result = only_a_mart.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    (failure,) = result.filter_events(lambda event: event.is_step_failure)
    assert f"loads that haven't passed the critical checks: {load_id}" in str(failure.event_specific_data)


def test_materializing_one_table_of_a_load_runs_that_load_again(warehouse, instance, export):
    from retail_pipeline.definitions import defs

    (load_id,) = landed(warehouse, export, "1")
    ingest(warehouse, instance, load_id)
    with warehouse.writing() as connection:
        connection.execute(sa.delete(order_lines))
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("order_lines")})
    assert job.execute_in_process(instance=instance, partition_key=load_id).success
    assert len(rows(warehouse, order_lines)) == 1
    with warehouse.reading() as connection:
        assert ledger.unchecked(connection) == []


def test_loads_that_do_not_lie_together_are_run_without_those_between(warehouse, instance, export):
    load_ids = landed(warehouse, export, "1", "2", "3", "4", "5")
    ingest(warehouse, instance, *load_ids)
    loaded_at = {load_id: entry(warehouse, load_id)["loaded_at"] for load_id in load_ids}
    again = [load_ids[0], load_ids[1], load_ids[3]]
    assert len(list(run_ingest(instance, warehouse, again, no_progress))) == 2
    rerun = {load_id for load_id in load_ids if entry(warehouse, load_id)["loaded_at"] != loaded_at[load_id]}
    assert rerun == set(again)
