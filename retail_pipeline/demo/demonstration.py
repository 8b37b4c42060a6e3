"""What `retail demo` does: the main job on a made-up export, and a summary that a shop owner would understand."""

import os
import shutil
import sys

import click
import sqlalchemy as sa

from retail_pipeline.demo import FILE_NAME
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.errors import BadInput
from retail_pipeline.ingestion import ingest_files
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.migrations import open_warehouse
from retail_pipeline.warehouse.tables import quarantined_lines

TOP_COUNTRIES = 5
BAR_WIDTH = 40
"""Characters of the longest month's bar."""


def demonstrate() -> int:
    """Runs the demonstration; returns the exit status.

    It always uses the embedded database: nobody wants made-up sales in a shop's own.
    """
    os.environ["RETAIL_DATABASE_URL"] = ""
    settings = Settings()
    warehouse = open_warehouse(settings)
    _refuse_real_loads(warehouse)
    sample = settings.resolved_home / FILE_NAME
    click.echo("A made-up export of a gift wholesaler: a year of orders, with the dirt that real ones have.\n")
    write_sample(sample)
    status = ingest_files([sample], "online_retail")
    if status == 0:
        click.echo("\n".join(_summary(warehouse)))
    return status


def _refuse_real_loads(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        others = [entry["load_id"] for entry in ledger.entries(connection) if entry["file_name"] != FILE_NAME]
    if others:
        home = warehouse.settings.resolved_home
        raise BadInput(
            f"{home} holds loads of your own ({others[0]}), which made-up sales would spoil; "
            "give the demonstration a folder: RETAIL_HOME=.retail-demo retail demo"
        )


def _summary(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as connection:
        (load,) = ledger.entries(connection)
        return [
            "",
            f"Lines read        {load['rows_read']:>9,}   worth {load['amount_read']:>12,.2f} GBP",
            f"  loaded          {load['rows_loaded']:>9,}         {load['amount_loaded']:>12,.2f}",
            f"  quarantined     {load['rows_quarantined']:>9,}         {load['amount_quarantined']:>12,.2f}"
            "   held back until somebody corrects them:",
            *_reasons(connection),
            "",
            "Net revenue by month (sales minus returns, without postage and fees)",
            *_months(connection),
            "",
            "Top countries",
            *_countries(connection),
            "",
            *_headline(connection),
            "",
            *_next_steps(warehouse, load["load_id"]),
        ]


def _next_steps(warehouse: Warehouse, load_id: str) -> list[str]:
    command = "retail" if shutil.which("retail") == sys.argv[0] else os.path.relpath(sys.argv[0])
    return [
        "What next?",
        f"  {command} serve",
        "      watch it in the browser: tables, checks and runs at http://127.0.0.1:3000",
        f"  {command} quarantine {load_id}",
        "      the rows held back, with file line and reasons",
        f"  RETAIL_HOME=shop {command} ingest YOUR_EXPORT.csv",
        "      your own export, into tables of its own",
        f"  The tables are in {os.path.relpath(warehouse.url.database)}, for any program that reads SQLite.",
    ]


def _reasons(connection: sa.Connection) -> list[str]:
    query = sa.select(quarantined_lines.c.reasons, quarantined_lines.c.file_line).order_by(
        quarantined_lines.c.file_line
    )
    return [
        f"      line {line:>6,}  {reasons.replace('_', ' ').replace(',', ', ')}"
        for reasons, line in connection.execute(query)
    ]


def _months(connection: sa.Connection) -> list[str]:
    mart = marts()["mart_sales_monthly"].table()
    rows = connection.execute(sa.select(mart.c.month, mart.c.net_revenue, mart.c.days_covered, mart.c.is_partial)).all()
    revenues: dict = {}
    covered = {month: f"  ({days} days only)" if partial else "" for month, _, days, partial in rows}
    for month, revenue, _, _ in rows:
        revenues[month] = revenues.get(month, 0) + revenue
    most = max(revenues.values())
    return [
        f"  {month:%b %Y}  {revenue:>12,.2f}  {'█' * round(BAR_WIDTH * revenue / most)}{covered[month]}"
        for month, revenue in sorted(revenues.items())
    ]


def _countries(connection: sa.Connection) -> list[str]:
    kpis = marts()["mart_kpis"].table()
    query = sa.select(kpis).where(kpis.c.scope_type == "country", kpis.c.period == "all time")
    top = sorted(connection.execute(query).mappings(), key=lambda row: -row["net_revenue"])[:TOP_COUNTRIES]
    return [f"  {row['scope']:<20} {row['net_revenue']:>12,.2f}   {row['orders']:>6,} orders" for row in top]


def _headline(connection: sa.Connection) -> list[str]:
    kpis = marts()["mart_kpis"].table()
    query = sa.select(kpis).where(kpis.c.scope_type == "all", kpis.c.period == "all time")
    row = connection.execute(query).mappings().one()
    return [
        f"In all: {row['net_revenue']:,.2f} {row['currency']} net revenue from {row['orders']:,} orders; "
        f"{row['customers']:,} known customers, {row['repeat_customers']:,} of them came back; "
        f"{row['return_rate']:.1%} of gross sales returned."
    ]
