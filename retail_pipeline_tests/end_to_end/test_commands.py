"""The command line, as a process of its own on SQLite."""

import csv
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.migrations import open_warehouse
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline_tests.end_to_end.commands import retail, warm_retail
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "shop"


def test_the_demonstration_shows_a_year_of_sales_and_the_second_time_that_nothing_is_new(home):
    first = retail("demo", home=home)
    assert first.returncode == 0, first.stderr
    for told in (
        "rows 19,805 read, 19,798 loaded, 7 quarantined, 0 superseded",
        " of 131 passed",  # checks
        "(9 days only)",  # of December, which the data doesn't cover
        "line 12,225  customer id in scientific notation",
        "Nov 2011",
        "United Kingdom",
        "What next?",
    ):
        assert told in first.stdout
    assert "\x1b[" not in first.stdout + first.stderr
    assert first.stderr == ""
    second = warm_retail("demo", home=home)
    assert second.returncode == 0
    assert "Nothing is new; tables and marts are up to date." in second.stdout
    assert second.stdout.partition("Lines read")[2] == first.stdout.partition("Lines read")[2]


def test_the_demonstration_refuses_to_mix_with_real_loads(shop):
    refused = warm_retail("demo", home=shop)
    assert refused.returncode == 2
    assert "holds loads of your own" in refused.stderr


def test_who_ingests_beside_the_made_up_sales_of_the_demonstration_is_told_so(home, export):
    with Warehouse(Settings(home=home)) as warehouse:
        upgrade(warehouse)
        ingest(warehouse, export("sample_export.csv", order_line("1")))
    (home.parent / "empty.csv").touch()
    result = warm_retail("ingest", home.parent / "empty.csv", export("own.csv", order_line("2")), home=home)
    assert "holds the made-up sales of the demonstration, which will be counted too" in result.stderr
    assert "empty.csv: the file is empty" in result.stderr
    assert "1 loaded" in result.stdout


def test_ingest_tells_what_came_of_each_file_and_keeps_going_after_a_bad_one(home, export, tmp_path):
    good = export("good.csv", order_line(), order_line(quantity="many"))
    empty = tmp_path / "empty.csv"
    empty.touch()
    result = warm_retail("ingest", empty, good, home=home)
    assert result.returncode == 2
    assert "rows 2 read, 1 loaded, 1 quarantined, 0 superseded; amount 15.30 loaded" in result.stdout
    assert result.stderr == "retail: empty.csv: the file is empty\n"
    again = warm_retail("ingest", good, home=home)
    assert again.returncode == 0
    assert "nothing new, its bytes are load good-" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quarantine", "nothing-000000000000"], "there is no load 'nothing-000000000000'"),
        (["ingest", "missing.csv"], "'missing.csv' does not exist"),
        (["ingest", "{good}", "--source", "moon_shop"], "unknown source 'moon_shop'; known are amazon_orders"),
    ],
)
def test_bad_input_is_one_clear_message_without_a_traceback_and_exit_status_2(home, export, arguments, message):
    good = str(export("good.csv", order_line()))
    result = warm_retail(*(argument.replace("{good}", good) for argument in arguments), home=home)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""  # it is told at once, before anything else is done


def test_a_database_that_cannot_be_reached_is_told_without_its_password(home, export):
    url = "mysql://someone:secret@127.0.0.1:1/retail"
    result = warm_retail("ingest", export("good.csv", order_line()), home=home, RETAIL_DATABASE_URL=url)
    assert result.returncode == 1
    assert "can't be reached" in result.stderr
    assert "Traceback" not in result.stderr
    assert "secret" not in result.stderr


def test_the_quarantine_is_written_to_a_file_with_reasons_and_raw_fields(shop, tmp_path):
    load_id = warm_retail("loads", home=shop).stdout.splitlines()[1].split()[0]
    output = tmp_path / "held.csv"
    assert warm_retail("quarantine", load_id, "--output", output, home=shop).stdout == f"1 rows written to {output}\n"
    with output.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["file_line"], row["reasons"], row["quantity"], row["description"]) == (
        "3",
        "quantity_not_a_number",
        "many",
        "£5 gift",
    )


