"""Files of statements: written whole or not at all, packed as their names say."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa

from extremeearth.core.files import atomic_path, written_behind

__all__ = ["PACKINGS", "open_statements", "packed_into", "write_lines"]

PACKINGS = frozenset({".gz", ".zst"})
"""Ends of the names of packed files."""


def write_lines(lines: Any, target: BinaryIO) -> int:
    r"""Write lines to an open binary file, without a copy; give how many.

    Examples
    --------
    >>> import io
    >>> from extremeearth.knowledge.rdf import literal_terms, statement_lines
    >>> out = io.BytesIO()
    >>> write_lines(statement_lines("<urn:s>", "<urn:p>", literal_terms(pa.array(["a", "b"]))), out)
    2
    >>> out.getvalue()
    b'<urn:s> <urn:p> "a" .\n<urn:s> <urn:p> "b" .\n'
    """
    if len(lines):
        data = memoryview(lines.buffers()[2])
        offsets = memoryview(lines.buffers()[1]).cast("q")
        target.write(data[offsets[lines.offset] : offsets[lines.offset + len(lines)]])
    return len(lines)


@contextmanager
def open_statements(target: Path | BinaryIO) -> Iterator[BinaryIO]:
    """Open a file for statements: it appears whole at the end, packed where its name ends in ``.gz`` or ``.zst``.

    An already open binary file is used as it is and left open.

    Raises
    ------
    StorageError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "links.nt.gz"
    >>> with open_statements(path) as file:
    ...     _ = file.write(b"<urn:s> <urn:p> <urn:o> .")
    >>> gzip.decompress(path.read_bytes())
    b'<urn:s> <urn:p> <urn:o> .'
    """
    if not isinstance(target, Path):
        yield target
        return
    with atomic_path(target) as path, path.open("r+b") as raw:
        if target.suffix in PACKINGS:
            with packed_into(raw, target.suffix) as packed:
                yield packed
        else:
            with written_behind(raw) as behind:
                yield cast(BinaryIO, behind)


@contextmanager
def packed_into(file: BinaryIO, packing: str) -> Iterator[BinaryIO]:
    """Write to an open file as one member of gzip (``.gz``) or one frame of Zstandard (``.zst``).

    Several one after the other are a file of that kind again (RFC 1952, 2.2; RFC 8878, 3.1).

    Examples
    --------
    >>> import io
    >>> out = io.BytesIO()
    >>> for text in (b"one ", b"two"):
    ...     with packed_into(out, ".gz") as packed:
    ...         _ = packed.write(text)
    >>> gzip.decompress(out.getvalue())
    b'one two'
    """
    if packing == ".gz":
        # mtime 0: the same statements give the same file
        with gzip.GzipFile(
            fileobj=file, mode="wb", compresslevel=3, mtime=0, filename=""
        ) as packed:
            yield cast(BinaryIO, packed)
    else:
        with pa.CompressedOutputStream(pa.PythonFile(_LeftOpen(file), mode="w"), "zstd") as stream:
            yield cast(BinaryIO, stream)


class _LeftOpen:
    """A file whose end is its owner's business: Arrow closes what it writes to."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush = file.write, file.flush

    def close(self) -> None:
        """Bring what was written to the file."""
        self.flush()
