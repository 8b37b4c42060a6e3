"""Commands that serve, and those about who may ask and who is told."""

import sys

import click


@click.command()
@click.option("--port", default=3000, show_default=True, help="Port of Dagster's web UI.")
@click.option("--api-port", default=8000, show_default=True, help="Port of the API.")
def serve(port: int, api_port: int) -> None:
    """Serve the dashboards, the API and Dagster on this machine.

    Dagster is its web UI with its daemon, which watches the inbox and starts what is scheduled.
    """
    from retail_pipeline.serving import serve_all

    sys.exit(serve_all(port, api_port))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a key first.")
@click.option("--port", default=8000, show_default=True)
def api(host: str, port: int) -> None:
    """Serve the API alone."""
    from retail_pipeline.serving import serve_api

    serve_api(host, port)


@click.group()
def keys() -> None:
    """The keys of the API. Until one is made, the API serves this machine alone, without keys."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["ingest", "read"]),
    help="What the key is good for: handing in files and following what becomes of them, or reading everything else. "
    "May be given twice.",
)
def keys_create(name: str, scopes: tuple[str, ...]) -> None:
    """Make a key for NAME (a shop, a script) and show it, this once."""
    from retail_pipeline.warehouse import api_keys
    from retail_pipeline.warehouse.migrations import open_warehouse

    with open_warehouse().writing() as connection:
        key = api_keys.make(connection, name, scopes)
    click.echo(key)
    click.echo("It isn't kept anywhere: note it now.", err=True)


@keys.command("list")
def keys_list() -> None:
    """List the keys, without their secret part."""
    from retail_pipeline.reports import print_keys

    print_keys()


@keys.command("revoke")
@click.argument("key_id")
def keys_revoke(key_id: str) -> None:
    """Revoke a key: within seconds nobody gets in with it."""
    from retail_pipeline.warehouse import api_keys
    from retail_pipeline.warehouse.migrations import open_warehouse

    with open_warehouse().writing() as connection:
        api_keys.revoke(connection, key_id)
    click.echo(f"{key_id} is revoked.")


@click.group()
def alerts() -> None:
    """Who is told when something goes wrong."""


@alerts.command("test")
def alerts_test() -> None:
    """Send a test message to everybody who is told of alerts.

    It says of every way that is set whether it took the message.
    """
    from retail_pipeline.alerts.channels import try_all
    from retail_pipeline.settings import Settings

    failures = try_all(Settings())
    for channel, failure in failures.items():
        click.echo(f"retail: {failure}" if failure else f"{channel}: taken", err=failure is not None)
    sys.exit(1 if any(failures.values()) else 0)


@click.command()
def demo() -> None:
    """Make a sample export, ingest it and show what came of it.

    It goes into the SQLite database under RETAIL_HOME.
    """
    from retail_pipeline.demo.demonstration import demonstrate

    sys.exit(demonstrate())
