"""Sets of (subject, object, graph) as sorted arrays: sort, look up, merge and take away without a loop over rows.

The three numbers are packed into one 64-bit key wherever they fit, which is nearly always: numbers are dense, and
graphs are few. Where they do not fit, they are replaced by their ranks first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "locate", "merged", "net_changes", "sorted_unique", "zeros"]

Columns: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Subjects, objects, graphs: arrays of one length."""

KEY_BITS = 63
FEW = 64
"""So many times smaller than a table, keys are looked up one bisection each instead of packing the table."""

_zeros: NDArray[np.int64] = np.zeros(1024, np.int64)


def zeros(length: int) -> NDArray[np.int64]:
    """Give zeros that all tables share: the graph column of whoever uses the default graph only."""
    global _zeros  # noqa: PLW0603 - grows only; an array handed out stays valid
    if len(_zeros) < length:
        grown = np.zeros(max(length, 2 * len(_zeros)), np.int64)
        grown.flags.writeable = False
        _zeros = grown
    return _zeros[:length]


@dataclass(frozen=True, slots=True)
class _Packing:
    """How three numbers become one key and come back."""

    object_bits: int
    graph_bits: int
    subjects: NDArray[np.int64] | None
    objects: NDArray[np.int64] | None
    graphs: NDArray[np.int64] | None

    def keys(self, columns: Columns) -> NDArray[np.uint64]:
        s, o, g = columns
        subjects = s if self.subjects is None else self.subjects.searchsorted(s)
        objects = o if self.objects is None else self.objects.searchsorted(o)
        packed = subjects << (self.object_bits + self.graph_bits)
        packed |= objects << self.graph_bits
        if self.graphs is not None:
            packed |= self.graphs.searchsorted(g)
        return packed.view(np.uint64)

    def columns(self, keys: NDArray[np.uint64]) -> Columns:
        whole = keys.view(np.int64)
        s = whole >> (self.object_bits + self.graph_bits)
        o = (whole >> self.graph_bits) & ((1 << self.object_bits) - 1)
        if self.subjects is not None:
            s = self.subjects[s]
        if self.objects is not None:
            o = self.objects[o]
        if self.graphs is None:
            return s, o, zeros(len(s))
        if len(self.graphs) == 1 and self.graphs[0] == 0:
            return s, o, zeros(len(s))
        return s, o, self.graphs[whole & ((1 << self.graph_bits) - 1)]


def _bits(arrays: Sequence[NDArray[np.int64]]) -> int:
    return max((int(array.max()).bit_length() for array in arrays if len(array)), default=0)


def _packing(sets: Sequence[Columns]) -> _Packing:
    used = [columns for columns in sets if len(columns[0])]
    subjects, objects, graphs = ([columns[i] for columns in used] for i in range(3))
    distinct = _graphs(graphs)
    graph_bits = 0 if distinct is None else (len(distinct) - 1).bit_length()
    subject_bits, object_bits = _bits(subjects), _bits(objects)
    if subject_bits + object_bits + graph_bits <= KEY_BITS:
        return _Packing(object_bits, graph_bits, None, None, distinct)
    ranked_s, ranked_o = np.unique(np.concatenate(subjects)), np.unique(np.concatenate(objects))
    return _Packing(len(ranked_o).bit_length(), graph_bits, ranked_s, ranked_o, distinct)


def _graphs(graphs: Sequence[NDArray[np.int64]]) -> NDArray[np.int64] | None:
    """Give the different graphs, `None` where all is in the default graph."""
    ends = {(int(g.min()), int(g.max())) for g in graphs}
    if ends <= {(0, 0)}:
        return None
    if all(low == high for low, high in ends):
        return np.array(sorted(low for low, _ in ends), np.int64)
    return np.unique(np.concatenate([np.unique(g) for g in graphs]))


def sorted_unique(columns: Columns) -> Columns:
    """Sort by subject, object, graph, and drop what comes twice.

    Examples
    --------
    >>> columns = (np.array([2, 1, 2]), np.array([5, 9, 5]), np.array([0, 0, 0]))
    >>> [column.tolist() for column in sorted_unique(columns)]
    [[1, 2], [9, 5], [0, 0]]
    """
    if len(columns[0]) == 0:
        return columns
    packing = _packing([columns])
    keys = packing.keys(columns)
    rising = keys[1:] > keys[:-1]
    if rising.all():
        s, o, g = columns
        return (s, o, zeros(len(g))) if packing.graphs is None else columns
    keys = np.sort(keys)
    first = np.ones(len(keys), bool)
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    return packing.columns(keys if first.all() else keys[first])


def net_changes(columns: Columns, change: NDArray[np.int8]) -> tuple[Columns, NDArray[np.int64]]:
    """Add up the changes (+1, -1) of each quad; sorted, without those that cancel out."""
    if len(columns[0]) == 0:
        return columns, np.zeros(0, np.int64)
    packing = _packing([columns])
    keys = packing.keys(columns)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    sums = np.add.reduceat(change[order].astype(np.int64), starts)
    left = sums != 0
    return packing.columns(keys[starts[left]]), sums[left]


def locate(table: Columns, wanted: Columns) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find rows in a sorted table.

    Parameters
    ----------
    table
        Sorted and unique.
    wanted
        Rows to find, sorted too.

    Returns
    -------
    tuple
        Where each wanted row is or would have to be put, and whether it is there.

    Examples
    --------
    >>> table = (np.array([1, 2]), np.array([9, 5]), np.array([0, 0]))
    >>> places, there = locate(table, (np.array([1, 2]), np.array([10, 5]), np.array([0, 0])))
    >>> places.tolist(), there.tolist()
    ([1, 1], [False, True])
    """
    size, many = len(table[0]), len(wanted[0])
    if size == 0 or many == 0:
        return np.zeros(many, np.int64), np.zeros(many, bool)
    if many * FEW < size:
        places = _bisected(table, wanted)
        inside = np.minimum(places, size - 1)
        there = places < size
        for have, want in zip(table, wanted, strict=True):
            there &= have[inside] == want
        return places, there
    packing = _packing([table, wanted])
    keys, sought = packing.keys(table), packing.keys(wanted)
    places = keys.searchsorted(sought)
    return places, (places < size) & (keys[np.minimum(places, size - 1)] == sought)


def _bisected(table: Columns, wanted: Columns) -> NDArray[np.int64]:
    low = np.zeros(len(wanted[0]), np.int64)
    high = np.full(len(wanted[0]), len(table[0]), np.int64)
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = np.where(open_, (low + high) >> 1, 0)
        less = np.zeros(len(low), bool)
        equal = np.ones(len(low), bool)
        for have, want in zip(table, wanted, strict=True):
            at = have[middle]
            less |= equal & (at < want)
            equal &= at == want
        low = np.where(open_ & less, middle + 1, low)
        high = np.where(open_ & ~less, middle, high)


def merged(table: Columns, places: NDArray[np.int64], new: Columns) -> Columns:
    """Put sorted rows into a sorted table at the places that `locate` found."""
    if len(table[0]) == 0:
        return new
    s, o = (np.insert(old, places, more) for old, more in zip(table[:2], new[:2], strict=True))
    if not table[2].any() and not new[2].any():
        return s, o, zeros(len(s))
    return s, o, np.insert(table[2], places, new[2])
