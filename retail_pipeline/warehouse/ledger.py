"""The ledger: what is known of each load, read and written."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from retail_pipeline.errors import NotFound
from retail_pipeline.warehouse.exact import SCALE
from retail_pipeline.warehouse.tables import (
    corrections,
    loads,
    mart_refreshes,
    order_lines,
    superseded_lines,
)


def entry(connection: sa.Connection, load_id: str) -> sa.RowMapping:
    """A load's row in the ledger; raises NotFound where there is none."""
    row = connection.execute(sa.select(loads).where(loads.c.load_id == load_id)).mappings().first()
    if row is None:
        raise NotFound(f"there is no load {load_id!r}; `retail loads` lists them")
    return row


def entries(connection: sa.Connection, load_ids: Collection[str] | None = None) -> list[sa.RowMapping]:
    """The ledger's rows in landing order: of all loads, or of those named."""
    query = sa.select(loads).order_by(loads.c.landing_no)
    if load_ids is not None:
        query = query.where(loads.c.load_id.in_(load_ids))
    return list(connection.execute(query).mappings())


def waiting(connection: sa.Connection) -> list[str]:
    """Loads that are kept but not yet in the tables, in landing order."""
    query = sa.select(loads.c.load_id).where(loads.c.status == "landed").order_by(loads.c.landing_no)
    return list(connection.scalars(query))


def to_be_corrected(connection: sa.Connection) -> dict[str, datetime]:
    """Loads with corrections that they weren't loaded with, and when the last of these was made."""
    made = sa.func.max(corrections.c.corrected_at)
    pending = (sa.not_(corrections.c.is_applied), loads.c.status == "loaded")
    query = sa.select(corrections.c.load_id, made).join(loads, loads.c.load_id == corrections.c.load_id)
    return dict(connection.execute(query.where(*pending).group_by(corrections.c.load_id)).all())


def loaded(connection: sa.Connection) -> list[sa.RowMapping]:
    """The ledger's rows of loads that are in the tables, in landing order."""
    return list(
        connection.execute(sa.select(loads).where(loads.c.status == "loaded").order_by(loads.c.landing_no)).mappings()
    )


def without_lines(connection: sa.Connection) -> list[str]:
    """Loads with order lines of which the database has none, because another engine loaded them."""
    has_lines = (sa.exists().where(lines.c.load_id == loads.c.load_id) for lines in (order_lines, superseded_lines))
    query = sa.select(loads.c.load_id).where(
        loads.c.status == "loaded", loads.c.rows_loaded + loads.c.rows_superseded > 0, sa.not_(sa.or_(*has_lines))
    )
    return list(connection.scalars(query.order_by(loads.c.landing_no)))


def loaded_by(connection: sa.Connection, run_ids: Collection[str]) -> list[sa.RowMapping]:
    """The ledger's rows of loads that these Dagster runs brought into the tables."""
    query = sa.select(loads).where(loads.c.run_id.in_(run_ids), loads.c.status == "loaded")
    return list(connection.execute(query.order_by(loads.c.landing_no)).mappings())


def unchecked(connection: sa.Connection) -> list[str]:
    """Loads in the tables that haven't passed the critical checks since they were loaded, in landing order."""
    query = sa.select(loads.c.load_id).where(loads.c.status == "loaded", loads.c.checked_at.is_(None))
    return list(connection.scalars(query.order_by(loads.c.landing_no)))


def enter_run(connection: sa.Connection, load_ids: Collection[str], run_id: str) -> None:
    """Notes which Dagster run loads these."""
    connection.execute(sa.update(loads).where(loads.c.load_id.in_(load_ids)).values(run_id=run_id))


def give_back(connection: sa.Connection, load_id: str) -> None:
    """Notes that who undertook to start a load's run couldn't: somebody else may."""
    connection.execute(sa.update(loads).where(loads.c.load_id == load_id).values(requested_at=None))


def take_over(connection: sa.Connection, abandoned_after: timedelta) -> list[sa.RowMapping]:
    """Undertakes to start the runs of loads for which nobody does; returns their rows, in landing order.

    Nobody does where a start was given back, or was undertaken long ago and there is still no run.
    """
    nobodys = sa.and_(
        sa.or_(
            loads.c.status == "landed",
            sa.and_(loads.c.status == "loaded", loads.c.load_id.in_(list(to_be_corrected(connection)))),
        ),
        loads.c.run_id.is_(None),
        sa.or_(
            loads.c.requested_at.is_(None),
            loads.c.requested_at < now() - abandoned_after,
            loads.c.requested_at > now() + abandoned_after,  # the clock was set back since
        ),
    )
    taken = list(connection.execute(sa.select(loads).where(nobodys).order_by(loads.c.landing_no)).mappings())
    connection.execute(
        sa.update(loads)
        .where(nobodys, loads.c.load_id.in_([row["load_id"] for row in taken]))
        .values(requested_at=now())
    )
    return taken


