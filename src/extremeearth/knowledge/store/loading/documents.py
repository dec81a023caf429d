"""Documents to load: files, bytes and streams, packed or not, that can be read more than once."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self, cast

import pyoxigraph as ox

from extremeearth.core.errors import DataBrokenError, DataMissingError
from extremeearth.knowledge.store.contract import Source
from extremeearth.knowledge.store.formats import rdf_format

__all__ = ["Document", "DocumentStream"]

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_IN_MEMORY = 16 << 20


class DocumentStream(io.RawIOBase):
    """The unpacked bytes of a document, which counts the packed ones.

    Attributes
    ----------
    consumed
        Bytes of the document itself that were read so far.
    failure
        The error that reading ended with, if it did: parsers tell of it in their own words.
    """

    def __init__(self, raw: IO[bytes], *, name: str) -> None:
        super().__init__()
        self.consumed = 0
        self.failure: Exception | None = None
        self._raw, self._name = raw, name
        head = raw.read(4)
        raw.seek(-len(head), io.SEEK_CUR)
        codec = next((codec for magic, codec in _MAGIC.items() if head.startswith(magic)), None)
        self._unpacked: Any = None
        if codec is not None:
            import pyarrow as pa

            self._unpacked = pa.CompressedInputStream(pa.PythonFile(_Packed(self), mode="r"), codec)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def take(self, size: int) -> bytes:
        """Read packed bytes."""
        data = self._raw.read(size)
        self.consumed += len(data)
        return data

    def read(self, size: int = -1) -> bytes:
        """Read bytes, fewer than `size` only near the end.

        Raises
        ------
        DataBrokenError
            The file ends too early, or is no such archive.
        """
        try:
            if self._unpacked is None:
                return self.take(size)
            return cast(bytes, self._unpacked.read(size if size >= 0 else None))
        except OSError as err:
            cut = "Truncated" in str(err)
            what = "ends in the middle: it was cut" if cut else f"cannot be unpacked: {err}"
            self.failure = DataBrokenError(
                f"{self._name} {what}.", hint="Fetch the file again. Nothing was loaded."
            )
            raise self.failure from err

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Packed(io.RawIOBase):
    """The packed side, as Arrow wants to read it."""

    def __init__(self, stream: DocumentStream) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._stream.take(size)


class Document:
    """One document to load.

    Parameters
    ----------
    source
        A file, bytes, or an open binary file (read from where it stands; copied where it cannot be read again).
    format
        Short name or media type; by default from the ending of the name.
    base
        IRI that relative ones are resolved against; that of the file by default.

    Attributes
    ----------
    name
        What to call it in messages.
    size
        Bytes as it is, packed or not.
    format
        Which RDF format it has.

    Raises
    ------
    DataMissingError
        There is no such file.
    InputError
        The format is none that is known.

    Examples
    --------
    >>> with (
    ...     Document(b"<urn:s> <urn:p> 'o' .", format="turtle") as document,
    ...     document.open() as stream,
    ... ):
    ...     document.name, document.size, stream.read(3)
    ('the document', 21, b'<ur')
    """

    def __init__(
        self, source: Source, *, format: str | None = None, base: str | None = None
    ) -> None:
        named = source if isinstance(source, Path) else getattr(source, "name", None)
        known = str(named) if isinstance(named, str | Path) and str(named) else None
        self.name = known or "the document"
        self.format: ox.RdfFormat = rdf_format(format, file=known)
        self._source: Source = source
        self._start = 0
        self._copy: IO[bytes] | None = None
        if isinstance(source, bytes):
            self.size = len(source)
        elif isinstance(source, Path):
            if not source.exists():
                raise DataMissingError(f"There is no file {source}.", hint="Check the name.")
            base = source.absolute().as_uri() if base is None else base
            self.size = source.stat().st_size
            if not source.is_file():  # a pipe gives its bytes once
                with self._opened_file() as file:
                    self._keep(file)
        elif _can_seek(source):
            self._start = source.tell()
            self.size = source.seek(0, io.SEEK_END) - self._start
        else:
            self._keep(source)
        self.base = base

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Throw the copy away, where one was made."""
        if self._copy is not None:
            self._copy.close()

    def _keep(self, stream: IO[bytes]) -> None:
        copy = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as long as the document
        shutil.copyfileobj(stream, copy, 1 << 20)
        self.size = copy.tell()
        self._copy = cast(IO[bytes], copy)

    def _opened_file(self) -> IO[bytes]:
        path = cast(Path, self._source)
        try:
            return path.open("rb")
        except FileNotFoundError as err:
            raise DataMissingError(f"There is no file {path}.", hint="Check the name.") from err
        except OSError as err:
            raise DataBrokenError(
                f"{path} cannot be read: {err.strerror}.", hint="Check your rights."
            ) from err

    @contextmanager
    def open(self) -> Iterator[DocumentStream]:
        """Give the unpacked bytes from the beginning.

        Raises
        ------
        DataBrokenError
            The file cannot be read.
        """
        if self._copy is not None:
            self._copy.seek(0)
            yield DocumentStream(self._copy, name=self.name)
        elif isinstance(self._source, bytes):
            yield DocumentStream(io.BytesIO(self._source), name=self.name)
        elif isinstance(self._source, Path):
            with self._opened_file() as file:
                yield DocumentStream(file, name=self.name)
        else:
            self._source.seek(self._start)
            yield DocumentStream(self._source, name=self.name)

    def lines_with(self, texts: dict[int, str]) -> dict[int, int]:
        r"""Find the first line that holds each of a few texts; for messages about documents whose parser counts none.

        Examples
        --------
        >>> Document(b"a\nbee\nc", format="ttl").lines_with({7: "bee", 8: "x"})
        {7: 2}
        """
        found: dict[int, int] = {}
        wanted = {key: text.encode() for key, text in texts.items() if text}
        with self.open() as stream:
            for number, line in enumerate(io.BufferedReader(stream, 1 << 20), 1):
                for key in [key for key, text in wanted.items() if text in line]:
                    found[key] = number
                    del wanted[key]
                if not wanted:
                    break
        return found


def _can_seek(stream: IO[bytes]) -> bool:
    try:
        return stream.seekable()
    except AttributeError:
        return False
