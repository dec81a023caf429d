"""The object store itself: bytes under keys, the same on a folder, on S3 and in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import LocalStore, MemoryStore, S3Store

from extremeearth.core.errors import DataMissingError, InputError, StorageError
from extremeearth.infrastructure.objects._errors import translated
from extremeearth.infrastructure.objects._folder import write_file
from extremeearth.infrastructure.objects.info import ObjectInfo, info_of
from extremeearth.infrastructure.objects.keys import check_key, check_prefix

if TYPE_CHECKING:
    from zarr.abc.store import Store

__all__ = ["ObjectStore"]

PART_BYTES = 8 * 1024**2
"""Size of one part of a multipart upload; S3 allows 10 000 parts, so 80 GB for one object."""
STREAM_BYTES = 1024**2
MAX_PRESIGN_S = 3600
DELETE_BATCH = 1000


class ObjectStore:
    """Objects under one URL; made by :func:`open_store`.

    Objects appear whole or not at all. Every method raises `InputError` for a key that could leave the store,
    and `StorageError` where the store cannot be reached, refuses, or is full.

    Examples
    --------
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> store.put("a/b.txt", b"hello")
    >>> store.get("a/b.txt"), store.get_range("a/b.txt", 1, 3)
    (b'hello', b'ell')
    >>> [info.key for info in store.list("a")]
    ['a/b.txt']
    """

    url: str
    """Where the store is; never holds a secret."""

    def __init__(
        self,
        url: str,
        backend: LocalStore | S3Store | MemoryStore,
        *,
        reopen: Callable[[], ObjectStore] | None = None,
    ) -> None:
        self.url = url
        self._backend = backend
        self._reopen = reopen
        self._root = (
            Path(backend.prefix) if isinstance(backend, LocalStore) and backend.prefix else None
        )

    def __repr__(self) -> str:
        return f"ObjectStore({self.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self._reopen is None:
            raise InputError(
                f"The store {self.url} lives in this process only.",
                hint="Use a folder or S3 where several processes work.",
            )
        return (self._reopen, ())

    def put(self, key: str, data: bytes | Path, *, if_absent: bool = False) -> None:
        """Write an object, from memory or from a local file.

        Parameters
        ----------
        key
            Name in the store.
        data
            The content, or the file that holds it; large files go up in parts.
        if_absent
            Refuse to replace an object that exists. Of several writers at once exactly one succeeds on a folder,
            in memory and on AWS; OpenStack Swift looks first and writes then, so claim names there in the database.

        Raises
        ------
        ConflictError
            `if_absent` is set and the object exists.
        StorageError
            Nothing was written: the disk is full, rights are missing, the store is out of reach.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> store.put("once", b"1", if_absent=True)
        >>> store.put("once", b"2", if_absent=True)
        Traceback (most recent call last):
            ...
        extremeearth.core.errors.ConflictError: The object 'once' exists already. ...
        """
        check_key(key)
        if isinstance(data, Path) and not data.is_file():
            raise DataMissingError(
                f"The file {data} is not there.", hint="Give the path of a file."
            )
        with translated("write", key):
            if self._root is not None:
                write_file(self._root / key, data, key=key, if_absent=if_absent)
            elif if_absent:
                content = data.read_bytes() if isinstance(data, Path) else data
                obstore.put(self._backend, key, content, mode="create", use_multipart=False)
            else:
                obstore.put(self._backend, key, data, chunk_size=PART_BYTES)

    def get(self, key: str) -> bytes:
        """Read a whole object.

        Raises
        ------
        DataMissingError
            There is no such object.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> open_store("memory:///").get("nothing")
        Traceback (most recent call last):
            ...
        extremeearth.core.errors.DataMissingError: There is no object 'nothing'. ...
        """
        check_key(key)
        with translated("read", key):
            return obstore.get(self._backend, key).bytes().to_bytes()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read `length` bytes from `start` on; fewer where the object ends before.

        Raises
        ------
        DataMissingError
            There is no such object.
        InputError
            The range is negative, or starts beyond the end.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> store.put("k", b"0123456789")
        >>> store.get_range("k", 8, 100)
        b'89'
        """
        return b"".join(self.stream(key, start=start, end=start + length))

    def stream(self, key: str, *, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read an object piece by piece, from `start` up to but without `end`.

        The object is looked up before the first piece is asked for, so that a missing one is noticed in time.

        Raises
        ------
        DataMissingError
            There is no such object.
        InputError
            The range is negative, or starts beyond the end.
        """
        check_key(key)
        if start < 0 or (end is not None and end < start):
            raise InputError(
                f"The range {start} to {end} is not one.", hint="Give 0 <= start <= end."
            )
        size = self.head(key).size
        if start > size:
            raise InputError(
                f"The object '{key}' has {size} bytes, so nothing starts at {start}.",
                hint="Ask for its size first.",
            )
        stop = size if end is None else min(end, size)
        return self._pieces(key, start, stop) if start < stop else iter(())

    def _pieces(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        received = 0
        with translated("read", key):
            result = obstore.get(self._backend, key, options={"range": (start, stop)})
            for piece in result.stream(min_chunk_size=STREAM_BYTES):
                received += len(piece)
                yield bytes(piece)
        if received != stop - start:
            raise StorageError(
                f"The store sent {received} bytes of '{key}' instead of {stop - start}.",
                hint="The object may have changed meanwhile: try again.",
            )

    def head(self, key: str) -> ObjectInfo:
        """Tell size and time of an object without reading it.

        Raises
        ------
        DataMissingError
            There is no such object.
        """
        check_key(key)
        with translated("look up", key):
            return info_of(obstore.head(self._backend, key))

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this name.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> open_store("memory:///").exists("nothing")
        False
        """
        try:
            self.head(key)
        except DataMissingError:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Go through all objects below a folder-like prefix, in the order of their keys.

        ``list("a")`` gives ``a/b`` and ``a/b/c``, but neither ``a`` itself nor ``ab``.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> for key in ("a/2", "a/1", "ab"):
        ...     store.put(key, b"")
        >>> [info.key for info in store.list("a/")]
        ['a/1', 'a/2']
        """
        folder = check_prefix(prefix)
        with translated("list", folder):
            found = [
                info_of(meta)
                for page in obstore.list(self._backend, folder or None)
                for meta in page
                if not folder or meta["path"].startswith(f"{folder}/")
            ]
        return iter(sorted(found, key=lambda info: info.key.encode()))

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""
        check_key(key)
        self._delete([key])

    def delete_prefix(self, prefix: str) -> int:
        """Remove all objects below a folder-like prefix, and tell how many there were.

        Raises
        ------
        InputError
            The prefix is empty: a whole store is not emptied by mistake.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> store.put("a/1", b"")
        >>> store.delete_prefix("a"), store.delete_prefix("a")
        (1, 0)
        """
        folder = check_key(check_prefix(prefix))
        keys = [info.key for info in self.list(folder)]
        for first in range(0, len(keys), DELETE_BATCH):
            self._delete(keys[first : first + DELETE_BATCH])
        if self._root is not None:
            # what killed writers left has names that no listing shows
            shutil.rmtree(self._root / folder, ignore_errors=True)
        return len(keys)

    def _delete(self, keys: Sequence[str]) -> None:
        with translated("delete", keys[0] if len(keys) == 1 else f"{len(keys)} objects"):
            if isinstance(self._backend, S3Store):
                obstore.delete(self._backend, [*keys])
                return
            for key in keys:
                try:
                    obstore.delete(self._backend, key)
                except FileNotFoundError:
                    continue

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store, without a way through this machine where it is remote.

        Raises
        ------
        DataMissingError
            There is no object `source`.
        """
        check_key(source)
        check_key(target)
        if self._root is not None:
            with self.local(source) as path:
                self.put(target, path)
            return
        with translated("copy", source):
            obstore.copy(self._backend, source, target)

    def presign(self, key: str, *, seconds: int) -> str | None:
        """Make a link that lets anybody who has it read this one object for a while.

        Parameters
        ----------
        key
            Name in the store.
        seconds
            How long the link is good, at most 3600.

        Returns
        -------
        str or None
            `None` where the store has no server that could answer (folder, memory).

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> open_store("memory:///").presign("a", seconds=60) is None
        True
        """
        check_key(key)
        if not 1 <= seconds <= MAX_PRESIGN_S:
            raise InputError(
                f"A link cannot be good for {seconds} s.", hint=f"Give 1 to {MAX_PRESIGN_S}."
            )
        if not isinstance(self._backend, S3Store):
            return None
        with translated("sign", key):
            return obstore.sign(self._backend, "GET", key, timedelta(seconds=seconds))

    def zarr(self, prefix: str, *, read_only: bool = False) -> Store:
        """Open the objects below `prefix` as a Zarr store.

        Examples
        --------
        >>> import zarr
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> _ = zarr.create_array(store.zarr("cubes/a"), shape=(2,), dtype="f4")
        >>> [info.key for info in store.list("cubes")]
        ['cubes/a/zarr.json']
        """
        from extremeearth.infrastructure.objects._zarr import ZarrFolder

        return ZarrFolder(
            self._backend, prefix=check_key(check_prefix(prefix)), read_only=read_only
        )

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """Lend a real file with the object's content, to be read only, for as long as the block runs.

        In a folder store this is the file itself, elsewhere a temporary copy with the same suffix.

        Raises
        ------
        DataMissingError
            There is no such object.

        Examples
        --------
        >>> from extremeearth.infrastructure.objects import open_store
        >>> store = open_store("memory:///")
        >>> store.put("a/b.txt", b"hello")
        >>> with store.local("a/b.txt") as path:
        ...     path.suffix, path.read_bytes()
        ('.txt', b'hello')
        """
        check_key(key)
        if self._root is not None:
            self.head(key)
            yield self._root / key
            return
        pieces = self.stream(key)
        with tempfile.TemporaryDirectory(prefix="extremeearth-") as folder:
            path = Path(folder) / f"object{PurePosixPath(key).suffix}"
            with translated("download", key), path.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
            yield path
