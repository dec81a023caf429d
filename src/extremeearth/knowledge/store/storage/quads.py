"""The quads of one predicate in memory: sorted by subject, with an order by object made when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.storage._sorting import (
    Columns,
    locate,
    merged,
    net_changes,
    sorted_unique,
    zeros,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PredicateQuads", "empty_quads", "quads_table"]


class PredicateQuads:
    """Quads of one predicate, sorted by subject, object and graph; never changes.

    Parameters
    ----------
    predicate
        Number of the predicate.
    columns
        Subjects, objects, graphs: sorted, each row once.

    Examples
    --------
    >>> quads = PredicateQuads.of(7, (np.array([2, 1]), np.array([5, 9]), np.array([0, 0])))
    >>> quads.rows(subject=2).to_pylist()
    [{'s': 2, 'p': 7, 'o': 5, 'g': 0}]
    """

    def __init__(self, predicate: int, columns: Columns) -> None:
        self.predicate = predicate
        self.columns = columns

    @classmethod
    def of(cls, predicate: int, columns: Columns) -> PredicateQuads:
        """Make a table of rows in any order."""
        return cls(predicate, sorted_unique(columns))

    @classmethod
    def none(cls, predicate: int) -> PredicateQuads:
        """Make an empty table."""
        nothing = zeros(0)
        return cls(predicate, (nothing, nothing, nothing))

    def __len__(self) -> int:
        return len(self.columns[0])

    def plus(self, columns: Columns) -> tuple[PredicateQuads, Columns]:
        """Give the table with sorted rows added, and those of them that are new."""
        places, there = locate(self.columns, columns)
        if there.any():
            places, columns = places[~there], _chosen(columns, ~there)
        if len(columns[0]) == 0:
            return self, columns
        return PredicateQuads(self.predicate, merged(self.columns, places, columns)), columns

    def minus(self, columns: Columns) -> tuple[PredicateQuads, Columns]:
        """Give the table without sorted rows, and those of them that were here."""
        places, there = locate(self.columns, columns)
        if not there.any():
            return self, _chosen(columns, there)
        keep = np.ones(len(self), bool)
        keep[places[there]] = False
        gone = columns if there.all() else _chosen(columns, there)
        return PredicateQuads(self.predicate, _chosen(self.columns, keep)), gone

    def changed(self, columns: Columns, change: NDArray[np.int8]) -> PredicateQuads:
        """Give the table after changes (+1 and -1) in any order: a quad is there when its sum is 1."""
        if len(self) == 0 and (change > 0).all():
            return PredicateQuads.of(self.predicate, columns)
        net, sums = net_changes(columns, change)
        return self.minus(_chosen(net, sums < 0))[0].plus(_chosen(net, sums > 0))[0]

    def may_have(self, subject: int) -> bool:
        """Tell quickly that a subject cannot be here."""
        s = self.columns[0]
        return len(s) > 0 and bool(s[0] <= subject <= s[-1])

    @cached_property
    def graphs(self) -> NDArray[np.int64]:
        """The graphs in which there are quads, sorted; 0 is the default graph."""
        g = self.columns[2]
        if len(g) == 0 or not g.any():
            return np.zeros(min(len(g), 1), np.int64)
        return np.unique(g)

    @cached_property
    def subject_count(self) -> int:
        """How many different subjects."""
        return _count_different(self.columns[0])

    @cached_property
    def object_count(self) -> int:
        """How many different objects."""
        return _count_different(np.sort(self.columns[1]))

    @cached_property
    def by_object(self) -> NDArray[np.intp]:
        """Rows in order of their objects, then subjects."""
        return np.argsort(self.columns[1], kind="stable")

    @cached_property
    def table(self) -> pa.Table:
        """All rows as an Arrow table ``s p o g``, which shares the memory."""
        s, o, g = self.columns
        return quads_table(s, np.full(len(s), self.predicate, np.int64), o, g)

    def rows(
        self,
        *,
        subject: int | None = None,
        object: int | None = None,
        graphs: Sequence[int] | None = None,
    ) -> pa.Table:
        """Give the rows that match; a slice where they lie side by side.

        Parameters
        ----------
        subject, object
            Numbers, `None` for any.
        graphs
            Graphs to look in, `None` for every one.
        """
        found = self.places(subject=subject, object=object)
        if not isinstance(found, slice):
            return self._picked(found, graphs)
        low, high = found.start, found.stop
        if low == high:
            return empty_quads()
        wanted = self._wanted_graphs(graphs)
        if wanted is None:
            whole = self.table
            return whole if high - low == len(self) else whole.slice(low, high - low)
        inside = _in(self.columns[2][found], wanted)
        return self._picked(low + np.flatnonzero(inside), None)

    def places(
        self, *, subject: int | None = None, object: int | None = None
    ) -> slice | NDArray[np.intp]:
        """Tell which rows have a subject, an object, or both: a slice where they lie side by side."""
        s, o, _ = self.columns
        if subject is not None:
            low, high = int(s.searchsorted(subject)), int(s.searchsorted(subject, side="right"))
            if object is None or low == high:
                return slice(low, high)
            part = o[low:high]
            first, last = part.searchsorted(object), part.searchsorted(object, side="right")
            return slice(low + int(first), low + int(last))
        if object is None:
            return slice(0, len(s))
        order = self.by_object
        first = o.searchsorted(object, sorter=order)
        last = o.searchsorted(object, side="right", sorter=order)
        return order[first:last]

    def among(
        self, place: str, values: NDArray[np.int64], *, graphs: Sequence[int] | None = None
    ) -> pa.Table:
        """Give the rows whose subject (``s``) or object (``o``) is one of some different numbers."""
        at = {"s": 0, "o": 1}[place]
        column, order = self.columns[at], None if at == 0 else self.by_object
        low = column.searchsorted(values, sorter=order)
        counts = column.searchsorted(values, side="right", sorter=order) - low
        starts = np.cumsum(counts) - counts
        rows = np.arange(int(counts.sum())) + np.repeat(low - starts, counts)
        return self._picked(rows if order is None else order[rows], graphs)

    def _wanted_graphs(self, graphs: Sequence[int] | None) -> NDArray[np.int64] | None:
        """Give the graphs to filter by, `None` where there is nothing to filter."""
        if graphs is None:
            return None
        wanted = np.unique(np.asarray(graphs, np.int64))
        inside = np.isin(self.graphs, wanted)
        return None if inside.all() else self.graphs[inside]

    def _picked(self, rows: NDArray[np.intp], graphs: Sequence[int] | None) -> pa.Table:
        s, o, g = self.columns
        wanted = self._wanted_graphs(graphs)
        if wanted is not None:
            rows = rows[_in(g[rows], wanted)]
        if len(rows) == 0:
            return empty_quads()
        return quads_table(s[rows], np.full(len(rows), self.predicate, np.int64), o[rows], g[rows])


def _in(values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)
    return inside


def _chosen(columns: Columns, keep: NDArray[np.bool_]) -> Columns:
    s, o, g = columns
    kept = s[keep]
    return kept, o[keep], g[keep] if g.any() else zeros(len(kept))


def _count_different(values: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(values[1:] != values[:-1])) + 1 if len(values) else 0


def quads_table(
    s: NDArray[np.int64], p: NDArray[np.int64], o: NDArray[np.int64], g: NDArray[np.int64]
) -> pa.Table:
    """Make the Arrow table ``s p o g`` of four arrays, without a copy.

    Examples
    --------
    >>> one = np.array([1])
    >>> quads_table(one, one, one, one).column_names
    ['s', 'p', 'o', 'g']
    """
    import pyarrow as pa

    return pa.Table.from_arrays([pa.array(column) for column in (s, p, o, g)], list("spog"))


def empty_quads() -> pa.Table:
    """Make the table of no quads.

    Examples
    --------
    >>> empty_quads().num_rows
    0
    """
    nothing = zeros(0)
    return quads_table(nothing, nothing, nothing, nothing)
