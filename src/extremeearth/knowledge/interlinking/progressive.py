"""Progressive linking: the most promising pairs first, and how good that order was.

After progressive GIA.nt: candidate pairs are weighed, ordered, and verified up to a budget. Only as many pairs as the
budget allows are kept while the cells are gone through, so that memory does not grow with the candidates.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from extremeearth.knowledge.interlinking.options import Budget

__all__ = ["ProgressiveReport", "TopPairs", "budgeted", "geometry_recall"]

MOST_KEPT = 20_000_000
"""Pairs kept for a budget in seconds alone."""
PAIRS_PER_STEP = 10_000
FIRST_STEP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressiveReport:
    """How good a budgeted run was.

    Attributes
    ----------
    verified, qualifying
        Pairs that were verified, and those of them that share a point.
    precision
        `qualifying` as a share of `verified`.
    all_qualifying
        Pairs that share a point among all candidates, where that was measured.
    recall
        `qualifying`, with those of earlier runs, as a share of `all_qualifying`.
    progressive_geometry_recall
        Area under the curve of qualifying against verified pairs, as a share of that of the ideal order. Where
        `all_qualifying` is not known, the ideal order is that of the pairs that were found.
    stopped_by
        ``"pairs"``, ``"seconds"``, or ``""`` where every candidate was verified.
    verified_before, qualifying_before
        Pairs that the runs verified that this one goes on from, and those of them that share a point.
    """

    verified: int
    qualifying: int
    precision: float
    all_qualifying: int | None
    recall: float | None
    progressive_geometry_recall: float
    stopped_by: str
    verified_before: int = 0
    qualifying_before: int = 0


class TopPairs:
    """Keeps the heaviest of many pairs; memory holds at most twice as many.

    Examples
    --------
    >>> top = TopPairs(2)
    >>> top.add(np.arange(4), np.arange(4), np.array([0.1, 0.9, 0.5, 0.7]), np.zeros(4))
    >>> [array.tolist() for array in top.ordered()]
    [[1, 3], [1, 3]]
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.seen = 0
        self._waiting: list[tuple[Any, Any, Any, Any]] = []
        self._size = 0

    def add(
        self, rows: Any, columns: Any, weights: Any, ties: Any, *, seen: int | None = None
    ) -> None:
        """Take pairs with their weights; `seen` where they are the heaviest of more."""
        self.seen += len(rows) if seen is None else seen
        self._size += len(rows)
        self._waiting.append((rows, columns, weights, ties))
        if self._size > 2 * self.most:
            self._shrink()

    def _shrink(self) -> None:
        rows, columns, weights, ties = (
            np.concatenate(parts) for parts in zip(*self._waiting, strict=True)
        )
        # of equal pairs the first in the data, so that every run is the same
        order = np.lexsort((columns, rows, -ties, -weights))[: self.most]
        self._waiting = [(rows[order], columns[order], weights[order], ties[order])]
        self._size = len(order)

    def kept(self) -> tuple[Any, Any, Any, Any]:
        """Give the pairs with their weights, heaviest first."""
        if not self._waiting:
            whole, real = np.empty(0, dtype=np.int64), np.empty(0)
            return whole, whole, real, real
        self._shrink()
        return self._waiting[0]

    def ordered(self) -> tuple[Any, Any]:
        """Give the pairs, heaviest first."""
        return self.kept()[:2]


def budgeted(count: int, budget: Budget, *, since: float) -> Iterator[slice]:
    """Give slices of `count` ordered pairs until the budget is used up; `since` is a `time.monotonic`.

    Steps begin small and grow, and with a time limit each takes at most a tenth of what is left.
    """
    most = count if budget.pairs is None else min(count, budget.pairs)
    start, step, pace = 0, FIRST_STEP, 0.0
    while start < most:
        now = time.monotonic()
        if budget.seconds is not None:
            left = budget.seconds - (now - since)
            if left <= 0:
                return
            if pace:
                step = max(min(step, int(left / 10 / pace)), 50)
        stop = min(start + step, most)
        yield slice(start, stop)
        pace = (time.monotonic() - now) / (stop - start)
        start, step = stop, min(step * 2, PAIRS_PER_STEP)


def geometry_recall(hits: Any, all_qualifying: int) -> float:
    """Give the progressive geometry recall of verified pairs in their order; whole numbers until the last division.

    Examples
    --------
    >>> (
    ...     geometry_recall(np.array([True, True, False]), 2),
    ...     geometry_recall(np.array([False, True, True]), 2),
    ... )
    (1.0, 0.6)
    """
    if not len(hits) or not all_qualifying:
        return 0.0
    found = int(np.cumsum(hits, dtype=np.int64).sum())
    steps = np.arange(1, len(hits) + 1, dtype=np.int64)
    return found / int(np.minimum(steps, all_qualifying).sum())
