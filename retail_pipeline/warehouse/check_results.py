"""What the checks found, kept beside the data, so that who reads the data can read it without asking Dagster."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.tables import check_results


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one expectation; `details` are plain values that say why."""

    asset: str
    table_name: str
    name: str
    severity: str
    passed: bool
    details: Mapping[str, Any] = field(default_factory=dict)


def enter(connection: sa.Connection, run_id: str, results: Iterable[CheckResult]) -> None:
    """Keeps what a run found; what the same run found before of the same expectations gives way."""
    rows = [
        {
            "run_id": run_id,
            "asset": result.asset,
            "name": result.name,
            "table_name": result.table_name,
            "severity": result.severity,
            "passed": result.passed,
            "unexpected_rows": result.details.get("unexpected_rows"),
            "details": json.dumps(dict(result.details)),
            "checked_at": ledger.now(),
        }
        for result in results
    ]
    for asset in {row["asset"] for row in rows}:
        names = [row["name"] for row in rows if row["asset"] == asset]
        connection.execute(
            sa.delete(check_results).where(
                check_results.c.run_id == run_id, check_results.c.asset == asset, check_results.c.name.in_(names)
            )
        )
    if rows:
        connection.execute(sa.insert(check_results), rows)


def forget(connection: sa.Connection, before: datetime, *, dry_run: bool = False) -> int:
    """Deletes what was found before a time, but for the newest of each expectation; returns how many that are."""
    newest = [(row["run_id"], row["asset"], row["name"]) for row in latest(connection)]
    key = sa.tuple_(check_results.c.run_id, check_results.c.asset, check_results.c.name)
    old = sa.and_(check_results.c.checked_at < before, key.not_in(newest))
    count = connection.scalar(sa.select(sa.func.count()).select_from(check_results).where(old))
    if not dry_run:
        connection.execute(sa.delete(check_results).where(old))
    return count


def of_run(connection: sa.Connection, run_id: str) -> list[sa.RowMapping]:
    """What a run found, by asset and name."""
    return _rows(connection, sa.select(check_results).where(check_results.c.run_id == run_id))


def failed_critically(connection: sa.Connection, run_ids: Collection[str]) -> list[sa.RowMapping]:
    """The critical checks that failed in these runs."""
    failed = (check_results.c.run_id.in_(run_ids), check_results.c.severity == "critical", ~check_results.c.passed)
    return _rows(connection, sa.select(check_results).where(*failed))


def latest(connection: sa.Connection) -> list[sa.RowMapping]:
    """What was last found of each expectation, by asset and name."""
    ordered = sa.func.row_number().over(
        partition_by=(check_results.c.asset, check_results.c.name), order_by=check_results.c.checked_at.desc()
    )
    numbered = sa.select(check_results, ordered.label("age")).subquery()
    columns = [numbered.c[column.name] for column in check_results.columns]
    return _rows(connection, sa.select(*columns).where(numbered.c.age == 1))


def tables_tested(connection: sa.Connection) -> set[str]:
    """The tables of which something was ever found."""
    return set(connection.scalars(sa.select(check_results.c.table_name).distinct()))


def _rows(connection: sa.Connection, query: sa.Select) -> list[sa.RowMapping]:
    found = query.subquery()
    return list(connection.execute(sa.select(found).order_by(found.c.asset, found.c.name)).mappings())
