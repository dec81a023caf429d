"""One version of the store, as whoever asks it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.storage.contract import DEFAULT_GRAPH, PredicateStatistics
from extremeearth.knowledge.store.storage.dictionary import StoredTerms
from extremeearth.knowledge.store.storage.geometries import StoredGeometries
from extremeearth.knowledge.store.storage.quads import PredicateQuads, empty_quads, quads_table
from extremeearth.knowledge.store.storage.state import PredicateEntry, QuadState

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StoredSnapshot", "StoredStatistics"]

SMALL_ROWS = 10_000
"""Results of several predicates up to so many rows are copied together; larger ones stay in pieces."""


class StoredStatistics:
    """Counts of a snapshot, found when they are asked for and remembered with the predicate."""

    def __init__(self, entries: Mapping[int, PredicateEntry], geometries: StoredGeometries) -> None:
        self._entries = entries
        self._geometries = geometries

    @cached_property
    def triples(self) -> int:
        """All quads."""
        return sum(map(len, self._entries.values()))

    def predicate(self, predicate: int) -> PredicateStatistics:
        """Give the counts of a predicate; zeros where it is unknown."""
        entry = self._entries.get(predicate)
        if entry is None:
            return PredicateStatistics(triples=0, subjects=0, objects=0)
        quads = entry.quads
        return PredicateStatistics(
            triples=len(quads), subjects=quads.subject_count, objects=quads.object_count
        )

    def box_fraction(self, xmin: float, ymin: float, xmax: float, ymax: float) -> float:
        """Estimate which part of the geometries meets a box."""
        return self._geometries.box_fraction(xmin, ymin, xmax, ymax)


class StoredSnapshot:
    """The whole store as it was after one commit; never changes. See `contract.Snapshot`.

    Parameters
    ----------
    version
        Number of the commit.
    terms, geometries
        What is known of terms.
    quads
        The quads.
    created
        IRIs of graphs that exist though they may be empty; known of the newest state only.
    """

    def __init__(
        self,
        version: int,
        terms: StoredTerms,
        geometries: StoredGeometries,
        quads: QuadState,
        *,
        created: frozenset[str] = frozenset(),
    ) -> None:
        self.version = version
        self.terms = terms
        self.geometries = geometries
        self.quads = quads
        self.created = created
        self.statistics = StoredStatistics(quads.entries, geometries)

    def __repr__(self) -> str:
        return f"StoredSnapshot(version={self.version}, quads={len(self)}, terms={len(self.terms)})"

    def __len__(self) -> int:
        return self.statistics.triples

    @cached_property
    def _predicates(self) -> NDArray[np.int64]:
        used = [p for p, entry in self.quads.entries.items() if len(entry)]
        return np.array(sorted(used), np.int64)

    def predicates(self) -> NDArray[np.int64]:
        """Give the predicates that have quads, in the order of their numbers."""
        return self._predicates

    @cached_property
    def _graphs(self) -> NDArray[np.int64]:
        sets = [self.quads.entries[p].graphs for p in self._predicates.tolist()]
        every = np.unique(np.concatenate(sets)) if sets else np.zeros(0, np.int64)
        named: NDArray[np.int64] = every[every != DEFAULT_GRAPH]
        return named

    def graphs(self) -> NDArray[np.int64]:
        """Give the named graphs that have quads, in the order of their numbers."""
        return self._graphs

    @cached_property
    def _whole(self) -> pa.Table:
        import pyarrow as pa

        tables = [self.quads.entries[p].quads.table for p in self._predicates.tolist()]
        return pa.concat_tables(tables) if tables else empty_quads()

    def scan(
        self,
        *,
        subject: int | None = None,
        predicate: int | None = None,
        object: int | None = None,
        graphs: Sequence[int] | None = None,
    ) -> pa.Table:
        """Give quads that match, as columns ``s p o g`` of int64, each quad once. See `contract.Snapshot.scan`."""
        if any(number is not None and number < 1 for number in (subject, predicate, object)):
            return empty_quads()
        if predicate is not None:
            entry = self.quads.entries.get(predicate)
            return (
                entry.quads.rows(subject=subject, object=object, graphs=graphs)
                if entry is not None
                else empty_quads()
            )
        if subject is None and object is None and graphs is None:
            return self._whole
        return self._scan_all(subject, object, graphs)

    def scan_among(
        self,
        predicate: int,
        place: str,
        values: NDArray[np.int64],
        *,
        graphs: Sequence[int] | None = None,
    ) -> pa.Table:
        """Give the quads of a predicate whose subject or object is among some numbers."""
        entry = self.quads.entries.get(predicate)
        return empty_quads() if entry is None else entry.quads.among(place, values, graphs=graphs)

    def _scan_all(
        self, subject: int | None, object: int | None, graphs: Sequence[int] | None
    ) -> pa.Table:
        """Look a subject or an object up in every predicate, or filter all by their graphs."""
        import pyarrow as pa

        everything = (self.quads.entries[p].quads for p in self._predicates.tolist())
        found = []
        for quads in everything:
            if subject is None or quads.may_have(subject):
                rows = quads.places(subject=subject, object=object)
                count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
                if count:
                    found.append((quads, rows, count))
        if sum(count for _, _, count in found) <= SMALL_ROWS:
            return _together(found, graphs)
        tables = [q.rows(subject=subject, object=object, graphs=graphs) for q, _, _ in found]
        return pa.concat_tables(tables)


def _together(
    found: Sequence[tuple[PredicateQuads, slice | NDArray[np.intp], int]],
    graphs: Sequence[int] | None,
) -> pa.Table:
    """Copy a few rows of many predicates into one table."""
    if not found:
        return empty_quads()
    s, o, g = (
        np.concatenate([quads.columns[i][rows] for quads, rows, _ in found]) for i in range(3)
    )
    predicates = np.array([quads.predicate for quads, _, _ in found], np.int64)
    p = np.repeat(predicates, [count for _, _, count in found])
    if graphs is not None:
        keep = np.isin(g, np.asarray(graphs, np.int64))
        s, p, o, g = s[keep], p[keep], o[keep], g[keep]
    return quads_table(s, p, o, g)
