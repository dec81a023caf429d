"""What a store knows of an object without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["ObjectInfo", "info_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a store knows of an object without reading it.

    Attributes
    ----------
    key
        Name in the store.
    size
        Length in bytes.
    etag
        Changes when the content does; not a checksum. `None` where a store gives none.
    modified
        Last change, UTC.
    """

    key: str
    size: int
    etag: str | None
    modified: datetime


def info_of(meta: Any) -> ObjectInfo:
    """Tell what a back end says of an object.

    Examples
    --------
    >>> when = datetime(2018, 5, 1, tzinfo=UTC)
    >>> info_of({"path": "a/b", "size": 2, "e_tag": None, "last_modified": when}).key
    'a/b'
    """
    return ObjectInfo(
        key=meta["path"],
        size=meta["size"],
        etag=meta["e_tag"],
        modified=meta["last_modified"].astimezone(UTC),
    )
