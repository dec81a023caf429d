"""The terms of one query: those that are stored, and those that it computes itself."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql.terms import Term
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.storage.contract import UNKNOWN, Terms

__all__ = ["FIRST_COMPUTED", "QueryTerms"]

FIRST_COMPUTED = 1 << 62
"""Terms that only the query knows are numbered from here."""


class QueryTerms:
    """Numbers for terms and terms for numbers, while one query runs.

    A computed term that is stored has its stored number, so that equal numbers are equal terms everywhere.
    """

    def __init__(self, stored: Terms) -> None:
        self.stored = stored
        self._computed: list[TermColumn] = []
        self._numbers: dict[tuple[int, str], int] = {}
        self._count = 0
        self._whole = TermColumn.empty()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def encode(self, column: TermColumn) -> NDArray[np.int64]:
        """Give the number of each term; 0 where there is none."""
        if not len(column):
            return np.zeros(0, np.int64)
        if column.ids is not None:
            return np.where(column.present, column.ids, 0)
        different, back = column.unique()
        numbers = np.zeros(len(different), np.int64)
        present = different.present
        numbers[present] = self.stored.find(different.take(np.flatnonzero(present)))
        unknown = np.flatnonzero(numbers == UNKNOWN)
        if len(unknown):
            numbers[unknown] = self._number(different.take(unknown))
        return numbers[back]

    def encode_term(self, term: Term) -> int:
        """Give the number of one term."""
        return int(self.encode(TermColumn.of([term]))[0])

    def find(self, term: Term) -> int:
        """Give the number of a term if it is stored or computed, else `UNKNOWN`."""
        column = TermColumn.of([term])
        found = int(self.stored.find(column)[0])
        if found != UNKNOWN:
            return found
        return self._numbers.get((int(column.types[0]), column.values[0].as_py()), UNKNOWN)

    def decode(self, ids: NDArray[np.int64]) -> TermColumn:
        """Give the terms of numbers, 0 for none; the column knows its numbers."""
        ids = np.asarray(ids, np.int64)
        computed = ids >= FIRST_COMPUTED
        if not computed.any():
            plain = self.stored.take(ids)
            return TermColumn(plain.types, plain.values, ids)
        known, new = self.stored.take(np.where(computed, 0, ids)), self._all_computed()
        both = TermColumn.concat([known, new])
        rows = np.where(computed, ids - FIRST_COMPUTED + len(known), np.arange(len(ids)))
        mixed = both.take(rows)
        return TermColumn(mixed.types, mixed.values, ids)

    def _number(self, column: TermColumn) -> NDArray[np.int64]:
        with self._lock:
            numbers, fresh = [], []
            pairs = zip(column.types.tolist(), column.values.to_pylist(), strict=True)
            for row, pair in enumerate(pairs):
                found = self._numbers.get(pair)
                if found is None:
                    found = FIRST_COMPUTED + self._count
                    self._numbers[pair] = found
                    self._count += 1
                    fresh.append(row)
                numbers.append(found)
            if fresh:
                self._computed.append(column.take(np.array(fresh)))
            return np.array(numbers, np.int64)

    def _all_computed(self) -> TermColumn:
        with self._lock:
            if self._computed:
                self._whole = TermColumn.concat([self._whole, *self._computed])
                self._computed = []
            return self._whole
