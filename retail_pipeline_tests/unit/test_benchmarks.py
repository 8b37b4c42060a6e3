"""What the benchmarks compute from their runs, and the daily files that they make."""

import csv
import os
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import processes
from benchmarks.comparison import Comparison, Side, measure
from benchmarks.exports import cut_by_day, write_next_day, write_year
from benchmarks.measured import Cost, Measured, Runs, keep, kept
from benchmarks.plot import plot
from benchmarks.report import report
from retail_pipeline.demo.sample import sample_rows

ABOUT = {"day": "2011-12-09", "database": "MySQL 9.7"}


@pytest.fixture
def measured() -> Measured:
    seconds = {"one file": iter((10, 20, 40)), "many files": iter((50, 30, 80))}
    sides = (Side(label, lambda left=left: Cost(next(left), 5, 400, lines=7)) for label, left in seconds.items())
    comparison = Comparison("Many files against one", *sides, figure="seconds", target=3, same_lines=True)
    return measure("files", comparison, 3, ABOUT)


def test_the_ratio_is_of_medians_and_its_range_of_neighbouring_runs(measured):
    assert (measured.ratio, measured.ratios, measured.met) == (2.5, [5, 1.5, 2], True)


def test_the_report_holds_the_ratio_its_range_the_target_every_run_and_the_picture(measured):
    lines = report([measured], "REPORT.svg").splitlines()
    assert "| `files` | MySQL | 2011-12-09 | 2.50 | 1.50 to 5.00 | ≤ 3 | met |" in lines
    assert "| 2 | many files | 30.0 | 5.0 | 400 | 7 |" in lines
    assert "| median | one file | 20.0 | 5.0 | 400 |  |" in lines
    assert "![Each figure as a multiple of its target](REPORT.svg)" in lines


def test_the_report_says_which_figures_were_not_measured(measured):
    served = Runs("a service", None, [replace(cost, peak_mib=0) for cost in measured.contender.costs])
    lines = report([replace(measured, contender=served)], "REPORT.svg").splitlines()
    assert "| 2 | a service | 30.0 | 5.0 | not measured | 7 |" in lines
    assert "| median | a service | 50.0 | 5.0 | not measured |  |" in lines


def test_a_side_that_is_over_its_own_limit_misses_the_target_whatever_the_ratio_is(measured):
    over = replace(measured, contender=replace(measured.contender, limit=45))
    assert not over.met
    lines = report([over], "REPORT.svg").splitlines()
    assert "| `files` | MySQL | 2011-12-09 | 2.50 | 1.50 to 5.00 | ≤ 3; many files 50.0 ≤ 45 | missed |" in lines
    assert "Target for many files by itself: at most 45, missed." in lines


def test_a_comparison_that_can_not_be_made_is_told_and_the_others_are_made(tmp_path, monkeypatch):
    monkeypatch.delenv("RETAIL_BENCH_DATABASE_URL", raising=False)
    monkeypatch.setattr(command, "NAMES", ["help", "loading"])
    asked = ["--runs", "1", "--output", str(tmp_path / "report.md")]
    told = "loading: the floor is LOAD DATA of MySQL or MariaDB: name a server by --database\n"

    of_all = CliRunner().invoke(command.main, asked)
    assert told in of_all.stderr
    assert of_all.exit_code == 0
    assert "| `help` | SQLite |" in (tmp_path / "report.md").read_text(encoding="utf-8")

    named = CliRunner().invoke(command.main, ["loading", "help", *asked])
    assert named.stderr.endswith("Error: not measured: loading\n")
    assert "help, run 1 of 1" in named.stderr
    assert named.exit_code == 1


def test_the_picture_has_a_row_for_each_ratio_and_each_limit(measured):
    drawn = plot([replace(measured, contender=replace(measured.contender, limit=45))])
    assert ">files (MySQL)<" in drawn
    assert ">files (MySQL): many files<" in drawn


