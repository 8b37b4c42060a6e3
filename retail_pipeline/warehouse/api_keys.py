"""Keys of the API: made, found and revoked. The secret part is shown once and kept only as its SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse import ledger
from retail_pipeline.warehouse.tables import api_keys

SCOPES = ("ingest", "read")
PREFIX = "retail"
"""What a key begins with, so that people and secret scanners know one when they see it."""


@dataclass(frozen=True)
class ApiKey:
    """A key as the warehouse knows it."""

    key_id: str
    name: str
    secret_sha256: str
    scopes: frozenset[str]
    is_revoked: bool


def make(connection: sa.Connection, name: str, scopes: Collection[str]) -> str:
    """Makes a key and returns it: `retail_<id>_<secret>`. It can't be shown again."""
    if unknown := set(scopes) - set(SCOPES):
        raise BadInput(f"{unknown.pop()!r} is no scope; there are {', '.join(SCOPES)}")
    key_id, secret = secrets.token_hex(6), secrets.token_hex(24)
    connection.execute(
        sa.insert(api_keys).values(
            key_id=key_id,
            name=name,
            secret_sha256=_hash(secret),
            scopes=",".join(sorted(scopes)),
            created_at=ledger.now(),
        )
    )
    return f"{PREFIX}_{key_id}_{secret}"


def revoke(connection: sa.Connection, key_id: str) -> None:
    """Revokes a key by its id; raises BadInput where there is none, or it was revoked before."""
    valid = sa.and_(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
    if connection.execute(sa.update(api_keys).where(valid).values(revoked_at=ledger.now())).rowcount == 0:
        raise BadInput(f"there is no valid key {key_id!r}; `retail keys list` lists them")


def rows(connection: sa.Connection) -> list[sa.RowMapping]:
    """All keys ever made, the oldest first."""
    return list(connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at)).mappings())


def by_id(connection: sa.Connection) -> dict[str, ApiKey]:
    """All keys ever made, by their ids."""
    return {
        row["key_id"]: ApiKey(
            row["key_id"],
            row["name"],
            row["secret_sha256"],
            frozenset(row["scopes"].split(",")),
            row["revoked_at"] is not None,
        )
        for row in rows(connection)
    }


def matching(known: dict[str, ApiKey], presented: str) -> ApiKey | None:
    """The valid key that somebody presents. Every comparison of a secret takes the same time."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    key = known.get(key_id)
    expected = key.secret_sha256 if key else _hash("")
    is_right = hmac.compare_digest(_hash(secret), expected)
    return key if key and is_right and prefix == PREFIX and not key.is_revoked else None


def _hash(secret: str) -> str:
    # Plain SHA-256 is enough: the secret is 192 random bits, which nobody guesses.
    return hashlib.sha256(secret.encode()).hexdigest()
