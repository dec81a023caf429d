"""From places of terms in a block to terms by number: made unique first, and looked into only then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import _ntriples_grammar as grammar
from extremeearth.knowledge.rdf._ntriples_cut import Marks, slices

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Statements", "TermReader"]

_QUOTE, _COLON, _LESS, _GREATER, _UNDERSCORE = b'":<>_'
_IRI, _BLANK = 0, 1  # rows of the types that are always there


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """Some statements: each different term once, and the terms of each statement by number.

    Attributes
    ----------
    types
        The types that occur: ``iri``, ``blank``, ``@language`` or the IRI of a datatype.
    codes
        int32, for each term the row of its type in `types`.
    values
        Arrow ``large_string``: the IRI, the label of the blank node, the lexical form.
    lines
        int64, for each term the line where it stands first, from 1; 0 where that is not known.
    rows
        int32 of shape (statements, 4): subject, predicate, object, graph as rows of `values`; -1 for the default graph.
    """

    types: tuple[str, ...]
    codes: NDArray[np.int32]
    values: pa.LargeStringArray
    lines: NDArray[np.int64]
    rows: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.rows)


class TermReader:
    """Reads the terms of one document; knows what stays the same through it.

    Parameters
    ----------
    prefix
        Put before the labels of blank nodes.
    """

    def __init__(self, *, prefix: str) -> None:
        self.prefix = prefix
        self._tails: dict[str, str | None] = {}

    def read(
        self,
        buf: NDArray[np.uint8],
        places: NDArray[np.int64],
        numbers: NDArray[np.int64],
        *,
        marks: Marks,
        checked: bool = True,
    ) -> tuple[Statements | None, NDArray[np.int64]]:
        """Read statements whose terms are cut already.

        Parameters
        ----------
        buf
            The block.
        places
            As in `Cut`, of the lines to read.
        numbers
            Number of each line.
        marks
            Quotes and special signs of the block.
        checked
            Whether somebody else has not checked IRIs and labels yet.

        Returns
        -------
        tuple
            The statements of lines whose terms are all right (`None` where there are none), and the numbers of the
            other lines.
        """
        if not len(places):
            return None, np.empty(0, np.int64)
        width = places.shape[1] // 2
        rows, first = _unique(slices(buf, places).to_frame())
        starts = places[:, ::2].reshape(-1)[first]
        ends = places[:, 1::2].reshape(-1)[first]
        there = starts < ends
        if not there.all():  # no graph
            number = np.where(there, np.cumsum(there) - 1, -1).astype(np.int32)
            rows, first, starts, ends = number[rows], first[there], starts[there], ends[there]
        rows = rows.reshape(-1, width)
        codes, values, right, types, changed = self._look_into(
            buf, starts, ends, marks, checked=checked
        )
        if not right.all():
            wrong = ~np.append(right, True)[rows].all(axis=1)  # -1 is the one that is appended
            found, _ = self.read(buf, places[~wrong], numbers[~wrong], marks=marks, checked=checked)
            return found, numbers[wrong]
        if width == 3:
            rows = np.concatenate([rows, np.full((len(rows), 1), -1, np.int32)], axis=1)
        found = Statements(types, codes, _as_arrow(values), numbers[first // width], rows)
        return _merged(found) if changed else found, np.empty(0, np.int64)

    def _look_into(
        self,
        buf: NDArray[np.uint8],
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        marks: Marks,
        *,
        checked: bool,
    ) -> tuple[NDArray[np.int32], pl.Series, NDArray[np.bool_], tuple[str, ...], bool]:
        """Give type and value of different terms, which are right, and whether two may have become the same."""
        lead = buf[starts]
        literal, blank = lead == _QUOTE, lead == _UNDERSCORE
        quotes, special = marks.quotes, marks.special
        upto = np.searchsorted(quotes, ends)
        closing = quotes[upto - 1] if len(quotes) else ends
        begin = np.minimum(starts + 1 + blank, ends)
        end = np.maximum(np.select([literal, blank], [closing, ends], ends - 1), begin)
        behind = np.where(literal, np.minimum(end + 1, ends), ends)
        both = slices(buf, np.stack([begin, end, behind, ends], axis=1))
        text, tails = both.gather_every(2), both.gather_every(2, 1)

        odd = np.searchsorted(special, ends) > np.searchsorted(special, starts)
        right = np.where(literal, closing > starts, end > begin)
        right &= np.where(blank, buf[np.minimum(starts + 1, len(buf) - 1)] == _COLON, True)
        right &= np.where(lead == _LESS, buf[ends - 1] == _GREATER, True)
        plain_quotes = upto - np.searchsorted(quotes, starts) == 2

        codes, types, doubled = self._types(tails, np.flatnonzero(literal), blank, right)
        fresh: list[tuple[NDArray[np.int64], pl.Series]] = []
        iris = np.flatnonzero(lead == _LESS)
        escaped_iris = iris[odd[iris]]
        if len(escaped_iris):
            fresh.append(_unescaped(text, escaped_iris, right, grammar.IRI_WITH_ESCAPES))
        if checked:
            right[iris] &= grammar.are_iris(_with(text, fresh).gather(iris)).to_numpy()
        texts = np.flatnonzero(literal & (odd | ~plain_quotes))
        if len(texts):
            fresh.append(_unescaped(text, texts, right, grammar.ESCAPED_TEXT))
        labels = np.flatnonzero(blank)
        if len(labels):
            given = text.gather(labels)
            if checked:
                right[labels] &= grammar.are_labels(given).to_numpy()
            fresh.append((labels, self.prefix + grammar.coded_labels(given)))
        changed = doubled or len(escaped_iris) > 0 or len(texts) > 0
        return codes, _with(text, fresh), right, types, changed

    def _types(
        self,
        tails: pl.Series,
        literals: NDArray[np.int64],
        blank: NDArray[np.bool_],
        right: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int32], tuple[str, ...], bool]:
        """Find the type of each term; mark what is not right; tell whether two tails mean the same type."""
        types: dict[str, int] = {"iri": _IRI, "blank": _BLANK}
        codes = np.where(blank, _BLANK, _IRI).astype(np.int32)
        if not len(literals):
            return codes, tuple(types), False
        given = tails.gather(literals)
        back, first = _unique(given.to_frame())
        meaning = []
        for tail in given.gather(first).to_list():
            if tail not in self._tails:
                self._tails[tail] = grammar.type_of_tail(tail)
            kind = self._tails[tail]
            meaning.append(-1 if kind is None else types.setdefault(kind, len(types)))
        known = np.array(meaning, np.int32)
        codes[literals] = known[back]
        right[literals] &= codes[literals] >= 0
        present = known[known >= 0]
        return codes, tuple(types), len(np.unique(present)) < len(present)


def _unescaped(
    text: pl.Series, rows: NDArray[np.int64], right: NDArray[np.bool_], form: str
) -> tuple[NDArray[np.int64], pl.Series]:
    """Replace escapes in some rows; mark those that are not of a form, or name no character."""
    given = text.gather(rows)
    result, exists = grammar.unescape(given)
    right[rows] &= (given.str.contains(form) & exists).to_numpy()
    return rows, result


def _with(text: pl.Series, fresh: list[tuple[NDArray[np.int64], pl.Series]]) -> pl.Series:
    """Put new texts in the place of some rows."""
    import polars as pl

    if not fresh:
        return text
    place = np.arange(len(text))
    end = len(text)
    for rows, texts in fresh:
        place[rows] = np.arange(end, end + len(texts))
        end += len(texts)
    parts = [texts.rename("text") for texts in (text, *(texts for _, texts in fresh))]
    return pl.concat(parts).gather(place)


def _unique(frame: pl.DataFrame) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give different rows numbers in the order of their first places; give each row's number, and those places."""
    import polars as pl

    groups = (
        frame.lazy().with_row_index("row").group_by(frame.columns).agg(pl.col("row")).collect()
    )["row"]
    rows = groups.explode().to_numpy()
    lengths = groups.list.len().to_numpy().astype(np.int64)
    first = rows[np.cumsum(lengths) - lengths]
    is_first = np.zeros(len(rows), bool)
    is_first[first] = True
    numbers = np.empty(len(rows), np.int32)
    numbers[rows] = np.repeat((np.cumsum(is_first, dtype=np.int32) - 1)[first], lengths)
    return numbers, np.flatnonzero(is_first)


def _merged(found: Statements) -> Statements:
    """Make terms one that were written in different ways."""
    import polars as pl

    values = pl.Series("value", found.values)
    back, first = _unique(pl.DataFrame([pl.Series("code", found.codes), values]))
    if len(first) == len(found.codes):
        return found
    return replace(
        found,
        codes=found.codes[first],
        values=_as_arrow(values.gather(first)),
        lines=found.lines[first],
        rows=np.append(back, np.int32(-1))[found.rows],
    )


def _as_arrow(texts: pl.Series) -> pa.LargeStringArray:
    """Give an own copy that does not keep the block alive."""
    import polars as pl

    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    return array.cast(pa.large_string())
