"""Links by distance: at most so many metres apart, and the nearest ones, on the WGS 84 ellipsoid.

Candidates come from windows in longitude and latitude that hold everything within a distance, also over the poles and
across the antimeridian; `pair_distances_m` decides. Shapes that reach beyond longitude 180 are cut there, and what is
beyond comes to the other side; shapes that reach beyond a pole have no place and no distance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine import (
    on_earth,
    on_one_turn,
    pair_distances_m,
    windows_around,
)
from extremeearth.knowledge.interlinking.cells import unpacked
from extremeearth.knowledge.interlinking.crew import Crew
from extremeearth.knowledge.interlinking.features import Side
from extremeearth.knowledge.interlinking.packing import PackedShapes

__all__ = [
    "FARTHEST_M",
    "MILLIMETRE",
    "Candidates",
    "Near",
    "Pairs",
    "chunks",
    "in_millimetres",
    "nearest",
    "within_distance",
]

LEFT_AT_ONCE = 1_000
MICROMETRE = 1e-6
MILLIMETRE = 1e-3
"""Nearest features that differ by less are equally near."""
FARTHEST_M = 20_100_000.0
"""More than half the Earth's circumference: nothing is farther away."""
METRES_PER_DEGREE = 111_320.0

Pairs = tuple[Any, Any]
"""Positions of left and of right features."""


@dataclass(slots=True)
class Near:
    """Both sides in longitude and latitude, and an R-tree of the right one; `measured` counts pairs.

    What has no place on the Earth is `None`.
    """

    left: Side
    right: Side
    left_shapes: Any
    right_shapes: Any
    tree: Any
    self_join: bool
    measured: int = 0

    @classmethod
    def of(cls, left: Side, right: Side, *, self_join: bool) -> Near:
        """Prepare two sides."""
        ours, theirs = (_placed(side) for side in (left, right))
        return cls(left, right, ours, theirs, shapely.STRtree(theirs), self_join)

    def around(self, at: Any, limit_m: float) -> Candidates:
        """Give the pairs of some left features (positions among its rows) that may be within a distance."""
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
        return Candidates(at, first[good], second[good], limit_m)

    def closer(
        self, asked: Iterable[Candidates], crew: Crew, *, nearest: int | None = None
    ) -> Iterator[Measured]:
        """Measure candidates, and give the pairs that are within their distance.

        With `nearest`, pairs that cannot be among so many nearest ones of a left feature are left out.
        """
        waiting: deque[Candidates] = deque()

        def tasks() -> Iterator[Measuring]:
            for candidates in asked:
                waiting.append(candidates)
                yield self._task(candidates, nearest, far=crew.far)

        for metres in crew.map(measured, tasks(), label="distances"):
            candidates = waiting.popleft()
            self.measured += len(metres)
            near = metres <= candidates.limit_m + MICROMETRE
            yield candidates, candidates.first[near], candidates.second[near], metres[near]

    def _task(self, candidates: Candidates, nearest: int | None, *, far: bool) -> Measuring:
        ours, first = np.unique(candidates.first, return_inverse=True)
        theirs, second = np.unique(candidates.second, return_inverse=True)
        shapes = self.left_shapes[ours], self.right_shapes[theirs]
        sides = tuple(PackedShapes.of(side) if far else side for side in shapes)
        limit = candidates.limit_m + MILLIMETRE
        return Measuring(sides, (first, second), limit, nearest)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs that may be within a distance: all those of the left features `at`."""

    at: Any
    first: Any
    second: Any
    limit_m: float


Measured = tuple[Candidates, Any, Any, Any]
"""Candidates, and of them the left and right positions and the metres of those that are near enough."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Shapes of both sides (packed or not), which go together, and which distances matter."""

    sides: tuple[Any, ...]
    pairs: tuple[Any, Any]
    at_most: float
    nearest: int | None


def measured(task: Measuring) -> Any:
    """Give the metres of pairs: what another process runs."""
    left, right = (unpacked(side) for side in task.sides)
    return pair_distances_m(left, right, *task.pairs, at_most=task.at_most, nearest=task.nearest)


def _placed(side: Side) -> Any:
    shapes = transform(side.shapes[side.rows], source=side.crs, target=LONLAT)
    shapes = on_one_turn(np.asarray(shapes, dtype=object))
    lost = ~on_earth(shapes)
    if lost.any():
        shapes = shapes.copy()
        shapes[lost] = None
    return shapes


def within_distance(near: Near, limit_m: float, crew: Crew) -> Iterator[Pairs]:
    """Give the pairs at most `limit_m` metres apart; of a self-join both directions."""
    asked = (near.around(at, limit_m) for at in chunks(np.arange(len(near.left.rows))))
    for _, first, second, _ in near.closer(asked, crew):
        yield near.left.rows[first], near.right.rows[second]


def nearest(near: Near, count: int, crew: Crew) -> Iterator[tuple[Any, Any, Any]]:
    """Give each left feature's `count` nearest right ones, in metres too; of equally near ones those that come first.

    Positions are among the rows of `near`. All that is found of a left feature comes together.

    The search circle begins at the size that would hold `count` features if they were spread evenly, and doubles until
    it holds enough: what lies outside is then farther away.
    """
    there = int(np.count_nonzero(~shapely.is_missing(near.right_shapes))) - near.self_join
    radius = _first_radius_m(near.right_shapes, count) if count < there else FARTHEST_M
    waiting = np.flatnonzero(~shapely.is_missing(near.left_shapes))
    while len(waiting):
        last = radius >= FARTHEST_M
        left_over = []
        asked = (near.around(at, radius) for at in chunks(waiting))
        for candidates, rows, columns, exact in near.closer(asked, crew, nearest=count):
            metres = in_millimetres(exact)
            order = np.lexsort((columns, metres, rows))
            first, second = rows[order], columns[order]
            owners, begins, sizes = np.unique(first, return_index=True, return_counts=True)
            done = owners if last else owners[sizes >= count]
            rank = np.arange(len(first)) - np.repeat(begins, sizes)
            good = (rank < count) & np.isin(first, done)
            yield first[good], second[good], metres[order][good]
            left_over.append(np.setdiff1d(candidates.at, done))
        if last:
            break
        waiting = np.concatenate(left_over)
        radius = min(radius * 2, FARTHEST_M)


def in_millimetres(metres: Any) -> Any:
    """Round distances that are to be compared: of what is equally near, rounding errors shall not decide."""
    return np.rint(metres / MILLIMETRE) * MILLIMETRE


def chunks(at: Any) -> Iterator[Any]:
    """Give positions in as many pieces as are worked on at once."""
    for start in range(0, len(at), LEFT_AT_ONCE):
        yield at[start : start + LEFT_AT_ONCE]


def _first_radius_m(shapes: Any, count: int) -> float:
    if not len(shapes):
        return FARTHEST_M
    west, south, east, north = shapely.total_bounds(shapes)
    if np.isnan(west):
        return FARTHEST_M
    shrink = max(float(np.cos(np.radians((south + north) / 2))), 0.01)
    area = max(east - west, 1e-4) * shrink * max(north - south, 1e-4)
    metres = METRES_PER_DEGREE * float(np.sqrt(area * count / (np.pi * len(shapes))))
    return min(max(metres, 1.0), FARTHEST_M)
