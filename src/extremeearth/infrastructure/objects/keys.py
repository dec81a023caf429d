"""Names of objects: what a key may look like, and how a catalogue item refers to one."""

from __future__ import annotations

import re

from extremeearth.core.errors import InputError

__all__ = ["check_key", "check_prefix", "href_of", "key_of"]

MAX_KEY_BYTES = 1024
"""Longest key that S3 takes."""
MAX_SEGMENT_BYTES = 220
"""Longest part between two slashes: a file name of 255 bytes, less room for the name while it is written."""
HREF_SCHEME = "object:"

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")
_STAGED = re.compile(r"#\d+$")


def check_key(key: str) -> str:
    """Give `key` back if it can name an object in every kind of store.

    A key is relative, ``a/b/c``: no leading or trailing slash, no empty part, no ``.`` or ``..``, no control
    character, no backslash, no part that ends in ``#`` and digits (a folder store writes under such names).

    Raises
    ------
    InputError
        The key is none of these; it may be an attempt to leave the store.

    Examples
    --------
    >>> check_key("field-series/a/cube")
    'field-series/a/cube'
    >>> check_key("../secret")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: '../secret' cannot name an object: it has the part '..'. ...
    """
    reason = _reason_against(key)
    if reason is not None:
        raise InputError(
            f"{key[:200]!r} cannot name an object: {reason}.",
            hint="Write a relative key such as 'collection/item/file.tif'.",
        )
    return key


def check_prefix(prefix: str) -> str:
    """Give the folder-like `prefix` without a trailing slash; an empty one is the whole store.

    Examples
    --------
    >>> check_prefix("field-series/a/"), check_prefix("")
    ('field-series/a', '')
    """
    return check_key(prefix.removesuffix("/")) if prefix else ""


def _reason_against(key: str) -> str | None:
    if not key:
        return "it is empty"
    if _FORBIDDEN.search(key):
        return "it has a control character or a backslash"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes"
    return next(filter(None, map(_reason_against_part, key.split("/"))), None)


def _reason_against_part(part: str) -> str | None:
    if not part:
        return "it starts or ends with a slash, or has two in a row"
    if part in {".", ".."}:
        return f"it has the part '{part}'"
    if _STAGED.search(part):
        return "a part ends in '#' and digits"
    if len(part.encode()) > MAX_SEGMENT_BYTES:
        return f"a part is longer than {MAX_SEGMENT_BYTES} bytes"
    return None


def href_of(key: str) -> str:
    """Write how a stored STAC item refers to an object: ``object:<key>``.

    Examples
    --------
    >>> href_of("crop-type-maps/run-1/map.tif")
    'object:crop-type-maps/run-1/map.tif'
    """
    return HREF_SCHEME + check_key(key)


def key_of(href: str) -> str:
    """Read the key out of an ``object:<key>`` reference.

    Raises
    ------
    InputError
        The reference points elsewhere, or its key is not a valid one.

    Examples
    --------
    >>> key_of("object:crop-type-maps/run-1/map.tif")
    'crop-type-maps/run-1/map.tif'
    >>> key_of("https://example.org/map.tif")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: 'https://example.org/map.tif' is no reference to a stored object. ...
    """
    if not href.startswith(HREF_SCHEME):
        raise InputError(
            f"{href[:200]!r} is no reference to a stored object.", hint="Write 'object:<key>'."
        )
    return check_key(href.removeprefix(HREF_SCHEME))
