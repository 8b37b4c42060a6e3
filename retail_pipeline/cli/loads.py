"""Commands that bring order lines in, take them back out and show what is held back."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", metavar="NAME", help="The kind of export; told from the columns where it is left out.")
@click.option("--by", metavar="NAME", help="Who answers for corrections; the user of this machine if left out.")
def ingest(files: tuple[Path, ...], source: str | None, by: str | None) -> None:
    """Load export files, check them and refresh the marts.

    A FILE may also be one that `retail quarantine --output` wrote and somebody corrected: its rows take the place of
    those in quarantine.

    Files that were ingested before are left alone, whatever they are called. Without a FILE, what an interrupted run
    left behind is finished.
    """
    from retail_pipeline.ingestion import ingest_files

    sys.exit(ingest_files(files, source, by))


@click.group(invoke_without_command=True)
@click.pass_context
def loads(context: click.Context) -> None:
    """List the ledger: what every file held and what became of it."""
    if context.invoked_subcommand is None:
        from retail_pipeline.reports import print_loads

        print_loads()


@loads.command("revert")
@click.argument("load_id")
def loads_revert(load_id: str) -> None:
    """Take a load back out, and refresh the marts.

    Lines that it replaced count again. The file is kept as long as others are; ingest it again to have it back.
    """
    from retail_pipeline.ingestion import revert_load

    sys.exit(revert_load(load_id))


@loads.command("reload")
@click.argument("load_id")
@click.option("--source", metavar="NAME", help="Read it as another kind of export than before.")
def loads_reload(load_id: str, source: str | None) -> None:
    """Load a kept file again, by its profile as it is now.

    Corrections of its rows stay.
    """
    from retail_pipeline.ingestion import reload_load

    sys.exit(reload_load(load_id, source))


@click.command()
@click.argument("load_id")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a .csv or .xlsx file; corrected, it can be ingested.",
)
@click.option("--trail", is_flag=True, help="Show what was corrected, by whom and when.")
def quarantine(load_id: str, output: Path | None, trail: bool) -> None:
    """Show the rows of a load that are held back, with the reasons."""
    from retail_pipeline.reports import print_quarantine, print_trail

    if trail:
        print_trail(load_id)
    else:
        print_quarantine(load_id, output)


@click.group()
def marts() -> None:
    """The aggregated tables."""


@marts.command("refresh")
@click.option("--full", is_flag=True, help="Rebuild also what is up to date.")
def marts_refresh(full: bool) -> None:
    """Check what is new and bring the marts up to date."""
    from retail_pipeline.ingestion import refresh_marts

    sys.exit(refresh_marts(full=full))
