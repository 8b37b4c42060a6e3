"""Spark against the database itself: the same ledger, the same lines and the same marts, whatever happens."""

import csv
import lzma
import os
import shutil
import signal
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from retail_pipeline import ingestion
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.engines import DatabaseEngine, Engine
from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.sources import SourceCatalogue, SourceProfile
from retail_pipeline.spark.session import session_of
from retail_pipeline.spark.store import ARRIVING, Store, load_folder, superseded_folder
from retail_pipeline.warehouse import Warehouse, correcting, ledger
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.loading import no_progress
from retail_pipeline.warehouse.tables import (
    check_results,
    order_lines,
    quarantined_lines,
    raw_order_lines,
    superseded_lines,
)
from retail_pipeline_tests.exports import ONLINE_RETAIL, order_line, rows

pytestmark = pytest.mark.database

Engines = Mapping[Warehouse, Engine]

TOLD_BY_CLOCK = {"landed_at", "loaded_at", "requested_at", "checked_at", "checked_by", "run_id"}
"""What the ledger, and marts that show it, say of the moment; it may differ between two warehouses."""


class Catalogue(SourceCatalogue):
    """The project's sources, and one whose exports have repeats that don't count."""

    def get(self, name: str) -> SourceProfile:
        if name == "dropping":
            return ONLINE_RETAIL.model_copy(update={"name": "dropping", "repeats": "drop"})
        return super().get(name)


SOURCES = Catalogue()


def both_load(engines: Engines, *files: Path, source: str = "online_retail") -> list[str]:
    """Loads files in both warehouses; returns their load_ids."""
    for warehouse, engine in engines.items():
        load_ids = [land(warehouse, file, SOURCES.get(source)).load_id for file in files]
        assert engine.load(load_ids, SOURCES, "a-run", no_progress) == {}
    return load_ids


def assert_same_ledger_and_lines(engines: Engines) -> None:
    on_spark, twin = engines
    entries = [_entries(warehouse) for warehouse in (on_spark, twin)]
    assert _told(entries[0]) == _told(entries[1])
    loaded = [entry for entry in entries[0] if entry["status"] == "loaded"]
    store = Store(on_spark.settings.spark_url)
    superseded = _in_store(store, [superseded_folder(loaded)], superseded_lines)
    assert superseded == _sorted(rows(twin, superseded_lines))
    keys = {row[:2] for row in superseded}
    typed = _in_store(store, _folders(order_lines, loaded), order_lines)
    assert [row for row in typed if row[:2] not in keys] == _sorted(rows(twin, order_lines))
    assert _in_store(store, _folders(raw_order_lines, loaded), raw_order_lines) == _sorted(rows(twin, raw_order_lines))
    held = _sorted(rows(twin, quarantined_lines))
    assert _in_store(store, _folders(quarantined_lines, loaded), quarantined_lines) == held
    assert _sorted(rows(on_spark, quarantined_lines)) == held


def assert_same_marts(engines: Engines) -> None:
    """Refreshes all marts in both warehouses, and compares what is in the databases."""
    on_spark, twin = engines
    for mart in marts().values():
        for engine in engines.values():
            engine.refresh(mart)
        columns = [column for column in mart.columns if column not in TOLD_BY_CLOCK]
        found, wanted = (_sorted(_rows_of(warehouse, mart, columns)) for warehouse in (on_spark, twin))
        assert found == wanted, mart.name


def _rows_of(warehouse: Warehouse, mart: Any, columns: Sequence[str]) -> list[tuple]:
    table = mart.table()
    with warehouse.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*(table.c[column] for column in columns)))]


def _entries(warehouse: Warehouse) -> list[sa.RowMapping]:
    with warehouse.reading() as connection:
        return ledger.entries(connection)


def _told(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in entry.items() if name not in TOLD_BY_CLOCK} for entry in entries]


def _folders(table: sa.Table, loaded: Sequence[Mapping[str, Any]]) -> list[str]:
    return [load_folder(table.name, entry["load_id"], entry["loaded_at"]) for entry in loaded]


def _in_store(store: Store, folders: Sequence[str], table: sa.Table) -> list[tuple]:
    columns = [column.name for column in table.columns]
    found = [
        tuple(row[column] for column in columns)
        for folder in folders
        for row in pq.read_table(store.path(folder), filesystem=store.files, columns=columns).to_pylist()
    ]
    return _sorted(found)


