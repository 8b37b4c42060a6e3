"""The `retail` command. Each command imports what it needs, so that none pays for another."""

import gc

import click

from retail_pipeline.cli import care, figures, loads, services, sources
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


COMMANDS = (
    *(loads.ingest, loads.loads, loads.quarantine, loads.marts),
    *(figures.explain, figures.write_dashboards, figures.tableau),
    *(sources.sources, care.db, care.backup, care.restore, care.prune),
    *(services.serve, services.api, services.keys, services.alerts, services.demo),
)
for command in COMMANDS:
    main.add_command(command)
