"""Where a CSV file can be cut between two rows, so that its pieces are read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from extremeearth.knowledge.mapping.sources.damage.text_bytes import CleanLines

__all__ = ["row_spans"]

BLOCK_BYTES = 1 << 20
_QUOTE, _LINE_END, _CARRIAGE_RETURN = b'"\n\r'
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def row_spans(
    path: Path,
    *,
    delimiter: str,
    piece_bytes: int,
    block_bytes: int = BLOCK_BYTES,
    without_garbage: bool = False,
) -> Iterator[tuple[int, int]]:
    r"""Give the first byte of each piece and the one after its last; the header is in the first piece.

    A line end cuts where as many quotes open as close before it. That holds while each quote stands at an end of a
    value or beside another one; from the first that does not (``5" pipe``), the rest of the file is one piece. What is
    not asked for is not read.

    Parameters
    ----------
    path
        CSV as Arrow reads it: quotes are ``"``, and doubled within a value.
    delimiter
        What stands between two values, one byte.
    piece_bytes
        Least size of a piece, but for the last.
    without_garbage
        Whether the file is read without the lines that are garbage (see `CleanLines`): their quotes do not count then.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.csv"
    >>> _ = path.write_bytes(b'id,note\n1,"two\nlines"\n2,one\n')
    >>> list(row_spans(path, delimiter=",", piece_bytes=9))
    [(0, 22), (22, 28)]
    """
    start = position = 0
    with path.open("rb") as file:
        reading = _Quotes(delimiter=delimiter)
        if file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK:
            position = len(_BYTE_ORDER_MARK)
        file.seek(position)
        text = CleanLines(file, lambda _: None, blank=True) if without_garbage else file
        while block := text.read(block_bytes):
            quotes = reading.take(block)
            if quotes is None:
                break
            following = start + piece_bytes - 1 - position
            while (end := quotes.line_end(following)) is not None:
                yield start, position + end + 1
                start = position + end + 1
                following = end + piece_bytes
            position += len(block)
        size = file.seek(0, 2)
    if size > start:
        yield start, size


class _Quotes:
    """Tells, block by block, whether a value in quotes goes on."""

    def __init__(self, *, delimiter: str) -> None:
        self._inside = False
        self._last = _LINE_END
        self._edge = np.zeros(
            256, bool
        )  # what may stand before a quote that opens, or after one that closes
        self._edge[[ord(delimiter), _LINE_END, _CARRIAGE_RETURN, _QUOTE]] = True

    def take(self, block: bytes) -> _Block | None:
        """Give what is known of the next block; `None` where a quote stands alone in a value."""
        data = np.frombuffer(block, np.uint8)
        places = np.flatnonzero(data == _QUOTE)
        if not self._well_placed(data, places):
            return None
        made = _Block(data, places, self._inside)
        self._inside ^= bool(len(places) & 1)
        self._last = int(data[-1])
        return made

    def _well_placed(self, data: Any, places: Any) -> bool:
        """Tell whether each quote opens at the start of a value, closes at its end, or is doubled.

        What follows a quote at the end of a block is looked at with the next one.
        """
        has_closed = self._last == _QUOTE and not self._inside
        if has_closed and not self._edge[data[0]]:
            return False
        opening, closing = (
            places[start::2] for start in (int(self._inside), int(not self._inside))
        )
        if len(opening) and opening[0] == 0:
            if not self._edge[self._last]:
                return False
            opening = opening[1:]
        if len(closing) and closing[-1] == len(data) - 1:
            closing = closing[:-1]
        return bool(self._edge[data[opening - 1]].all() and self._edge[data[closing + 1]].all())


@dataclass(frozen=True, slots=True)
class _Block:
    """Some bytes of the file, the places of their quotes, and whether they begin inside of quotes."""

    data: Any
    quotes: Any
    inside: bool

    def line_end(self, after: int) -> int | None:
        """Find the first line end outside of quotes at `after` or behind it."""
        begin = max(after, 0)
        ends = np.flatnonzero(self.data[begin:] == _LINE_END) + begin
        open_quotes = np.searchsorted(self.quotes, ends) + self.inside
        good = ends[open_quotes % 2 == 0]
        return int(good[0]) if len(good) else None
