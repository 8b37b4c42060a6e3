"""What the page of operations shows: loads, the bridge to net revenue, quarantine, checks and freshness."""

from typing import Any

import sqlalchemy as sa

from retail_pipeline.dashboards.description import mart_table
from retail_pipeline.dashboards.queries import coverage, not_made
from retail_pipeline.marts.refresh import behind
from retail_pipeline.warehouse import check_results, ledger
from retail_pipeline.warehouse.exact import exact_sum
from retail_pipeline.warehouse.mart_states import NOT_MADE, states
from retail_pipeline.warehouse.tables import loads, quarantined_lines

LOADS_SHOWN = 50
REASONS_SHOWN = 100

Shown = dict[str, Any]


def operations(connection: sa.Connection, load_id: str | None = None) -> Shown:
    """All of the page; the bridge is that of one load, or of all. Raises BadInput where there is no such load."""
    if load_id is not None:
        ledger.entry(connection, load_id)
    return {
        "loads": _latest_loads(connection),
        "number_of_loads": connection.scalar(sa.select(sa.func.count()).select_from(loads)),
        "load_id": load_id,
        "bridge": _bridge(connection, load_id) if not not_made(connection, ["mart_bridge"]) else [],
        "quarantine": _quarantine(connection),
        "rows_held": connection.scalar(sa.select(sa.func.count()).where(quarantined_lines.c.status == "held")),
        "checks": check_results.latest(connection),
        "coverage": _coverage(connection) if not not_made(connection, ["mart_periods"]) else None,
        "behind": _behind(connection),
        "unchecked": ledger.unchecked(connection),
        "waiting": ledger.waiting(connection),
    }


def _latest_loads(connection: sa.Connection) -> list[Shown]:
    query = sa.select(loads).order_by(loads.c.landing_no.desc()).limit(LOADS_SHOWN)
    return [dict(row) for row in connection.execute(query).mappings()]


def _bridge(connection: sa.Connection, load_id: str | None) -> list[Shown]:
    """Rows and money of each step from what the files say to net revenue, per currency."""
    bridge = mart_table("mart_bridge")
    steps = (bridge.c.currency, bridge.c.step_no, bridge.c.step)
    figures = (sa.func.sum(bridge.c.line_count).label("line_count"), exact_sum(bridge.c.amount).label("amount"))
    query = sa.select(*steps, *figures).group_by(*steps).order_by(bridge.c.currency, bridge.c.step_no)
    if load_id is not None:
        query = query.where(bridge.c.load_id == load_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _quarantine(connection: sa.Connection) -> list[Shown]:
    """Rows held back and their money, by load and reasons; the loads with most first."""
    by = (quarantined_lines.c.load_id, quarantined_lines.c.reasons, loads.c.currency)
    count = sa.func.count().label("line_count")
    amount = exact_sum(quarantined_lines.c.amount).label("amount")
    query = (
        sa.select(*by, count, amount)
        .join(loads, loads.c.load_id == quarantined_lines.c.load_id)
        .where(quarantined_lines.c.status == "held")
        .group_by(*by)
        .order_by(count.desc(), *by)
        .limit(REASONS_SHOWN)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _coverage(connection: sa.Connection) -> Any:
    periods = mart_table("mart_periods")
    return coverage(connection) if connection.scalar(sa.select(sa.func.count()).select_from(periods)) else None


def _behind(connection: sa.Connection) -> list[Shown]:
    """The marts that don't show the newest order lines, with when they were last refreshed."""
    made = states(connection)
    return [{"mart": name, "refreshed_at": made.get(name, NOT_MADE).refreshed_at} for name in behind(connection)]
