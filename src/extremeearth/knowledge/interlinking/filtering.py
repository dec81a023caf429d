"""Filtering: pairs whose bounding boxes meet, by an R-tree, a grid, or a plane sweep.

Every filter gives the same pairs, in blocks of bounded size; they differ in what they cost. The grids are those of
RADON (AAAI 2017) and GIA.nt (WWW 2021), worked on whole arrays: features become
(tile, feature) rows, equal tiles meet, and a pair counts in the one tile that holds the lower left corner of what its
boxes share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from extremeearth.core.errors import InputError

__all__ = ["FILTERS", "choose_filter", "filter_pairs"]

PAIRS_AT_ONCE = 200_000
"""About how many pairs one block holds."""
MOST_TILES = 16
"""Tiles per feature, on average, above which a grid is made coarser."""
FEW = 64
"""Up to so many features on a side, sweeping is cheaper than building anything."""

Block = tuple[Any, Any]
"""Positions of the left and the right features of pairs."""


def rtree(left: Any, right: Any) -> Iterator[Block]:
    """Ask an R-tree of the right boxes (Sort-Tile-Recursive packing) for each left box."""
    import shapely

    tree = shapely.STRtree(shapely.box(*right.T))
    boxes = shapely.box(*left.T)
    start, size = 0, 64
    while start < len(boxes):
        rows, columns = tree.query(boxes[start : start + size])
        yield rows.astype(np.int64) + start, columns.astype(np.int64)
        start += size
        per_box = max(len(rows) / size, 0.1)
        size = int(np.clip(PAIRS_AT_ONCE / per_box, 16, 4 * size))


def giant(left: Any, right: Any) -> Iterator[Block]:
    """Meet in the tiles of a grid as fine as the left boxes are on average (GIA.nt)."""
    return _grid(left, right, _extent(left))


def radon(left: Any, right: Any) -> Iterator[Block]:
    """Meet in the tiles of a grid as fine as both sides' boxes are on average (RADON)."""
    return _grid(left, right, (_extent(left) + _extent(right)) / 2)


def sweep(left: Any, right: Any) -> Iterator[Block]:
    """Sweep a line along x: pairs whose x meet come from ranges of sorted edges, then y decides."""
    by_left, by_right = (
        np.argsort(left[:, 0], kind="stable"),
        np.argsort(right[:, 0], kind="stable"),
    )
    starts_left, starts_right = left[by_left, 0], right[by_right, 0]
    # right boxes that begin within a left one, then left boxes that begin within a right one, after its start
    first = np.searchsorted(starts_right, starts_left, side="left")
    last = np.searchsorted(starts_right, left[by_left, 2], side="right")
    for at, other in _ranges(first, last - first):
        yield _meeting(left, right, by_left[at], by_right[other])
    first = np.searchsorted(starts_left, starts_right, side="right")
    last = np.searchsorted(starts_left, right[by_right, 2], side="right")
    for at, other in _ranges(first, last - first):
        yield _meeting(left, right, by_left[other], by_right[at])


FILTERS: dict[str, Callable[[Any, Any], Iterator[Block]]] = {
    "rtree": rtree,
    "giant": giant,
    "radon": radon,
    "sweep": sweep,
}
"""The filters by their names."""


def choose_filter(left: Any, right: Any) -> str:
    """Choose a filter by what it would have to look at.

    A sweep looks at the pairs whose x meet, a grid at the tiles of every box, an R-tree at a few nodes per left box.
    The weights are relative costs per thing looked at, measured on clustered polygons and lines.

    Parameters
    ----------
    left, right
        Boxes ``xmin, ymin, xmax, ymax``, shapes ``(n, 4)`` and ``(m, 4)``.

    Examples
    --------
    >>> few = np.array([[0.0, 0.0, 1.0, 1.0]])
    >>> choose_filter(few, few)
    'sweep'
    """
    if min(len(left), len(right)) <= FEW:
        return "sweep"
    starts, ends = np.sort(right[:, 0]), np.sort(right[:, 2])
    meeting_x = float(
        (
            np.searchsorted(starts, left[:, 2], "right") - np.searchsorted(ends, left[:, 0], "left")
        ).sum()
    )
    extent = (_extent(left) + _extent(right)) / 2
    tiles = float(_tile_counts(left, *_tiling(left, right, extent)).sum())
    tiles += float(_tile_counts(right, *_tiling(left, right, extent)).sum())
    costs = {
        "sweep": meeting_x * 0.06,
        "radon": tiles * 0.5,
        "rtree": (len(left) + len(right)) * np.log2(len(right) + 2) * 0.12,
    }
    return min(costs, key=lambda name: costs[name])


