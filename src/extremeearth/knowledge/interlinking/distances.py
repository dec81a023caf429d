"""Links by distance: at most so many metres apart, and the nearest ones, on the WGS 84 ellipsoid.

Candidates come from windows in longitude and latitude that hold everything within a distance, also over the poles and
across the antimeridian; `distance_m` decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine import distance_m, windows_around
from extremeearth.knowledge.interlinking.features import Side

__all__ = ["Near", "nearest", "within_distance"]

LEFT_AT_ONCE = 1_000
MICROMETRE = 1e-6
FARTHEST_M = 20_100_000.0
"""More than half the Earth's circumference: nothing is farther away."""
METRES_PER_DEGREE = 111_320.0

Pairs = tuple[Any, Any]
"""Positions of left and of right features."""


@dataclass(frozen=True, slots=True)
class Near:
    """Both sides in longitude and latitude, and an R-tree of the right one."""

    left: Side
    right: Side
    left_shapes: Any
    right_shapes: Any
    tree: Any
    self_join: bool

    @classmethod
    def of(cls, left: Side, right: Side, *, self_join: bool) -> Near:
        """Prepare two sides."""
        ours, theirs = (
            np.asarray(
                transform(side.shapes[side.rows], source=side.crs, target=LONLAT), dtype=object
            )
            for side in (left, right)
        )
        return cls(left, right, ours, theirs, shapely.STRtree(theirs), self_join)

    def closer(self, at: Any, limit_m: float) -> tuple[Any, Any, Any]:
        """Give the pairs of some left features (positions among its rows) within a distance, and their metres."""
        windows, owners = windows_around(self.left_shapes[at], limit_m)
        first, second = self.tree.query(windows)
        # a window cut at the antimeridian can find the same shape twice
        keys = np.unique(owners[first] * np.int64(len(self.right_shapes) + 1) + second)
        first, second = np.divmod(keys, np.int64(len(self.right_shapes) + 1))
        first = at[first]
        good = np.ones(len(first), dtype=bool)
        rows, columns = self.left.rows[first], self.right.rows[second]
        if self.self_join:
            good &= rows != columns
        if self.left.spans is not None and self.right.spans is not None:
            ours, theirs = self.left.spans[rows], self.right.spans[columns]
            good &= (ours[:, 0] <= theirs[:, 1]) & (theirs[:, 0] <= ours[:, 1])
        first, second = first[good], second[good]
        metres = np.asarray(distance_m(self.left_shapes[first], self.right_shapes[second]))
        near = metres <= limit_m + MICROMETRE
        return first[near], second[near], metres[near]


def within_distance(near: Near, limit_m: float) -> Iterator[Pairs]:
    """Give the pairs at most `limit_m` metres apart; of a self-join both directions."""
    for start in range(0, len(near.left.rows), LEFT_AT_ONCE):
        at = np.arange(start, min(start + LEFT_AT_ONCE, len(near.left.rows)))
        first, second, _ = near.closer(at, limit_m)
        yield near.left.rows[first], near.right.rows[second]


def nearest(near: Near, count: int) -> Iterator[Pairs]:
    """Give each left feature's `count` nearest right ones; of equally near ones those that come first.

    The search circle begins at the size that would hold `count` features if they were spread evenly, and doubles until
    it holds enough: what lies outside is then farther away.
    """
    start_m = _first_radius_m(near.right_shapes, count)
    for start in range(0, len(near.left.rows), LEFT_AT_ONCE):
        waiting = np.arange(start, min(start + LEFT_AT_ONCE, len(near.left.rows)))
        radius = start_m
        while len(waiting):
            first, second, metres = near.closer(waiting, radius)
            order = np.lexsort((second, metres, first))
            first, second = first[order], second[order]
            owners, begins, sizes = np.unique(first, return_index=True, return_counts=True)
            done = owners if radius >= FARTHEST_M else owners[sizes >= count]
            rank = np.arange(len(first)) - np.repeat(begins, sizes)
            good = (rank < count) & np.isin(first, done)
            yield near.left.rows[first[good]], near.right.rows[second[good]]
            if radius >= FARTHEST_M:
                break
            waiting = np.setdiff1d(waiting, done)
            radius = min(radius * 2, FARTHEST_M)


def _first_radius_m(shapes: Any, count: int) -> float:
    if not len(shapes):
        return FARTHEST_M
    west, south, east, north = shapely.total_bounds(shapes)
    shrink = max(float(np.cos(np.radians((south + north) / 2))), 0.01)
    area = max(east - west, 1e-4) * shrink * max(north - south, 1e-4)
    metres = METRES_PER_DEGREE * float(np.sqrt(area * count / (np.pi * len(shapes))))
    return min(max(metres, 1.0), FARTHEST_M)
