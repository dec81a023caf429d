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

__all__ = ["Cut", "Marks", "cut", "is_utf8", "marks", "slices", "without_broken_text"]

_NEWLINE, _RETURN, _SPACE, _QUOTE, _HASH, _DOT, _LESS, _BACKSLASH, _UNDERSCORE = b'\n\r "#.<\\_'


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Where the quotes of a block are, and the signs that tell that a term needs a closer look.

    Attributes
    ----------
    quotes
        int64, places of double quotes.
    special
        int64, places of backslashes and returns, in order.
    """

    quotes: NDArray[np.int64]
    special: NDArray[np.int64]


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
    marks
        Quotes and special signs of the block.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    regular: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    places: NDArray[np.int64]
    marks: Marks


def cut(buf: NDArray[np.uint8], *, quads: bool) -> Cut:
    r"""Cut a block that ends with an end of line.

    Examples
    --------
    >>> found = cut(np.frombuffer(b"<a> <b> <c> .\n\n<a>\t<b> <c>.\n", np.uint8), quads=False)
    >>> found.regular.tolist(), found.odd.tolist(), found.places[0].tolist()
    ([True, False, False], [False, False, True], [0, 3, 4, 7, 8, 11])
    """
    found = np.flatnonzero(
        buf <= _QUOTE
    )  # one pass for all: controls, the space, "!" and the quote
    kinds = buf[found]
    newlines, spaces, returns = (found[kinds == kind] for kind in (_NEWLINE, _SPACE, _RETURN))
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
    if len(returns) > np.count_nonzero(
        ends < newlines
    ):  # a return alone ends a line too, a comment's as well
        stating |= np.searchsorted(returns, ends) > np.searchsorted(returns, starts)
    signs = Marks(found[kinds == _QUOTE], _special(buf, returns))
    return Cut(starts, ends, regular, stating & ~regular, np.stack(columns, axis=1), signs)


def marks(buf: NDArray[np.uint8]) -> Marks:
    """Find quotes and special signs in a block.

    Examples
    --------
    >>> found = marks(np.frombuffer(b'a"b', np.uint8))
    >>> found.quotes.tolist(), found.special.tolist()
    ([1], [])
    """
    return Marks(np.flatnonzero(buf == _QUOTE), _special(buf, np.flatnonzero(buf == _RETURN)))


def _special(buf: NDArray[np.uint8], returns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give the places of backslashes and returns; looking whether there is a backslash at all costs little."""
    is_backslash = buf == _BACKSLASH
    if not is_backslash.any():
        return returns
    return np.sort(np.concatenate([returns, np.flatnonzero(is_backslash)]))


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
    try:
        _whole(buf).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _whole(buf: NDArray[np.uint8]) -> pa.LargeStringArray:
    """Give a block as one text."""
    offsets = np.array([0, len(buf)], np.int64)
    return pa.LargeStringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(buf))


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