def filter_pairs(left: Any, right: Any, *, name: str = "auto") -> Iterator[Block]:
    """Give the pairs of boxes that meet (edges count), each once, in blocks.

    Parameters
    ----------
    left, right
        Boxes ``xmin, ymin, xmax, ymax`` without NaN, shapes ``(n, 4)`` and ``(m, 4)``.
    name
        One of `FILTERS`, or ``"auto"``.

    Examples
    --------
    >>> boxes = np.array([[0.0, 0, 2, 2], [2, 2, 3, 3], [5, 5, 6, 6]])
    >>> for name in FILTERS:
    ...     found = np.concatenate(
    ...         [np.stack(b, 1) for b in filter_pairs(boxes, boxes[1:], name=name)]
    ...     )
    ...     print(name, sorted(map(tuple, found.tolist())))
    rtree [(0, 0), (1, 0), (2, 1)]
    giant [(0, 0), (1, 0), (2, 1)]
    radon [(0, 0), (1, 0), (2, 1)]
    sweep [(0, 0), (1, 0), (2, 1)]
    """
    if not len(left) or not len(right):
        return iter(())
    if name == "auto":
        name = choose_filter(left, right)
    if name not in FILTERS:
        raise InputError(
            f"'{name}' is no filter.", hint=f"Use auto or one of {', '.join(FILTERS)}."
        )
    return FILTERS[name](left, right)


def _extent(boxes: Any) -> Any:
    return (boxes[:, 2:] - boxes[:, :2]).mean(axis=0)


def _meeting(left: Any, right: Any, rows: Any, columns: Any) -> Block:
    """Keep the pairs whose boxes meet."""
    a, b = left[rows], right[columns]
    good = (a[:, 0] <= b[:, 2]) & (b[:, 0] <= a[:, 2]) & (a[:, 1] <= b[:, 3]) & (b[:, 1] <= a[:, 3])
    return rows[good].astype(np.int64), columns[good].astype(np.int64)


def _ranges(first: Any, counts: Any) -> Iterator[Block]:
    """Spread ranges ``first .. first + counts`` out to (position of the range, member), block by block."""
    counts = np.maximum(counts, 0)
    total = np.concatenate([[0], np.cumsum(counts)])
    start = 0
    while start < len(counts):
        stop = int(np.searchsorted(total, total[start] + PAIRS_AT_ONCE, side="right")) - 1
        stop = min(max(stop, start + 1), len(counts))
        some = counts[start:stop]
        at = np.repeat(np.arange(start, stop), some)
        inside = np.arange(len(at)) - np.repeat(total[start:stop] - total[start], some)
        if len(at):
            yield at, first[at] + inside
        start = stop


def _tiling(left: Any, right: Any, extent: Any) -> tuple[Any, Any]:
    """Give a grid's origin and the size of its tiles, not so fine that it needs too many."""
    low = np.minimum(left[:, :2].min(axis=0), right[:, :2].min(axis=0))
    high = np.maximum(left[:, 2:].max(axis=0), right[:, 2:].max(axis=0))
    whole = np.maximum(high - low, np.finfo(np.float64).tiny)
    size = np.maximum(extent, whole / 30_000)  # a tile's number stays far below 2^31
    features = len(left) + len(right)
    for _ in range(64):
        needed = _tile_counts(left, low, size).sum() + _tile_counts(right, low, size).sum()
        if needed <= MOST_TILES * features:
            break
        size = size * 1.5
    return low, size


def tile_ranges(boxes: Any, origin: Any, size: Any) -> tuple[Any, Any]:
    """Give the first and the last tile of each box, in x and in y."""
    return (
        np.floor((boxes[:, :2] - origin) / size).astype(np.int64),
        np.floor((boxes[:, 2:] - origin) / size).astype(np.int64),
    )


def _tile_counts(boxes: Any, origin: Any, size: Any) -> Any:
    first, last = tile_ranges(boxes, origin, size)
    return (last - first + 1).prod(axis=1)


def _tiled(boxes: Any, origin: Any, size: Any) -> tuple[Any, Any]:
    """Give (tile, box) rows sorted by tile."""
    first, last = tile_ranges(boxes, origin, size)
    wide, high = (last - first + 1).T
    box = np.repeat(np.arange(len(boxes)), wide * high)
    begin = np.concatenate([[0], np.cumsum(wide * high)[:-1]])
    inside = np.arange(len(box)) - begin[box]
    tile = ((first[box, 0] + inside % wide[box]) << 32) + first[box, 1] + inside // wide[box]
    order = np.argsort(tile, kind="stable")
    return tile[order], box[order]


def _grid(left: Any, right: Any, extent: Any) -> Iterator[Block]:
    origin, size = _tiling(left, right, extent)
    tiles_left, boxes_left = _tiled(left, origin, size)
    tiles_right, boxes_right = _tiled(right, origin, size)
    first = np.searchsorted(tiles_right, tiles_left, side="left")
    counts = np.searchsorted(tiles_right, tiles_left, side="right") - first
    for at, other in _ranges(first, counts):
        rows, columns = boxes_left[at], boxes_right[other]
        corner = np.maximum(left[rows, :2], right[columns, :2])
        x, y = np.floor((corner - origin) / size).astype(np.int64).T
        once = (x << 32) + y == tiles_left[at]
        yield _meeting(left, right, rows[once], columns[once])
