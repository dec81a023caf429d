"""The dictionary in memory: terms by number, and numbers by the hash of their text and type."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage._arrow import coded, single
from extremeearth.knowledge.store.storage.contract import UNKNOWN
from extremeearth.knowledge.store.storage.typed_values import NO_INSTANT, instants, numbers

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StoredTerms", "file_of_terms", "hash_terms", "terms_of_file"]

SEED = 20
MERGE_TERMS = 1 << 20
"""Chunks with more terms than this are not copied together any more."""
CONSTANTS = 4096
"""Terms looked up one by one whose numbers are remembered: those of queries come again and again."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_lock = threading.Lock()


def hash_terms(column: TermColumn) -> NDArray[np.uint64]:
    """Give a hash of each term, good in this process only.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Iri, Literal
    >>> first, second = hash_terms(TermColumn.of([Iri("urn:a"), Literal("urn:a")]))
    >>> bool(first == second)
    False
    """
    import polars as pl

    texts = pl.from_arrow(column.values)
    assert isinstance(texts, pl.Series)
    hashes = np.asarray(texts.hash(SEED).to_numpy(), np.uint64)
    mixed: NDArray[np.uint64] = hashes ^ ((column.types + 1).astype(np.uint64) * _MIX)
    return mixed


@dataclass(frozen=True, slots=True, eq=False)
class TermChunk:
    """Terms with numbers that follow each other."""

    start: int
    types: NDArray[np.int32]
    values: pa.LargeStringArray
    typed: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.types)

    def numbers(self) -> NDArray[np.float64]:
        """Values of numeric literals, found when first asked for."""
        if "numbers" not in self.typed:
            self.typed["numbers"] = numbers(self.types, self.values)
        found: NDArray[np.float64] = self.typed["numbers"]
        return found

    def instants(self) -> NDArray[np.int64]:
        """Moments in time, found when first asked for."""
        if "instants" not in self.typed:
            self.typed["instants"] = instants(self.types, self.values)
        found: NDArray[np.int64] = self.typed["instants"]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Index:
    """Sorted hashes with the number of each term."""

    hashes: NDArray[np.uint64]
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, hashes: NDArray[np.uint64], start: int) -> _Index:
        order = np.argsort(hashes)
        return cls(hashes[order], order + start)

    def with_(self, other: _Index) -> _Index:
        hashes = np.concatenate([self.hashes, other.hashes])
        order = np.argsort(hashes, kind="stable")
        return _Index(hashes[order], np.concatenate([self.ids, other.ids])[order])


