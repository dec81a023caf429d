"""Cells that cut the plane where data is dense, for joins that run cell by cell.

A binary tree of cuts (a k-d tree, Bentley 1975, doi:10.1145/361002.361007) over a sample of boxes. A box belongs to
every cell that it meets; a pair of boxes is reported by the one cell that holds its reference point, the lower left
corner of what the boxes share (Dittrich and Seeger 2000, doi:10.1109/ICDE.2000.839452).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEEPEST = 16
MOST_SHARED = 0.8
"""A cut that leaves more than this share of the boxes on one side is not worth it."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A tree of cuts: node k looks at coordinate `axis[k]` (0 x, 1 y; -1 for a cell) and goes left below `cut[k]`.

    Examples
    --------
    >>> boxes = np.array([[x, 0, x + 0.5, 1] for x in range(8)], dtype=float)
    >>> cells = cells_over(boxes, np.ones(8), most=5)
    >>> cells.count
    2
    >>> rows, numbers = cells.of_boxes(np.array([[0, 0, 7, 1], [7, 0, 8, 1]], dtype=float))
    >>> rows.tolist()
    [0, 0, 1]
    >>> corners = np.array([[0.0, 0.0], [7.0, 0.0]])
    >>> cells.of_points(corners).tolist() == numbers[[0, 2]].tolist()
    True
    """

    axis: NDArray[np.int8]
    cut: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many cells there are."""
        return int((self.axis < 0).sum())

    def of_boxes(self, boxes: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Give (row, cell) for every cell that a box meets, ordered by row; NaN boxes meet none."""
        found: list[tuple[Any, Any]] = []
        open_ = [(0, np.flatnonzero(~np.isnan(boxes).any(axis=1)))]
        while open_:
            node, rows = open_.pop()
            if not len(rows):
                continue
            axis = self.axis[node]
            if axis < 0:
                found.append((rows, np.full(len(rows), node, dtype=np.int32)))
                continue
            open_.append((self.left[node], rows[boxes[rows, axis] < self.cut[node]]))
            open_.append((self.right[node], rows[boxes[rows, axis + 2] >= self.cut[node]]))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int32)
        rows, cells = (np.concatenate(part) for part in zip(*found, strict=True))
        order = np.lexsort((cells, rows))
        return rows[order].astype(np.int64), cells[order]

    def of_points(self, points: NDArray[Any]) -> NDArray[np.int32]:
        """Give the one cell of each point (x, y)."""
        nodes = np.zeros(len(points), dtype=np.int32)
        rows = np.arange(len(points))
        while len(rows := rows[self.axis[nodes[rows]] >= 0]):
            here = nodes[rows]
            below = points[rows, self.axis[here]] < self.cut[here]
            nodes[rows] = np.where(below, self.left[here], self.right[here])
        return nodes


def cells_over(boxes: NDArray[Any], weights: NDArray[Any], *, most: float) -> Cells:
    """Cut the plane until no cell weighs more than `most`, as far as cuts help.

    Parameters
    ----------
    boxes
        Shape (n, 4): xmin, ymin, xmax, ymax.
    weights
        What each box stands for, e.g. rows or bytes.
    most
        Largest weight of a cell.
    """
    axis: list[int] = []
    cuts: list[float] = []
    children: list[tuple[int, int]] = []

    def grow(rows: NDArray[Any], depth: int) -> int:
        node = len(axis)
        axis.append(-1)
        cuts.append(0.0)
        children.append((-1, -1))
        if depth < DEEPEST and weights[rows].sum() > most:
            chosen = _best_cut(boxes[rows], weights[rows])
            if chosen is not None:
                axis[node], cuts[node] = chosen
                below = boxes[rows, chosen[0]] < chosen[1]
                above = boxes[rows, chosen[0] + 2] >= chosen[1]
                children[node] = grow(rows[below], depth + 1), grow(rows[above], depth + 1)
        return node

    grow(np.flatnonzero(np.isfinite(boxes).all(axis=1)), 0)
    pairs = np.array(children, dtype=np.int32)
    return Cells(np.array(axis, np.int8), np.array(cuts), pairs[:, 0], pairs[:, 1])


def _best_cut(boxes: NDArray[Any], weights: NDArray[Any]) -> tuple[int, float] | None:
    """Choose the weighted median of the centres, on the axis where fewer boxes are cut."""
    best: tuple[float, int, float] | None = None
    for axis in (0, 1):
        centres = (boxes[:, axis] + boxes[:, axis + 2]) / 2
        order = np.argsort(centres, kind="stable")
        running = np.cumsum(weights[order])
        cut = float(centres[order[np.searchsorted(running, running[-1] / 2)]])
        sides = (
            weights[boxes[:, axis] < cut].sum() / running[-1],
            weights[boxes[:, axis + 2] >= cut].sum() / running[-1],
        )
        if best is None or max(sides) < best[0]:
            best = float(max(sides)), axis, cut
    return None if best is None or best[0] > MOST_SHARED else best[1:]
