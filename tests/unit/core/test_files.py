"""Files appear whole or not at all, also on a full disk."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import IO, Any

import pytest

from extremeearth.core import files
from extremeearth.core.errors import StorageError
from extremeearth.core.files import atomic_path, write_atomic, written_behind


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_at_the_end_with_its_suffix(tmp_path: Path) -> None:
    target = tmp_path / "new" / "map.tif"
    with atomic_path(target) as path:
        assert path.suffix == ".tif"
        assert path.parent == target.parent
        path.write_bytes(b"raster")
        assert not target.exists()
    assert target.read_bytes() == b"raster"
    assert names(target.parent) == ["map.tif"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_atomic(target, "old")

    def interrupted() -> None:
        with atomic_path(target) as path:
            path.write_text("new, but only ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_texts_and_bytes_are_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "ä")
    assert (tmp_path / "a").read_bytes() == "ä".encode()
    write_atomic(tmp_path / "a", b"\0")
    assert (tmp_path / "a").read_bytes() == b"\0"


def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", "x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("step", ["write", "flush"])
def test_a_full_disk_is_told_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    target = tmp_path / "a.txt"
    write_atomic(target, "old")

    def full(*_args: Any, **_options: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(*((Path, "write_bytes") if step == "write" else (os, "fsync")), full)
    with pytest.raises(StorageError, match="No space left on device") as failed:
        write_atomic(target, "new")
    assert failed.value.hint
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_disk_that_is_full_for_a_library_is_told_too(tmp_path: Path) -> None:
    """The kernel's own full device, as any library would meet it."""
    full = Path("/dev/full")
    if not full.is_char_device():
        pytest.skip("this system has no /dev/full")

    def library(stream: IO[bytes]) -> None:
        stream.write(b"x" * 100_000)

    with (
        pytest.raises(StorageError, match="No space left"),
        atomic_path(tmp_path / "a") as _,
        full.open("wb") as stream,
    ):
        library(stream)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        write_atomic(tmp_path / "file" / "a.txt", "x")
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError, match="was not written"):
        write_atomic(tmp_path / "taken", "x")
    assert names(tmp_path) == ["file", "taken"]


def test_a_large_file_goes_to_the_disk_in_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, int]] = []

    def sync(number: int) -> None:
        synced.append((os.fstat(number).st_size, threading.get_ident()))

    monkeypatch.setattr(files, "BEHIND_BYTES", 1000)
    monkeypatch.setattr(os, "fsync", sync)
    path = tmp_path / "a"
    with path.open("wb") as file, written_behind(file) as behind:
        for number in range(100):
            behind.write(bytes([number]) * 300)
    assert path.read_bytes() == b"".join(bytes([number]) * 300 for number in range(100))
    assert synced
    assert synced[0][0] >= 1000
    assert threading.get_ident() not in {thread for _, thread in synced}


def test_a_disk_that_is_full_is_told_also_from_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = threading.get_ident()

    def sync(_: int) -> None:
        if threading.get_ident() != here:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "BEHIND_BYTES", 1000)
    monkeypatch.setattr(os, "fsync", sync)
    with (
        pytest.raises(StorageError, match="No space left"),
        atomic_path(tmp_path / "a") as path,
        path.open("wb") as file,
        written_behind(file) as behind,
    ):
        behind.write(b"x" * 2000)
    assert names(tmp_path) == []
