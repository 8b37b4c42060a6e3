"""Whether the server is who it says it is, is looked into where a setting asks for it, and costs nothing elsewhere."""

import ssl

import pytest
import sqlalchemy as sa

pytestmark = [pytest.mark.database, pytest.mark.mysql]


@pytest.mark.parametrize("database_url", ["mysql"], indirect=True)
def test_authorities_are_read_where_a_server_is_to_be_verified_and_nowhere_else(warehouse, monkeypatch):
    read = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: read.append("authorities"))
    sa.create_engine(warehouse.url, poolclass=sa.NullPool).connect().close()
    assert not read
    verified = warehouse.url.update_query_dict({"ssl_verify_cert": "true"})
    with pytest.raises(sa.exc.OperationalError, match=r"SSL|certificate"):  # none of the tests' servers can be verified
        sa.create_engine(verified, poolclass=sa.NullPool).connect()
    assert read