def test_files_ingested_by_two_commands_at_the_same_time_are_both_in_the_marts(home, export):
    paths = [export(f"{number}.csv", order_line("1", quantity=number), order_line(f"2{number}")) for number in (1, 2)]
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda path: warm_retail("ingest", path, home=home), paths))
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    with closing(sqlite3.connect(home / "retail.db")) as database:
        assert database.execute("SELECT SUM(orders) FROM mart_orders").fetchone() == (3,)
    assert warm_retail("ingest", home=home).stdout == "Nothing is new; tables and marts are up to date.\n"


def test_an_interrupted_ingest_is_finished_by_ingest_without_files(home, export):
    warehouse = Warehouse(Settings(home=home))
    upgrade(warehouse)
    land(warehouse, export("1.csv", order_line("1")), ONLINE_RETAIL)
    assert "1 loaded" in warm_retail("ingest", home=home).stdout
    assert "Nothing is new" in warm_retail("ingest", home=home).stdout


def test_marts_are_refreshed_when_asked_fully_or_when_they_are_behind(shop):
    assert warm_retail("marts", "refresh", home=shop).stdout == "The marts are up to date.\n"
    full = warm_retail("marts", "refresh", "--full", home=shop)
    assert full.returncode == 0
    assert full.stdout.endswith("The marts are refreshed.\n")


def test_sources_and_loads_are_listed(home):
    assert "online_retail" in warm_retail("sources", "list", home=home).stdout
    assert "no loads yet" in warm_retail("loads", home=home).stdout
    assert warm_retail("db", "upgrade", home=home).stdout == "The tables are up to date.\n"


def test_a_restore_loads_what_waited_for_its_run_when_the_backup_was_made(home, export, tmp_path):
    warehouse = open_warehouse(Settings(home=home))
    load_id = land(warehouse, export("1.csv", order_line("1")), ONLINE_RETAIL).load_id
    with warehouse.writing() as connection:
        ledger.enter_run(connection, [load_id], "queued")
    assert warm_retail("backup", "--output", tmp_path / "backup.zip", home=home).returncode == 0
    warehouse.dispose()
    shutil.rmtree(home)
    assert "1 loaded" in warm_retail("restore", tmp_path / "backup.zip", home=home).stdout
    assert "1 order lines" in warm_retail("backup", "--output", tmp_path / "after.zip", home=home).stdout


def test_what_was_lost_is_restored_with_its_marts_and_can_be_worked_with(shop, tmp_path):
    listed = warm_retail("loads", home=shop).stdout
    load_id = listed.splitlines()[1].split()[0]
    backup = tmp_path / "backup.zip"
    written = warm_retail("backup", "--output", backup, home=shop)
    assert written.returncode == 0, written.stderr
    assert f"{backup}: 1 loads, 1 order lines, 1 files" in written.stdout
    shutil.rmtree(shop)

    restored = warm_retail("restore", backup, home=shop)
    assert restored.returncode == 0, restored.stderr
    assert "1 loads, 1 order lines, 1 files; all figures add up." in restored.stdout
    assert restored.stdout.endswith("The marts are refreshed.\n")
    assert warm_retail("loads", home=shop).stdout == listed
    assert "rows 2 read, 1 loaded" in warm_retail("loads", "reload", load_id, home=shop).stdout
    refused = warm_retail("restore", backup, home=shop)
    assert (refused.returncode, refused.stderr) == (
        2,
        "retail: the database holds 1 loads; --replace puts the backup in their place\n",
    )
    told = warm_retail("prune", "--dry-run", home=shop, RETAIL_KEEP_RAW_DAYS="0").stdout
    assert told == "Would delete 2 raw lines of 1 loads, 0 files (0.0 MB) and 0 results of checks.\n"