def lands_since(connection: sa.Connection, moment: datetime) -> bool:
    """Whether a file that landed after a moment has no run yet."""
    query = sa.select(loads.c.load_id).where(
        loads.c.status == "landed", loads.c.run_id.is_(None), loads.c.landed_at > moment
    )
    return connection.scalar(query.limit(1)) is not None


def others_wait(connection: sa.Connection, load_id: str) -> bool:
    """Whether another file than that of a load landed and isn't loaded yet."""
    query = sa.select(loads.c.load_id).where(loads.c.status == "landed", loads.c.load_id != load_id)
    return connection.scalar(query.limit(1)) is not None


def first_not_shown(connection: sa.Connection) -> datetime | None:
    """When the first of the loads became visible that the marts don't all show; None where they show all."""
    shown = sa.select(sa.func.min(mart_refreshes.c.refreshed_at)).scalar_subquery()
    later = sa.or_(shown.is_(None), loads.c.loaded_at > shown)
    return connection.scalar(sa.select(sa.func.min(loads.c.loaded_at)).where(loads.c.status == "loaded", later))


def enter_loaded(
    connection: sa.Connection, load_id: str, run_id: str | None, figures: dict, at: datetime | None = None
) -> None:
    """Notes that a load's rows are in the tables, with their currency, counts, amounts and dates.

    `at` is the time that they bear where they are kept in files, now if it is left out.
    """
    connection.execute(
        sa.update(loads)
        .where(loads.c.load_id == load_id)
        .values(
            status="loaded",
            error=None,
            loaded_at=at or now(),
            checked_at=None,
            raw_pruned_at=None,
            run_id=run_id,
            **figures,
        )
    )


def enter_to_be_loaded(connection: sa.Connection, load_id: str, source: str, encoding: str) -> None:
    """Notes that a load is to be loaded again, by another profile than before or by a changed one."""
    connection.execute(
        sa.update(loads)
        .where(loads.c.load_id == load_id)
        .values(status="landed", source=source, encoding=encoding, run_id=None, requested_at=now())
    )


def enter_to_be_corrected(connection: sa.Connection, load_ids: Collection[str]) -> None:
    """Notes that loads, which stay in the tables until then, are to be loaded again with their corrections."""
    connection.execute(sa.update(loads).where(loads.c.load_id.in_(load_ids)).values(run_id=None, requested_at=now()))


def enter_failed(connection: sa.Connection, load_id: str, run_id: str | None, error: str) -> None:
    """Notes why a load's file can't be read. A load that was in the tables stays what it was."""
    connection.execute(
        sa.update(loads)
        .where(loads.c.load_id == load_id, loads.c.status != "loaded")
        .values(status="failed", error=error, run_id=run_id)
    )


def enter_reverted(connection: sa.Connection, load_id: str) -> None:
    """Notes that a load was taken back out; its rows are in no table any more, and nothing is said of them."""
    nothing = dict.fromkeys(column.name for column in loads.columns if column.name.startswith(("rows_", "amount_")))
    nothing |= dict.fromkeys(
        ("first_invoice_date", "last_invoice_date", "loaded_at", "checked_at", "checked_by", "run_id", "raw_pruned_at")
    )
    connection.execute(sa.update(loads).where(loads.c.load_id == load_id).values(status="reverted", **nothing))


def enter_pruned(connection: sa.Connection, load_ids: Collection[str], what: str, at: datetime | None) -> None:
    """Notes when the `raw` lines or the `file` of loads were pruned; None where they are there again."""
    connection.execute(sa.update(loads).where(loads.c.load_id.in_(load_ids)).values({f"{what}_pruned_at": at}))


def enter_checked(connection: sa.Connection, load_ids: Collection[str], run_id: str, *, passed: bool) -> None:
    """Notes which run tested loads, and when they passed every critical check."""
    values = {"checked_by": run_id} | ({"checked_at": now()} if passed else {})
    connection.execute(sa.update(loads).where(loads.c.load_id.in_(load_ids)).values(values))


def move_figures(connection: sa.Connection, load_id: str, rows: int, amount) -> None:
    """Moves rows and their amount from a load's loaded to its superseded ones, or back where `rows` is negative.

    What comes back may not have been there when its load was tested: then the load hasn't passed any more.
    """
    unchecked = {"checked_at": None} if rows < 0 else {}
    connection.execute(
        sa.update(loads)
        .where(loads.c.load_id == load_id)
        .values(
            rows_loaded=loads.c.rows_loaded - rows,
            rows_superseded=loads.c.rows_superseded + rows,
            # ROUND, because on SQLite a difference of two decimals is only nearly one.
            amount_loaded=sa.func.round(loads.c.amount_loaded - amount, SCALE),
            amount_superseded=sa.func.round(loads.c.amount_superseded + amount, SCALE),
            **unchecked,
        )
    )


def now() -> datetime:
    """The time in UTC, without a zone, as the ledger keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)
