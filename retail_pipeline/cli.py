"""The `retail` command. Each command imports what it needs, so that none pays for another."""

import gc
import sys
from pathlib import Path

import click

from retail_pipeline.errors import BadInput
from retail_pipeline.redaction import redacted

NEW_OBJECTS = 50_000
"""So many are made before Python looks for cycles: what a command imports stays, and looking through it again and again
takes a fifth of the time that importing takes."""


class Retail(click.Group):
    """Bad input is told in one message and exits with 2, what gave way likewise with 1; a bug shows where it is."""

    def invoke(self, ctx: click.Context) -> None:
        try:
            super().invoke(ctx)
        except BadInput as error:
            click.echo(f"retail: {redacted(str(error))}", err=True)
            ctx.exit(2)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            from retail_pipeline.warehouse.failures import told

            if (failure := told(error)) is None:
                raise
            click.echo(f"retail: {redacted(str(failure))}", err=True)
            ctx.exit(1)


@click.group(cls=Retail, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="retail-pipeline", message="%(version)s")
def main() -> None:
    """Turns a shop's order exports into sales tables you can trust.

    Exit status: 0 done, 2 bad input (one message on standard error), 1 anything else.
    """
    gc.set_threshold(NEW_OBJECTS)
    from pydantic import ValidationError

    from retail_pipeline import logs
    from retail_pipeline.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        (wrong, *_) = error.errors(include_url=False, include_input=False)
        raise BadInput(f"RETAIL_{str(wrong['loc'][0]).upper()}: {wrong['msg']}") from None
    logs.set_up(settings, level=logs.SILENT)  # commands say themselves what matters


@main.command()
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


@main.group(invoke_without_command=True)
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

    Lines that it replaced count again. The file is kept; ingest it again to have it back.
    """
    from retail_pipeline.ingestion import revert_load

    sys.exit(revert_load(load_id))


@loads.command("reload")
@click.argument("load_id")
@click.option("--source", metavar="NAME", help="Read it as another kind of export than before.")
def loads_reload(load_id: str, source: str | None) -> None:
    """Load a file again, from the copy that was kept: by its source's profile as it is now.

    Corrections of its rows stay.
    """
    from retail_pipeline.ingestion import reload_load

    sys.exit(reload_load(load_id, source))


@main.command()
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


@main.command()
@click.argument("measure")
@click.option(
    "--scope", metavar="PLACE", default="All countries", help="A country or a region; all of them if left out."
)
@click.option("--period", default="all time", help="A year (2011) or a month (2011-03); all time if left out.")
def explain(measure: str, scope: str, period: str) -> None:
    """Show what a measure means, its SQL, and its figure with the rows and loads it comes from."""
    from retail_pipeline.explaining import print_explanation

    print_explanation(measure, scope, period)


@main.command("dashboards")
@click.option(
    "--output", required=True, metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="The HTML file."
)
@click.option("--region", metavar="NAME", help="A region such as Europe; all countries if left out.")
@click.option("--period", metavar="YEAR", help="A year; all time if left out.")
@click.option("--currency", metavar="CODE", help="A currency; that of most orders if left out.")
def write_dashboards(output: Path, **asked: str | None) -> None:
    """Write the dashboards as one page that can be mailed: no script, no other file.

    `retail serve` shows them at the API's address.
    """
    from retail_pipeline.dashboards.pages import self_contained_page
    from retail_pipeline.reports import open_warehouse

    with open_warehouse().reading() as connection:
        output.write_text(self_contained_page(connection, asked), encoding="utf-8")
    click.echo(f"The dashboards are in {output}")


@main.command()
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
    from retail_pipeline.reports import open_warehouse

    for told in write(open_warehouse(), output, version):
        click.echo(told)


@main.group()
def marts() -> None:
    """The aggregated tables."""


@marts.command("refresh")
@click.option("--full", is_flag=True, help="Rebuild also what is up to date.")
def marts_refresh(full: bool) -> None:
    """Check what is new and bring the marts up to date."""
    from retail_pipeline.ingestion import refresh_marts

    sys.exit(refresh_marts(full=full))


@main.group()
def alerts() -> None:
    """Who is told when something goes wrong."""


@alerts.command("test")
def alerts_test() -> None:
    """Send a test message by every way that is set, and say whether it was taken."""
    from retail_pipeline.reports import send_test_alert

    sys.exit(send_test_alert())


@main.group()
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
    """Say what would be loaded and quarantined, and why: a dry run without a database."""
    from retail_pipeline.trying import check_file

    check_file(file, source)


@sources.command("infer")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def sources_infer(file: Path) -> None:
    """Propose a profile for a new kind of export, as YAML, with how sure it is of each column.

    What it can't know is marked TODO; nothing ambiguous is decided silently.
    """
    from retail_pipeline.trying import infer_profile

    infer_profile(file)


@main.group()
def db() -> None:
    """The database's tables."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Make the tables, or bring them to this version; likewise those of the Dagster instance of RETAIL_DAGSTER_HOME."""
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
    """Give another USER of the database's server the rights of the API, or let them read the marts alone.

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


@main.command()
@click.option(
    "--output", required=True, metavar="PATH", type=click.Path(path_type=Path), help="The file, or a folder for it."
)
def backup(output: Path) -> None:
    """Write a backup: the database, the landing store and the sources as they are at this moment.

    Loads may go on meanwhile. Exit status 1: it is written, but a file that should be in it isn't there or was changed.
    """
    from retail_pipeline.care import write_backup

    sys.exit(write_backup(output))


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of the loads that the database holds.")
def restore(file: Path, replace: bool) -> None:
    """Restore a backup into the database that the settings name, of whatever kind, and make the marts anew."""
    from retail_pipeline.care import restore_backup

    sys.exit(restore_backup(file, replace=replace))


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
def prune(dry_run: bool) -> None:
    """Delete raw lines, landed files and results of checks that are older than the settings keep."""
    from retail_pipeline.care import prune_old

    prune_old(dry_run=dry_run)


@main.command()
@click.option("--port", default=3000, show_default=True, help="Port of Dagster's web UI.")
@click.option("--api-port", default=8000, show_default=True, help="Port of the API.")
def serve(port: int, api_port: int) -> None:
    """Serve Dagster's web UI with its daemon, and the API, on this machine."""
    from retail_pipeline.serving import serve_all

    sys.exit(serve_all(port, api_port))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a key first.")
@click.option("--port", default=8000, show_default=True)
def api(host: str, port: int) -> None:
    """Serve the API alone."""
    from retail_pipeline.serving import serve_api

    serve_api(host, port)


@main.group()
def keys() -> None:
    """The keys of the API. Until one is made, the API serves this machine alone, without keys."""


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, type=click.Choice(["ingest", "read"]))
def keys_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for NAME (a shop, a script) and show it, this once."""
    from retail_pipeline.reports import create_key

    create_key(name, scopes)


@keys.command("list")
def keys_list() -> None:
    """List the keys, without their secret part."""
    from retail_pipeline.reports import print_keys

    print_keys()


@keys.command("revoke")
@click.argument("key_id")
def keys_revoke(key_id: str) -> None:
    """Revoke a key: within seconds nobody gets in with it."""
    from retail_pipeline.reports import revoke_key

    revoke_key(key_id)


@main.command()
def demo() -> None:
    """Make a sample export, ingest it into SQLite and show what came of it."""
    from retail_pipeline.demo.demonstration import demonstrate

    sys.exit(demonstrate())
