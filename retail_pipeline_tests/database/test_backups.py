"""A backup brings back everything that was lost, into whichever database, or nothing at all."""

import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, api_keys, correcting
from retail_pipeline.warehouse.backups import writing
from retail_pipeline.warehouse.backups.archive import KEPT
from retail_pipeline.warehouse.backups.restoring import restore
from retail_pipeline.warehouse.backups.writing import back_up
from retail_pipeline.warehouse.check_results import CheckResult
from retail_pipeline.warehouse.check_results import enter as enter_results
from retail_pipeline.warehouse.landing import landed_file
from retail_pipeline.warehouse.loading import load, revert
from retail_pipeline.warehouse.migrations import ensure_current, missing_upgrade
from retail_pipeline.warehouse.migrations.revisions import HEAD, KNOWN
from retail_pipeline.warehouse.tables import loads, order_lines
from retail_pipeline_tests import servers
from retail_pipeline_tests.database.test_refreshing import refresh_all, shown
from retail_pipeline_tests.exports import (
    ONLINE_RETAIL,
    assert_everything_is_accounted_for,
    entry,
    ingest,
    order_line,
    rows,
)
from retail_pipeline_tests.killing import exit_status, in_a_process, kill_before_statement

pytestmark = pytest.mark.database

ODD = 'say "a,b"\\n\\N NULL 你好 '


@pytest.fixture
def shop(warehouse: Warehouse, export: Callable[..., Path], tmp_path: Path) -> Warehouse:
    """A warehouse in which everything has happened that can."""
    sources = warehouse.settings.sources_folder
    sources.mkdir(parents=True)
    (sources / "till.yaml").write_text("name: till\nextends: online_retail\n", encoding="utf-8")
    first = ingest(
        warehouse,
        export(
            "1.csv",
            order_line("1", description=f'"{ODD.replace(chr(34), chr(34) * 2)}"'),
            order_line("2", customer="", price="0.0001", quantity="-0.5"),
            order_line("3", quantity="six"),
            order_line("4", at="yesterday", description='"two\nlines"'),
        ),
    )
    ingest(warehouse, export("2.csv", order_line("1", quantity=2), order_line("5", country="Mordor")))
    revert(warehouse, ingest(warehouse, export("bad.csv", order_line("5", price="1000"))))
    fix = tmp_path / "fix.csv"
    correcting.hand_out(warehouse, first, SourceCatalogue(), fix)
    fix.write_text(fix.read_text(encoding="utf-8-sig").replace(",six,", ",6,"), encoding="utf-8")
    correcting.take_in(warehouse, fix, SourceCatalogue(), by="Ann")
    load(warehouse, first, ONLINE_RETAIL)
    with warehouse.writing() as connection:
        api_keys.make(connection, "till", ["ingest"])
        enter_results(connection, "run", [CheckResult("order_lines", "loads", "all", "critical", True, {"rows": 3})])
    return warehouse


def kept(warehouse: Warehouse) -> dict[str, list[tuple]]:
    """Everything that a backup is to bring back: tables as Python has them, and files."""
    found = {table.name: rows(warehouse, table) for table in KEPT}
    for folder in (warehouse.landing_folder, warehouse.settings.sources_folder):
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".pruning"]
        found[folder.name] = sorted((str(path.relative_to(folder)), path.read_bytes()) for path in files)
    return found


def lose(warehouse: Warehouse) -> None:
    """The disk is gone."""
    if not warehouse.is_sqlite:
        with warehouse.writing() as connection:
            for name in sa.inspect(connection).get_table_names():
                connection.execute(sa.text(f"DROP TABLE {name}"))
    warehouse.dispose()
    shutil.rmtree(warehouse.settings.resolved_home)


@contextmanager
def another(kind: str, home: Path, server: str) -> Iterator[Warehouse]:
    """An empty warehouse elsewhere."""
    if kind == "sqlite":
        yield Warehouse(Settings(home=home, database_url=""))
        return
    with servers.database_url(server, "restored") as url:
        elsewhere = Warehouse(Settings(home=home, database_url=url))
        yield elsewhere
        elsewhere.dispose()


