"""Commands for who looks after the database."""

import sys
from pathlib import Path

import click


@click.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Make the tables, or bring them to this version.

    Likewise those of the Dagster instance of RETAIL_DAGSTER_HOME.
    """
    from retail_pipeline.settings import Settings
    from retail_pipeline.warehouse import Warehouse
    from retail_pipeline.warehouse.migrations.upgrade import upgrade

    settings = Settings()
    upgrade(Warehouse(settings))
    if settings.dagster_home:
        from retail_pipeline.defs.storage import upgrade_storage

        upgrade_storage(settings.dagster_folder)
    click.echo("The tables are up to date.")


@db.command("grant")
@click.argument("what", type=click.Choice(["api", "marts"]))
@click.argument("user")
def db_grant(what: str, user: str) -> None:
    """Let another USER of the database read the marts, or be the API.

    The user must exist. Do it again after an upgrade, for there may be new tables.
    """
    from retail_pipeline.marts.catalogue import marts
    from retail_pipeline.settings import Settings
    from retail_pipeline.warehouse import Warehouse, rights

    warehouse = Warehouse(Settings())
    if what == "api":
        rights.let_serve(warehouse, user)
    else:
        rights.let_read(warehouse, user, [mart.name for mart in marts().values() if mart.is_for_people])
    click.echo(f"{user} has the rights {'of the API' if what == 'api' else 'to read the marts'}.")


@click.command()
@click.option(
    "--output", required=True, metavar="PATH", type=click.Path(path_type=Path), help="The file, or a folder for it."
)
def backup(output: Path) -> None:
    """Write a backup of everything, as it is at this moment.

    That is the database, the landing store and your sources. Loads may go on meanwhile. Exit status 1: it is written,
    but a file that should be in it isn't there or was changed.
    """
    from retail_pipeline.care import write_backup

    sys.exit(write_backup(output))


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of the loads that the database holds.")
def restore(file: Path, replace: bool) -> None:
    """Restore a backup, and make the marts anew.

    It goes into the database that the settings name, of whatever kind that is.
    """
    from retail_pipeline.care import restore_backup

    sys.exit(restore_backup(file, replace=replace))


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
def prune(dry_run: bool) -> None:
    """Delete what is older than the settings keep.

    Those are raw lines, landed files and results of checks.
    """
    from retail_pipeline.care import prune_old

    prune_old(dry_run=dry_run)
