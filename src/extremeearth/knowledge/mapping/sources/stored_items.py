"""STAC items on disk while they are needed: a search is asked once, however often its items are read."""

from __future__ import annotations

import io
import json
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from extremeearth.core.errors import LimitError, StorageError

__all__ = ["StoredItems"]

MAX_BYTES = 1 << 35
"""Text of all items, before packing."""
_PACKING = "zstd"


class StoredItems:
    """Items in a packed file below the system's temporary folder, which goes away with this object.

    One item is in memory at a time; the file of a process that was killed stays.

    Parameters
    ----------
    path
        The file.
    count
        How many items there are.

    Examples
    --------
    >>> items = StoredItems.of({"id": name} for name in "ab")
    >>> len(items), [item["id"] for item in items], [item["id"] for item in items]
    (2, ['a', 'b'], ['a', 'b'])
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count
        weakref.finalize(self, path.unlink, missing_ok=True)

    @classmethod
    def of(cls, items: Iterable[dict[str, Any]]) -> StoredItems:
        """Write items to a file, as they come.

        Raises
        ------
        LimitError
            There are too many bytes.
        StorageError
            The file cannot be written.
        """
        path = _new_file()
        try:
            return cls(path, _write(path, items))
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with (
            pa.input_stream(str(self._path), compression=_PACKING) as packed,
            io.BufferedReader(packed) as lines,
        ):
            for line in lines:
                yield json.loads(line)


def _new_file() -> Path:
    try:
        with tempfile.NamedTemporaryFile(prefix="extremeearth-items-", delete=False) as file:
            return Path(file.name)
    except OSError as err:
        raise _unwritten(err) from err


def _write(path: Path, items: Iterable[dict[str, Any]]) -> int:
    count = size = 0
    source = iter(items)
    try:
        opened = pa.output_stream(str(path), compression=_PACKING)
    except OSError as err:
        raise _unwritten(err) from err
    with opened as packed:
        for item in source:
            line = json.dumps(item, separators=(",", ":")).encode() + b"\n"
            size += len(line)
            if size > MAX_BYTES:
                raise LimitError(
                    f"The search finds items of more than {MAX_BYTES} bytes.",
                    hint="Name collections, a box or a time.",
                )
            try:
                packed.write(line)
            except OSError as err:
                raise _unwritten(err) from err
            count += 1
    return count


def _unwritten(err: OSError) -> StorageError:
    return StorageError(
        f"The items that were found cannot be kept in {tempfile.gettempdir()}: {err.strerror or err}.",
        hint="Free some space there, or set TMPDIR.",
    )
