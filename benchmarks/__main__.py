"""The command: `python -m benchmarks [NAME]...` measures and writes the report."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks.bench import Bench, NoServer
from benchmarks.comparison import measure
from benchmarks.comparisons import NAMES, comparison
from benchmarks.machine import facts
from benchmarks.measured import Measured, keep
from benchmarks.plot import plot
from benchmarks.report import report

REPORT = Path(__file__).with_name("REPORT.md")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(NAMES))
@click.option("--runs", default=5, type=click.IntRange(min=1), help="Runs of each side; medians are compared.")
@click.option(
    "--database",
    metavar="URL",
    default="",
    envvar="RETAIL_BENCH_DATABASE_URL",
    help="A MySQL or MariaDB server, such as mysql+pymysql://root@127.0.0.1; each run has a database of its own on it, "
    "dropped afterwards. Left out: SQLite.",
)
@click.option(
    "--data",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
    envvar="RETAIL_TEST_DATA",
    help="Folder with the UCI Online Retail data, data.csv.xz and by_day.tar.xz. Left out: a made-up export.",
)
@click.option(
    "--lines",
    default=200_000,
    type=click.IntRange(min=1),
    help="Lines of the smaller file of `memory`, and of all files of `spark`.",
)
@click.option(
    "--output",
    metavar="FILE",
    default=REPORT,
    type=click.Path(path_type=Path),
    help="Where the report goes; beside it lie its picture, and as .json all figures, those of earlier runs as well.",
)
def main(names: tuple[str, ...], runs: int, database: str, data: Path | None, lines: int, output: Path) -> None:
    """Measure the comparisons that are named, or all, and write one report.

    One that can't be made is told, and the others are measured all the same; without a server, those that need one are
    left out.
    """
    failed = []
    about = {"day": datetime.now(UTC).date().isoformat()} | facts(database)
    with tempfile.TemporaryDirectory(prefix="retail-bench-") as scratch:
        bench = Bench(Path(scratch), database, data, lines)
        with bench.cleanups:
            for name in names or NAMES:
                try:
                    with bench.servers:
                        measured = measure(name, comparison(name)(bench), runs, about)
                except click.ClickException as reason:
                    click.echo(f"{name}: {reason.format_message()}", err=True)
                    if names or not isinstance(reason, NoServer):
                        failed.append(name)
                    continue
                # Each time: it takes hours, and whoever breaks it off keeps what was measured.
                _write(output, keep(output.with_suffix(".json"), measured, NAMES))
    click.echo(f"The report is in {output}", err=True)
    if failed:
        raise click.ClickException(f"not measured: {', '.join(failed)}")


def _write(output: Path, measured: Sequence[Measured]) -> None:
    picture = output.with_suffix(".svg")
    picture.write_text(plot(measured), encoding="utf-8")
    output.write_text(report(measured, picture.name), encoding="utf-8")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