def test_everything_that_was_lost_comes_back_and_the_marts_are_as_they_were(shop, tmp_path):
    refresh_all(shop)
    before, figures = kept(shop), shown(shop)
    backup = back_up(shop, tmp_path / "backup.zip")
    assert backup.manifest.problems == []
    assert stat.S_IMODE(backup.path.stat().st_mode) == 0o600
    lose(shop)

    restore(shop, backup.path)
    ensure_current(shop)
    assert kept(shop) == before
    assert_everything_is_accounted_for(shop)
    refresh_all(shop)
    assert shown(shop) == figures

    with pytest.raises(BadInput, match="the database holds 3 loads; --replace puts"):
        restore(shop, backup.path)
    extra = ingest(shop, tmp_path / "1.csv", ONLINE_RETAIL.model_copy(update={"name": "other"}))
    assert extra in {load_id for (load_id,) in rows(shop, loads, "load_id")}  # the same bytes are the same load
    changed = shop.settings.sources_folder / "till.yaml"
    changed.write_text("name: till\nextends: shopify_orders\n", encoding="utf-8")
    restore(shop, backup.path, replace=True)
    aside = changed.with_name("till.yaml.replaced")
    assert aside.read_text(encoding="utf-8") == "name: till\nextends: shopify_orders\n"
    aside.unlink()
    assert kept(shop) == before


@pytest.mark.mysql
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_backup_of_sqlite_is_restored_to_a_server_and_a_backup_of_that_to_sqlite(shop, tmp_path, mysql_url):
    before = kept(shop)
    shop_backup = back_up(shop, tmp_path).path
    with another("mysql", tmp_path / "there", mysql_url) as there:
        restore(there, shop_backup)
        assert kept(there) == before
        assert_everything_is_accounted_for(there)
        (tmp_path / "backups").mkdir()
        server_backup = back_up(there, tmp_path / "backups").path
    with another("sqlite", tmp_path / "back", mysql_url) as back:
        restore(back, server_backup)
        assert kept(back) == before


def test_a_backup_is_of_one_moment_while_loads_go_on(shop, export, tmp_path, monkeypatch):
    before = kept(shop)
    written = writing._write_table
    other, late = Warehouse(Settings()), export("late.csv", order_line("1", quantity=9), order_line("77"))
    newest = next(load_id for (load_id,) in rows(shop, loads, "load_id") if load_id.startswith("2-"))
    meanwhile = iter([lambda: ingest(other, late), lambda: revert(other, newest), lambda: refresh_all(other)])

    def and_something_happens(*arguments):
        yield from written(*arguments)
        next(meanwhile, lambda: None)()

    monkeypatch.setattr(writing, "_write_table", and_something_happens)
    backup = back_up(shop, tmp_path / "backup.zip")
    assert kept(shop) != before
    restore(shop, backup.path, replace=True)
    found = kept(shop)
    assert {name: found[name] for name in before if name != "landing"} == {
        name: before[name] for name in before if name != "landing"
    }
    assert set(before["landing"]) < set(found["landing"])  # what the backup doesn't know stays
    other.dispose()


