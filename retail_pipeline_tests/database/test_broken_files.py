"""Files broken in every way that is known, and at random: loaded as a whole, or refused with a reason."""

import random
import subprocess
import sys

import hypothesis.strategies as st
import pytest
from hypothesis import given

from retail_pipeline.warehouse.tables import quarantined_lines
from retail_pipeline_tests.broken_files import CORPUS, TOO_LARGE_TO_MUTATE, content, mutated
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, rows
from retail_pipeline_tests.fuzzing import ingest as outcome_of
from retail_pipeline_tests.properties import on_a_database

pytestmark = pytest.mark.database

WHOLE = {
    *("good", "header only", "latin-1", "utf-16", "stray quote", "embedded line feeds", "lone carriage return"),
    *("carriage returns only", "other line ends", "control characters", "formulas"),
    *(
        "gzip",
        "xz",
        "zip",
        "workbook",
        "zip of a workbook",
        "zip of a file without a name",
        "old workbook",
        "parquet",
        "json",
        "ndjson",
    ),
}
"""Those that hold nothing but order lines, for all that is odd about them."""

HELD = {
    *("cut short in a row", "two files in one", "byte order mark in the middle", "ragged rows", "a million columns"),
    *("one long field", "enormous numbers", "dates in two orders", "dates that are none", "odd unicode"),
    *("workbook with merged cells", "workbook with formulas", "workbook with errors"),
}
"""Those with rows that wait in quarantine."""


@pytest.fixture
def landing(warehouse):
    warehouse.landing_folder.mkdir(parents=True, exist_ok=True)
    return warehouse


@pytest.mark.parametrize("name", CORPUS)
def test_a_broken_file_is_loaded_as_a_whole_or_refused_for_what_it_is(landing, tmp_path, name):
    path = tmp_path / "sales.csv"
    path.write_bytes(content(name, tmp_path))
    found = outcome_of(landing, path)
    expected = "whole" if name in WHOLE else "with rows in quarantine" if name in HELD else "refused"
    assert found == expected


@on_a_database(examples=30)
@given(
    st.sampled_from(
        [name for name, data in CORPUS.items() if len(data if isinstance(data, bytes) else b"") < TOO_LARGE_TO_MUTATE]
    ),
    st.integers(0, 10**9),
)
def test_any_mutation_of_a_file_is_loaded_as_a_whole_or_refused(landing, tmp_path, name, seed):
    path = tmp_path / "sales.csv"
    path.write_bytes(mutated(content(name, tmp_path), random.Random(seed)))
    outcome_of(landing, path)


def test_files_broken_under_guidance_are_read_or_refused(tmp_path):
    pytest.importorskip("atheris", reason="atheris has no package for this machine")
    command = [sys.executable, "-m", "retail_pipeline_tests.guided_fuzzing", "--runs", "150", "--finds", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 150 runs" in done.stderr


def test_dates_in_two_orders_are_never_read_in_the_wrong_one(warehouse, tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(content("dates in two orders", tmp_path))
    ingest(warehouse, path, ONLINE_RETAIL)
    assert (
        rows(warehouse, quarantined_lines, "reasons", "invoiced_at")
        == [("invoiced_at_not_a_date", "13/1/2010 8:26")] * 12
    )
