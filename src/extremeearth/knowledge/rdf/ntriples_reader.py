"""N-Triples and N-Quads into columns, a block of some megabytes at a time.

Three ways lead through a block. A line in the form that nearly all writers use (one space between the terms, ``" ."``
at its end) is cut at the places of its spaces, found for the whole block at once. Terms are made unique before
anything looks into them, so that a term that stands in a thousand lines is checked once. Lines in another form go
through a regular expression of the whole grammar; what that does not know either goes to pyoxigraph, one line after
the other, which reads it or says what is wrong. So what is accepted is what the strict parser accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import DataBrokenError, LimitError
from extremeearth.knowledge.rdf import _ntriples_grammar as grammar
from extremeearth.knowledge.rdf._ntriples_cut import (
    Cut,
    cut,
    is_utf8,
    marks,
    slices,
    without_broken_text,
)
from extremeearth.knowledge.rdf._ntriples_strict import explain_parser, read_strictly
from extremeearth.knowledge.rdf._ntriples_terms import Statements, TermReader

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BLOCK_BYTES", "LINE_BYTES", "BadLine", "Statements", "explain_parser", "read_ntriples"]

BLOCK_BYTES = 16 << 20
"""How much of a document is read at once."""
LINE_BYTES = 256 << 20
"""The longest line that is read: a country's coast line in full detail has some tens of megabytes."""

BadLine = Callable[[int, str], None]
"""Told the number of a broken line and what is wrong there; raises, or counts."""


def read_ntriples(
    stream: IO[bytes],
    *,
    quads: bool = False,
    prefix: str = "",
    bad: BadLine | None = None,
    block_bytes: int = BLOCK_BYTES,
    line_bytes: int = LINE_BYTES,
) -> Iterator[Statements]:
    r"""Read N-Triples or N-Quads.

    Parameters
    ----------
    stream
        Open binary file, unpacked.
    quads
        Whether statements may name a graph.
    prefix
        Put before the labels of blank nodes, so that those of two documents never meet.
    bad
        Told of every broken line, which is then left out; by default the first one is an error.
    block_bytes
        How much to read at once.
    line_bytes
        The longest line.

    Yields
    ------
    Statements
        Not quite in the order of the document.

    Raises
    ------
    DataBrokenError
        A line is broken, and `bad` is not given.
    LimitError
        A line is longer than `line_bytes`.

    Examples
    --------
    >>> import io
    >>> text = b'<urn:s> <urn:p> "a"@en .\n<urn:s> <urn:p> _:b . # c\n'
    >>> for found in read_ntriples(io.BytesIO(text), prefix="d1"):
    ...     print(found.values.to_pylist(), found.rows.tolist(), found.lines.tolist())
    ['urn:s', 'urn:p', 'a'] [[0, 1, 2, -1]] [1, 1, 1]
    ['urn:s', 'urn:p', 'd1_b'] [[0, 1, 2, -1]] [2, 2, 2]
    """
    reader = _BlockReader(quads=quads, prefix=prefix, bad=bad or _refuse)
    line = 1
    for block in _blocks(stream, block_bytes, line_bytes):
        buf = np.frombuffer(block, np.uint8)
        lines = cut(buf, quads=quads)
        yield from reader.read(buf, lines, line)
        line += len(lines.starts)


def _refuse(line: int, message: str) -> None:
    raise DataBrokenError(f"Line {line}: {message}", hint="Mend the line.")


def _blocks(stream: IO[bytes], block_bytes: int, line_bytes: int) -> Iterator[memoryview]:
    """Give pieces that end where a line ends; without the mark of the byte order."""
    rest: list[bytes] = []
    length, first = 0, True
    while chunk := stream.read(block_bytes):
        if first:
            while len(chunk) < 3 and (more := stream.read(3 - len(chunk))):
                chunk += more
            chunk = chunk.removeprefix(b"\xef\xbb\xbf")
            first = False
        end = chunk.rfind(b"\n") + 1
        if end:
            yield memoryview(b"".join((*rest, memoryview(chunk)[:end])) if rest else chunk)[
                : length + end
            ]
            rest, length = [chunk[end:]], len(chunk) - end
        else:
            rest.append(chunk)
            length += len(chunk)
        if length > line_bytes:
            raise LimitError(
                f"A line is longer than {line_bytes} bytes.", hint="Is it N-Triples or N-Quads?"
            )
    if length:
        yield memoryview(b"".join((*rest, b"\n")))