def test_a_damaged_backup_is_refused_with_the_part_and_nothing_changes(shop, tmp_path):
    backup = back_up(shop, tmp_path / "backup.zip").path
    before = kept(shop)
    whole = backup.read_bytes()
    with zipfile.ZipFile(backup) as archive:
        parts = archive.infolist()
    begins = {}
    for part in parts:  # after a header of 30 bytes, the name and what else the header says
        name, more = struct.unpack_from("<HH", whole, part.header_offset + 26)
        begins[part.filename] = part.header_offset + 30 + name + more
    assert {"tables/order_lines/00001.parquet", "sources/till.yaml"} <= set(begins)
    for part in parts:
        content = bytearray(whole)
        content[begins[part.filename] + part.compress_size // 2] ^= 0xFF
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(content)
        with pytest.raises(BadInput, match=rf"damaged: (its )?{part.filename}"):
            restore(shop, damaged, replace=True)
    damaged.write_bytes(whole[:-1000])
    with pytest.raises(BadInput, match=r"damaged\.zip is no backup, or it is damaged"):
        restore(shop, damaged, replace=True)
    assert kept(shop) == before
    assert missing_upgrade(shop) is None


def test_a_restore_that_was_killed_is_told_and_done_by_restoring_again(shop, export, tmp_path):
    backup = back_up(shop, tmp_path / "backup.zip").path
    before = kept(shop)
    ingest(shop, export("new.csv", order_line("9")))
    now = rows(shop, order_lines)
    killed = 0
    for number in (2, 5, 9, 30, 60, 90, 120):

        def work(number: int = number) -> None:
            own = Warehouse(Settings())
            kill_before_statement(number)
            restore(own, backup, replace=True)

        shop.dispose()
        if exit_status(in_a_process(work)) == 0:
            break
        killed += 1
        if told := missing_upgrade(shop):
            assert told == "a restore into this database was interrupted: run `retail restore` again"
            with pytest.raises(BadInput, match="was interrupted"):
                ensure_current(shop)
        else:
            assert rows(shop, order_lines) == now
    assert killed > 3
    restore(shop, backup, replace=True)
    found = kept(shop)
    assert {name: found[name] for name in before if name != "landing"} == {
        name: before[name] for name in before if name != "landing"
    }


def test_tables_of_others_in_the_same_database_stay_or_keep_a_restore_out(shop, tmp_path):
    backup = back_up(shop, tmp_path / "backup.zip").path
    lose(shop)
    shop.settings.resolved_home.mkdir(exist_ok=True)
    *theirs, countries = (
        sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer))
        for name in ("running_races", "mart_of_theirs", "countries")
    )
    with shop.writing() as connection:
        for table in (*theirs, countries):
            table.create(connection)
    with pytest.raises(BadInput, match="the database has others' tables that bear our names: countries"):
        restore(shop, backup)
    with shop.writing() as connection:
        countries.drop(connection)
    restore(shop, backup)
    assert {table.name for table in theirs} <= set(sa.inspect(shop.engine).get_table_names())


def test_a_profile_that_a_restore_puts_aside_is_never_overwritten_by_another_one(shop, tmp_path):
    backup = back_up(shop, tmp_path / "backup.zip").path
    sources = shop.settings.sources_folder
    for said in ("# one", "# two"):
        (sources / "till.yaml").write_text(said, encoding="utf-8")
        restore(shop, backup, replace=True)
    aside = {path.read_text(encoding="utf-8") for path in sources.glob("till.yaml*") if path.name != "till.yaml"}
    assert aside == {"# one", "# two"}


def test_a_backup_is_of_the_revision_that_its_tables_are_of(shop, tmp_path, monkeypatch):
    def note(revision: str) -> None:
        with shop.writing() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    unpruned = writing.unpruned

    def after_an_upgrade(warehouse: Warehouse):
        note(HEAD)
        return unpruned(warehouse)

    note(KNOWN[-2])
    monkeypatch.setattr(writing, "unpruned", after_an_upgrade)
    assert back_up(shop, tmp_path / "backup.zip").manifest.revision == HEAD


def test_a_file_that_is_gone_from_the_landing_store_is_told_and_does_not_keep_the_rest_out(shop, tmp_path):
    first, second, _ = (load_id for (load_id,) in rows(shop, loads, "load_id"))
    landed_file(shop, first, entry(shop, first)["file_name"]).unlink()
    landed_file(shop, second, entry(shop, second)["file_name"]).write_text("changed")
    backup = back_up(shop, tmp_path / "backup.zip")
    assert backup.manifest.problems == [
        f"{first}: its file is gone from the landing store",
        f"{second}: its file isn't any more what was handed in",
    ]
    with pytest.raises(BadInput, match="is there already: a backup overwrites nothing"):
        back_up(shop, tmp_path / "backup.zip")
