"""The nearest features of each, from nothing or from what an earlier run found.

Of a feature that was there before, and whose nearest ones all still are, only what is new can be nearer: it is looked
for within the distance of the farthest of the nearest ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from extremeearth.knowledge.interlinking.crew import Crew
from extremeearth.knowledge.interlinking.distances import (
    FARTHEST_M,
    MILLIMETRE,
    Candidates,
    Near,
    Pairs,
    chunks,
    in_millimetres,
    nearest,
)
from extremeearth.knowledge.interlinking.features import Side

__all__ = ["Closest", "ClosestSearch"]


@dataclass(frozen=True, slots=True)
class Closest:
    """Nearest features of an earlier run.

    Attributes
    ----------
    again
        Rows on the left that are to be looked at as if they were new: new and changed ones, and those that had a
        feature among their nearest ones that changed or went away.
    rows, columns
        The pairs of all others.
    reach
        For each row on the left how far its farthest nearest feature is, in metres; infinite where it has less than
        were asked for.
    new
        Rows on the right that are new or changed.
    """

    again: Any
    rows: Any
    columns: Any
    reach: Any
    new: Any


class ClosestSearch:
    """Looks for each left feature's nearest right ones; iterate over `pairs` once.

    Parameters
    ----------
    left, right
        Features.
    count
        How many nearest ones.
    crew
        Who measures.
    self_join
        Whether both sides are the same; no feature is its own neighbour.
    since
        What an earlier run found, if it is known.
    """

    def __init__(
        self, left: Side, right: Side, count: int, crew: Crew, *, self_join: bool, since: Closest | None = None,
    ) -> None:  # fmt: skip
        self.left, self.right = left, right
        self.count, self.crew, self.self_join, self.since = count, crew, self_join, since
        self.reach = np.full(len(left.shapes), np.inf)
        """How far the farthest nearest feature of each row on the left is, after `pairs`."""
        self.measured = 0
        """Pairs whose distance was measured."""
        self.reused = 0
        """Pairs that were known before."""

    def pairs(self) -> Iterator[Pairs]:
        """Give positions on the left and on the right."""
        if self.since is None:
            yield from self._search(self.left)
            return
        yield from self._search(self.left.only(self.since.again))
        yield from self._since(self.since)

    def _search(self, left: Side) -> Iterator[Pairs]:
        if not len(left.rows):
            return
        near = Near.of(left, self.right, self_join=self.self_join)
        for first, second, metres in nearest(near, self.count, self.crew):
            rows = left.rows[first]
            self._note(rows, metres)
            yield rows, self.right.rows[second]
        self.measured += near.measured

    def _since(self, since: Closest) -> Iterator[Pairs]:
        """Give the nearest ones of features that are not to be looked at again: known ones, or nearer new ones."""
        left = self.left.only(np.setdiff1d(self.left.rows, since.again))
        self.reach[left.rows] = since.reach[left.rows]
        rows, columns, metres = self._new_within_reach(left, since)
        other = np.isin(since.rows, rows)
        self.reused += int(np.count_nonzero(~other))
        yield since.rows[~other], since.columns[~other]
        if not len(rows):
            return
        kept = since.rows[other], since.columns[other]
        rows, columns = np.concatenate([rows, kept[0]]), np.concatenate([columns, kept[1]])
        metres = np.concatenate([metres, self._metres(*kept)])
        order = np.lexsort((columns, metres, rows))
        rows, columns, metres = rows[order], columns[order], metres[order]
        _, begins, sizes = np.unique(rows, return_index=True, return_counts=True)
        good = np.arange(len(rows)) - np.repeat(begins, sizes) < self.count
        self._note(rows[good], metres[good])
        yield rows[good], columns[good]

    def _new_within_reach(self, left: Side, since: Closest) -> tuple[Any, Any, Any]:
        """Find the new right features that are not farther from a left one than its farthest nearest one."""
        right = self.right.only(since.new)
        found: list[tuple[Any, Any, Any]] = []
        if len(left.rows) and len(right.rows):
            near = Near.of(left, right, self_join=self.self_join)
            reach = np.minimum(since.reach[left.rows], FARTHEST_M)
            # windows of one size at a time; the sizes are powers of two
            sizes = np.exp2(np.ceil(np.log2(np.maximum(reach + MILLIMETRE, 1.0))))
            sizes = np.minimum(sizes, FARTHEST_M)
            asked = (
                near.around(at, float(size))
                for size in np.unique(sizes)
                for at in chunks(np.flatnonzero(sizes == size))
            )
            for _, first, second, exact in near.closer(asked, self.crew):
                metres = in_millimetres(exact)
                good = metres <= reach[first]
                found.append((left.rows[first[good]], right.rows[second[good]], metres[good]))
            self.measured += near.measured
        empty = np.empty(0, dtype=np.int64)
        together = zip((empty, empty, np.empty(0)), *found, strict=True)
        rows, columns, metres = (np.concatenate(part) for part in together)
        return rows, columns, metres

    def _metres(self, rows: Any, columns: Any) -> Any:
        """Measure pairs."""
        left, right = self.left.only(rows), self.right.only(columns)
        near = Near.of(left, right, self_join=self.self_join)
        first, second = np.searchsorted(left.rows, rows), np.searchsorted(right.rows, columns)
        asked = (
            Candidates(first[at], first[at], second[at], np.inf)
            for at in chunks(np.arange(len(rows)))
        )
        metres = [in_millimetres(metres) for *_, metres in near.closer(asked, self.crew)]
        self.measured += near.measured
        return np.concatenate([np.empty(0), *metres])

    def _note(self, rows: Any, metres: Any) -> None:
        """Note how far the farthest nearest feature of each row is."""
        owners, begins, sizes = np.unique(rows, return_index=True, return_counts=True)
        farthest = np.maximum.reduceat(metres, begins) if len(begins) else np.empty(0)
        self.reach[owners] = np.where(sizes == self.count, farthest, np.inf)
