"""What must never be told: the secrets among the settings, taken out of any text that leaves the process."""

from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 4
"""Shorter secrets aren't looked for: hiding every `a` of a text would tell that the password is `a`."""

_known: set[str] = set()


def keep_secret(secrets: Iterable[str]) -> None:
    """Makes `redacted` hide these from now on, also in the way that URLs write them."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            _known.update((secret, quote(secret, safe=""), quote_plus(secret)))


def redacted(text: str) -> str:
    """The text without any secret that this process knows."""
    for secret in sorted(_known, key=len, reverse=True):  # a URL before the password in it
        text = text.replace(secret, MASK)
    return text
