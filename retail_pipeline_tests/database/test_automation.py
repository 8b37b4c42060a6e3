"""Marts follow loads by themselves, once for many; and people are told once of what went wrong."""

import json
from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.test_utils import create_run_for_test

from retail_pipeline.definitions import defs
from retail_pipeline.defs.automation import PATIENCE, RUN_COMES_WITHIN
from retail_pipeline.defs.instance import open_instance
from retail_pipeline.defs.runs import run_ingest, run_refresh
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.warehouse import Warehouse, check_results, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import no_progress
from retail_pipeline.warehouse.tables import loads
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line
from retail_pipeline_tests.receivers import Receiver, web_receiver

pytestmark = pytest.mark.database


@pytest.fixture
def instance(warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    with open_instance(warehouse.settings) as instance:
        yield instance


class Automation:
    """Dagster's automation, tick by tick."""

    def __init__(self, instance: dg.DagsterInstance):
        self._instance, self._cursor = instance, None

    def asks_for(self) -> set[str]:
        """The marts that it asks for at its next tick."""
        found = dg.evaluate_automation_conditions(defs, self._instance, cursor=self._cursor)
        self._cursor = found.cursor
        return {key for key in marts() if found.get_num_requested(dg.AssetKey(key))}


def passed(warehouse: Warehouse, *load_ids: str) -> None:
    with warehouse.writing() as connection:
        ledger.enter_checked(connection, load_ids, "r", passed=True)


def set_ledger(warehouse: Warehouse, load_id: str, **values: object) -> None:
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).where(loads.c.load_id == load_id).values(**values))


def test_marts_are_asked_for_once_when_loads_have_passed_and_none_is_on_its_way(warehouse, instance, export):
    every, nothing = set(marts()), set()
    automation = Automation(instance)
    instance.add_dynamic_partitions("loads", [f"never-loaded-{number}" for number in range(500)])
    assert automation.asks_for() == nothing  # an empty warehouse has nothing to show

    first, second = (ingest(warehouse, export(f"{name}.csv", order_line(name))) for name in ("1", "2"))
    passed(warehouse, first)
    assert automation.asks_for() == nothing  # a critical check of the second failed, or is still to be made
    assert automation.asks_for() == nothing
    passed(warehouse, second)
    assert automation.asks_for() == every  # though 500 partitions were never made
    assert automation.asks_for() == nothing  # the refresh failed, perhaps: not again and again

    third = ingest(warehouse, export("3.csv", order_line("3")))
    passed(warehouse, third)
    waits = land(warehouse, export("4.csv", order_line("4")), ONLINE_RETAIL).load_id
    assert automation.asks_for() == nothing  # another one will soon be loaded
    set_ledger(warehouse, waits, landed_at=ledger.now() - RUN_COMES_WITHIN)
    run = create_run_for_test(instance, job_name="load", status=dg.DagsterRunStatus.STARTED)
    assert automation.asks_for() == nothing  # one is being loaded
    instance.report_run_failed(run)
    assert automation.asks_for() == every

    fifth = ingest(warehouse, export("5.csv", order_line("5")))
    passed(warehouse, fifth)
    create_run_for_test(instance, job_name="load", status=dg.DagsterRunStatus.STARTED)
    assert automation.asks_for() == nothing
    set_ledger(warehouse, fifth, loaded_at=ledger.now() - PATIENCE - timedelta(seconds=1))
    assert automation.asks_for() == every  # a shop that never stops sending has figures all the same


def test_all_marts_and_what_is_made_of_them_are_refreshed_in_one_run_with_their_checks(warehouse, instance, export):
    passed(warehouse, ingest(warehouse, export("1.csv", order_line("1"))))
    with dg.build_sensor_context(instance=instance, definitions=defs) as context:
        (request,) = defs.get_sensor_def("marts_follow_loads")(context).run_requests
    asked = {key.path[-1] for key in request.asset_selection}
    assert asked >= set(marts())
    assert asked - set(marts()) <= {"tableau_workbook", "tableau_packaged_workbook"}
    assert request.asset_check_keys is None  # which means all of theirs
    assert request.tags["dagster/priority"] == "1"


