"""Weights of candidate pairs: how likely two features are to relate, from their boxes and their points alone.

The schemes are those of progressive GIA.nt (Papadakis et al., "Progressive, holistic geospatial interlinking", WWW
2021). A tile is one of a grid as fine as the left boxes are on average; nothing is stored per tile, as the tiles that a
box takes, or two boxes share, are counted by arithmetic.

========  ==========================================================================================
``cf``    tiles that both boxes take (co-occurrence frequency)
``js``    the same as a share of the tiles that either takes (Jaccard similarity)
``x2``    Pearson's chi-square: how far sharing tiles is from chance
``mbro``  what both boxes cover as a share of what either covers (overlap of bounding rectangles)
``isp``   one over the number of points of both (inverse sum of points): cheap pairs first
========  ==========================================================================================

``a+b`` orders by ``a`` and ties by ``b`` (composite); ``a*b`` by the product (hybrid).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely

from extremeearth.core.errors import InputError
from extremeearth.knowledge.interlinking.features import Side
from extremeearth.knowledge.interlinking.filtering import tile_ranges

__all__ = ["SCHEMES", "Extent", "Grid", "Weighting", "read_weighting"]

SCHEMES = ("cf", "js", "x2", "mbro", "isp")
"""Names of the schemes."""
_NAMED = re.compile(r"([a-z0-9]+)(?:([+*])([a-z0-9]+))?")


@dataclass(frozen=True, slots=True)
class Weighting:
    """A scheme, or two put together.

    Attributes
    ----------
    main, second
        Names among `SCHEMES`; `second` is empty for a simple scheme.
    product
        Whether the weights are multiplied; otherwise the second one decides ties.
    """

    main: str
    second: str = ""
    product: bool = False

    @property
    def by_points(self) -> bool:
        """Whether numbers of points matter."""
        return "isp" in (self.main, self.second)

    def weigh(self, ours: Extent, theirs: Extent, grid: Grid) -> tuple[Any, Any]:
        """Tell the weight of each pair, and what decides ties."""
        main = _weight(self.main, ours, theirs, grid)
        if not self.second:
            return main, np.zeros_like(main)
        second = _weight(self.second, ours, theirs, grid)
        return (main * second, np.zeros_like(main)) if self.product else (main, second)


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of features before they are verified: their boxes, and how many points they have (or `None`)."""

    bounds: Any
    points: Any = None

    @classmethod
    def of(cls, side: Side, rows: Any, *, by_points: bool) -> Self:
        """Look at some features of a side."""
        points = shapely.get_num_coordinates(side.shapes[rows]) if by_points else None
        return cls(side.bounds[rows], points)

    def take(self, rows: Any) -> Extent:
        """Give some of them, as often as they are named."""
        return Extent(self.bounds[rows], None if self.points is None else self.points[rows])


def read_weighting(text: str) -> Weighting:
    """Read ``js``, ``js+mbro`` or ``js*mbro``.

    Raises
    ------
    InputError
        A name is not one of `SCHEMES`.

    Examples
    --------
    >>> read_weighting("js+mbro")
    Weighting(main='js', second='mbro', product=False)
    """
    found = _NAMED.fullmatch(text.strip().lower())
    names = [name for name in (found.group(1, 3) if found else ()) if name]
    if found is None or not set(names) <= set(SCHEMES):
        raise InputError(
            f"'{text}' is no weighting.",
            hint=f"Use one of {', '.join(SCHEMES)}, or two as in js+mbro and js*mbro.",
        )
    return Weighting(names[0], names[1] if len(names) > 1 else "", found.group(2) == "*")


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid as fine as the left boxes are on average, over both sides."""

    origin: Any
    size: Any
    tiles: float

    @classmethod
    def of(cls, left: Side, right: Side) -> Grid:
        """Make the grid of two sides that have features."""
        ours, theirs = left.bounds[left.rows], right.bounds[right.rows]
        low = np.minimum(ours[:, :2].min(axis=0), theirs[:, :2].min(axis=0))
        high = np.maximum(ours[:, 2:].max(axis=0), theirs[:, 2:].max(axis=0))
        whole = np.maximum(high - low, np.finfo(np.float64).tiny)
        size = np.maximum((ours[:, 2:] - ours[:, :2]).mean(axis=0), whole * 1e-7)
        return cls(low, size, float(np.prod(np.floor(whole / size) + 1)))


def _weight(name: str, ours: Extent, theirs: Extent, grid: Grid) -> Any:
    if name == "isp":
        return 1.0 / (ours.points + theirs.points)
    a, b = ours.bounds, theirs.bounds
    if name == "mbro":
        return _shared_area(a, b)
    first_a, last_a = tile_ranges(a, grid.origin, grid.size)
    first_b, last_b = tile_ranges(b, grid.origin, grid.size)
    shared = np.maximum(np.minimum(last_a, last_b) - np.maximum(first_a, first_b) + 1, 0)
    common = shared.prod(axis=1).astype(np.float64)
    if name == "cf":
        return common
    of_a, of_b = ((last - first + 1).prod(axis=1).astype(np.float64)
                  for first, last in ((first_a, last_a), (first_b, last_b)))  # fmt: skip
    if name == "js":
        return common / (of_a + of_b - common)
    return _chi_square(common, of_a, of_b, grid.tiles)


def _shared_area(a: Any, b: Any) -> Any:
    wide = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = np.maximum(wide, 0).prod(axis=1)
    either = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - both
    return np.divide(both, either, out=np.ones_like(both), where=either > 0)


def _chi_square(common: Any, of_a: Any, of_b: Any, tiles: float) -> Any:
    """Pearson's statistic of the table (in a, not in a) by (in b, not in b), over tiles."""
    total = np.maximum(tiles, of_a + of_b - common)
    observed = (common, of_a - common, of_b - common, total - of_a - of_b + common)
    expected = (
        of_a * of_b / total, of_a * (total - of_b) / total, (total - of_a) * of_b / total,
        (total - of_a) * (total - of_b) / total,
    )  # fmt: skip
    statistic = np.zeros_like(common)
    for seen, wanted in zip(observed, expected, strict=True):
        statistic += np.divide(
            (seen - wanted) ** 2, wanted, out=np.zeros_like(common), where=wanted > 0
        )
    return statistic
