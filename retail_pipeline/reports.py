"""What the command line shows of loads, quarantine, checks and sources."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import sqlalchemy as sa

from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, api_keys, ledger
from retail_pipeline.warehouse.correcting import hand_out, trail
from retail_pipeline.warehouse.migrations import open_warehouse
from retail_pipeline.warehouse.tables import quarantined_lines

if TYPE_CHECKING:
    from retail_pipeline.defs.runs import Check

LOADS_SHOWN = 20
"""Loads of one command that are told one by one."""


def print_loads() -> None:
    """The ledger, a line per load in landing order."""
    with open_warehouse().reading() as connection:
        entries = ledger.entries(connection)
    if not entries:
        click.echo("There are no loads yet; `retail ingest FILE` makes one.")
        return
    figures = ("rows_read", "rows_loaded", "rows_quarantined", "rows_superseded", "amount_read", "amount_loaded")
    print_table(
        ["load_id", "status", "source", *figures, "landed_at"],
        (
            [
                entry["load_id"],
                entry["status"],
                entry["source"],
                *map(entry.get, figures),
                _minute(entry["landed_at"]),
            ]
            for entry in entries
        ),
    )
    for entry in entries:
        if entry["error"]:
            click.echo(f"{entry['load_id']}: {entry['error']}")


def print_quarantine(load_id: str, output: Path | None) -> None:
    """The rows of a load that are held back, on the screen or in a file for correction."""
    warehouse = open_warehouse()
    if output:
        count = hand_out(warehouse, load_id, SourceCatalogue(warehouse.settings.sources_folder), output)
        click.echo(f"{count} rows written to {output}")
        return
    shown = [column for column in quarantined_lines.columns if column.name != "load_id"]
    with warehouse.reading() as connection:
        ledger.entry(connection, load_id)
        query = sa.select(*shown).where(quarantined_lines.c.load_id == load_id).order_by(quarantined_lines.c.line_no)
        rows = connection.execute(query).all()
    if rows:
        print_table([column.name for column in shown], rows)
    else:
        click.echo(f"No row of {load_id} is in quarantine.")


def print_trail(load_id: str) -> None:
    """Who corrected what of a load, and when."""
    with open_warehouse().reading() as connection:
        ledger.entry(connection, load_id)
        made = trail(connection, load_id)
    if not made:
        click.echo(f"Nobody corrected anything of {load_id}.")
        return
    columns = ("line_no", "column_name", "old_text", "new_text", "corrected_by", "file_name")
    print_table(
        ["corrected_at", *columns],
        ([f"{row['corrected_at']:%Y-%m-%d %H:%M}", *map(row.get, columns)] for row in made),
    )


def print_sources() -> None:
    """The source profiles, a line each."""
    print_table(
        ["name", "currency", "description"],
        ([source.name, source.currency, source.description] for source in SourceCatalogue(Settings().sources_folder)),
    )


def print_keys() -> None:
    """The keys of the API, a line each."""
    with open_warehouse().reading() as connection:
        rows = api_keys.rows(connection)
    print_table(
        ["key_id", "name", "scopes", "created_at", "revoked_at"],
        (
            [row["key_id"], row["name"], row["scopes"], _minute(row["created_at"]), _minute(row["revoked_at"])]
            for row in rows
        ),
    )


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""


def say_loads(warehouse: Warehouse, load_ids: Sequence[str]) -> None:
    """What became of the loads of one command: each by itself if they are few, and all together."""
    with warehouse.reading() as connection:
        entries = [entry for entry in ledger.entries(connection, load_ids) if entry["status"] == "loaded"]
    if len(entries) <= LOADS_SHOWN:
        for entry in entries:
            click.echo(f"{entry['load_id']}: {_figures([entry])}")
    else:
        click.echo(f"{len(entries)} loads: {_figures(entries)}")


def _figures(entries: Iterable[Any]) -> str:
    entries = list(entries)
    names = {
        "read": "rows_read",
        "loaded": "rows_loaded",
        "quarantined": "rows_quarantined",
        "superseded": "rows_superseded",
    }
    counts = ", ".join(f"{sum(entry[column] for entry in entries):,} {name}" for name, column in names.items())
    held = sum(entry["amount_quarantined"] for entry in entries)
    return (
        f"rows {counts}; amount {sum(entry['amount_loaded'] for entry in entries):,.2f} loaded, {held:,.2f} held back"
    )


def say_checks(checks: "Sequence[Check]") -> None:
    """How many checks passed, and each one that didn't."""
    if not checks:
        return
    click.echo(f"Checks: {sum(check.passed for check in checks)} of {len(checks)} passed.")
    for check in checks:
        if not check.passed:
            found = (
                check.details.get("error")
                or f"{check.details.get('observed') or check.details.get('unexpected_rows')} rows"
            )
            level = "FAILED" if check.critical else "warning"
            click.echo(f"  {level}: {check.asset}: {check.name.replace('_', ' ')} ({found})", err=check.critical)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as wide as it needs to be: it may be piped into another program."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, no_wrap=True, justify="right" if name.startswith(("rows_", "amount")) else "left")
    for row in rows:
        table.add_row(
            *("" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in row)
        )
    console = Console()
    console = console if console.is_terminal else Console(width=10_000)
    console.print(table)
