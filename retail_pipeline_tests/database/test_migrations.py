"""How the tables are made and upgraded, on every database."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.geography import country_rows
from retail_pipeline.warehouse.migrations import ensure_current
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline.warehouse.tables import contested_invoices, countries, metadata
from retail_pipeline_tests.database.test_refreshing import refresh_all
from retail_pipeline_tests.killing import exit_status, in_a_process

pytestmark = pytest.mark.database


def test_migrations_make_the_tables_that_the_code_declares(warehouse):
    with warehouse.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_upgrading_twice_changes_nothing(warehouse):
    upgrade(warehouse)
    with warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(countries)) == len(country_rows())


def test_an_empty_database_gets_its_tables_by_itself(database_url):
    warehouse = Warehouse(Settings(database_url=database_url))
    ensure_current(warehouse)
    with warehouse.reading() as connection:
        assert sa.inspect(connection).has_table("order_lines")
    warehouse.engine.dispose()


def test_many_processes_may_make_the_tables_at_the_same_time(database_url):
    pids = [in_a_process(lambda: ensure_current(Warehouse(Settings(database_url=database_url)))) for _ in range(4)]
    assert [exit_status(pid) for pid in pids] == [0] * 4


def test_tables_that_a_later_version_made_are_refused(warehouse):
    with warehouse.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (ensure_current, upgrade):
        with pytest.raises(BadInput, match="revision 9999, made by a later version"):
            refused(warehouse)


def test_texts_that_differ_by_case_or_by_a_space_are_two(warehouse):
    invoices = [{"source": "shop", "invoice_no": text} for text in ("c1", "C1", "c1 ")]
    with warehouse.writing() as connection:
        connection.execute(sa.insert(contested_invoices), invoices)
        assert connection.scalar(sa.text("SELECT COUNT(DISTINCT invoice_no) FROM contested_invoices")) == 3


@pytest.mark.mysql
@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mariadb+pymysql"])
def test_a_server_compares_every_text_by_its_bytes_and_pads_none_however_its_url_begins(database_url, scheme):
    warehouse = Warehouse(Settings(database_url=database_url.replace("mysql+pymysql", scheme)))
    ensure_current(warehouse)
    refresh_all(warehouse)
    assert_it_compares_texts_by_their_bytes(warehouse)
    warehouse.dispose()


def assert_it_compares_texts_by_their_bytes(warehouse: Warehouse) -> None:
    query = sa.text(
        "SELECT collation_name, COUNT(*) FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND collation_name IS NOT NULL AND table_name <> 'alembic_version' "
        "GROUP BY collation_name"
    )
    with warehouse.reading() as connection:
        expected = "utf8mb4_nopad_bin" if connection.dialect.is_mariadb else "utf8mb4_0900_bin"
        ((found, columns),) = connection.execute(query)
        assert found == expected
        assert columns > 50
