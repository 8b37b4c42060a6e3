"""The users that deploy/database-users.sh makes can do their work, and nothing else."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.settings import Settings
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import Warehouse, correcting, rights
from retail_pipeline.warehouse.landing import land
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline.warehouse.table_changes import replaced_table
from retail_pipeline.warehouse.tables import quarantined_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, ingest, order_line

pytestmark = [pytest.mark.database, pytest.mark.mysql]

SCRIPT = Path(__file__).parents[2] / "deploy" / "database-users.sh"

AWKWARD = "a'b\\\"c @:/%#$`+d"
"""A password with every character that somebody might forget to quote."""

USERS = ("RETAIL", "API", "TABLEAU", "DAGSTER")

FOR_PEOPLE = [mart for mart in marts().values() if mart.is_for_people]


def make_users(server: sa.URL, **variables: str) -> subprocess.CompletedProcess[str]:
    if not shutil.which("mysql"):
        pytest.skip("the client `mysql` isn't installed, so deploy/database-users.sh wasn't tried")
    options = [f"--host={server.host}", f"--port={server.port}", f"--user={server.username}"]
    variables = {"PATH": os.environ["PATH"], "MYSQL_ROOT_PASSWORD": server.password or "", **variables}
    return subprocess.run([SCRIPT, *options], env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def users(mysql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Warehouse]]:
    """The warehouse with a load in it, as each of the users reaches it; Dagster's user reaches its own database."""
    server, suffix = sa.make_url(mysql_url), f"_{uuid4().hex[:8]}"
    names = {f"{user}_DB_USER": f"{user.lower()}{suffix}" for user in USERS}
    databases = {"RETAIL_DB": f"shop{suffix}", "DAGSTER_DB": f"runs{suffix}"}
    passwords = {f"{user}_DB_PASSWORD": f"{AWKWARD}{user}" for user in USERS}
    for _ in range(2):  # it may be run again
        made = make_users(server, **names, **databases, **passwords)
        assert made.returncode == 0, made.stderr

    def reached_by(user: str) -> Warehouse:
        url = server.set(
            username=names[f"{user}_DB_USER"],
            password=None,
            database=databases["DAGSTER_DB" if user == "DAGSTER" else "RETAIL_DB"],
        )
        settings = {"database_url": url.render_as_string(), "database_password": passwords[f"{user}_DB_PASSWORD"]}
        return Warehouse(Settings(home=tmp_path_factory.mktemp(user), **settings))

    reached = {user: reached_by(user) for user in USERS}
    pipeline = reached["RETAIL"]
    upgrade(pipeline)
    rights.let_serve(pipeline, names["API_DB_USER"])
    rights.let_read(pipeline, names["TABLEAU_DB_USER"], [mart.name for mart in FOR_PEOPLE])  # none of them is made yet
    export = tmp_path_factory.mktemp("exports") / "day.csv"
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    export.write_text("\n".join([header, order_line("1"), order_line("C2", quantity=-1), order_line("x", "y", "z")]))
    ingest(pipeline, export)
    for mart in marts().values():
        refresh(pipeline, mart)
    yield reached
    for warehouse in reached.values():
        warehouse.dispose()
    with sa.create_engine(server, isolation_level="AUTOCOMMIT").connect() as root:
        for database in databases.values():
            root.exec_driver_sql(f"DROP DATABASE {database}")
        for name in names.values():
            root.exec_driver_sql(f"DROP USER {name}")


def reading(table: str, schema: str | None = None) -> str:
    """A query on a table."""
    return str(sa.select(sa.literal_column("1")).select_from(sa.table(table, schema=schema)))


def assert_refused(warehouse: Warehouse, statement: str) -> None:
    with (
        pytest.raises(sa.exc.DBAPIError, match=r"denied|privilege|not allowed"),
        warehouse.writing() as connection,
    ):
        connection.exec_driver_sql(statement)


def test_tableau_reads_every_mart_also_when_it_was_made_anew_and_swapped_in(users):
    swapped = marts()["mart_kpis"]
    with users["RETAIL"].writing() as connection, replaced_table(connection, swapped.table, swapped.name) as newcomer:
        columns = list(swapped.columns)
        filled = sa.insert(swapped.table(newcomer)).from_select(columns, sa.select(swapped.table()))
        connection.execute(filled)
    with users["TABLEAU"].reading() as connection:
        for mart in FOR_PEOPLE:
            connection.execute(sa.select(mart.table())).all()
        assert connection.scalar(sa.select(sa.func.count()).select_from(swapped.table())) > 0


@pytest.mark.parametrize(
    "statement",
    [
        *map(reading, ("loads", "order_lines", "quarantined_lines", "api_keys", "running_products", "mart_refreshes")),
        "DELETE FROM mart_kpis",
        "INSERT INTO mart_measures SELECT * FROM mart_measures",
        "CREATE TABLE mart_of_mine (a INT)",
        "DROP TABLE mart_kpis",
        "SELECT 1 FROM mysql.user",
    ],
)
def test_tableau_can_do_nothing_else(users, statement):
    assert_refused(users["TABLEAU"], statement)


