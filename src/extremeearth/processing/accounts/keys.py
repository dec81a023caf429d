"""API keys: ``prefix.secret``, where only a hash of the secret is ever stored.

The secret has 256 random bits, so a fast hash is right: there is nothing to guess, and Argon2 would only make
every request slow.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from extremeearth.core.errors import KeyInvalidError
from extremeearth.core.security import Scope

__all__ = [
    "IssuedKey",
    "KeyInfo",
    "hash_secret",
    "is_prefix",
    "make_token",
    "same_secret",
    "split_token",
]

_TOKEN = re.compile(r"(ee[0-9a-f]{10})\.([A-Za-z0-9_-]{43})")
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """What can be told of a key after it was made; times are aware, `None` where it did not happen.

    Attributes
    ----------
    prefix
        The part before the dot: names the key, opens nothing.
    expires
        From when on it opens nothing; `None` for never.
    revoked
        When somebody made it useless.
    """

    prefix: str
    name: str
    user_id: str
    project_id: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None
    last_used: datetime | None = None
    revoked: datetime | None = None

    def active(self, now: datetime) -> bool:
        """Tell whether it opens anything at `now`."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey(KeyInfo):
    """A key in the one moment when its secret is known.

    Attributes
    ----------
    token
        ``prefix.secret``, what goes into the header ``Authorization: ApiKey ...``. Not shown by `repr`.
    """

    token: str = field(repr=False)


def make_token() -> tuple[str, str]:
    """Make a prefix and a secret of 256 bits.

    Examples
    --------
    >>> prefix, secret = make_token()
    >>> split_token(f"{prefix}.{secret}") == (prefix, secret)
    True
    """
    return f"ee{secrets.token_hex(5)}", secrets.token_urlsafe(32)


def is_prefix(text: str) -> bool:
    """Tell whether a text can be the prefix of a key; no other is ever shown to a database.

    Examples
    --------
    >>> is_prefix("ee0123456789"), is_prefix("ee")
    (True, False)
    """
    return re.fullmatch(r"ee[0-9a-f]{10}", text) is not None


def split_token(token: str) -> tuple[str, str]:
    """Split ``prefix.secret``.

    Raises
    ------
    KeyInvalidError
        It does not look like a key.

    Examples
    --------
    >>> split_token("hello")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.KeyInvalidError: What was sent is not an API key. A key looks like ee0123456789.<secret>.
    """
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise KeyInvalidError(
            "What was sent is not an API key.", hint="A key looks like ee0123456789.<secret>."
        )
    return match[1], match[2]


def hash_secret(secret: str) -> str:
    """Give the SHA-256 of a secret in hexadecimal.

    Examples
    --------
    >>> len(hash_secret("x"))
    64
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def same_secret(secret: str, stored: str | None) -> bool:
    """Compare in constant time; with `None`, an unknown key, the same work is done for nothing.

    Examples
    --------
    >>> (
    ...     same_secret("x", hash_secret("x")),
    ...     same_secret("y", hash_secret("x")),
    ...     same_secret("x", None),
    ... )
    (True, False, False)
    """
    equal = hmac.compare_digest(hash_secret(secret), _NOBODY if stored is None else stored)
    return equal and stored is not None
