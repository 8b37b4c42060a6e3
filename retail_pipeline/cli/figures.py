"""Commands that show figures, or write them for people."""

from pathlib import Path

import click


@click.command()
@click.argument("measure")
@click.option(
    "--scope", metavar="PLACE", default="All countries", help="A country or a region; all of them if left out."
)
@click.option("--period", default="all time", help="A year (2011) or a month (2011-03); all time if left out.")
def explain(measure: str, scope: str, period: str) -> None:
    """Show what a measure means, and its figure.

    With its SQL, and the rows and loads that the figure comes from. The table mart_measures lists the measures, and so
    does the answer to a name that is none.
    """
    from retail_pipeline.explaining import print_explanation

    print_explanation(measure, scope, period)


@click.command("dashboards")
@click.option(
    "--output", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The HTML file."
)
@click.option("--region", metavar="NAME", help="A region such as Europe; all countries if left out.")
@click.option("--period", metavar="YEAR", help="A year; all time if left out.")
@click.option("--currency", metavar="CODE", help="A currency; that of most orders if left out.")
def write_dashboards(output: Path, **asked: str | None) -> None:
    """Write the dashboards as one page that can be mailed.

    It has no script and needs no other file. `retail serve` shows them at the API's address.
    """
    from retail_pipeline.dashboards.pages import self_contained_page
    from retail_pipeline.warehouse.migrations import open_warehouse

    with open_warehouse().reading() as connection:
        output.write_text(self_contained_page(connection, asked), encoding="utf-8")
    click.echo(f"The dashboards are in {output}")


@click.command()
@click.option(
    "--output", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="The folder."
)
@click.option(
    "--format",
    "version",
    type=click.Choice(["18.1", "26.1", "26.2"]),
    default="18.1",
    show_default=True,
    help="18.1 opens in the most versions of Tableau; the others are valid by Tableau's newest schemas.",
)
def tableau(output: Path, version: str) -> None:
    """Write the dashboards as files for Tableau.

    retail.twb and a .tds for each mart read the live marts, where they are in MySQL or MariaDB; retail.twbx brings the
    figures along, for people without a database driver, and needs the extra `tableau`.
    """
    from retail_pipeline.dashboards.tableau.files import write
    from retail_pipeline.warehouse.migrations import open_warehouse

    for told in write(open_warehouse(), output, version):
        click.echo(told)