def _sorted(found: Sequence[tuple]) -> list[tuple]:
    return sorted(found, key=lambda row: [(value is not None, str(value)) for value in row])


def overlapping_exports(folder: Path) -> list[Path]:
    """The sample, cut into three files of which each has half of the rows of the one before."""
    write_sample(folder / "sample.csv", orders=40)
    with (folder / "sample.csv").open(encoding="cp1252", newline="") as file:
        header, *data = csv.reader(file)
    third = len(data) // 4
    files = []
    for number in range(3):
        files.append(folder / f"export [{number}] 100%.csv")  # a name that file systems and URLs might take apart
        with files[-1].open("w", encoding="cp1252", newline="") as file:
            csv.writer(file, lineterminator="\r\n").writerows([header, *data[number * third : (number + 2) * third]])
    return files


def test_spark_comes_to_the_same_ledger_lines_and_marts_as_the_database(engines, tmp_path):
    first, second, third = overlapping_exports(tmp_path)
    both_load(engines, third)
    ids = both_load(engines, first, second)
    assert_same_ledger_and_lines(engines)
    repeats = tmp_path / "repeats.csv"
    repeats.write_bytes(first.read_bytes() + b"\r\n".join(first.read_bytes().split(b"\r\n")[1:40]) + b"\r\n")
    both_load(engines, repeats, source="dropping")
    assert_same_ledger_and_lines(engines)
    assert_same_marts(engines)

    for warehouse, engine in engines.items():
        engine.revert(ids[1], SOURCES)
        with warehouse.reading() as connection:
            assert ledger.entry(connection, ids[1])["status"] == "reverted"
    assert_same_ledger_and_lines(engines)
    both_load(engines, second)  # lands anew, after all others
    assert_same_ledger_and_lines(engines)


def test_corrected_rows_count_and_a_file_that_cannot_be_read_keeps_nothing_back(engines, export, tmp_path):
    good = export("good.csv", order_line("1"), order_line("2", quantity="six"), order_line("3", price="x"))
    torn = export("torn.csv", order_line("4"))
    for warehouse, engine in engines.items():
        load_id, torn_id = (land(warehouse, file, ONLINE_RETAIL).load_id for file in (good, torn))
        kept = next((warehouse.landing_folder / torn_id).iterdir())
        kept.write_bytes(b"StockCode,Quantity\nA,1\n")
        problems = engine.load([load_id, torn_id], SOURCES, "a-run", no_progress)
        assert set(problems) == {torn_id}
        assert "missing" in str(problems[torn_id])
        table = tmp_path / "held.csv"
        assert correcting.hand_out(warehouse, load_id, SOURCES, table) == 2
        table.write_text(table.read_text(encoding="utf-8-sig").replace("six", "6"), encoding="utf-8")
        correcting.take_in(warehouse, table, SOURCES, "Ada")
        assert engine.load([load_id], SOURCES, "a-run", no_progress) == {}
        with warehouse.reading() as connection:
            assert not ledger.to_be_corrected(connection)
    assert_same_ledger_and_lines(engines)
    assert [entry["status"] for entry in _entries(next(iter(engines)))] == ["loaded", "failed"]


def test_an_executor_that_is_killed_changes_nothing(engines, tmp_path):
    on_spark = next(iter(engines))
    for number in range(6):
        write_sample(tmp_path / f"{number}.csv", orders=250, seed=number)
    both_load(engines, *sorted(tmp_path.glob("?.csv"))[:1])  # Spark is up, and Python's workers are
    before, killed = _executors(), []

    def kill() -> None:
        deadline = time.monotonic() + 300
        while not killed and time.monotonic() < deadline:
            if unfinished(on_spark):
                os.kill(before[0], signal.SIGKILL)
                killed.append(before[0])

    killer = threading.Thread(target=kill)
    killer.start()
    both_load(engines, *sorted(tmp_path.glob("?.csv"))[1:])
    killer.join()
    assert killed
    assert killed[0] not in _executors()
    assert unfinished(on_spark) == []
    assert_same_ledger_and_lines(engines)
    mart = marts()["mart_invoice_days"]
    for engine in engines.values():
        engine.refresh(mart)
    assert _sorted(_rows_of(on_spark, mart, [*mart.columns])) == _sorted(
        _rows_of(list(engines)[1], mart, [*mart.columns])
    )


