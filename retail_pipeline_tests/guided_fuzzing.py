"""The guided fuzzer: `python -m retail_pipeline_tests.guided_fuzzing --seconds 600` looks for what intake trips over.

atheris mutates the corpus of broken files, and goes on with what reaches code that nothing reached before. Each file is
recognised or read as online_retail, and typed; a BadFile that names it is an answer, any other error is a find, and so
is a row that is neither loaded nor held back. `fuzzing` tries the way through the database, this the way up to there.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import atheris
import click

with redirect_stdout(sys.stderr), atheris.instrument_imports(include=["retail_pipeline.intake"]):
    # The formats are otherwise imported when a file of their kind is read.
    from retail_pipeline.intake.formats import delimited, excel, json, parquet  # noqa: F401
    from retail_pipeline.intake.inspection import inspect
    from retail_pipeline.intake.lines import type_batch
    from retail_pipeline.intake.reader import read_batches, verify
    from retail_pipeline.intake.recognition import recognise

from retail_pipeline.errors import BadFile
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline_tests.broken_files import CORPUS, TOO_LARGE_TO_MUTATE, content

LONGEST_SECONDS = 60
MOST_MEGABYTES = 4_000
UNPACKED_MEGABYTES = "50"

SOURCES = SourceCatalogue()


def read(path: Path) -> None:
    """Reads a file as landing and loading do. Raises BadFile where it isn't one, AssertionError where a row is lost."""
    try:
        profile = recognise(path, SOURCES)
    except BadFile:
        profile = SOURCES.get("online_retail")
    encoding = inspect(path, profile.encodings).encoding
    verify(path, profile, encoding)
    read_so_far = 0
    for text in read_batches(path, profile, encoding, batch_rows=50):
        typed = type_batch(text.frame, profile, text.date_formats)
        numbers = sorted([*typed.lines["line_no"], *typed.rejects["line_no"]])
        expected = list(range(read_so_far + 1, read_so_far + 1 + len(text.frame)))
        assert numbers == expected, "each row is an order line or held back, and not both"
        read_so_far += len(text.frame)


def one_file(path: Path) -> Callable[[bytes], None]:
    """What atheris calls with the bytes of one file after the other."""

    def tried(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read(path)
        except BadFile as refusal:
            if path.name not in str(refusal):
                raise AssertionError("a refusal names the file") from refusal

    return tried


@click.command(context_settings={"show_default": True})
@click.option("--seconds", default=600, help="How long files are tried.")
@click.option("--runs", default=-1, help="How many files are tried at most; -1 for as many as there is time for.")
@click.option("--seed", default=1, help="The same seed tries the same files.")
@click.option("--finds", type=click.Path(path_type=Path), default="finds", help="The folder that finds are kept in.")
def main(seconds: int, runs: int, seed: int, finds: Path) -> None:
    """Tries files that were broken under guidance; ends with another status than 0 at the first find, and keeps it."""
    os.environ["RETAIL_UNPACKED_MB"] = UNPACKED_MEGABYTES
    with tempfile.TemporaryDirectory(prefix="retail-fuzz-") as scratch:
        seeds = Path(scratch) / "seeds"
        seeds.mkdir()
        for number, name in enumerate(CORPUS):
            data = content(name, Path(scratch))
            if len(data) < TOO_LARGE_TO_MUTATE:
                (seeds / str(number)).write_bytes(data)
        finds.mkdir(parents=True, exist_ok=True)
        options = {"max_total_time": seconds, "runs": runs, "seed": seed, "max_len": TOO_LARGE_TO_MUTATE}
        options |= {"timeout": LONGEST_SECONDS, "rss_limit_mb": MOST_MEGABYTES, "artifact_prefix": f"{finds}/"}
        arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(seeds)]
        atheris.Setup(arguments, one_file(Path(scratch) / "sales.csv"))
        atheris.Fuzz()  # and ends the process


if __name__ == "__main__":
    main()
