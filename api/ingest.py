"""POST /ingest and GET /ingest/{load_id}: a file is handed in, and what becomes of it."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import sqlalchemy as sa
from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api import problems, upload
from api.access import may
from api.dagster import LOAD, LOAD_AND_REFRESH, Dagster, NotStarted, Undecided
from api.json import answer
from api.state import DagsterDep, WarehouseDep
from retail_pipeline.warehouse import Warehouse, check_results, ledger
from retail_pipeline.warehouse.exact import exact_sum
from retail_pipeline.warehouse.tables import quarantined_lines

if TYPE_CHECKING:
    from retail_pipeline.warehouse.correcting import Correction
    from retail_pipeline.warehouse.landing import Landing

router = APIRouter(tags=["ingest"])

Status = Literal["landed", "waiting", "running", "loaded", "failed", "reverted"]


class Accepted(BaseModel):
    """What became of a file that was handed in."""

    load_id: str = Field(examples=["orders-6d1c93f2a0b4"])
    status: Status = Field(description="waiting: Dagster can't be reached; the run starts when it is back.")
    run_id: str | None = Field(description="Dagster's run that loads it.")
    follow: str = Field(description="Where to ask what became of it.", examples=["/ingest/orders-6d1c93f2a0b4"])
    run_url: str | None = Field(description="The run in Dagster's web UI.")


class Corrected(BaseModel):
    """What a file of corrections changed: its loads are run again, and may be followed one by one."""

    loads: list[Accepted]
    rows_corrected: dict[str, int] = Field(description="By load.", examples=[{"orders-6d1c93f2a0b4": 4}])
    rows_unchanged: int = Field(description="Rows that are as they were.")


class Check(BaseModel):
    """What a check found."""

    asset: str
    name: str
    severity: Literal["critical", "warning"]
    passed: bool
    unexpected_rows: int | None
    details: dict[str, Any]


class Reason(BaseModel):
    """Rows that are held back for the same reasons."""

    reasons: str = Field(description="Codes, separated by commas.", examples=["quantity_not_a_number"])
    rows: int
    amount: str = Field(description="Amount held back, as far as it can be told.")


class Load(BaseModel):
    """A load: its row in the ledger, the checks, and what is held back."""

    load_id: str
    status: Status
    in_marts: bool = Field(description="Whether the marts show it: they follow once the load has passed its checks.")
    ledger: dict[str, Any]
    checks: list[Check]
    quarantine: list[Reason]
    run_url: str | None


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            upload.PART_OF_FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "source": {
                            "type": "string",
                            "description": "The kind of export; told from its columns where it is left out.",
                        },
                    },
                }
            },
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in upload.SUFFIXES},
        },
    },
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": f"{what}, where the body is the file itself.",
            "schema": {"type": "string"},
        }
        for name, what in {"source": "The kind of export", "file_name": "The file's name"}.items()
    ],
}


@router.post(
    "/ingest",
    status_code=202,
    response_model=Accepted | Corrected,
    responses={
        200: {
            "model": Accepted | Corrected,
            "description": "The same had been handed in before; nothing was started.",
        },
        **problems.declared(401, 403, 413, 415, 422, 429, 503),
    },
    dependencies=[may("ingest")],
    openapi_extra=_BODY,
)
async def ingest(request: Request, warehouse: WarehouseDep, dagster: DagsterDep) -> Response:
    """Hand in an export file: it is kept, byte for byte, and a run is started that loads and checks it.

    The answer comes when the file is safe on disk. Where Dagster can't be reached, the status is `waiting`.
    A file of corrections (`retail quarantine LOAD_ID --output FILE`, corrected) is noted under the name of the key, and
    its loads are run again.
    """
    from retail_pipeline.warehouse.landing import arriving  # takes pandas along, which takes a second to import

    with arriving(warehouse) as folder:
        received = await upload.receive(request, folder, warehouse.settings.upload_bytes)
        taken = await to_thread.run_sync(_take_in, warehouse, received, request.state.sender)
    return await to_thread.run_sync(_answered, warehouse, dagster, taken)


@router.get(
    "/ingest/{load_id}",
    response_model=Load,
    responses=problems.declared(401, 403, 404, 422, 429, 503),
    dependencies=[may("ingest")],
)
def follow(load_id: str, warehouse: WarehouseDep, dagster: DagsterDep) -> Response:
    """What became of a file: its row in the ledger, what the checks found, and what is held back and why."""
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
        is_corrected = load_id in ledger.to_be_corrected(connection)
        checks = check_results.of_run(connection, entry["checked_by"]) if entry["checked_by"] else []
        held = _held_back(connection, load_id)
        not_shown = ledger.first_not_shown(connection)
    return answer(
        {
            "load_id": load_id,
            "status": _status(entry, dagster, is_corrected=is_corrected),
            "in_marts": entry["status"] == "loaded"
            and not is_corrected
            and (not_shown is None or entry["loaded_at"] < not_shown),
            "ledger": dict(entry),
            "checks": [
                {name: row[name] for name in ("asset", "name", "severity", "passed", "unexpected_rows")}
                | {"details": json.loads(row["details"])}
                for row in checks
            ],
            "quarantine": held,
            "run_url": _run_url(warehouse, entry["run_id"]),
        }
    )


def _take_in(warehouse: Warehouse, received: upload.Upload, sender: str) -> "Landing | Correction":
    """Lands a file, or notes what the sender corrected."""
    from retail_pipeline.intake.corrections import is_one
    from retail_pipeline.intake.recognition import recognise
    from retail_pipeline.sources import SourceCatalogue
    from retail_pipeline.warehouse import correcting
    from retail_pipeline.warehouse.landing import land_arrived

    sources = SourceCatalogue(warehouse.settings.sources_folder)
    if is_one(received.file):
        return correcting.take_in(warehouse, received.file, sources, sender)
    profile = sources.get(received.source) if received.source else recognise(received.file, sources)
    return land_arrived(warehouse, received.file, profile)


def _answered(warehouse: Warehouse, dagster: Dagster, taken: "Landing | Correction") -> Response:
    """Starts the runs of what is new, and says so."""
    from retail_pipeline.warehouse.landing import Landing

    if isinstance(taken, Landing):
        if taken.is_new:
            _start(warehouse, dagster, [taken.load_id])
        accepted = _accepted(warehouse, dagster, taken.load_id)
        response = answer(accepted.model_dump(), 202 if taken.is_new else 200)
        response.headers["Location"] = accepted.follow
        return response
    _start(warehouse, dagster, list(taken.rows_by_load))
    corrected = Corrected(
        loads=[_accepted(warehouse, dagster, load_id) for load_id in taken.rows_by_load],
        rows_corrected=taken.rows_by_load,
        rows_unchanged=taken.rows_unchanged,
    )
    return answer(corrected.model_dump(), 202 if taken.rows_by_load else 200)


def _start(warehouse: Warehouse, dagster: Dagster, load_ids: Sequence[str]) -> None:
    """Starts the runs of loads. One that comes alone has the marts refreshed in its own run."""
    with warehouse.reading() as connection:
        is_alone = len(load_ids) == 1 and not ledger.others_wait(connection, load_ids[0])
    for load_id in load_ids:
        _start_one(warehouse, dagster, load_id, LOAD_AND_REFRESH if is_alone else LOAD)


def _start_one(warehouse: Warehouse, dagster: Dagster, load_id: str, job: str) -> None:
    """Starts a run of a load, or leaves that to the sensor `waiting_loads`.

    Where nobody answered, the sensor looks for the run first, so that there is one in the end and not two.
    """
    try:
        run_id = dagster.start(load_id, job)
    except NotStarted:
        with warehouse.writing(lock="landing") as connection:
            ledger.give_back(connection, load_id)
    except Undecided:
        pass
    else:
        with warehouse.writing(lock="landing") as connection:
            ledger.enter_run(connection, [load_id], run_id)


def _accepted(warehouse: Warehouse, dagster: Dagster, load_id: str) -> Accepted:
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
        is_corrected = load_id in ledger.to_be_corrected(connection)
    return Accepted(
        load_id=load_id,
        status=_status(entry, dagster, is_corrected=is_corrected),
        run_id=entry["run_id"],
        follow=f"/ingest/{quote(load_id)}",
        run_url=_run_url(warehouse, entry["run_id"]),
    )


def _status(entry: sa.RowMapping, dagster: Dagster, *, is_corrected: bool) -> Status:
    """The ledger's status; of a load that isn't in the tables yet, or not as it was corrected, what its run says."""
    if entry["status"] != "landed" and not is_corrected:
        return entry["status"]
    if entry["run_id"] is None:
        return "landed" if entry["requested_at"] else "waiting"
    match dagster.state(entry["run_id"]):
        case "running":
            return "running"
        case "failed":
            return "failed"
    return "landed"


def _run_url(warehouse: Warehouse, run_id: str | None) -> str | None:
    return f"{warehouse.settings.dagster_link}/runs/{run_id}" if run_id else None


def _held_back(connection: sa.Connection, load_id: str) -> list[dict[str, Any]]:
    """Rows and money held back, by their reasons."""
    reasons = quarantined_lines.c.reasons
    query = (
        sa.select(
            reasons.label("reasons"),
            sa.func.count().label("rows"),
            exact_sum(quarantined_lines.c.amount).label("amount"),
        )
        .where(quarantined_lines.c.load_id == load_id)
        .group_by(reasons)
        .order_by(sa.desc("rows"), reasons)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