def unfinished(warehouse: Warehouse) -> list[Path]:
    """Files in the store that an executor is writing, or was."""
    return list((warehouse.settings.resolved_home / "spark").glob(f"*/*/*/{ARRIVING}*.parquet"))


def _executors() -> list[int]:
    """The executors' processes: Java's, below a Spark that this process started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, parents = (process / "cmdline").read_bytes(), _parents(int(process.name))
        except OSError:
            continue
        if b"CoarseGrainedExecutorBackend" in command and os.getpid() in parents:
            found.append(int(process.name))
    return found


def _parents(process: int) -> list[int]:
    found = []
    while process > 1:
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(process)
    return found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_dagster_runs_the_same_assets_and_checks_on_spark(engines, export, monkeypatch):
    on_spark, twin = engines
    file = export("1.csv", order_line("1"), order_line("2", quantity="six"), order_line("C3", quantity=-1))
    found = []
    for warehouse in (on_spark, twin):
        monkeypatch.setenv("RETAIL_HOME", str(warehouse.settings.home))
        monkeypatch.setenv("RETAIL_ENGINE", warehouse.settings.engine)
        assert ingestion.ingest_files([file]) == 0
        columns = ("asset", "name", "table_name", "severity", "passed", "unexpected_rows")
        found.append(sorted(map(str, rows(warehouse, check_results, *columns))))
    assert found[0] == found[1]
    assert _told(_entries(on_spark)) == _told(_entries(twin))

    mart = marts()["mart_customers"]
    assert engines[on_spark].difference(mart).rows == 0
    with on_spark.writing() as connection:
        connection.execute(sa.text("UPDATE mart_customers SET orders = orders + 1"))
    told = engines[on_spark].difference(mart)
    assert (told.rows_missing, told.rows_extra) == (1, 1)
    assert engines[on_spark].refresh(mart).way == "none"
    assert engines[on_spark].refresh(mart, full=True).way == "full"
    assert engines[on_spark].difference(mart).rows == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_change_of_the_engine_is_told_and_one_reload_brings_all_loads(engines, export):
    on_spark, _ = engines
    spark, database = engines[on_spark], DatabaseEngine(on_spark)
    mart = marts()["mart_invoice_days"]
    first, *_ = [land(on_spark, export(f"{n}.csv", order_line(str(n))), ONLINE_RETAIL).load_id for n in (1, 2)]
    assert spark.load([entry["load_id"] for entry in _entries(on_spark)], SOURCES, None, no_progress) == {}
    for engine, problem in ((database, "loaded by Spark"), (spark, "loaded by the database")):
        with pytest.raises(BadInput, match=f"{problem}.*retail loads reload {first}"):
            engine.refresh(mart)
        assert engine.load([first], SOURCES, None, no_progress) == {}
        assert engine.refresh(mart).rows == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_executors_run_the_code_that_was_sent_to_them(on_spark):
    def where(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        from retail_pipeline.intake import lines

        for _ in frames:
            yield pd.DataFrame({"place": [lines.__file__]})

    numbers = session_of(on_spark.settings).range(0, 1, 1, 1)
    (found,) = numbers.mapInPandas(where, "place string").collect()
    assert "retail_pipeline.zip" in found["place"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_real_data_and_days_that_overlap_it_the_marts_are_the_same(engines, tmp_path):
    data = os.environ.get("RETAIL_TEST_DATA")
    if not data:
        pytest.skip("set RETAIL_TEST_DATA to a folder with UCI's Online Retail as data.csv.xz and by_day.tar.xz")
    whole = tmp_path / "online_retail.csv"
    with lzma.open(Path(data, "data.csv.xz")) as packed, whole.open("wb") as file:
        shutil.copyfileobj(packed, file)
    with tarfile.open(Path(data, "by_day.tar.xz")) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        archive.extractall(tmp_path / "days")
    days = sorted((tmp_path / "days").rglob("*.csv"))
    both_load(engines, days[3], whole, *days[-8:])
    assert _told(_entries(next(iter(engines)))) == _told(_entries(list(engines)[1]))
    assert_same_marts(engines)
