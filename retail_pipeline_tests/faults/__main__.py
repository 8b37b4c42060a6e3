"""The command: `python -m retail_pipeline_tests.faults --minutes 60 --seed 1` tries faults at random until then."""

import random
import signal
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import click

from retail_pipeline_tests import servers
from retail_pipeline_tests.faults import ground
from retail_pipeline_tests.faults.catalogue import FAULTS, NotHere
from retail_pipeline_tests.faults.rounds import play


@click.command(context_settings={"show_default": True})
@click.option("--minutes", default=60.0, help="How long faults are tried.")
@click.option("--seed", default=1, help="The same seed tries the same faults in the same order.")
@click.option("--first", default=0, help="The number of the first round, to come back to one that failed.")
@click.option("--fault", "names", multiple=True, type=click.Choice([fault.name for fault in FAULTS]), help="Only this.")
@click.option(
    "--database",
    metavar="URL",
    help="A server that is somebody else's, without a database in the URL: it isn't killed, and its disk isn't filled.",
)
@click.option("--server/--no-server", default=True, help="Start the mysqld or mariadbd on the PATH for it, if any.")
def main(minutes: float, seed: int, first: int, names: tuple[str, ...], database: str | None, server: bool) -> None:
    """Try faults on SQLite and on a server; ends with status 1 at the first that breaks a promise."""
    faults = [fault for fault in FAULTS if not names or fault.name in names]
    until, tally, skipped = time.monotonic() + 60 * minutes, Counter[tuple[str, str]](), dict[tuple[str, str], str]()
    for stop in (signal.SIGINT, signal.SIGTERM):  # disks are unmounted and servers ended, however it is stopped
        signal.signal(stop, signal.default_int_handler)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retail-faults-")))
        grounds = [stack.enter_context(ground.sqlite(_made(folder / "sqlite")))]
        program = servers.program_on_path()
        if database:
            grounds.append(stack.enter_context(ground.named_server(_made(folder / "named"), database)))
        elif server and program:
            grounds.append(stack.enter_context(ground.own_server(_made(folder / "server"), program)))
        number = first
        while time.monotonic() < until:
            rng = random.Random(f"{seed} {number}")
            shop, fault = grounds[number % len(grounds)], rng.choice(faults)
            place = (fault.name, shop.name)
            number += 1
            try:
                outcome = play(shop, fault, rng)
            except NotHere as reason:
                skipped[place] = str(reason)
                continue
            except BaseException:
                click.echo(f"seed {seed}, round {number - 1}: {fault.name} on {shop.name} failed", err=True)
                raise
            tally[place] += 1
            click.echo(f"{number - 1:5d}  {shop.name}  {fault.name}: {outcome}")
    for (fault, where), count in sorted(tally.items()):
        click.echo(f"{count:5d} rounds  {fault} on {where}")
    for (fault, where), reason in sorted(skipped.items()):
        click.echo(f"    no rounds  {fault} on {where}: {reason}")
    click.echo(f"{tally.total()} rounds with seed {seed}. Nothing was lost, counted twice or left half done.")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
