"""The database tests' server: which one is chosen, that it goes away again, and what is said where there is none."""

import shutil
import tempfile

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from retail_pipeline_tests import servers

needs_a_daemon = pytest.mark.skipif(
    not any(shutil.which(name, path=servers.SEARCH_PATH) for name in ("mysqld", "mariadbd")),
    reason="neither mysqld nor mariadbd is on the PATH: the session's server is another one",
)


def answer(url, question):
    with create_engine(url).connect() as connection:
        return connection.exec_driver_sql(question).scalar()


@pytest.fixture
def no_server_is_named(monkeypatch):
    monkeypatch.delenv(servers.URL_VARIABLE, raising=False)


@pytest.mark.mysql
def test_the_server_that_is_named_wins(monkeypatch):
    with servers.mysql_server() as url:
        monkeypatch.setenv(servers.URL_VARIABLE, url)
        with servers.mysql_server(path="") as named:
            assert named == url
        assert answer(url, "SELECT 1") == 1


def test_a_server_that_is_named_and_does_not_answer_is_not_replaced_by_another(monkeypatch):
    monkeypatch.setenv(servers.URL_VARIABLE, "mysql+pymysql://root@127.0.0.1:1")
    with pytest.raises(servers.NoServer, match=f"{servers.URL_VARIABLE} doesn't answer"), servers.mysql_server():
        pass


@pytest.mark.mysql
@needs_a_daemon
@pytest.mark.usefixtures("no_server_is_named")
def test_a_server_found_on_the_path_answers_and_is_gone_afterwards():
    with servers.mysql_server() as url:
        assert answer(url, "SELECT @@local_infile") == 1
        assert answer(url, "SELECT @@character_set_server") == "utf8mb4"
        assert answer(url, "SELECT @@tmpdir") != tempfile.gettempdir()  # where it would delete another server's tables
    with pytest.raises(OperationalError, match="Can't connect"):
        answer(url, "SELECT 1")


@pytest.mark.usefixtures("no_server_is_named")
def test_a_server_that_does_not_come_up_is_reported_with_the_tail_of_its_log(tmp_path):
    broken = tmp_path / "mysqld"
    broken.write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(servers.NoServer, match="No space left on device"), servers.mysql_server(str(tmp_path)):
        pass


@pytest.mark.usefixtures("no_server_is_named")
def test_where_no_server_can_be_had_the_message_says_what_was_tried_and_names_the_way_without():
    with pytest.raises(servers.NoServer) as stop, servers.mysql_server(path=""):
        pass
    for words in (servers.URL_VARIABLE, "mysqld or mariadbd", "apt-get install", "docker", "make test-sqlite"):
        assert words in str(stop.value)


@pytest.mark.mysql
def test_a_database_is_fresh_and_dropped_afterwards():
    with servers.mysql_server() as server, servers.database_url(server, "fresh") as one:
        with servers.database_url(server, "fresh") as other:
            assert one != other
            assert answer(other, "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()") == 0
        with pytest.raises(OperationalError, match="Unknown database"):
            answer(other, "SELECT 1")
        assert answer(one, "SELECT @@character_set_database") == "utf8mb4"
