"""A folder as object store: full disks, killed writers, files in the way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from extremeearth.core.errors import DataMissingError, ExtremeEarthError, StorageError
from extremeearth.infrastructure.objects import ObjectStore, open_store

WRITER = """
import sys
from pathlib import Path
from extremeearth.infrastructure.objects import open_store
store = open_store(sys.argv[1])
number = 0
while True:
    number += 1
    store.put("victim", bytes([number % 256]) * (4 * 1024**2))
    if number == 3:
        print("going", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(folder: Path) -> ObjectStore:
    return open_store(folder.as_uri())


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_writer_leaves_a_whole_object(
    folder: Path, store: ObjectStore, round_: int
) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, store.url], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer, writer.stdout:
        assert writer.stdout.readline() == b"going\n"
        while not list(folder.glob("victim#*")):  # in the middle of a write
            pass
        os.kill(writer.pid, signal.SIGKILL)
    content = store.get("victim")
    assert len(content) == 4 * 1024**2
    assert len(set(content)) == 1
    assert [info.key for info in store.list()] == ["victim"]
    store.put("victim", b"new")
    assert store.get("victim") == b"new"


def test_what_killed_writers_left_goes_with_its_folder(folder: Path, store: ObjectStore) -> None:
    store.put("run/a", b"1")
    (folder / "run" / "b#123").write_bytes(b"half")
    assert [info.key for info in store.list("run")] == ["run/a"]
    assert store.delete_prefix("run") == 1
    assert everything(folder) == []


def test_a_full_disk_is_told_and_the_old_object_stays(
    folder: Path, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device") as failed:
        store.put("a", b"new")
    assert "disk" in (failed.value.hint or "")
    monkeypatch.undo()
    assert store.get("a") == b"old"
    assert everything(folder) == ["a"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full(tiny_disk: Path) -> None:
    store = open_store(tiny_disk.as_uri())
    store.put("small", b"x" * 1000)
    with pytest.raises(StorageError, match="No space left on device"):
        store.put("large", b"x" * 1_000_000)
    array = zarr.create_array(
        store.zarr("cube"), shape=(1_000_000,), chunks=(1_000_000,), dtype="u1", compressors=None
    )
    with pytest.raises(StorageError, match="No space left on device"):
        array[...] = np.random.default_rng(0).integers(1, 255, 1_000_000, dtype="u1")
    assert not store.exists("large")
    assert store.get("small") == b"x" * 1000
    store.put("small-too", b"y" * 1000)


def test_a_folder_cannot_be_an_object_as_well(store: ObjectStore) -> None:
    store.put("a/b", b"1")
    with pytest.raises(StorageError):
        store.put("a", b"2")
    with pytest.raises(DataMissingError):
        store.get("a")
    with pytest.raises(StorageError):
        store.put("a/b/c", b"3")
    assert store.get("a/b") == b"1"


def test_local_is_the_file_itself(folder: Path, store: ObjectStore) -> None:
    store.put("maps/a.tif", b"raster")
    with store.local("maps/a.tif") as path:
        assert path == folder / "maps" / "a.tif"


def test_empty_folders_go_away(folder: Path, store: ObjectStore) -> None:
    store.put("a/b/c", b"1")
    store.delete("a/b/c")
    assert list(folder.iterdir()) == []


def test_an_object_that_shrinks_while_it_is_read_is_noticed(
    folder: Path, store: ObjectStore
) -> None:
    store.put("a", b"x" * 100)
    pieces = store.stream("a")
    (folder / "a").write_bytes(b"x" * 10)
    with pytest.raises(ExtremeEarthError):
        list(pieces)