class StoredTerms:
    """The first so many terms of a store; never changes, and shares what it can with its successors.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Iri
    >>> terms = StoredTerms().extended(TermColumn.of([Iri("urn:a"), Iri("urn:b")]))
    >>> terms.find(TermColumn.of([Iri("urn:b"), Iri("urn:c")])).tolist()
    [2, -1]
    """

    def __init__(
        self,
        chunks: tuple[TermChunk, ...] = (),
        indexes: tuple[_Index, ...] = (),
        waiting: tuple[TermChunk, ...] = (),
    ) -> None:
        self._chunks = chunks
        self._indexes = indexes
        self._waiting = waiting
        self._starts = np.array([chunk.start for chunk in chunks], np.int64)
        self._length = chunks[-1].start + len(chunks[-1]) - 1 if chunks else 0
        self._constants: dict[tuple[int, str], int] = {}

    def __len__(self) -> int:
        return self._length

    def extended(self, column: TermColumn, hashes: NDArray[np.uint64] | None = None) -> StoredTerms:
        """Give the dictionary with more terms at its end; they are new, and each is there once.

        Parameters
        ----------
        column
            The terms.
        hashes
            Their hashes, where they are known already.
        """
        if len(column) == 0:
            return self
        chunk = TermChunk(len(self) + 1, column.types, column.values)
        chunks = _merged((*self._chunks, chunk))
        if hashes is None:
            return StoredTerms(chunks, self._indexes, (*self._waiting, chunk))
        indexes = _joined((*self._ready(), _Index.of(hashes, chunk.start)))
        return StoredTerms(chunks, indexes)

    def after(self, number: int) -> TermColumn:
        """Give the terms with numbers above `number`, in order."""
        parts = []
        for chunk in self._chunks:
            first = max(number + 1 - chunk.start, 0)
            if first < len(chunk):
                parts.append(TermColumn(chunk.types[first:], chunk.values.slice(first)))
        return TermColumn.concat(parts)

    def _ready(self) -> tuple[_Index, ...]:
        """Give the indexes, made now where nobody looked for a term before."""
        if self._waiting:
            with _lock:
                indexes = self._indexes
                for chunk in self._waiting:
                    hashes = hash_terms(TermColumn(chunk.types, chunk.values))
                    indexes = _joined((*indexes, _Index.of(hashes, chunk.start)))
                self._indexes, self._waiting = indexes, ()
        return self._indexes

    def find(self, column: TermColumn) -> NDArray[np.int64]:
        """Give the number of each term, `UNKNOWN` where there is none."""
        if len(column) != 1:
            return self.find_hashed(column, hash_terms(column))
        key = (int(column.types[0]), column.values[0].as_py())
        known = self._constants.get(key)
        if known is None:
            known = int(self.find_hashed(column, hash_terms(column))[0])
            if len(self._constants) >= CONSTANTS:
                self._constants.clear()
            self._constants[key] = known
        return np.array([known])

    def find_hashed(self, column: TermColumn, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Give the number of each term whose hash is known already."""
        found = np.full(len(column), UNKNOWN, np.int64)
        order = np.argsort(hashes) if len(hashes) > 1 else np.zeros(len(hashes), np.int64)
        order = order[column.types[order] >= 0]
        for index in self._ready():
            if len(order) == 0:
                break
            order = self._find_in(index, column, hashes, order, found)
        return found

    def _find_in(
        self,
        index: _Index,
        column: TermColumn,
        hashes: NDArray[np.uint64],
        rows: NDArray[np.int64],
        found: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Look rows, in order of their hashes, up in one index; give those that are not there."""
        wanted = hashes[rows]
        places = index.hashes.searchsorted(wanted)
        missing = []
        while len(rows):
            inside = places < len(index.hashes)
            inside[inside] = index.hashes[places[inside]] == wanted[inside]
            missing.append(rows[~inside])
            rows, places, wanted = rows[inside], places[inside] + 1, wanted[inside]
            ids = index.ids[places - 1]
            same = self._same(column, rows, ids)
            found[rows[same]] = ids[same]
            rows, places, wanted = rows[~same], places[~same], wanted[~same]
        left = np.concatenate(missing) if missing else rows
        return left if len(missing) < 2 else left[np.argsort(hashes[left])]

    def _same(
        self, column: TermColumn, rows: NDArray[np.int64], ids: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Compare texts and types: two terms may have one hash."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(rows) == 1:
            chunk = self._chunk_of(int(ids[0]))
            at, row = int(ids[0]) - chunk.start, int(rows[0])
            same = chunk.types[at] == column.types[row] and chunk.values[at] == column.values[row]
            return np.array([same])
        stored = self.take(ids)
        texts = column.values.take(pa.array(rows))
        equal = np.asarray(pc.equal(texts, stored.values).to_numpy(zero_copy_only=False), bool)
        alike: NDArray[np.bool_] = equal & (stored.types == column.types[rows])
        return alike

    def _chunk_of(self, number: int) -> TermChunk:
        return self._chunks[int(self._starts.searchsorted(number, side="right")) - 1]

    def _inside(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        return (ids >= 1) & (ids <= self._length)

    def _split(self, ids: NDArray[np.int64]) -> list[tuple[TermChunk, NDArray[np.intp]]]:
        """Give each chunk with the rows of `ids` that lie in it; all numbers are known ones."""
        if len(self._chunks) == 1:
            return [(self._chunks[0], np.arange(len(ids)))]
        which = self._starts.searchsorted(ids, side="right") - 1
        present = np.flatnonzero(np.bincount(which, minlength=len(self._chunks)))
        return [(self._chunks[i], np.flatnonzero(which == i)) for i in present.tolist()]

    def take(self, ids: NDArray[np.int64]) -> TermColumn:
        """Give the terms of numbers; no term for a number that is none."""
        import pyarrow as pa

        ids = np.asarray(ids, np.int64)
        inside = self._inside(ids)
        if not inside.all():
            known = self.take(ids[inside])
            rows = np.full(len(ids), -1, np.int64)
            rows[inside] = np.arange(len(known))
            spread = known.take(rows)
            return TermColumn(spread.types, spread.values, np.where(inside, ids, 0))
        if len(ids) == 0:
            return TermColumn(np.zeros(0, np.int32), pa.array([], pa.large_string()), ids)
        split = self._split(ids)
        codes = np.empty(len(ids), np.int32)
        texts, places = [], []
        for chunk, rows in split:
            at = (ids if len(split) == 1 else ids[rows]) - chunk.start
            codes[rows] = chunk.types[at]
            texts.append(chunk.values.take(pa.array(at)))
            places.append(rows)
        if len(split) == 1:
            return TermColumn(codes, texts[0], ids)
        back = np.empty(len(ids), np.int64)
        back[np.concatenate(places)] = np.arange(len(ids))
        return TermColumn(codes, pa.concat_arrays(texts).take(pa.array(back)), ids)

    def _gathered(self, ids: NDArray[np.int64], out: NDArray[Any], what: Any) -> NDArray[Any]:
        ids = np.asarray(ids, np.int64)
        known = np.flatnonzero(self._inside(ids))
        if len(known):
            for chunk, rows in self._split(ids[known]):
                chosen = known[rows]
                out[chosen] = what(chunk)[ids[chosen] - chunk.start]
        return out

    def types(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Give the type codes of numbers; -1 for a number that is none."""
        return self._gathered(ids, np.full(len(ids), types.NONE, np.int32), lambda c: c.types)

    def numbers(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the values of numeric literals, NaN elsewhere."""
        return self._gathered(ids, np.full(len(ids), np.nan), TermChunk.numbers)

    def instants(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give moments in time as microseconds since 1970, the smallest int64 elsewhere."""
        return self._gathered(ids, np.full(len(ids), NO_INSTANT, np.int64), TermChunk.instants)


def _merged(chunks: tuple[TermChunk, ...]) -> tuple[TermChunk, ...]:
    """Copy small chunks at the end together, so that there are few, and no term is copied often."""
    import pyarrow as pa

    while len(chunks) > 1 and len(chunks[-2]) < 2 * len(chunks[-1]):
        left, right = chunks[-2:]
        if max(len(left), len(right)) > MERGE_TERMS:
            break
        both = TermChunk(
            left.start,
            np.concatenate([left.types, right.types]),
            pa.concat_arrays([left.values, right.values]),
        )
        chunks = (*chunks[:-2], both)
    return chunks


def _joined(indexes: tuple[_Index, ...]) -> tuple[_Index, ...]:
    while len(indexes) > 1 and len(indexes[-2].ids) < 2 * len(indexes[-1].ids):
        indexes = (*indexes[:-2], indexes[-2].with_(indexes[-1]))
    return indexes


def file_of_terms(column: TermColumn, start: int) -> pa.Table:
    """Make the table that is kept: types by their texts, values typed beside.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Iri
    >>> file_of_terms(TermColumn.of([Iri("urn:a")]), 1).to_pylist()
    [{'id': 1, 'type': 'iri', 'value': 'urn:a', 'number': None, 'instant': None}]
    """
    import pyarrow as pa

    codes, back = np.unique(column.types, return_inverse=True)
    texts = pa.array([types.describe(code).text for code in codes.tolist()], pa.string())
    kinds = pa.DictionaryArray.from_arrays(pa.array(back.astype(np.int32)), texts)
    number = numbers(column.types, column.values)
    instant = instants(column.types, column.values)
    moments = pa.array(instant, mask=instant == NO_INSTANT).cast(pa.timestamp("us", "UTC"))
    return pa.table(
        {
            "id": pa.array(np.arange(start, start + len(column), dtype=np.int64)),
            "type": kinds,
            "value": column.values,
            "number": pa.array(number, mask=np.isnan(number)),
            "instant": moments,
        }
    )


def terms_of_file(table: pa.Table) -> tuple[NDArray[np.int64], TermColumn]:
    """Read such a table back: numbers and terms."""
    texts, which = coded(table["type"])
    codes = np.array([types.code_of_text(text) for text in texts], np.int32)
    kinds = codes[which] if len(codes) else np.zeros(0, np.int32)
    return table["id"].to_numpy(), TermColumn(kinds, single(table["value"], pa_type="large_string"))
