"""Lines of a text file that are no UTF-8: garbage is left out, other bytes are marked, so that a reader goes on."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["MARK", "CleanLines", "without_marked"]

MARK = "\ufdd0"
"""Stands for bytes that are no UTF-8: a code point that is no character, so that no text has it."""
CHUNK = 1 << 20
_BYTES = re.compile("[\udc80-\udcff]+")
_SIGNS = re.compile(rb"[^\r\n]")
_GARBAGE = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


class CleanLines(io.RawIOBase):
    r"""A file without the lines that are garbage: no UTF-8, and with control characters.

    Parameters
    ----------
    file
        What is read.
    left_out
        Called with each line that is left out.
    blank
        Whether such a line becomes one of spaces instead, and all else stays, so that each byte keeps its place.

    Examples
    --------
    >>> lines = CleanLines(io.BytesIO(b"a,b\n\xe9,1\n\xff\x00\n"), print)
    >>> lines.read().decode()
    b'\xff\x00\n'
    'a,b\n\ufdd0,1\n'
    """

    def __init__(
        self, file: Any, left_out: Callable[[bytes], object], *, blank: bool = False
    ) -> None:
        super().__init__()
        self._file, self._left_out, self._blank = file, left_out, blank
        self._ready, self._rest = memoryview(b""), b""
        self.marked = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as are wanted, so that a row that goes over many lines is in one block."""
        filled = 0
        while filled < len(buffer) and (self._ready or self._refill()):
            size = min(len(buffer) - filled, len(self._ready))
            buffer[filled : filled + size] = self._ready[:size]
            self._ready = self._ready[size:]
            filled += size
        return filled

    def _refill(self) -> bool:
        """Get some lines that are left; tell whether there are any."""
        while not self._ready:
            more = self._file.read(CHUNK)
            if not more and not self._rest:
                return False
            text = self._rest + more
            end = text.rfind(b"\n") + 1 or text.rfind(b"\r") + 1 if more else len(text)
            self._ready, self._rest = memoryview(self._clean(text[:end])), text[end:]
        return True

    def _clean(self, text: bytes) -> bytes:
        if text.isascii():
            return text
        try:
            text.decode()
        except UnicodeDecodeError:
            return b"".join(map(self._line, text.splitlines(keepends=True)))
        return text

    def _line(self, line: bytes) -> bytes:
        try:
            line.decode()
        except UnicodeDecodeError:
            if _GARBAGE.search(line):
                self._left_out(line)
                return _SIGNS.sub(b" ", line) if self._blank else b""
            if self._blank:
                return line
            self.marked = True
            return _BYTES.sub(MARK, line.decode(errors="surrogateescape")).encode()
        return line


def without_marked(column: Any) -> tuple[Any, Any]:
    """Leave out the texts that have bytes that are no UTF-8; give also the places where they were.

    Examples
    --------
    >>> column, places = without_marked(pa.array(["a", MARK]))
    >>> column.to_pylist(), places.tolist()
    (['a', None], [1])
    """
    marked = pc.fill_null(pc.match_substring(column, MARK), False)
    kept = pc.if_else(marked, pa.scalar(None, column.type), column)
    return kept, np.flatnonzero(marked.to_numpy(zero_copy_only=False))
