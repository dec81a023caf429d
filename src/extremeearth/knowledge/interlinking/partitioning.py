"""Partitioning: the plane cut into cells that hold few features, so that memory stays bounded.

A feature goes to every cell that its box meets. A pair that meets in several cells counts in the one that holds its
reference point, the lower left corner of what the two boxes share (Dittrich and Seeger, ICDE 2000). Cells follow the
density: each is halved at the median until it holds few enough features (a k-d tree).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Cell", "cut", "in_cell"]

ROWS_PER_CELL = 20_000
"""Features of both sides that a cell may hold."""
MOST_GROWTH = 1.6
"""A cut that makes more rows than this many times those before it is not made: large boxes lie across it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of the plane, its left and lower edges its own, and the features whose boxes meet it.

    `dealt` tells that other cells of the same place hold the same right features and other left ones.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    left: Any
    right: Any
    dealt: bool = False

    def shared(self, boxes: Any, rows: Any) -> Any:
        """Tell which of its features other cells may hold too, by the boxes of all.

        Examples
        --------
        >>> cell = Cell((0, 0), (4, 4), np.arange(2), np.arange(0))
        >>> cell.shared(np.array([[1.0, 1, 2, 2], [3, 3, 4, 4]]), cell.left).tolist()
        [False, True]
        """
        if self.dealt:
            return np.ones(len(rows), dtype=bool)
        some = boxes[rows]
        return (some[:, :2] < self.low).any(axis=1) | (some[:, 2:] >= self.high).any(axis=1)


def cut(left: Any, right: Any, *, most_rows: int = ROWS_PER_CELL) -> Iterator[Cell]:
    """Cut the plane into cells; those that hold features of one side only are left out.

    Parameters
    ----------
    left, right
        Boxes ``xmin, ymin, xmax, ymax`` without NaN.
    most_rows
        Features of both sides that a cell should hold. Where large boxes make a cut useless, the left features are
        dealt out to several cells of the same place instead.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 1, 1], [4, 4, 5, 5], [0.5, 0.5, 4.5, 4.5]])
    >>> [(c.left.tolist(), c.right.tolist()) for c in cut(boxes[:2], boxes[2:], most_rows=2)]
    [([0], [0]), ([1], [0])]
    """
    everything = (-np.inf, -np.inf), (np.inf, np.inf)
    waiting = [(*everything, np.arange(len(left)), np.arange(len(right)))]
    while waiting:
        low, high, ours, theirs = waiting.pop()
        if not len(ours) or not len(theirs):
            continue
        halves = (
            _halves((left, right), (low, high), ours, theirs)
            if len(ours) + len(theirs) > most_rows
            else None
        )
        if halves is not None:
            waiting.extend(reversed(halves))
            continue
        pieces = max(1, -(-len(ours) // most_rows))
        for piece in np.array_split(ours, pieces):
            yield Cell(low, high, piece, theirs, dealt=pieces > 1)


def _halves(sides: tuple[Any, Any], corners: tuple[Any, Any], ours: Any, theirs: Any) -> Any:
    """Cut a cell across the axis along which that helps more; `None` where neither does."""
    (left, right), (low, high) = sides, corners
    best = None
    for axis in (0, 1):
        middles = np.concatenate(
            [
                (side[rows, axis] + side[rows, axis + 2]) / 2
                for side, rows in ((left, ours), (right, theirs))
            ]
        )
        at = float(np.median(middles))
        if not low[axis] < at < high[axis]:
            continue
        parts = [
            (rows[side[rows, axis] < at], rows[side[rows, axis + 2] >= at])
            for side, rows in ((left, ours), (right, theirs))
        ]
        sizes = [len(parts[0][half]) + len(parts[1][half]) for half in (0, 1)]
        whole = len(ours) + len(theirs)
        if max(sizes) == whole or sum(sizes) > MOST_GROWTH * whole:
            continue
        if best is None or sum(sizes) < best[0]:
            middle_high, middle_low = list(high), list(low)
            middle_high[axis] = middle_low[axis] = at
            best = (
                sum(sizes),
                [
                    (low, tuple(middle_high), parts[0][0], parts[1][0]),
                    (tuple(middle_low), high, parts[0][1], parts[1][1]),
                ],
            )
    return None if best is None else best[1]


def in_cell(left: Any, right: Any, low: Any, high: Any) -> Any:
    """Tell which pairs of boxes have their reference point in a cell.

    Examples
    --------
    >>> a, b = np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 1, 3, 3]])
    >>> bool(in_cell(a, b, (1, 1), (2, 2))[0]), bool(in_cell(a, b, (0, 0), (1, 1))[0])
    (True, False)
    """
    x, y = np.maximum(left[:, 0], right[:, 0]), np.maximum(left[:, 1], right[:, 1])
    return (x >= low[0]) & (x < high[0]) & (y >= low[1]) & (y < high[1])
