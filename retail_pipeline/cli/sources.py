"""Commands about the kinds of export that are known."""

from pathlib import Path

import click


@click.group()
def sources() -> None:
    """The kinds of export that are known."""


@sources.command("list")
def sources_list() -> None:
    """List the source profiles."""
    from retail_pipeline.reports import print_sources

    print_sources()


@sources.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", metavar="NAME", help="A source's name, or a YAML file with a profile; told from the columns.")
def sources_check(file: Path, source: str | None) -> None:
    """Say what would be loaded and what quarantined, and why.

    A dry run, without a database.
    """
    from retail_pipeline.trying import check_file

    check_file(file, source)


@sources.command("infer")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def sources_infer(file: Path) -> None:
    """Propose a profile for a new kind of export.

    It is YAML, and says of each column how sure it is. What it can't know is marked TODO; nothing ambiguous is decided
    silently.
    """
    from retail_pipeline.trying import infer_profile

    infer_profile(file)