def test_the_api_takes_in_files_and_reads_everything(users, tmp_path):
    api = users["API"]
    export = tmp_path / "handed_in.csv"
    export.write_text("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n")
    with export.open("a") as file:
        file.write(order_line("3"))
    assert land(api, export, ONLINE_RETAIL).is_new
    with api.reading() as connection:
        for table in sa.inspect(connection).get_table_names():
            connection.exec_driver_sql(reading(table)).all()


def test_the_api_takes_in_corrections(users, tmp_path):
    api, pipeline = users["API"].settings, users["RETAIL"].settings
    access = {"database_url": api.database_url, "database_password": api.database_password}
    with Warehouse(Settings(home=pipeline.home, **access)) as api:
        with api.reading() as connection:
            (load_id,) = connection.scalars(sa.select(quarantined_lines.c.load_id))
        correcting.hand_out(api, load_id, SourceCatalogue(), tmp_path / "fix.csv")
        fixed = tmp_path / "fixed.csv"
        fixed.write_text((tmp_path / "fix.csv").read_text().replace("United Kingdom", "EIRE"))
        assert correcting.take_in(api, fixed, SourceCatalogue(), "Ann").rows_by_load == {load_id: 1}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM loads",
        "UPDATE order_lines SET quantity = 0",
        "DELETE FROM quarantined_lines",
        "INSERT INTO api_keys (key_id) VALUES ('mine')",
        "UPDATE api_keys SET revoked_at = NULL",
        "DELETE FROM check_results",
        "UPDATE corrections SET corrected_by = 'nobody'",
        "UPDATE mart_kpis SET orders = 0",
        "CREATE TABLE of_mine (a INT)",
        "DROP TABLE mart_kpis",
    ],
)
def test_the_api_writes_nothing_but_what_is_handed_in(users, statement):
    assert_refused(users["API"], statement)


def test_nobody_gets_beyond_the_own_database(users):
    runs = users["DAGSTER"].url.database
    with users["DAGSTER"].writing() as connection:
        connection.exec_driver_sql("CREATE TABLE of_dagster (a INT)")
    for user in ("RETAIL", "API", "TABLEAU"):
        assert_refused(users[user], reading("of_dagster", runs))
    assert_refused(users["DAGSTER"], reading("loads", users["RETAIL"].url.database))
    assert_refused(users["DAGSTER"], f"GRANT SELECT ON {runs}.* TO {users['TABLEAU'].url.username}")
    for warehouse in users.values():
        assert_refused(warehouse, "CREATE USER somebody IDENTIFIED BY 'Letters9'")
        assert_refused(warehouse, "SET GLOBAL local_infile = 0")


def test_rights_for_nobody_or_by_somebody_who_has_none_to_give_are_a_clear_error(users):
    with pytest.raises(BadInput, match=r"grants nobody_at_all nothing: .* The user must exist"):
        rights.let_read(users["RETAIL"], "nobody_at_all", ["mart_kpis"])
    with pytest.raises(BadInput, match="WITH GRANT OPTION"):
        rights.let_serve(users["API"], users["TABLEAU"].url.username)


def test_a_password_that_is_missing_is_named_and_nothing_is_made(mysql_url):
    refused = make_users(sa.make_url(mysql_url), RETAIL_DB_PASSWORD="x", API_DB_PASSWORD="x", TABLEAU_DB_PASSWORD="x")
    assert refused.returncode != 0
    assert "DAGSTER_DB_PASSWORD: is not set" in refused.stderr


def test_dagsters_storage_holds_what_it_notes_of_a_condition_on_many_assets(users, tmp_path, monkeypatch):
    import dagster as dg

    from retail_pipeline.defs.storage import upgrade_storage

    url = users["DAGSTER"].url
    reached = {"HOST": url.host, "PORT": str(url.port), "USER": url.username, "PASSWORD": url.password}
    for name, value in (reached | {"DB": url.database}).items():
        monkeypatch.setenv(f"DAGSTER_MYSQL_{name}", value)
    shutil.copy(SCRIPT.parents[1] / "dagster.yaml", tmp_path)
    for _ in range(2):  # it may be done again
        upgrade_storage(tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.run_storage.set_cursor_values({"cursor": "x" * 200_000})
        assert len(instance.run_storage.get_cursor_values({"cursor"})["cursor"]) == 200_000
    with users["DAGSTER"].reading() as connection:
        columns = sa.inspect(connection).get_columns("asset_daemon_asset_evaluations")
    types = {column["name"]: str(column["type"]) for column in columns}
    assert types["asset_evaluation_body"].startswith("LONGTEXT")
