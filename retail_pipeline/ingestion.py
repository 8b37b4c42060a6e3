"""What `retail ingest`, `retail loads revert|reload` and `retail marts refresh` do, and what they say of it."""

import getpass
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from retail_pipeline.demo import FILE_NAME as MADE_UP
from retail_pipeline.errors import BadInput
from retail_pipeline.intake.corrections import is_one
from retail_pipeline.intake.recognition import recognise
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import stale
from retail_pipeline.quality import tester
from retail_pipeline.quality.under_test import untested
from retail_pipeline.redaction import redacted
from retail_pipeline.reports import say_checks, say_loads
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, correcting, ledger
from retail_pipeline.warehouse.failures import FINISH
from retail_pipeline.warehouse.indexing import MUCH_BYTES
from retail_pipeline.warehouse.landing import land, read_anew
from retail_pipeline.warehouse.loading import Progress, no_progress
from retail_pipeline.warehouse.migrations import open_warehouse

if TYPE_CHECKING:
    from rich.console import Console

    from retail_pipeline.defs.runs import RunOutcome


def ingest_files(files: Sequence[Path], source: str | None = None, by: str | None = None) -> int:
    """Lands files and loads what isn't in the tables yet; returns the exit status.

    Among them may be files of corrections, which `by` answers for: the user of this machine if nobody else is named.
    A file that can't be used is told on standard error and doesn't keep the others back.
    """
    with _opened() as warehouse:
        return _ingest(warehouse, files, source, by or getpass.getuser())


def _ingest(warehouse: Warehouse, files: Sequence[Path], source: str | None, by: str) -> int:
    landed, problems = _land(warehouse, files, source, by)
    with warehouse.reading() as connection:
        corrected = ledger.to_be_corrected(connection)
        entries = ledger.entries(connection, landed if files else [*ledger.waiting(connection), *corrected])
    pending = [entry["load_id"] for entry in entries if entry["status"] != "loaded" or entry["load_id"] in corrected]
    for entry in entries:
        if entry["load_id"] not in pending and len(entries) <= 10:
            click.echo(f"{entry['file_name']}: nothing new, its bytes are load {entry['load_id']}")

    status = 0
    if pending:
        _warn_of_made_up_sales(warehouse, {entry["file_name"] for entry in entries if entry["load_id"] in pending})
        status = _run_ingest(warehouse, pending)
    elif problems and not landed:
        pass  # whoever mistyped something is told at once; what others left unfinished can wait
    elif _are_marts_behind(warehouse):
        status = _run_refresh(warehouse)
    elif not problems:
        click.echo("Nothing is new; tables and marts are up to date.")
    for problem in problems:
        click.echo(f"retail: {redacted(str(problem))}", err=True)
    return 2 if problems else status


def _warn_of_made_up_sales(warehouse: Warehouse, coming: Collection[str]) -> None:
    """Where the demonstration was shown, names of files to be loaded that aren't its own are those of a real shop."""
    with warehouse.reading() as connection:
        there = {entry["file_name"] for entry in ledger.loaded(connection)}
    if MADE_UP in there and set(coming) != {MADE_UP}:
        home = warehouse.settings.resolved_home
        click.echo(
            f"retail: {home} holds the made-up sales of the demonstration, which will be counted too; "
            "RETAIL_HOME=shop puts yours into tables of their own",
            err=True,
        )


def _are_marts_behind(warehouse: Warehouse) -> bool:
    """Whether there are loads that haven't passed, or marts that don't show all lines or weren't tested since."""
    with warehouse.reading() as connection:
        unchecked = ledger.unchecked(connection)
    return bool(unchecked or stale(warehouse) or untested(warehouse))


def refresh_marts(*, full: bool = False) -> int:
    """Checks what hasn't been checked and refreshes marts that need it; returns the exit status."""
    with _opened() as warehouse:
        if full or _are_marts_behind(warehouse):
            return _run_refresh(warehouse, full=full)
        click.echo("The marts are up to date.")
        return 0


def _run_refresh(warehouse: Warehouse, *, full: bool = False) -> int:
    from retail_pipeline.defs.instance import open_instance
    from retail_pipeline.defs.runs import run_refresh

    tester.prepare()
    with _working("Checking and refreshing marts"), open_instance(warehouse.settings) as instance:
        outcome = run_refresh(instance, warehouse, full=full)
    return _tell([outcome])


