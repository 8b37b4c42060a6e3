"""What `retail explain` shows: a measure's definition, its SQL, its figure, and the rows and loads behind it."""

import click

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.measuring import Scope, bases, figures, figures_by_load, in_kpis, measure_named
from retail_pipeline.reports import LOADS_SHOWN, print_table
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.migrations import open_warehouse


def print_explanation(name: str, place: str, period: str) -> None:
    """Explains a measure within a place and a period. Raises BadInput where there is no such measure, or no lines."""
    measure, scope = measure_named(name), Scope(place, period)
    click.echo(f"{measure.label} ({name}), in {measure.counted_in}")
    click.echo(measure.definition)
    click.echo("Rows of a mart may be added up." if measure.summable else "Rows of a mart may not be added up.")
    click.echo()
    if measure.formula:
        click.echo(f"{name} = {measure.formula}")
    for base, found in bases(name).items():
        over = "order_lines" if found.lines else "(orders, gross_sales and returns_value of each known customer)"
        click.echo(f"{base} = {found.sql}\n  FROM {over}")
    with open_warehouse().reading() as connection:
        totals = figures(connection, name, scope)
        by_load = figures_by_load(connection, name, scope)
        shown = in_kpis(connection, name, scope)
        elsewhere = ledger.without_lines(connection)
    if elsewhere:
        raise BadInput(f"the lines of {elsewhere[0]} aren't in the database, for Spark loaded them: see docs/spark.md")
    if not totals:
        raise BadInput(f"there are no order lines of {place}, {period}")
    click.echo()
    for total in totals:
        unit = total.currency if measure.counted_in == "currency" else measure.counted_in
        value = "nothing" if total.value is None else f"{total.value:,} {unit}"
        click.echo(f"{place}, {period}: {value}, from {total.line_count:,} order lines in {total.currency}")
        if total.currency in shown:
            agrees = shown[total.currency] == total.value
            click.echo(f"mart_kpis shows {'the same' if agrees else shown[total.currency]}.")
    click.echo()
    alone = "" if measure.summable else " by itself"
    print_table(
        ["load_id", "rows_used", "currency", f"amount{alone}" if measure.type == "money" else f"{name}{alone}"],
        ([one.load_id, one.line_count, one.currency, one.value] for one in by_load[:LOADS_SHOWN]),
    )
    if more := by_load[LOADS_SHOWN:]:
        click.echo(f"and {len(more)} loads with {sum(one.line_count for one in more):,} rows")
