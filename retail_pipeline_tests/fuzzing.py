"""The fuzzer: `python -m retail_pipeline_tests.fuzzing --files 10000` ingests files that were broken at random.

Each is a file of the corpus with up to eight mutations, told by the seed and its number. It is recognised or read as
online_retail, landed and loaded into SQLite; whatever it holds, it is loaded as a whole or refused with a BadFile, no
row is lost, and nothing takes longer than a minute.
"""

import faulthandler
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import sqlalchemy as sa

from retail_pipeline.errors import BadFile
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline.warehouse.tables import LINE_TABLES, loads
from retail_pipeline_tests.broken_files import CORPUS, TOO_LARGE_TO_MUTATE, content, mutated
from retail_pipeline_tests.exports import assert_everything_is_accounted_for

PROFILE = SourceCatalogue().get("online_retail")
LONGEST_SECONDS = 60


def ingest(warehouse: Warehouse, path: Path) -> str:
    """Loads a file, or doesn't; says which. Raises AssertionError where it did half of it."""
    try:
        load_id = land(warehouse, path, PROFILE).load_id
    except BadFile as refusal:
        if path.name not in str(refusal):
            raise AssertionError("a refusal names the file") from refusal
        with warehouse.reading() as connection:
            entries = ledger.entries(connection)
        assert not entries, "what is refused leaves nothing"
        assert not list(warehouse.landing_folder.iterdir()), "what is refused isn't kept"
        return "refused"
    load(warehouse, load_id, PROFILE)
    assert_everything_is_accounted_for(warehouse)
    with warehouse.reading() as connection:
        entry = ledger.entry(connection, load_id)
    assert entry["status"] == "loaded"
    assert entry["rows_read"] == entry["rows_loaded"] + entry["rows_quarantined"] + entry["rows_superseded"]
    revert(warehouse, load_id)
    forget(warehouse)
    return "with rows in quarantine" if entry["rows_quarantined"] else "whole"


def forget(warehouse: Warehouse) -> None:
    """Leaves the tables as if nothing had ever landed."""
    with warehouse.writing() as connection:
        left = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in LINE_TABLES]
        assert left == [0] * len(LINE_TABLES), "what is taken back out leaves nothing"
        connection.execute(sa.delete(loads))
    for folder in warehouse.landing_folder.iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


@click.command(context_settings={"show_default": True})
@click.option("--files", default=10_000, help="How many files are made.")
@click.option("--seed", default=1, help="The same seed makes the same files.")
@click.option("--first", default=0, help="The number of the first file, to come back to one that failed.")
def main(files: int, seed: int, first: int) -> None:
    """Ingest files that were broken at random; ends with status 1 at the first that crashes, hangs or loads half."""
    with tempfile.TemporaryDirectory(prefix="retail-fuzz-") as scratch:
        folder = Path(scratch)
        warehouse = Warehouse(Settings(_env_file=None, home=folder / "home", database_url="", unpacked_mb=50))
        upgrade(warehouse)
        warehouse.landing_folder.mkdir(parents=True, exist_ok=True)
        corpus = {name: content(name, folder) for name in CORPUS}
        names = [name for name, data in corpus.items() if len(data) < TOO_LARGE_TO_MUTATE]
        outcomes: Counter[str] = Counter()
        slowest, started = (0.0, ""), time.monotonic()
        for number in range(first, first + files):
            rng = random.Random(f"{seed} {number}")
            name = rng.choice(names)
            path = folder / "sales.csv"
            path.write_bytes(mutated(corpus[name], rng))
            faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
            begun = time.monotonic()
            try:
                outcomes[ingest(warehouse, path)] += 1
            except BaseException:
                click.echo(f"seed {seed}, file {number}, made from {name!r}, failed", err=True)
                raise
            faulthandler.cancel_dump_traceback_later()
            slowest = max(slowest, (time.monotonic() - begun, f"file {number}, made from {name!r}"))
        told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
        click.echo(
            f"{files:,} files in {time.monotonic() - started:.0f} s: {told}; the slowest took {slowest[0]:.1f} s "
            f"({slowest[1]}). None crashed, hung, or was loaded half."
        )


if __name__ == "__main__":
    main()
