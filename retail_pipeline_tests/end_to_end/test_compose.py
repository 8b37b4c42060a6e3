"""The deployment that docker-compose.yml describes, with each service's own command and health check."""

import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from retail_pipeline_tests.composing import ROOT, Deployment
from retail_pipeline_tests.database.test_database_users import AWKWARD, make_users
from retail_pipeline_tests.end_to_end.serving import graphql
from retail_pipeline_tests.exports import order_line
from retail_pipeline_tests.waiting import wait_until

pytestmark = [pytest.mark.end_to_end, pytest.mark.database, pytest.mark.mysql]

SECRETS = ("RETAIL_DB_PASSWORD", "API_DB_PASSWORD", "TABLEAU_DB_PASSWORD", "DAGSTER_DB_PASSWORD")
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SECONDS_TO_LOAD = 900

OURS = {"databases": ("retail", "dagster"), "users": ("retail", "retail_api", "tableau", "dagster")}
"""What deploy/database-users.sh makes when nothing else is asked for."""


@pytest.fixture
def server(mysql_url: str) -> Iterator[sa.URL]:
    """A server without what the deployment makes there, also afterwards."""
    url = sa.make_url(mysql_url)
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as root:
        if taken := set(OURS["databases"]) & set(root.exec_driver_sql("SHOW DATABASES").scalars()):
            pytest.skip(f"the server has databases called {taken}, which this test would have to make")
        yield url
        for database in OURS["databases"]:
            root.exec_driver_sql(f"DROP DATABASE IF EXISTS {database}")
        for user in OURS["users"]:
            root.exec_driver_sql(f"DROP USER IF EXISTS {user}")


@pytest.fixture
def deployment(server: sa.URL, tmp_path: Path) -> Iterator[Deployment]:
    """Every service, healthy; passwords with whatever characters somebody might forget to quote."""
    passwords = {name: f"{AWKWARD}{name}" for name in SECRETS}
    deployment = Deployment(tmp_path, passwords | {"MYSQL_ROOT_PASSWORD": server.password or "none"}, server.port)
    assert not deployment.is_healthy("mysql")
    given = deployment.environment("mysql")
    made = make_users(server, **{name: given[name] for name in SECRETS})
    assert made.returncode == 0, made.stderr
    with deployment.up(started={"mysql"}):
        yield deployment


def test_a_file_that_is_posted_is_seen_in_the_marts_by_the_user_of_tableau(deployment, server, tmp_path):
    api = httpx.Client(base_url=f"http://127.0.0.1:{deployment.ports['8000']}", timeout=60)
    assert api.get("/health").json()["status"] == "ok"
    assert api.get("/marts", headers={"Host": "retail.example"}).status_code == 403  # nobody has made a key

    made = deployment.run("code", ["retail", "keys", "create", "till", "--scope", "ingest", "--scope", "read"])
    with_key = {"Authorization": f"Bearer {made.stdout.strip()}"}
    wait_until(lambda: api.get("/marts").status_code == 401, seconds=60)
    content = HEADER + order_line("1", quantity=2, price="1.25") + "\n"
    posted = api.post("/ingest", files={"file": ("day.csv", content.encode())}, headers=with_key)
    assert (posted.status_code, posted.json()["status"]) == (202, "landed"), posted.text
    wait_until(
        lambda: api.get(posted.json()["follow"], headers=with_key).json()["status"] == "loaded", seconds=SECONDS_TO_LOAD
    )
    reader = server.set(username="tableau", password=f"{AWKWARD}TABLEAU_DB_PASSWORD", database="retail")
    engine = sa.create_engine(reader, poolclass=sa.NullPool)
    wait_until(lambda: net_revenue(engine) == Decimal("2.50"), seconds=SECONDS_TO_LOAD)

    export = tmp_path / "next_day.csv"
    export.write_text(HEADER + order_line("2", quantity=1, price="1.00") + "\n")
    by_hand = deployment.run("code", ["retail", "ingest", str(export)])
    assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr
    assert net_revenue(engine) == Decimal("3.50")
    runs = graphql(int(deployment.ports["3000"]), "{runsOrError{... on Runs{results{jobName status}}}}")
    finished = [run["jobName"] for run in runs["runsOrError"]["results"] if run["status"] == "SUCCESS"]
    assert finished.count("ingest") == 2  # one that the daemon started, and one by hand
    assert "Data too long" not in (tmp_path / "daemon.log").read_text()


def net_revenue(engine: sa.Engine) -> Decimal | None:
    """What the mart says of all countries and all time; None while nobody has made it."""
    query = sa.text("SELECT net_revenue FROM mart_kpis WHERE scope = 'All countries' AND period = 'all time'")
    with engine.connect() as connection:
        return connection.scalar(query) if sa.inspect(connection).has_table("mart_kpis") else None


def test_docker_compose_itself_reads_the_file():
    done = subprocess.run(["docker", "compose", "version"], capture_output=True)
    if done.returncode != 0:
        pytest.skip("docker compose isn't installed, so it wasn't asked")
    environment = os.environ | dict.fromkeys((*SECRETS, "MYSQL_ROOT_PASSWORD"), "secret")
    config = ["docker", "compose", "config", "--quiet"]
    done = subprocess.run(config, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
