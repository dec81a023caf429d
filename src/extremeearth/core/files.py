"""Files appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extremeearth.core.errors import StorageError

__all__ = ["atomic_path", "write_atomic"]


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
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as err:
        raise StorageError(
            f"{target} was not written: {err.strerror or err}.",
            hint="Check the disk and your rights.",
        ) from err
    finally:
        temporary.unlink(missing_ok=True)


def write_atomic(target: Path, content: str | bytes) -> None:
    """Write a whole file at once."""
    with atomic_path(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
