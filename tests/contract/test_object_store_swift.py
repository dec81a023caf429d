"""What only a real server can show: keys are checked, accounts are apart, prefixes hold."""

from __future__ import annotations

import pytest
from tests.servers.swift import SwiftServer

from extremeearth.core.errors import DataMissingError, StorageError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.objects import open_store

Opened = tuple[str, dict[str, str]]


def test_a_wrong_secret_is_refused_and_not_repeated(swift_store: Opened) -> None:
    url, options = swift_store
    store = open_store(url, settings=Settings(**options | {"s3_secret_key": "not-the-secret"}))
    with pytest.raises(StorageError, match="access key") as refused:
        store.get("a")
    for text in (str(refused.value), repr(store), store.url):
        assert "not-the-secret" not in text


def test_another_account_sees_nothing(swift_store: Opened, swift_server: SwiftServer) -> None:
    url, options = swift_store
    open_store(url, settings=Settings(**options)).put("a", b"mine")
    theirs = options | {
        "s3_access_key": swift_server.other_access_key,
        "s3_secret_key": swift_server.other_secret_key,
    }
    with pytest.raises((StorageError, DataMissingError)):
        open_store(url, settings=Settings(**theirs)).get("a")


def test_the_prefix_of_the_url_is_a_root(swift_store: Opened) -> None:
    url, options = swift_store
    settings = Settings(**options)
    outer, inner = (
        open_store(url, settings=settings),
        open_store(f"{url}/team/one/", settings=settings),
    )
    inner.put("a/b", b"1")
    outer.put("beside", b"2")
    assert [info.key for info in inner.list()] == ["a/b"]
    assert [info.key for info in outer.list()] == ["beside", "team/one/a/b"]
    assert inner.head("a/b").key == "a/b"


def test_a_bucket_that_does_not_exist_is_an_error_of_the_store(swift_store: Opened) -> None:
    _, options = swift_store
    store = open_store("s3://no-such-bucket", settings=Settings(**options))
    with pytest.raises(StorageError):
        store.put("a", b"")


def test_a_server_that_is_away_gives_one_sentence(swift_store: Opened) -> None:
    url, options = swift_store
    gone = Settings(**options | {"s3_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(StorageError, match="could not read 'a'"):
        open_store(url, settings=gone).get("a")
