"""Files appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from extremeearth.core.errors import StorageError

__all__ = ["atomic_path", "bring_to_disk", "write_atomic", "written_behind"]

BEHIND_BYTES = 64 << 20


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a path to write to, and put the file at `target` when the block ends without an error.

    The temporary file is in the same folder and has the same suffix, and goes away on an error.

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
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
        )
        os.close(handle)
    except OSError as err:
        raise StorageError(
            f"{target} cannot be written: {err.strerror}.", hint="Check the disk and your rights."
        ) from err
    temporary = Path(name)
    try:
        yield temporary
        bring_to_disk(temporary)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as err:
        raise StorageError(
            f"{target} was not written: {err.strerror or err}.",
            hint="Check the disk and your rights.",
        ) from err
    finally:
        temporary.unlink(missing_ok=True)


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


class _Behind:
    """A file that is brought to the disk by another thread while more is written."""

    def __init__(self, file: BinaryIO, pool: ThreadPoolExecutor) -> None:
        self._file, self._pool = file, pool
        self._new = 0
        self._under_way: Future[None] | None = None

    def write(self, data: bytes | memoryview) -> int:
        written = self._file.write(data)
        self._new += written
        if self._new >= BEHIND_BYTES and (self._under_way is None or self._under_way.done()):
            self.check()
            self._file.flush()
            self._under_way = self._pool.submit(os.fsync, self._file.fileno())
            self._new = 0
        return written

    def flush(self) -> None:
        self._file.flush()

    def check(self) -> None:
        """Raise what bringing it to the disk raised."""
        if self._under_way is not None:
            self._under_way.result()


@contextmanager
def written_behind(file: BinaryIO) -> Iterator[BinaryIO]:
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
        behind = _Behind(file, pool)
        yield cast(BinaryIO, behind)
        behind.check()


def write_atomic(target: Path, content: str | bytes) -> None:
    """Write a whole file at once."""
    with atomic_path(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
