"""From a URL to a store."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore.store import LocalStore, MemoryStore, S3Store

from extremeearth.core.errors import InputError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.objects._errors import translated
from extremeearth.infrastructure.objects.keys import check_prefix
from extremeearth.infrastructure.objects.store import ObjectStore

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

__all__ = ["open_store"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(minutes=1)}
_HINT = "Write file:///folder, s3://bucket/prefix or memory:///."


def open_store(url: str, *, settings: Settings | None = None) -> ObjectStore:
    """Open the object store at `url`; the URL chooses the kind, the code that uses it stays the same.

    Parameters
    ----------
    url
        ``file:///folder`` (made if it is not there), ``s3://bucket/prefix`` or ``memory:///`` (a new, empty
        store that ends with the process).
    settings
        Endpoint, region and keys for ``s3``; by default read from the environment.

    Raises
    ------
    InputError
        The URL is of no such form, or carries a password.
    StorageError
        The folder cannot be made.

    Examples
    --------
    >>> open_store("memory:///")
    ObjectStore('memory:///')
    >>> open_store("ftp://example.org")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: The object store URL cannot be read: unknown scheme 'ftp'. ...
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise InputError(
            "The object store URL cannot be read: it has a user, a query or a fragment.",
            hint=f"{_HINT} Keys belong into the settings s3_access_key and s3_secret_key.",
        )
    if parts.scheme == "memory":
        return ObjectStore("memory:///", MemoryStore())
    if parts.scheme == "file":
        return _open_folder(url, parts.netloc, unquote(parts.path))
    if parts.scheme == "s3":
        return _open_s3(url, parts.netloc, unquote(parts.path), settings or Settings())
    raise InputError(
        f"The object store URL cannot be read: unknown scheme '{parts.scheme}'.", hint=_HINT
    )


def _open_folder(url: str, host: str, path: str) -> ObjectStore:
    if host not in {"", "localhost"} or not path.startswith("/") or "\0" in path:
        raise InputError(
            f"'{url}' is not the URL of a folder on this machine.",
            hint="Write file:///absolute/folder, with three slashes.",
        )
    folder = Path(path)
    with translated("make the folder", path):
        folder.mkdir(parents=True, exist_ok=True)
        backend = LocalStore(folder, automatic_cleanup=True)
    return ObjectStore(url, backend, reopen=partial(open_store, url))


def _open_s3(url: str, bucket: str, path: str, settings: Settings) -> ObjectStore:
    if not _BUCKET.fullmatch(bucket):
        raise InputError(f"'{bucket}' is not the name of a bucket.", hint=_HINT)
    if (settings.s3_access_key is None) != (settings.s3_secret_key is None):
        raise InputError(
            "Only one of the access key and the secret key of the object store is set.",
            hint="Set both EXTREMEEARTH_S3_ACCESS_KEY and EXTREMEEARTH_S3_SECRET_KEY, or none.",
        )
    config: S3Config = {"region": settings.s3_region}
    if settings.s3_access_key is not None and settings.s3_secret_key is not None:
        config["access_key_id"] = settings.s3_access_key
        config["secret_access_key"] = settings.s3_secret_key
    if settings.s3_endpoint is not None:
        config["endpoint"] = settings.s3_endpoint
        config["virtual_hosted_style_request"] = False
    plain = (settings.s3_endpoint or "").startswith("http://")
    with translated("open the bucket", bucket):
        backend = S3Store(
            bucket,
            prefix=check_prefix(path.removeprefix("/")) or None,
            config=config,
            client_options={
                "allow_http": plain,
                "connect_timeout": "10s",
                "read_timeout": "60s",
                "timeout": "30m",
            },
            retry_config=_RETRIES,
        )
    return ObjectStore(url, backend, reopen=partial(open_store, url, settings=settings))
