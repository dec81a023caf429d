"""Files appear whole or not at all; what a killed process left of them goes with the next writer."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from platform import node
from typing import BinaryIO

from extremeearth.core.errors import StorageError

__all__ = [
    "WrittenBehind", "atomic_path", "bring_to_disk", "this_machine", "unfinished_folder", "write_atomic",
    "written_behind",
]  # fmt: skip

BEHIND_BYTES = 64 << 20
PLACES = 8
"""How many may write one target at once, each in a folder that is found again by its name."""
_NAME_BYTES = 180
"""So much of a target's name is in that of the folder: names end at 255 bytes."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file at `target` when the block ends without an error.

    The file is there and empty, has the target's name, and is in an `unfinished_folder`, which goes away with all else
    that was written into it.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "a.txt") as path:
    ...     _ = path.write_text("whole")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    with unfinished_folder(target) as folder:
        temporary = folder / target.name
        try:
            temporary.touch(0o600, exist_ok=False)
            yield temporary
            bring_to_disk(temporary)
            temporary.chmod(0o644)
            temporary.replace(target)
        except OSError as err:
            raise StorageError(
                f"{target} was not written: {err.strerror or err}.",
                hint="Check the disk and your rights.",
            ) from err


@contextmanager
def unfinished_folder(target: Path) -> Iterator[Path]:
    """Give a new hidden folder beside `target`, to make in it what will stand there; at the end the folder goes away.

    It may have been renamed then. The folder of a process that was killed goes when the same user writes the same
    target again on the same machine, before that is started anew: it has one of a few names, so that it is found
    without a look at all the others, and is locked (``flock``) as long as its process, or one that was forked from
    it, lives. Where folders cannot be locked, nothing is taken away.

    Raises
    ------
    StorageError
        The folder beside which it would be cannot be written.

    Examples
    --------
    >>> home = Path(tempfile.mkdtemp())
    >>> with unfinished_folder(home / "parts") as folder:
    ...     _ = (folder / "part-0").write_text("lines")
    ...     _ = folder.rename(home / "parts")
    >>> [p.name for p in home.iterdir()]
    ['parts']
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder, lock = _new_folder(target)
    except OSError as err:
        raise StorageError(
            f"{target} cannot be written: {err.strerror}.", hint="Check the disk and your rights."
        ) from err
    try:
        yield folder
    finally:
        if lock is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _remove(folder, lock)


def _new_folder(target: Path) -> tuple[Path, int | None]:
    """Make a folder and lock it; take away those beside it whose processes are dead."""
    name = target.name.encode(errors="surrogateescape")[:_NAME_BYTES].decode(errors="ignore")
    prefix = f".{name}-unfinished-"
    places = [target.parent / f"{prefix}{this_machine()}-{number}" for number in range(PLACES)]
    for place in places:
        with suppress(OSError):
            if (lock := _locked(place)) is not None:
                _remove(place, lock)
    for (
        place
    ) in places:  # last, as what is interrupted before the folder is given away leaves it there
        if (found := _made(place)) is not None:
            return found
    # one that cannot be locked has a name of its own, so that nobody takes it for dead
    return Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix)), None


def _made(place: Path) -> tuple[Path, int] | None:
    """Make a folder of this name and lock it; `None` where there is one already, or locking is not to be had."""
    try:
        place.mkdir(0o700)
    except FileExistsError:
        return None
    try:
        lock = _locked(place)
    except OSError:  # then nobody else has locked it and taken it away
        place.rmdir()
        return None
    except KeyboardInterrupt:
        place.rmdir()
        raise
    return None if lock is None else (place, lock)


def _locked(place: Path) -> int | None:
    """Lock a folder; `None` where another process has it, and where it is not there (any more).

    Raises
    ------
    OSError
        It cannot be locked, or is another user's.
    """
    try:
        import fcntl
    except ImportError as err:  # on Windows
        raise OSError("Folders cannot be locked.") from err
    try:
        lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if os.fstat(lock).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, f"{place} is another user's")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(lock, place):  # meanwhile another may have removed it
            return lock
    except BlockingIOError:
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _is_at(lock: int, place: Path) -> bool:
    """Tell whether a locked folder still has this name."""
    try:
        return os.path.samestat(os.fstat(lock), place.lstat())
    except FileNotFoundError:
        return False


def _remove(place: Path, lock: int) -> None:
    """Remove a locked folder, and give its lock back."""
    if _is_at(lock, place):  # it was not renamed; as it is locked, nobody else takes it away
        shutil.rmtree(place, ignore_errors=True)
    os.close(lock)


@cache
def this_machine() -> str:
    """Name the running system: its locks, and its pages of files, say nothing of what others do in a shared folder.

    Examples
    --------
    >>> this_machine() == this_machine()
    True
    """
    try:
        running = _BOOT.read_text()
    except OSError:  # not on Linux
        running = node()
    return sha256(running.encode()).hexdigest()[:12]


def bring_to_disk(path: Path) -> None:
    """Wait until the disk has what was written to a file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     bring_to_disk(Path(file.name))
    """
    with path.open("rb") as file:
        os.fsync(file.fileno())


class WrittenBehind:
    """A file that is brought to the disk by another thread while more is written; made by `written_behind`."""

    def __init__(self, file: BinaryIO, pool: ThreadPoolExecutor) -> None:
        self._file, self._pool = file, pool
        self._new = 0
        self._under_way: Future[None] | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Write at the end."""
        written = self._file.write(data)
        self._note(written)
        return written

    def grown(self, size: int) -> None:
        """Take note of bytes that others wrote at the end; what is written from here on stands behind them."""
        self._file.seek(size, os.SEEK_CUR)
        self._note(size)

    def tell(self) -> int:
        """Give the end of what was written here, all of which others can read now."""
        self._file.flush()
        return self._file.tell()

    def seek(self, end: int) -> None:
        """Go on from there."""
        self._file.seek(end)

    def _note(self, written: int) -> None:
        self._new += written
        if self._new >= BEHIND_BYTES and (self._under_way is None or self._under_way.done()):
            self.check()
            self._file.flush()
            self._under_way = self._pool.submit(os.fsync, self._file.fileno())
            self._new = 0

    def flush(self) -> None:
        """Let others read what was written."""
        self._file.flush()

    def check(self) -> None:
        """Raise what bringing it to the disk raised."""
        if self._under_way is not None:
            self._under_way.result()


@contextmanager
def written_behind(file: BinaryIO) -> Iterator[WrittenBehind]:
    """Give a file to write to that goes to the disk meanwhile: then little is left to wait for at the end.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     with written_behind(file) as target:
    ...         _ = target.write(b"large")
    ...     file.tell()
    5
    """
    with ThreadPoolExecutor(1, thread_name_prefix="to-disk") as pool:
        behind = WrittenBehind(file, pool)
        yield behind
        behind.check()


def write_atomic(target: Path, content: str | bytes) -> None:
    """Write a whole file at once."""
    with atomic_path(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
