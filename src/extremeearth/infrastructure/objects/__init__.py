"""Object store: one interface over a folder, S3 (also OpenStack Swift's s3api) and memory."""

from __future__ import annotations

from extremeearth.infrastructure.objects.info import ObjectInfo
from extremeearth.infrastructure.objects.keys import check_key, check_prefix, href_of, key_of
from extremeearth.infrastructure.objects.opening import open_store
from extremeearth.infrastructure.objects.store import ObjectStore

__all__ = [
    "ObjectInfo",
    "ObjectStore",
    "check_key",
    "check_prefix",
    "href_of",
    "key_of",
    "open_store",
]