class _BlockReader:
    """Reads the blocks of one document."""

    def __init__(self, *, quads: bool, prefix: str, bad: BadLine) -> None:
        self.quads, self.bad = quads, bad
        self.terms = TermReader(prefix=prefix)

    def read(self, buf: NDArray[np.uint8], lines: Cut, line: int) -> Iterator[Statements]:
        """Read a block whose first line has the number `line`."""
        broken = np.empty(0, np.int64)
        if not is_utf8(buf):
            buf, broken = without_broken_text(buf, lines)
            lines = cut(buf, quads=self.quads)
        regular = np.flatnonzero(lines.regular)
        found, wrong = self.terms.read(
            buf, lines.places[regular], line + regular, marks=lines.marks
        )
        if found is not None:
            yield found
        left = np.sort(np.concatenate([np.flatnonzero(lines.odd), wrong - line]))
        if len(left) or len(broken):
            yield from self._read_odd(buf, lines, left, broken, line)

    def _read_odd(
        self,
        buf: NDArray[np.uint8],
        lines: Cut,
        left: NDArray[np.int64],
        broken: NDArray[np.int64],
        line: int,
    ) -> Iterator[Statements]:
        """Read lines by the expression of the whole grammar, and by pyoxigraph what that does not match."""
        import polars as pl

        texts = slices(buf, np.stack([lines.starts[left], lines.ends[left]], axis=1))
        numbers = line + left
        stating = ~texts.str.contains(grammar.NOTHING_STATED)
        texts, numbers = texts.filter(stating), numbers[stating.to_numpy()]
        parts = texts.str.extract_groups(grammar.STATEMENT).struct.unnest()
        known = (parts["1"].is_not_null() & (parts["4"].is_null() | self.quads)).to_numpy()
        found, wrong = self._read_parts(parts.filter(pl.Series(known)), numbers[known])
        if found is not None:
            yield found
        hard = ~known | np.isin(numbers, wrong)
        problems: list[tuple[int, str]] = [(line + row, "It is not UTF-8.") for row in broken]
        statements, where = read_strictly(
            texts.filter(pl.Series(hard)).to_list(),
            numbers[hard].tolist(),
            quads=self.quads,
            bad=lambda number, message: problems.append((number, message)),
        )
        parts = (
            pl.Series(statements, dtype=pl.String)
            .str.extract_groups(grammar.STATEMENT)
            .struct.unnest()
        )
        found, wrong = self._read_parts(parts, np.array(where, np.int64), checked=False)
        problems += [(number, "A term of it is not known here.") for number in wrong.tolist()]
        for number, message in sorted(problems):
            self.bad(number, message)
        if found is not None:
            yield found

    def _read_parts(
        self, parts: pl.DataFrame, numbers: NDArray[np.int64], *, checked: bool = True
    ) -> tuple[Statements | None, NDArray[np.int64]]:
        """Read statements whose terms are apart already; give the numbers of lines with a wrong term too."""
        import polars as pl

        if not len(parts):
            return None, numbers
        columns = parts.get_columns()[: 4 if self.quads else 3]
        terms = pl.concat([column.fill_null("").rename("") for column in columns])
        order = np.arange(len(terms)).reshape(len(columns), -1).T.reshape(-1)
        terms = terms.gather(order)  # row by row
        ends = np.cumsum(terms.str.len_bytes().to_numpy().astype(np.int64)).reshape(
            -1, len(columns)
        )
        starts = np.append(0, ends.reshape(-1)[:-1])[: ends.size].reshape(ends.shape)
        places = np.stack([starts, ends], axis=2).reshape(len(ends), -1)
        buf = np.frombuffer("".join(terms.to_list()).encode(), np.uint8)
        return self.terms.read(buf, places, numbers, marks=marks(buf), checked=checked)