def test_marts_that_somebody_refreshed_are_not_asked_for_again(warehouse, instance, export):
    automation = Automation(instance)
    automation.asks_for()
    passed(warehouse, ingest(warehouse, export("1.csv", order_line("1"))))
    for mart in marts().values():
        refresh(warehouse, mart)
    assert automation.asks_for() == set()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_night_finds_a_mart_that_somebody_changed_and_a_day_that_is_missing(warehouse, instance, export):
    days = [date(2011, 1, 10) + timedelta(days=number) for number in range(60) if number != 30]
    ingest(warehouse, export("days.csv", *(order_line(str(day), at=f"{day:%m/%d/%Y} 8:26") for day in days)))
    with warehouse.writing() as connection:
        ledger.enter_checked(connection, ledger.unchecked(connection), "r", passed=True)
    for mart in marts().values():
        refresh(warehouse, mart)
    with warehouse.writing() as connection:
        connection.execute(sa.text("UPDATE mart_products SET description = 'NO SUCH THING'"))
    night = defs.resolve_job_def("nightly").execute_in_process(instance=instance, raise_on_error=False)
    assert not night.success
    failed = {each.check_name: each for each in night.get_asset_check_evaluations() if not each.passed}
    assert set(failed) == {"mart_products_is_as_if_made_anew", "no_days_are_missing"}
    found = failed["mart_products_is_as_if_made_anew"].metadata
    assert (found["rows_missing"].value, found["rows_extra"].value) == (1, 1)
    assert failed["no_days_are_missing"].metadata["sample"].value == ["online_retail: 2011-02-09"]
    assert failed["no_days_are_missing"].severity == dg.AssetCheckSeverity.WARN
    with warehouse.reading() as connection:
        (kept,) = check_results.failed_critically(connection, [night.run_id])
    assert (kept["table_name"], kept["unexpected_rows"]) == ("mart_products", 2)


ONCE = {"dagster/max_retries": "0"}
"""A run that isn't tried again where its process is gone."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with web_receiver() as received:
        monkeypatch.setenv("RETAIL_ALERT_WEBHOOK", received.url)
        yield received


class Alerts:
    """The sensor that tells people, tick by tick."""

    def __init__(self, instance: dg.DagsterInstance):
        self._instance, self._cursor = instance, None

    def tick(self) -> str:
        """Evaluates it, and returns what it says."""
        with dg.build_sensor_context(instance=self._instance, definitions=defs, cursor=self._cursor) as context:
            said = defs.get_sensor_def("alerts")(context).skip_message
            self._cursor = context.cursor
        return said

    def forget(self) -> None:
        """As if the last look had never been noted."""
        kept = json.loads(self._cursor)
        self._cursor = json.dumps(kept | {"runs": kept["began"], "files": 0})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_people_are_told_once_of_what_went_wrong_in_runs_files_and_marts(warehouse, instance, export, receiver):
    alerts = Alerts(instance)
    assert alerts.tick() == "0 told."
    load_id = land(warehouse, export("1.csv", order_line("1"), order_line("2", quantity="x")), ONLINE_RETAIL).load_id
    (outcome,) = run_ingest(instance, warehouse, [load_id], no_progress)
    assert outcome.success
    alerts.tick()
    (told,) = receiver.texts
    assert "Run of ingest: 1 loads with much in quarantine" in told
    assert f"- {load_id}: 1 of 2 rows" in told

    set_ledger(warehouse, load_id, rows_read=99, checked_at=None)
    outcome = run_refresh(instance, warehouse, full=False)
    assert not outcome.success
    receiver.status = 500
    assert alerts.tick() == "0 told, some wait."
    receiver.status = 200
    alerts.tick()
    assert f"runs/{outcome.run_id}" in receiver.texts[1]
    assert "- loads: every row is accounted for (1 rows)" in receiver.texts[1]
    alerts.tick()
    alerts.forget()
    alerts.tick()
    assert len(receiver.texts) == 2

    failed = warehouse.settings.inbox_folder / "failed"
    failed.mkdir(parents=True)
    (failed / "bad.csv.why.txt").write_text("bad.csv, line 1: no known source\n\nNothing of it", encoding="utf-8")
    for mart in marts():
        change = FreshnessStateChange(
            key=dg.AssetKey(mart),
            new_state=FreshnessState.FAIL,
            previous_state=FreshnessState.PASS,
            state_change_timestamp=0.0,
        )
        instance.report_runless_asset_event(change)
    for _ in range(3):
        alerts.tick()
    assert len(receiver.texts) == 4
    assert "- bad.csv, line 1: no known source" in receiver.texts[2]
    assert f"{len(marts())} marts are stale" in receiver.texts[3]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_where_nobody_is_to_be_told_the_sensor_says_so_and_history_stays_history(
    warehouse, instance, monkeypatch, receiver
):
    alerts = Alerts(instance)
    with monkeypatch.context() as patched:
        patched.delenv("RETAIL_ALERT_WEBHOOK")
        assert "RETAIL_ALERT_WEBHOOK" in alerts.tick()
        instance.report_run_failed(create_run_for_test(instance, job_name="load", tags=ONCE))
        alerts.tick()
    alerts.tick()
    instance.report_run_failed(create_run_for_test(instance, job_name="load", tags=ONCE))
    retried = create_run_for_test(instance, job_name="load", tags={"dagster/will_retry": "true"})
    instance.report_run_failed(retried)
    alerts.tick()
    assert len(receiver.texts) == 1