def revert_load(load_id: str) -> int:
    """Takes a load back out and refreshes the marts; returns the exit status."""
    from retail_pipeline.engines import engine_of

    with _opened() as warehouse:
        with warehouse.alone():
            engine_of(warehouse).revert(load_id, SourceCatalogue(warehouse.settings.sources_folder))
        click.echo(f"{load_id} is taken back out.")
        return _run_refresh(warehouse)


def reload_load(load_id: str, source: str | None) -> int:
    """Runs a load again by its profile as it is now, or by another, from the file as it was kept; the exit status."""
    with _opened() as warehouse:
        sources = SourceCatalogue(warehouse.settings.sources_folder)
        with warehouse.reading() as connection:
            name = source or ledger.entry(connection, load_id)["source"]
        read_anew(warehouse, load_id, sources.get(name))
        return _run_ingest(warehouse, [load_id])


@contextmanager
def _opened() -> Iterator[Warehouse]:
    """The warehouse of the settings, with this version's tables."""
    settings = Settings()
    # Before anything is connected: what two processes have in common ends with the later of them, locks included.
    with tester.beside(settings):
        yield open_warehouse(settings)


def _land(warehouse: Warehouse, files: Sequence[Path], source: str | None, by: str) -> tuple[list[str], list[BadInput]]:
    """Loads that the files are, or are corrections of, and what is wrong with those that can't be used."""
    sources = SourceCatalogue(warehouse.settings.sources_folder)
    landed, problems = [], []
    for path in files:
        try:
            if is_one(path):
                landed += _correct(warehouse, path, sources, by)
                continue
            profile = sources.get(source) if source else recognise(path, sources)
            landed.append(land(warehouse, path, profile).load_id)
        except BadInput as problem:
            problems.append(problem)
    return landed, problems


def _correct(warehouse: Warehouse, path: Path, sources: SourceCatalogue, by: str) -> list[str]:
    correction = correcting.take_in(warehouse, path, sources, by)
    for load_id, count in correction.rows_by_load.items():
        click.echo(f"{path.name}: {count:,} rows of {load_id} corrected by {by}")
    if correction.rows_unchanged:
        click.echo(f"{path.name}: {correction.rows_unchanged:,} rows are as they were")
    return list(correction.rows_by_load)


def _run_ingest(warehouse: Warehouse, pending: list[str]) -> int:
    with warehouse.reading() as connection:
        total = sum(entry["file_bytes"] for entry in ledger.entries(connection, pending))
    if total < MUCH_BYTES:  # else reading the files needs the memory first
        tester.prepare()
    with _progress(total) as progress:
        from retail_pipeline.defs.instance import open_instance
        from retail_pipeline.defs.runs import run_ingest

        with open_instance(warehouse.settings) as instance:
            outcomes = list(run_ingest(instance, warehouse, pending, progress))
    say_loads(warehouse, pending)
    return _tell(outcomes)


def _tell(outcomes: "Sequence[RunOutcome]") -> int:
    checks = [check for outcome in outcomes for check in outcome.checks]
    say_checks(checks)
    failed = not all(outcome.success for outcome in outcomes)
    errors = dict.fromkeys(error for outcome in outcomes for error in outcome.errors)
    if failed and not errors:  # no step was at work when it was stopped
        errors = [f"the run was interrupted. {FINISH}"]
    for error in errors:
        click.echo(f"retail: {redacted(error)}", err=True)
    if any(check.critical and not check.passed and check.asset in marts() for check in checks):
        click.echo("`retail marts refresh --full` makes the marts anew, whatever they show now.", err=True)
    if not failed:
        click.echo("The marts are refreshed.")
    return 1 if failed or any(check.critical and not check.passed for check in checks) else 0


def _terminal() -> "Console | None":
    """Where progress is shown: standard error if somebody watches it."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def _progress(total_bytes: int) -> Iterator[Progress]:
    if not (console := _terminal()):
        yield no_progress
        return
    from rich import progress as rich

    columns = rich.TextColumn("{task.description}"), rich.BarColumn(), rich.DownloadColumn(), rich.TimeRemainingColumn()
    with rich.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Starting", total=total_bytes)
        done: dict[str, int] = {}

        def progress(load_id: str, bytes_read: int, file_bytes: int) -> None:
            done[load_id] = min(bytes_read, file_bytes)
            completed = sum(done.values())
            working_on = load_id if completed < total_bytes else "Checking and refreshing marts"
            bar.update(task, completed=completed, description=working_on)

        yield progress


@contextmanager
def _working(on: str) -> Iterator[None]:
    if console := _terminal():
        with console.status(on):
            yield
    else:
        yield
