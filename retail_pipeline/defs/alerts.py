"""The sensor that finds out what went wrong, and has people told of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import sqlalchemy as sa
from dagster import DagsterEventType

from retail_pipeline.alerts import alert
from retail_pipeline.alerts.channels import configured
from retail_pipeline.alerts.outbox import Outbox
from retail_pipeline.defs.errors import message_of
from retail_pipeline.errors import BadInput, Busy, Failure
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, check_results, inbox, ledger

EVERY_SECONDS = 30

SEEN_LATE = timedelta(minutes=2)
"""A run's end may become visible this long after the time that it bears; what is looked at again isn't told again."""

RUNS_AT_A_TIME = 1000
WILL_BE_RETRIED = "dagster/will_retry"


@dataclass
class Position:
    """How far the sensor has looked, since it `began`; `stale` are the marts that were stale at the last look."""

    began: datetime
    runs: datetime
    files: int
    stale: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, cursor: str | None) -> "Position":
        """From the cursor. The first time, whatever happened before is history."""
        if cursor is None:
            now = datetime.now(UTC)
            return cls(now, now, int(now.timestamp() * 1e9))
        kept = json.loads(cursor)
        began, runs = (datetime.fromisoformat(kept[name]) for name in ("began", "runs"))
        return cls(began, runs, kept["files"], kept["stale"])

    def written(self) -> str:
        return json.dumps(asdict(self), default=datetime.isoformat)


@dg.sensor(
    minimum_interval_seconds=EVERY_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells people by webhook and e-mail, as the settings say, of failed runs and critical checks, of loads "
    "with much in quarantine, of refused files and of stale marts: once each, and again until somebody takes it.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Puts what went wrong since the last look into the outbox, and tells what waits there."""
    settings, position = Settings(), Position.read(context.cursor)
    channels = configured(settings)
    if not channels:
        context.update_cursor(Position.read(None).written())
        return dg.SkipReason("Nobody is told: neither RETAIL_ALERT_WEBHOOK nor RETAIL_ALERT_EMAIL_TO is set.")
    outbox = Outbox(settings.alerts_folder)
    for found in (
        *_of_runs(context, settings, position),
        *_of_refused_files(settings, position),
        *_of_stale_marts(context.instance, settings, position),
    ):
        if outbox.put(found, channels):
            context.log.info(found.subject)
    context.update_cursor(position.written())
    try:
        told, problems = outbox.tell(channels)
    except Busy:
        return dg.SkipReason("Somebody else is telling.")
    for problem in problems:
        context.log.warning(f"{problem}; it is tried again")
    return dg.SkipReason(f"{told} told{', some wait' if problems else ''}.")


def _of_runs(context: dg.SensorEvaluationContext, settings: Settings, position: Position) -> Iterator[alert.Alert]:
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS]
    filters = dg.RunsFilter(statuses=ended, updated_after=max(position.began, position.runs - SEEN_LATE))
    records = context.instance.get_run_records(
        filters, limit=RUNS_AT_A_TIME, order_by="update_timestamp", ascending=True
    )
    runs = [record.dagster_run for record in records]
    try:
        checks, held = _in_warehouse(settings, [run.run_id for run in runs])
    except (
        BadInput,
        Failure,
        sa.exc.SQLAlchemyError,
    ) as error:  # then the alert says less, and this is looked at again
        context.log.warning(f"The warehouse can't be read: {error}")
        checks, held = {}, {}
    else:
        position.runs = max([position.runs, *(_in_utc(record.update_timestamp) for record in records)])
    for run in runs:
        failed = run.status == dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_BE_RETRIED) != "true"
        finished = alert.FinishedRun(
            run.run_id,
            run.job_name,
            f"{settings.dagster_link}/runs/{run.run_id}",
            failed,
            _errors(context.instance, run.run_id) if failed else (),
            checks.get(run.run_id, ()),
            held.get(run.run_id, ()),
        )
        if found := alert.of_run(finished, settings.alert_quarantine_share):
            yield found


def _in_warehouse(
    settings: Settings, run_ids: Sequence[str]
) -> tuple[Mapping[str, list[alert.FailedCheck]], Mapping[str, list[alert.HeldBack]]]:
    """The critical checks that failed in each run, and what is in quarantine of the loads of each."""
    checks: dict[str, list[alert.FailedCheck]] = {}
    held: dict[str, list[alert.HeldBack]] = {}
    if not run_ids:
        return checks, held
    with Warehouse(settings) as warehouse, warehouse.reading() as connection:
        failed = check_results.failed_critically(connection, run_ids)
        loaded = ledger.loaded_by(connection, run_ids)
    for row in failed:
        error = json.loads(row["details"]).get("error", "")
        check = alert.FailedCheck(row["table_name"], row["name"], row["unexpected_rows"], error)
        checks.setdefault(row["run_id"], []).append(check)
    for row in loaded:
        figures = (row[name] for name in ("rows_quarantined", "rows_read", "amount_quarantined", "amount_read"))
        load = alert.HeldBack(row["load_id"], *figures, row["currency"])
        held.setdefault(row["run_id"], []).append(load)
    return checks, held


def _errors(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Why steps failed; where none did, why the run as a whole did."""
    for kind in (DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE):
        events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kind)]
        if events:
            return list(dict.fromkeys(message_of(event) for event in events))
    return []


def _of_refused_files(settings: Settings, position: Position) -> Iterator[alert.Alert]:
    refused = inbox.refused_since(settings.inbox_folder, position.files)
    if refused:
        position.files = refused[-1][0]
        files = [(found.name, found.reason) for _, found in refused]
        yield alert.of_refused_files(files, str(position.files), str(settings.inbox_folder / inbox.FAILED))


def _of_stale_marts(instance: dg.DagsterInstance, settings: Settings, position: Position) -> Iterator[alert.Alert]:
    """Told when no more have become stale since the last look, so that there is one alert and not one for each."""
    states = instance.get_freshness_state_records([dg.AssetKey(mart) for mart in marts()])
    stale = sorted(key.path[-1] for key, record in states.items() if record.freshness_state.value == "FAIL")
    if stale and stale == position.stale:
        today = datetime.now(settings.zone).date().isoformat()
        yield alert.of_stale_marts(stale, settings.stale_fail_hours, today, f"{settings.dagster_link}/assets")
    position.stale = stale


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
