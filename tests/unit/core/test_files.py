"""Files appear whole or not at all, also on a full disk."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from extremeearth.core import files
from extremeearth.core.errors import StorageError
from extremeearth.core.files import (
    PLACES,
    atomic_path,
    unfinished_folder,
    write_atomic,
    written_behind,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_at_the_end_with_its_suffix(tmp_path: Path) -> None:
    target = tmp_path / "new" / "map.tif"
    with atomic_path(target) as path:
        assert path.name == target.name
        assert path.read_bytes() == b""
        assert path.parent.parent == target.parent
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


WRITER = """
import sys
from pathlib import Path
from extremeearth.core.files import atomic_path

with atomic_path(Path(sys.argv[1])) as path:
    path.write_text("half")
    (path.parent / "beside").mkdir()
    (path.parent / "beside" / "lines").write_text("lines")
    print("writing", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def a_writer(target: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is writing a target, until it is sent a line or killed."""
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        try:
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_what_a_killed_process_left_goes_with_the_next_writer(tmp_path: Path) -> None:
    target = tmp_path / "roads.nt"
    other = tmp_path / "rivers.nt"
    with a_writer(target) as first, a_writer(target) as second, a_writer(other) as third:
        kill(second)
        kill(first)
        kill(third)
    assert len(names(tmp_path)) == 3
    write_atomic(target, "whole")
    assert target.read_text() == "whole"
    [left, written] = names(tmp_path)  # that of another target stays until it is written again
    assert left.startswith(".rivers.nt-unfinished-")
    assert written == "roads.nt"
    write_atomic(other, "whole")
    assert names(tmp_path) == ["rivers.nt", "roads.nt"]


def test_what_a_living_process_writes_stays(tmp_path: Path) -> None:
    target = tmp_path / "roads.nt"
    with a_writer(target) as process:
        [before] = names(tmp_path)
        write_atomic(target, "mine")
        assert names(tmp_path) == [before, "roads.nt"]
        assert (tmp_path / before / "roads.nt").read_text() == "half"
        process.communicate("go on\n")
    assert target.read_text() == "half"
    assert names(tmp_path) == ["roads.nt"]


def test_what_workers_of_a_killed_process_still_write_stays(tmp_path: Path) -> None:
    """A process that was forked while a file was written has its lock, too."""
    target = tmp_path / "a"
    script = WRITER.replace(
        'print("writing"', 'import os\n    if os.fork() == 0:\n        sys.stdin.readline()\n        os._exit(0)\n'
        '    print("writing"',
    )  # fmt: skip
    command = [sys.executable, "-W", "ignore", "-c", script, str(target)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        kill(process)
        write_atomic(target, "mine")
        assert len(names(tmp_path)) == 2
        assert process.stdin is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        process.stdout.read()  # until the worker has ended
    write_atomic(target, "mine")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("whose", ["another user's", "another machine's", "a file", "a link"])
def test_what_may_not_be_a_dead_process_own_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    target = tmp_path / "a"
    with unfinished_folder(target) as folder:
        name = folder.name
    if whose == "another machine's":
        start, _, number = name.rpartition("-")
        name = f"{start[:-12]}{'0' * 12}-{number}"
    left = tmp_path / name
    if whose == "a file":
        left.write_text("mine")
    elif whose == "a link":
        (tmp_path / "place").mkdir()
        left.symlink_to(tmp_path / "place")
    else:
        left.mkdir()
        (left / "a").write_text("half")
    if whose == "another user's":
        monkeypatch.setattr(os, "geteuid", lambda: left.stat().st_uid + 1)
    before = names(tmp_path)
    write_atomic(target, "whole")
    assert names(tmp_path) == sorted([*before, "a"])
    assert target.read_text() == "whole"


def test_where_folders_cannot_be_locked_nothing_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    target = tmp_path / "a"
    with unfinished_folder(target) as folder:
        name = folder.name
    (tmp_path / name).mkdir()

    def cannot(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", cannot)
    with unfinished_folder(target) as folder:
        assert folder.is_dir()
        write_atomic(target, "another")
        assert names(tmp_path) == sorted([name, folder.name, "a"])
    assert names(tmp_path) == [name, "a"]
    monkeypatch.undo()
    write_atomic(target, "whole")
    assert names(tmp_path) == ["a"]


def test_where_there_are_no_locks_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    write_atomic(tmp_path / "a", "whole")
    assert names(tmp_path) == ["a"]


def test_a_folder_that_was_renamed_is_not_looked_for_under_its_old_name(tmp_path: Path) -> None:
    target = tmp_path / "parts"
    with unfinished_folder(target) as folder:
        (folder / "part-0").write_text("lines")
        folder.rename(target)
        with unfinished_folder(target) as again:
            assert again == folder
            folder_of_another = again
            (again / "part-0").write_text("lines")
            shutil.rmtree(target)
    assert not folder_of_another.exists()
    assert names(tmp_path) == []


def test_many_write_the_same_target_at_once(tmp_path: Path) -> None:
    target = tmp_path / "a"

    def write(number: int) -> None:
        with atomic_path(target) as path:
            path.write_text(f"{number}")
            assert path.read_text() == f"{number}"

    with ThreadPoolExecutor(2 * PLACES) as pool:
        list(pool.map(write, range(100)))
    assert names(tmp_path) == ["a"]
    assert 0 <= int(target.read_text()) < 100


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("\u00e4" * 124 + ".json")
    write_atomic(target, "{}")
    assert names(tmp_path) == [target.name]
