"""A password and a key are planted, things fail in every way, and nothing that anybody can read has them in it."""

import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from retail_pipeline_tests import servers
from retail_pipeline_tests.end_to_end.commands import Done, environment, retail, warm_retail
from retail_pipeline_tests.end_to_end.serving import SECONDS_TO_STOP, wait_for
from retail_pipeline_tests.exports import order_line
from retail_pipeline_tests.ports import free_port

pytestmark = [pytest.mark.end_to_end, pytest.mark.mysql]

PASSWORD = "Pl4nted-Pa55word"


@pytest.fixture
def user(mysql_url: str):
    """URLs of a database: as a user with the planted password, and as root."""
    name = f"planted_{uuid4().hex[:8]}"
    with servers.database_url(mysql_url, "secrets") as url:
        root = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        parsed = sa.make_url(url)
        with root.connect() as connection:
            connection.exec_driver_sql(f"CREATE USER {name} IDENTIFIED BY '{PASSWORD}'")
            connection.exec_driver_sql(f"GRANT ALL ON {parsed.database}.* TO {name}")
        yield parsed.set(username=name, password=PASSWORD).render_as_string(hide_password=False), root
        with root.connect() as connection:
            connection.exec_driver_sql(f"DROP USER {name}")


def answers_of_the_api(address: str, key: str) -> list[httpx.Response]:
    """Answers to requests that go well, that fail, and that nobody may make."""
    bearer = {"Authorization": f"Bearer {key}"}
    answers = [
        httpx.get(f"{address}{path}", headers=headers, timeout=60)
        for path, headers in {
            "/metrics": bearer,
            "/marts/mart_kpis": bearer,  # which is gone
            "/transactions": {"Authorization": f"Bearer {key}x"},
            "/health": bearer | {"X-Request-Id": "the-proxy-s-own"},
        }.items()
    ]
    assert [answer.status_code for answer in answers] == [200, 500, 401, 200]
    assert answers[-1].headers["X-Request-Id"] == "the-proxy-s-own"
    return answers


def test_no_secret_is_in_any_output_log_answer_or_file_whatever_fails(user, export, tmp_path):
    url, root = user
    home, told = tmp_path / "shop", []

    def run(*arguments: str | Path, status: int, by: Callable[..., Done] = warm_retail, **settings: str) -> str:
        given = {"RETAIL_DATABASE_URL": url, "RETAIL_LOG_LEVEL": "debug", "RETAIL_LOG_FORMAT": "json"}
        given |= {"RETAIL_RETRY_SECONDS": "1"} | settings
        done = by(*arguments, home=home, **given)
        told.append(done.stdout + done.stderr)
        assert done.returncode == status, told[-1]
        return done.stdout

    run("ingest", export("good.csv", order_line()), status=0, by=retail)
    key = run("keys", "create", "till", "--scope", "read", status=0).strip()
    told.clear()  # what was shown this once
    run("keys", "list", status=0)
    run("loads", status=2, RETAIL_DATABASE_URL=url.replace(PASSWORD, f"{PASSWORD}-wrong"))
    run("loads", status=1, RETAIL_DATABASE_URL=f"mysql://retail:{PASSWORD}@127.0.0.1:1/retail")
    run("loads", status=2, RETAIL_DATABASE_URL=f"mysql://retail@127.0.0.1:{PASSWORD}/retail")
    run("loads", status=2, RETAIL_BATCH_ROWS="many")
    run("ingest", export("bad.csv", "\0"), status=2)
    with root.connect() as connection:  # a run fails within, and its checks with it
        connection.exec_driver_sql("DROP TABLE mart_kpis")
        connection.exec_driver_sql("ALTER TABLE superseded_lines RENAME TO elsewhere")
    run("ingest", export("fails.csv", order_line("2")), status=1)

    port = free_port()
    settings = {"RETAIL_DATABASE_URL": url, "RETAIL_DAGSTER_URL": f"http://127.0.0.1:{free_port()}"}
    command = [sys.executable, "-m", "retail_pipeline", "api", "--port", str(port)]
    with (tmp_path / "api.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home, **settings), stdout=log, stderr=log)
        try:
            wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).close())
            told += [
                str(answer.headers) + answer.text for answer in answers_of_the_api(f"http://127.0.0.1:{port}", key)
            ]
        finally:
            process.terminate()
            process.wait(SECONDS_TO_STOP)
    told.append((tmp_path / "api.log").read_text())
    assert "GET /marts/mart_kpis 500" in told[-1]
    assert "request_id=the-proxy-s-own" in told[-1]

    for text in told:
        assert PASSWORD not in text
        assert key not in text
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" and path.stat().st_size > 100_000 for path in files), "Dagster's event log"
    for path in files:  # the runs' logs, Dagster's storage, the landing store
        content = path.read_bytes()
        assert PASSWORD.encode() not in content, path
        assert key.encode() not in content, path
    with root.connect() as connection:
        details = "".join(connection.scalars(sa.text("SELECT details FROM check_results")))
    assert PASSWORD not in details
