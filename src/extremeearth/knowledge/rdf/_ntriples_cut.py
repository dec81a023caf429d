"""Where the lines of a block of N-Triples begin and end, and where the terms are in lines of the usual form."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cut", "cut", "is_utf8", "slices", "without_broken_text"]

_NEWLINE, _RETURN, _SPACE, _QUOTE, _HASH, _DOT, _LESS, _UNDERSCORE = b'\n\r "#.<_'


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The lines of a block.

    Attributes
    ----------
    starts, ends
        int64, first byte of each line, and the one after its last, without the end of line.
    regular
        Which lines have the usual form: terms with one space between them, and ``" ."`` at the end.
    odd
        Which lines have another form and may state something; neither are blank lines and comments.
    places
        int64 of shape (lines, 6 or 8): first byte of subject, the one after its last, and so on for predicate, object
        and, in quads, graph (nothing lies between the two where there is none). Holds for regular lines.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    regular: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    places: NDArray[np.int64]


def cut(buf: NDArray[np.uint8], *, quads: bool) -> Cut:
    r"""Cut a block that ends with an end of line.

    Examples
    --------
    >>> found = cut(np.frombuffer(b"<a> <b> <c> .\n\n<a>\t<b> <c>.\n", np.uint8), quads=False)
    >>> found.regular.tolist(), found.odd.tolist(), found.places[0].tolist()
    ([True, False, False], [False, False, True], [0, 3, 4, 7, 8, 11])
    """
    blanks = np.flatnonzero(buf <= _SPACE)
    kinds = buf[blanks]
    newlines, spaces = blanks[kinds == _NEWLINE], blanks[kinds == _SPACE]
    starts = np.empty_like(newlines)
    starts[:1], starts[1:] = 0, newlines[:-1] + 1
    ends = np.maximum(newlines - (buf[newlines - 1] == _RETURN), starts)

    following = np.append(spaces, [len(buf), len(buf)])
    number = np.searchsorted(spaces, starts)
    first, second = following[number], following[number + 1]
    last = ends - 2  # the space before the dot
    regular = second + 1 < last
    there = np.flatnonzero(regular)
    regular[there] = (
        (buf[last[there]] == _SPACE)
        & (buf[last[there] + 1] == _DOT)
        & np.isin(buf[starts[there]], (_LESS, _UNDERSCORE))
        & (buf[first[there] + 1] == _LESS)
        & np.isin(buf[second[there] + 1], (_LESS, _UNDERSCORE, _QUOTE))
    )
    columns = [starts, first, first + 1, second, second + 1, last]
    if quads:
        columns[5:] = _graphs(buf, spaces, second, last)
    stating = (starts < ends) & (buf[starts] != _HASH)
    returns = blanks[kinds == _RETURN]
    if len(returns) > np.count_nonzero(
        ends < newlines
    ):  # a return alone ends a line too, a comment's as well
        stating |= np.searchsorted(returns, ends) > np.searchsorted(returns, starts)
    return Cut(starts, ends, regular, stating & ~regular, np.stack(columns, axis=1))


def _graphs(
    buf: NDArray[np.uint8],
    spaces: NDArray[np.int64],
    second: NDArray[np.int64],
    last: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    """Give the end of the object, and the place of what seems to be a graph; what it is the check of terms tells."""
    number = np.maximum(np.searchsorted(spaces, last) - 1, 0)
    before = spaces[number] if len(spaces) else last
    begin = np.minimum(before + 1, len(buf) - 1)
    named = (
        (before > second)
        & (buf[np.maximum(last, 1) - 1] != _QUOTE)
        & np.isin(buf[begin], (_LESS, _UNDERSCORE))
    )
    return [np.where(named, before, last), np.where(named, before + 1, last), last]


def slices(buf: NDArray[np.uint8], places: NDArray[np.int64]) -> pl.Series:
    """Give pieces of a block as texts, without a copy.

    Parameters
    ----------
    buf
        The block.
    places
        Begin and end of each piece, all in ascending order.

    Examples
    --------
    >>> slices(np.frombuffer(b"abcdef", np.uint8), np.array([[0, 2], [3, 4]])).to_list()
    ['ab', 'd']
    """
    import polars as pl

    offsets = np.append(places.reshape(-1), len(buf)).astype(np.int64, copy=False)
    texts = pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(buf)
    )
    series: Any = pl.from_arrow(texts)
    return pl.Series(series.gather_every(2))


def is_utf8(buf: NDArray[np.uint8]) -> bool:
    r"""Tell whether a block is UTF-8.

    Examples
    --------
    >>> is_utf8(np.frombuffer("é".encode(), np.uint8)), is_utf8(np.frombuffer(b"\xe9", np.uint8))
    (True, False)
    """
    whole = pa.LargeStringArray.from_buffers(
        1, pa.py_buffer(np.array([0, len(buf)], np.int64)), pa.py_buffer(buf)
    )
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def without_broken_text(
    buf: NDArray[np.uint8], lines: Cut
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    r"""Make the lines that are not UTF-8 blank; give the block, and which lines they were.

    Examples
    --------
    >>> text = np.frombuffer(b"a\n\xe9\nb\n", np.uint8)
    >>> clean, broken = without_broken_text(text, cut(text, quads=False))
    >>> clean.tobytes(), broken.tolist()
    (b'a\n \nb\n', [1])
    """
    clean = buf.copy()
    view = buf.data
    broken = []
    begin = 0
    while begin < len(buf):
        try:
            codecs.utf_8_decode(view[begin:], "strict", True)
            break
        except UnicodeDecodeError as err:
            row = int(np.searchsorted(lines.starts, begin + err.start, side="right")) - 1
            broken.append(row)
            clean[lines.starts[row] : lines.ends[row]] = _SPACE
            begin = int(lines.starts[row + 1]) if row + 1 < len(lines.starts) else len(buf)
    return clean, np.array(broken, np.int64)
