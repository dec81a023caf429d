"""One suite for every kind of object store: a folder, memory, and OpenStack Swift through S3."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype

from extremeearth.core.errors import ConflictError, DataMissingError, InputError, StorageError
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.objects import ObjectStore, open_store

KINDS = ("folder", "memory", "swift")
ODD_KEYS = [
    "a b/ü%20x.txt",
    "x:y",
    "q?z=1&b",
    "[x]",
    "~a",
    "a+b",
    "100%",
    "a#b",
    "日本/語",
    "a/b/c/d/e/f.tif",
    ".hidden",
]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return open_store((tmp_path / "objects").as_uri())
    if request.param == "memory":
        return open_store("memory:///")
    url, options = request.getfixturevalue("swift_store")
    return open_store(url, settings=Settings(**options))


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_what_is_put_can_be_read(store: ObjectStore) -> None:
    store.put("a/b.bin", b"\0\1\2")
    assert store.get("a/b.bin") == b"\0\1\2"


def test_an_object_may_be_empty(store: ObjectStore) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert list(store.stream("empty")) == []
    assert store.head("empty").size == 0


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_come_back_as_they_went_in(store: ObjectStore, key: str) -> None:
    store.put(key, key.encode())
    assert keys(store) == [key]
    assert store.get(key) == key.encode()
    store.copy(key, f"{key}-copy")
    store.delete(key)
    assert keys(store) == [f"{key}-copy"]


def test_putting_again_replaces(store: ObjectStore) -> None:
    store.put("a", b"first")
    before = store.head("a").etag
    store.put("a", b"second, longer")
    assert store.get("a") == b"second, longer"
    assert store.head("a").etag != before


def test_if_absent_refuses_to_replace(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"from a file")
    store.put("from-file", source, if_absent=True)
    assert store.get("from-file") == b"from a file"
    store.put("a", b"first", if_absent=True)
    with pytest.raises(ConflictError, match="'a' exists already"):
        store.put("a", b"second", if_absent=True)
    assert store.get("a") == b"first"


def test_only_one_of_many_takes_a_name(store: ObjectStore) -> None:
    won: list[int] = []

    def take(number: int) -> None:
        try:
            store.put("claim", str(number).encode(), if_absent=True)
        except ConflictError:
            return
        won.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if store.url.startswith("s3:"):  # Swift looks first and writes then
        assert won
    else:
        assert len(won) == 1
    assert int(store.get("claim")) in won


def test_large_files_go_up_in_parts_and_come_back_whole(store: ObjectStore, tmp_path: Path) -> None:
    content = np.random.default_rng(0).bytes(20 * 1024**2 + 7)
    source = tmp_path / "large.bin"
    source.write_bytes(content)
    store.put("large.bin", source)
    assert store.head("large.bin").size == len(content)
    digest, pieces = hashlib.sha256(), 0
    for piece in store.stream("large.bin"):
        digest.update(piece)
        pieces += 1
    assert digest.digest() == hashlib.sha256(content).digest()
    assert pieces > 1 or store.url.startswith("memory:")
    start = 9 * 1024**2 - 3
    assert store.get_range("large.bin", start, 10) == content[start : start + 10]


def test_ranges(store: ObjectStore) -> None:
    store.put("k", b"0123456789")
    assert store.get_range("k", 2, 3) == b"234"
    assert store.get_range("k", 8, 100) == b"89"
    assert store.get_range("k", 0, 0) == b""
    assert store.get_range("k", 10, 5) == b""
    assert b"".join(store.stream("k", start=4)) == b"456789"
    assert b"".join(store.stream("k", start=4, end=6)) == b"45"
    for start, length in [(-1, 2), (0, -1), (11, 1)]:
        with pytest.raises(InputError):
            store.get_range("k", start, length)
    with pytest.raises(InputError):
        store.stream("k", start=11)


def test_head_tells_size_time_and_version(store: ObjectStore) -> None:
    store.put("a/b", b"12345")
    info = store.head("a/b")
    assert (info.key, info.size) == ("a/b", 5)
    assert info.modified.tzinfo is UTC
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=5)
    assert info.etag


def test_listing_is_sorted_and_folder_wise(store: ObjectStore) -> None:
    for key in ("b", "a/2", "a/10", "ab/1", "a.x", "a/1/x"):
        store.put(key, b"")
    assert keys(store) == sorted(["b", "a/2", "a/10", "ab/1", "a.x", "a/1/x"])
    assert keys(store, "a") == keys(store, "a/") == ["a/1/x", "a/10", "a/2"]
    assert keys(store, "nothing/here") == []
    assert keys(store, "b") == []


def test_listing_goes_over_more_than_one_page(store: ObjectStore) -> None:
    count = 25 if "s3:" in store.url else 1500
    for number in range(count):
        store.put(f"many/{number:05}", b"")
    assert len(keys(store, "many")) == count
    assert store.delete_prefix("many") == count
    assert keys(store) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.get("nothing"),
        lambda s: s.get_range("nothing", 0, 1),
        lambda s: s.stream("nothing"),
        lambda s: s.head("nothing"),
        lambda s: s.copy("nothing", "else"),
        lambda s: s.local("nothing").__enter__(),
    ],
    ids=["get", "get_range", "stream", "head", "copy", "local"],
)
def test_a_missing_object_is_named(
    store: ObjectStore, use: Callable[[ObjectStore], object]
) -> None:
    with pytest.raises(DataMissingError, match="There is no object 'nothing'"):
        use(store)


def test_a_missing_source_file_is_named(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match=r"absent\.tif"):
        store.put("a", tmp_path / "absent.tif")
    assert not store.exists("a")


def test_deleting_twice_is_as_good_as_once(store: ObjectStore) -> None:
    store.put("a", b"1")
    assert store.exists("a")
    store.delete("a")
    store.delete("a")
    assert not store.exists("a")


def test_delete_prefix_takes_the_folder_and_nothing_beside_it(store: ObjectStore) -> None:
    for key in ("a/1", "a/b/2", "ab/3", "c"):
        store.put(key, b"")
    assert store.delete_prefix("a/") == 2
    assert keys(store) == ["ab/3", "c"]
    with pytest.raises(InputError):
        store.delete_prefix("")
    assert keys(store) == ["ab/3", "c"]


def test_copy_replaces_and_keeps_the_source(store: ObjectStore) -> None:
    store.put("a", b"content")
    store.put("b/c", b"old")
    store.copy("a", "b/c")
    assert store.get("a") == store.get("b/c") == b"content"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\\b", "a\nb", "a\0", "a#1"]
)
def test_keys_that_could_leave_the_store_are_refused_everywhere(
    store: ObjectStore, key: str
) -> None:
    uses: list[Callable[[], object]] = [
        lambda: store.put(key, b""),
        lambda: store.get(key),
        lambda: store.get_range(key, 0, 1),
        lambda: store.stream(key),
        lambda: store.head(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
        lambda: store.copy(key, "a"),
        lambda: store.copy("a", key),
        lambda: store.presign(key, seconds=1),
        lambda: store.local(key).__enter__(),
    ]
    for use in uses:
        with pytest.raises(InputError):
            use()
    assert keys(store) == []


def test_local_lends_a_real_file(store: ObjectStore) -> None:
    store.put("maps/a.tif", b"raster")
    with store.local("maps/a.tif") as path:
        assert path.suffix == ".tif"
        assert path.read_bytes() == b"raster"
    assert store.get("maps/a.tif") == b"raster"


def test_signed_links_work_without_a_key_and_only_for_their_object(store: ObjectStore) -> None:
    store.put("a/ä b.txt", b"hello")
    store.put("secret", b"other")
    for seconds in (0, -1, 3601):
        with pytest.raises(InputError):
            store.presign("a/ä b.txt", seconds=seconds)
    link = store.presign("a/ä b.txt", seconds=60)
    if not store.url.startswith("s3:"):
        assert link is None
        return
    assert link is not None
    with urllib.request.urlopen(link, timeout=30) as response:
        assert response.read() == b"hello"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(link.replace("a/%C3%A4%20b.txt", "secret"), timeout=30)
    assert refused.value.code == 403
    refused.value.close()


def test_zarr_arrays_live_below_their_prefix(store: ObjectStore) -> None:
    values = np.arange(60, dtype="f4").reshape(3, 20)
    group = zarr.create_group(store.zarr("cubes/one"))
    array = group.create_array("reflectance", shape=values.shape, chunks=(1, 20), dtype="f4")
    array[...] = values
    store.put("cubes/one-more", b"not part of it")
    assert all(key.startswith("cubes/one/") for key in keys(store, "cubes/one"))

    again = zarr.open_group(store.zarr("cubes/one", read_only=True), mode="r")
    assert sorted(again.array_keys()) == ["reflectance"]
    np.testing.assert_array_equal(again["reflectance"][...], values)
    with pytest.raises(ValueError, match="read-only"):
        again["reflectance"][0, 0] = 1.0
    del zarr.open_group(store.zarr("cubes/one"), mode="r+")["reflectance"]
    assert keys(store, "cubes/one") == ["cubes/one/zarr.json"]
    assert store.exists("cubes/one-more")


def test_zarr_stores_cannot_be_left(store: ObjectStore) -> None:
    store.put("secret/zarr.json", b"{}")
    for prefix in ("", "..", "a/../.."):
        with pytest.raises(InputError):
            store.zarr(prefix)
    with pytest.raises(StorageError):
        asyncio.run(store.zarr("mine").get("../secret/zarr.json", default_buffer_prototype()))
