"""The inbox, on every database: each file lands once, and only when nobody writes to it any more."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retail_pipeline.errors import Busy
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import inbox, ledger
from retail_pipeline.warehouse.inbox import Look, look
from retail_pipeline.warehouse.landing import landed_file
from retail_pipeline.warehouse.tables import loads
from retail_pipeline_tests.exports import order_line, rows

pytestmark = pytest.mark.database

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


@pytest.fixture
def folder(warehouse) -> Path:
    warehouse.settings.inbox_folder.mkdir(parents=True)
    return warehouse.settings.inbox_folder


def drop(path: Path, number: object = 1) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + order_line(str(number)) + "\n", encoding="utf-8")
    return path


def look_twice(warehouse) -> Look:
    first = look(warehouse, SourceCatalogue(), {})
    return look(warehouse, SourceCatalogue(), first.seen)


def there(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {".lock"}


def test_a_file_lands_at_the_second_look_with_a_run_that_anybody_may_start(warehouse, folder):
    content = drop(folder / "day.csv").read_bytes()
    first = look(warehouse, SourceCatalogue(), {})
    assert not first.landed
    found = look(warehouse, SourceCatalogue(), first.seen)
    load_id = found.landed["day.csv"]
    assert landed_file(warehouse, load_id, "day.csv").read_bytes() == content
    assert rows(warehouse, loads, "load_id", "requested_at") == [(load_id, None)]
    assert there(folder) == {"done/day.csv"}
    assert (folder / "done" / "day.csv").read_bytes() == content


def test_a_file_that_is_being_written_is_left_alone_however_slowly(warehouse, folder):
    path = folder / "day.csv"
    with path.open("w", encoding="utf-8") as copying:
        copying.write(HEADER)
        copying.flush()
        seen = look(warehouse, SourceCatalogue(), {}).seen
        found = look(warehouse, SourceCatalogue(), seen)  # steady, but open
        assert (found.landed, found.refused, found.seen) == ({}, [], seen)
        copying.write(order_line() + "\n")
    found = look(warehouse, SourceCatalogue(), found.seen)  # closed, but changed
    assert not found.landed
    assert look(warehouse, SourceCatalogue(), found.seen).landed


def test_names_of_files_that_are_not_complete_and_links_are_left_alone(warehouse, folder):
    names = {"day.csv.part", ".day.csv.swp", ".~lock.day.csv#", "~$day.xlsx", "day.csv~", "day.csv.crdownload"}
    for name in names:
        drop(folder / name)
    os.symlink("/etc/hostname", folder / "link.csv")
    found = look_twice(warehouse)
    assert found == Look()
    assert there(folder) == names | {"link.csv"}


def test_the_same_bytes_again_land_no_more_under_whatever_name(warehouse, folder):
    drop(folder / "day.csv")
    load_id = look_twice(warehouse).landed["day.csv"]
    with warehouse.writing() as connection:
        ledger.enter_run(connection, [load_id], "r1")
    for name in ("day.csv", "again.csv"):
        drop(folder / name)
    assert look_twice(warehouse).known == {"day.csv": load_id, "again.csv": load_id}
    assert rows(warehouse, loads, "load_id", "run_id") == [(load_id, "r1")]
    assert there(folder) == {"done/day.csv", "done/day-2.csv", "done/again.csv"}


def test_a_folder_says_of_which_source_its_files_are(warehouse, folder):
    drop(folder / "online_retail" / "day.csv")
    drop(folder / "moon_shop" / "day.csv", 2)
    found = look_twice(warehouse)
    assert list(found.landed) == ["online_retail/day.csv"]
    (refused,) = found.refused
    assert refused.reason.startswith("unknown source 'moon_shop'; known are ")
    assert there(folder) == {
        "done/online_retail/day.csv",
        "failed/moon_shop/day.csv",
        "failed/moon_shop/day.csv.why.txt",
    }


def test_what_can_not_be_read_says_where_and_keeps_nothing_else_back(warehouse, folder):
    (folder / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (folder / "nul.csv").write_bytes(HEADER.encode() + b"\0")
    (folder / "empty.csv").touch()
    (folder / "fix.csv").write_text("load_id,line_no,file_line,reasons,amount,invoice_no\n", encoding="utf-8")
    drop(folder / "day.csv")
    before = [reason for _, reason in inbox.refused_since(folder, 0)]
    found = look_twice(warehouse)
    assert (list(found.landed), before, found.troubles) == (["day.csv"], [], [])
    told = {name.removesuffix(".csv.why.txt"): text for name, text in texts(folder / "failed").items()}
    assert told["other"].startswith("other.csv, line 1: no known source has these columns: a, b")
    assert told["nul"].startswith("nul.csv, line 2: holds a NUL byte")
    assert told["empty"].startswith("empty.csv: the file is empty")
    assert "retail ingest FILE --by NAME" in told["fix"]
    refused = inbox.refused_since(folder, 0)
    assert {item.name for _, item in refused} == {f"failed/{name}.csv" for name in told}
    assert inbox.refused_since(folder, refused[-1][0]) == []


def test_a_refused_file_that_is_a_text_itself_is_told_of_and_kept_as_any_other(warehouse, folder):
    for name in ("orders.csv", "orders.csv.txt"):
        (folder / name).write_text("a,b\n1,2\n", encoding="utf-8")
    look_twice(warehouse)
    refused = [item for _, item in inbox.refused_since(folder, 0)]
    assert sorted(item.name for item in refused) == ["failed/orders.csv", "failed/orders.csv.txt"]
    assert (folder / "failed" / "orders.csv.txt").read_text(encoding="utf-8") == "a,b\n1,2\n"


def test_a_refused_file_whose_name_is_no_text_says_why(warehouse, folder):
    Path(os.fsdecode(os.fsencode(folder) + b"/Auftr\xe4ge.csv")).write_text("a,b\n1,2\n", encoding="utf-8")
    look_twice(warehouse)
    ((_, refused),) = inbox.refused_since(folder, 0)
    assert refused.reason.startswith("Auftr?ge.csv, line 1: no known source")


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}


def test_many_that_look_at_once_land_each_file_once(warehouse, folder):
    for number in range(5):
        drop(folder / f"{number}.csv", number)
    seen = look(warehouse, SourceCatalogue(), {}).seen

    def looks(_: int) -> Look:
        try:
            return look(warehouse, SourceCatalogue(), seen)
        except Busy:
            return Look()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(looks, range(4)))
    assert sum(len(each.landed) for each in found) == 5
    assert len(rows(warehouse, loads)) == 5
    assert there(folder) == {f"done/{number}.csv" for number in range(5)}


def test_a_file_that_takes_the_place_of_one_that_just_landed_is_not_lost(warehouse, folder, monkeypatch):
    drop(folder / "day.csv", 1)
    landing = inbox.land

    def land_while_another_comes(*arguments):
        landed = landing(*arguments)
        drop(folder / "new.csv", 2).replace(folder / "day.csv")
        return landed

    seen = look(warehouse, SourceCatalogue(), {}).seen
    monkeypatch.setattr(inbox, "land", land_while_another_comes)
    assert list(look(warehouse, SourceCatalogue(), seen).landed) == ["day.csv"]
    monkeypatch.undo()
    assert there(folder) == {"day.csv"}
    look_twice(warehouse)
    assert len(rows(warehouse, loads)) == 2


def test_a_file_that_could_not_be_kept_is_tried_again(warehouse, folder, monkeypatch):
    def disk_full(*_):
        raise OSError(28, "No space left on device")

    drop(folder / "day.csv")
    with monkeypatch.context() as patched:
        patched.setattr(inbox, "land", disk_full)
        found = look_twice(warehouse)
    assert found.troubles == ["day.csv: [Errno 28] No space left on device"]
    assert there(folder) == {"day.csv"}
    assert look(warehouse, SourceCatalogue(), found.seen).landed