def test_what_is_measured_again_takes_the_place_of_what_was_measured_on_such_a_database_before(measured, tmp_path):
    path, order = tmp_path / "REPORT.json", ["earlier", "files"]
    on_sqlite = replace(measured, about=ABOUT | {"database": "SQLite 3.46"})
    again = replace(measured, about=ABOUT | {"day": "2011-12-10"})
    earlier = replace(measured, name="earlier")
    for one in (measured, on_sqlite, earlier, again):
        told = keep(path, one, order)
    assert told == kept(path) == [earlier, again, on_sqlite]


def test_daily_files_hold_the_rows_of_the_one_file(tmp_path):
    exports = cut_by_day(sample_rows(orders=40, seed=1), tmp_path)

    def invoices_and_quantities(*paths):
        rows = [row for path in paths for row in csv.reader(path.open(encoding="cp1252", newline="")) if row[0]]
        return sorted((row[0], row[1], row[3]) for row in rows if row[0] != "InvoiceNo")

    assert len(exports.days) > 1
    assert invoices_and_quantities(*exports.days) == invoices_and_quantities(exports.whole)


def dated_rows(path):
    rows = list(csv.reader(path.open(encoding="cp1252", newline="")))[1:]
    return [row for row in rows if len(row) == 8 and row[0] and "20" in row[4]]


def test_an_earlier_year_has_the_same_lines_on_other_days_with_invoices_of_its_own(tmp_path):
    whole = cut_by_day(sample_rows(orders=40, seed=1), tmp_path).whole
    write_year(whole, tmp_path / "earlier.csv", years_back=3)
    now, earlier = dated_rows(whole), dated_rows(tmp_path / "earlier.csv")
    assert len(now) == len(earlier) > 100
    assert [row[1:4] + row[5:] for row in now] == [row[1:4] + row[5:] for row in earlier]
    assert {row[0] for row in now}.isdisjoint(row[0] for row in earlier)
    assert {row[4].split()[0][-4:] for row in now} <= {"2010", "2011"}
    assert {row[4].split()[0][-4:] for row in earlier} <= {"2007", "2008"}


def test_the_next_days_come_after_the_last_one_and_share_no_invoice(tmp_path):
    whole = cut_by_day(sample_rows(orders=40, seed=1), tmp_path).whole
    for number in (1, 2):
        write_next_day(whole, tmp_path / f"{number}.csv", number, lines=50)
    one, two = (dated_rows(tmp_path / f"{number}.csv") for number in (1, 2))
    assert len(one) > 40
    assert len({row[4][:10] for row in one}) == len({row[4][:10] for row in two}) == 1
    assert one[0][4][:10] < two[0][4][:10]
    assert {row[0] for row in one}.isdisjoint(row[0] for row in [*two, *dated_rows(whole)])


def test_a_day_far_ahead_has_as_many_lines_as_the_first(tmp_path):
    whole = cut_by_day(sample_rows(orders=40, seed=1), tmp_path).whole
    write_next_day(whole, tmp_path / "far.csv", 1000, lines=50)
    assert len((tmp_path / "far.csv").read_text(encoding="cp1252").splitlines()) == 51


@pytest.mark.skipif(sys.platform != "linux", reason="memory is told by proc(5)")
@pytest.mark.parametrize(("child_does", "least"), [("pass", 100), ("own = bytearray(b'x') * (100 << 20)", 200)])
def test_memory_is_that_of_all_processes_of_a_command_and_what_they_share_counts_once(tmp_path, child_does, least):
    program = f"""
import os, time
ours = bytearray(b"x") * (100 << 20)
if os.fork() == 0:
    {child_does}
    time.sleep(1.5)
    os._exit(0)
os.wait()
"""
    cost = processes.run([sys.executable, "-c", program], tmp_path, dict(os.environ))
    assert least < cost.peak_mib < least + 50
