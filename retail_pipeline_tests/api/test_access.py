"""Who gets in: keys and their scopes, and without keys this machine alone."""

import base64

import pytest
from fastapi.testclient import TestClient

from api import access
from api.main import create_app
from retail_pipeline.errors import BadInput
from retail_pipeline.serving import serve_api
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import api_keys

pytestmark = pytest.mark.database

FIVE_SECONDS = access.KEYS_SECONDS


@pytest.fixture(autouse=True)
def _keys_are_read_at_once(monkeypatch):
    monkeypatch.setattr(access, "KEYS_SECONDS", 0)


def make(warehouse, *scopes: str, name: str = "till") -> str:
    with warehouse.writing() as connection:
        return api_keys.make(connection, name, scopes)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_key_lets_in_to_what_its_scopes_say(client, warehouse):
    reads, ingests = make(warehouse, "read"), make(warehouse, "ingest")
    assert client.get("/transactions", headers=bearer(reads)).status_code == 200
    assert client.get("/transactions", headers=bearer(ingests)).status_code == 403
    assert client.get("/ingest/x", headers=bearer(ingests)).status_code == 404
    refused = client.post("/ingest", headers=bearer(reads))
    assert refused.status_code == 403
    assert refused.json()["detail"] == "the key 'till' has no scope 'ingest'"


def test_without_a_valid_key_nobody_gets_in_but_health_answers(client, warehouse):
    key = make(warehouse, "read")
    last = "0" if key[-1] != "0" else "1"
    for wrong in ("", key[:-1], key[:-1] + last, key.upper(), "retail_x_y", key.replace("retail", "other"), "ü"):
        answer = client.get("/marts", headers={"Authorization": f"Bearer {wrong}".encode()})
        assert answer.status_code == 401, wrong
        assert "Bearer" in answer.headers["www-authenticate"]
    assert client.get("/marts").status_code == 401
    assert client.get("/health").status_code == 200
    assert client.get("/openapi.json").status_code == 200


def test_a_browser_may_give_the_key_as_a_password(client, warehouse):
    key = make(warehouse, "read")
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()
    assert client.get("/marts", headers={"Authorization": f"Basic {basic}"}).status_code == 200
    assert client.get("/marts", headers={"Authorization": "Basic %%%"}).status_code == 401


def test_a_revoked_key_no_longer_lets_in_even_if_it_was_the_last_one(client, warehouse):
    key = make(warehouse, "read")
    key_id = key.split("_")[1]
    with warehouse.writing() as connection:
        api_keys.revoke(connection, key_id)
    assert client.get("/marts", headers=bearer(key)).status_code == 401
    assert client.get("/marts").status_code == 401
    with warehouse.writing() as connection, pytest.raises(BadInput, match="no valid key"):
        api_keys.revoke(connection, key_id)


def test_a_key_lets_nobody_in_five_seconds_after_it_was_revoked(client, warehouse, monkeypatch):
    monkeypatch.setattr(access, "KEYS_SECONDS", FIVE_SECONDS)
    now = 0.0
    client.app.state.gate = access.Gate(warehouse, clock=lambda: now)
    key = make(warehouse, "read")
    assert client.get("/marts", headers=bearer(key)).status_code == 200
    with warehouse.writing() as connection:
        api_keys.revoke(connection, key.split("_")[1])
    now = 4.9
    assert client.get("/marts", headers=bearer(key)).status_code == 200  # not asked of the database at each request
    now = 5.0
    assert client.get("/marts", headers=bearer(key)).status_code == 401


def test_the_secret_of_a_key_is_kept_nowhere(warehouse):
    key = make(warehouse, "read", "ingest")
    with warehouse.reading() as connection:
        (row,) = api_keys.rows(connection)
    assert key.split("_")[2] not in str(dict(row))
    assert row["scopes"] == "ingest,read"


def test_each_key_has_its_requests_per_minute(client_for, warehouse):
    client = client_for(requests_per_minute=3)
    one, other = make(warehouse, "read"), make(warehouse, "read")
    assert [client.get("/marts", headers=bearer(one)).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/marts", headers=bearer(one))
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert client.get("/marts", headers=bearer(other)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example:8000"},
    ],
)
def test_without_keys_pages_of_other_sites_are_refused(client, headers):
    assert client.get("/marts", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"host": "localhost:8000"}, {"host": "[::1]"}, {"origin": "http://localhost:3000"}]
)
def test_without_keys_this_machine_is_served(client, headers):
    assert client.get("/marts", headers=headers).status_code == 200


def test_without_keys_other_machines_are_refused_whatever_they_say(warehouse):
    for base_url, peer in (("http://127.0.0.1", "10.0.0.7"), ("http://10.0.0.1", "127.0.0.1")):
        with TestClient(create_app(Settings()), base_url=base_url, client=(peer, 1)) as client:
            answer = client.get("/marts", headers={"host": "localhost", "x-forwarded-for": "127.0.0.1"})
            assert answer.status_code == 403
            assert "retail keys create" in answer.json()["detail"]


def test_the_api_does_not_start_on_another_address_before_there_is_a_key(warehouse):
    for host in ("0.0.0.0", "::", "192.168.1.5", "till.example"):
        with pytest.raises(BadInput, match="make a key first"):
            serve_api(host, 8000)
