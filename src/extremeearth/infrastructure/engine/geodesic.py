"""Shortest distances between shapes on the WGS 84 ellipsoid, in metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from extremeearth.core.boxes import LONLAT, CrsLike
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine._outlines import Outlines, lengths
from extremeearth.infrastructure.engine._shortest import geodesic, lower_m, shortest_m, upper_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cut_edges", "distance_m", "on_earth", "on_one_turn", "pair_distances_m"]

SLACK_M = 2e-3
"""What is farther than the last one asked for by less than this is measured too: it may be as near."""
FARTHEST_DEG = 540.0
"""Longitudes farther than this from Greenwich are no longitudes, but numbers of some plane."""
TURN_DEG = 360.0
POINT = 0
PAIRS_AT_ONCE = 200_000


def distance_m(left: Any, right: Any, *, crs: CrsLike = LONLAT) -> Any:
    """Give the shortest distance between each pair of shapes, on the ellipsoid.

    Edges are straight in longitude and latitude. Bounds leave over few pieces of the outlines that can be nearest;
    these are drawn in an azimuthal equidistant plane around the nearest place known, in which distances from that are
    true, until nothing changes. So no place is special: not the poles, not the antimeridian. Lengths and azimuths by
    Karney (2013), "Algorithms for geodesics".

    Parameters
    ----------
    left, right
        Shapely geometries or arrays of them (of shapes that broadcast), x then y in `crs`.
    crs
        Reference system of both.

    Returns
    -------
    numpy.float64 or numpy.ndarray of float64
        Metres; 0 where the shapes touch, NaN where one is missing, empty or reaches beyond the poles or more than
        once around the Earth.

    Examples
    --------
    >>> round(float(distance_m(shapely.Point(15, 80), shapely.Point(15.01, 80))), 1)
    193.9
    >>> east_and_west = shapely.Point(179.99, 0), shapely.box(-179.99, -1, -179, 1)
    >>> round(float(distance_m(*east_and_west)))
    2226
    >>> float(distance_m(shapely.Point(-175, 0), shapely.box(170, -1, 190, 1)))
    0.0
    """
    (ours, a), (theirs, b) = (_different(side) for side in (left, right))
    a, b = np.broadcast_arrays(a, b)
    ours, theirs = (
        on_one_turn(np.asarray(transform(side, source=crs, target=LONLAT), dtype=object))
        for side in (ours, theirs)
    )
    result = pair_distances_m(ours, theirs, a.ravel(), b.ravel())
    return result.reshape(a.shape)[()]


def _different(shapes: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give the different objects among shapes, and which of them each is."""
    array = np.asarray(shapes, dtype=object)
    flat = array.ravel()
    objects = np.fromiter(map(id, flat), np.int64, len(flat))
    _, first, which = np.unique(objects, return_index=True, return_inverse=True)
    return flat[first], which.reshape(array.shape)


def pair_distances_m(
    left: NDArray[Any],
    right: NDArray[Any],
    first: NDArray[Any],
    second: NDArray[Any],
    *,
    at_most: float = np.inf,
    nearest: int | None = None,
) -> NDArray[np.float64]:
    """Measure chosen pairs of two sides, as far as their distance matters.

    Parameters
    ----------
    left, right
        Shapes in longitude and latitude, as `on_one_turn` gives them.
    first, second
        Positions of the pairs in them.
    at_most
        Metres beyond which it does not matter how far a pair is.
    nearest
        Only so many right shapes of each left one matter, among the pairs given, and those as far as the last of them.

    Returns
    -------
    numpy.ndarray of float64
        Metres; infinite, or more than matters, where a pair is farther than that. NaN as `distance_m` says.

    Examples
    --------
    >>> wells = shapely.points([[0, 0], [0, 1], [50, 0]])
    >>> pairs = np.array([0, 0, 0]), np.array([0, 1, 2])
    >>> pair_distances_m(wells[:1], wells, *pairs, at_most=200_000.0).round().tolist()
    [0.0, 110574.0, inf]
    """
    result = np.full(len(first), np.nan)
    known = np.flatnonzero(on_earth(left)[first] & on_earth(right)[second])
    result[known] = np.inf
    for at in range(0, len(known), PAIRS_AT_ONCE):
        part = known[at : at + PAIRS_AT_ONCE]
        touching = shapely.intersects(left[first[part]], right[second[part]])
        result[part[touching]] = 0.0
    apart = known[result[known] != 0.0]
    if len(apart):
        _measure(left, right, _Pairs(first, second, apart, at_most, nearest), result)
    return result


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Positions of pairs, which of them are to be measured, and what matters of them."""

    first: NDArray[Any]
    second: NDArray[Any]
    apart: NDArray[Any]
    at_most: float
    nearest: int | None


def _measure(
    left: NDArray[Any], right: NDArray[Any], pairs: _Pairs, result: NDArray[np.float64]
) -> None:
    """Measure pairs that do not touch, the most promising ones first, and note them in `result`."""
    apart, nearest = pairs.apart, pairs.nearest
    ours, i = np.unique(pairs.first[apart], return_inverse=True)
    theirs, j = np.unique(pairs.second[apart], return_inverse=True)
    one, other = Outlines.of(left[ours]), Outlines.of(right[theirs])
    a, b = one.root[i], other.root[j]
    straight = lengths(one.centre[a] - other.centre[b])
    least = lower_m(straight - one.radius[a] - other.radius[b])
    most = result.copy()
    most[apart] = upper_m(straight)
    points = (shapely.get_type_id(left[ours]) == POINT)[i] & (
        shapely.get_type_id(right[theirs]) == POINT
    )[j]
    limit = np.full(len(result), pairs.at_most)
    waves = [np.arange(len(apart))]
    if nearest is not None:
        waves = _waves(pairs.first[apart], least, nearest)
    for wave in waves:
        if nearest is not None:
            limit = np.minimum(_last_of(pairs.first, most, nearest) + SLACK_M, pairs.at_most)
        close = wave[least[wave] <= limit[apart[wave]] + SLACK_M]
        exact, shapes = close[points[close]], close[~points[close]]
        result[apart[exact]] = geodesic(one.edges[a[exact], :2], other.edges[b[exact], :2])[2]
        result[apart[shapes]] = shortest_m(one, other, i[shapes], j[shapes], limit[apart[shapes]])
        most[apart] = np.minimum(most[apart], result[apart])


def _waves(owner: NDArray[Any], least: NDArray[Any], count: int) -> list[NDArray[np.intp]]:
    """Give pairs, the most promising ones of each owner first: `count`, three times as many, and the others."""
    order = np.lexsort((least, owner))
    _, begins, sizes = np.unique(owner[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(begins, sizes)
    wave = (rank >= count).astype(int) + (rank >= 4 * count)
    return [order[wave == number] for number in range(3)]


def _last_of(owner: NDArray[Any], most: NDArray[Any], count: int) -> NDArray[np.float64]:
    """Give for each pair how far the `count` nearest ones of its owner are at most."""
    order = np.lexsort((most, owner))
    owners, begins, sizes = np.unique(owner[order], return_index=True, return_counts=True)
    last = np.full(len(owners), np.inf)
    enough = sizes >= count
    last[enough] = most[order[begins[enough] + count - 1]]
    last[np.isnan(last)] = np.inf
    return np.asarray(last[np.searchsorted(owners, owner)])


def on_one_turn(shapes: NDArray[Any]) -> NDArray[Any]:
    """Cut shapes that reach beyond longitude 180 there, and bring what is beyond to the other side (RFC 7946, 3.1.9).

    Shapes that are not `on_earth` stay as they are.

    Examples
    --------
    >>> found = on_one_turn(np.array([shapely.box(170, 0, 190, 1), shapely.Point(-190, 5)]))
    >>> found[0].bounds, found[1].wkt, float(found[0].area)
    ((-180.0, 0.0, 180.0, 1.0), 'POINT (170 5)', 20.0)
    """
    west, _, east, _ = shapely.bounds(shapes).T
    half = TURN_DEG / 2
    with np.errstate(invalid="ignore"):
        beyond = np.flatnonzero(on_earth(shapes) & ((west < -half) | (east > half)))
    if len(beyond):
        shapes = shapes.copy()
        shapes[beyond] = [_cut_at_turns(shape) for shape in shapes[beyond]]
    return shapes


def _cut_at_turns(shape: Any) -> Any:
    half = TURN_DEG / 2
    shape = shapely.force_2d(shape)
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    pieces = []
    for turn in (-1, 0, 1):
        window = shapely.box(turn * TURN_DEG - half, -90.0, turn * TURN_DEG + half, 90.0)
        piece = shapely.intersection(shape, window)
        if not piece.is_empty:
            places = shapely.get_coordinates(piece) - [turn * TURN_DEG, 0.0]
            pieces.append(shapely.set_coordinates(piece, places))
    return shapely.union_all(pieces)


def cut_edges(shapes: NDArray[Any], longest: Any) -> NDArray[Any]:
    """Cut edges to pieces of some length; a shape with a line of no length, which GEOS refuses, stays as it is.

    Examples
    --------
    >>> lines = shapely.from_wkt(["LINESTRING (0 0, 2 0)", "LINESTRING (1 1, 1 1)"])
    >>> [str(line) for line in cut_edges(lines, 1.0)]
    ['LINESTRING (0 0, 1 0, 2 0)', 'LINESTRING (1 1, 1 1)']
    """
    lengths = np.broadcast_to(longest, shapes.shape)
    try:
        return np.asarray(shapely.segmentize(shapes, lengths), dtype=object)
    except shapely.errors.GEOSException:
        if len(shapes) <= 1:
            return shapes
        half = len(shapes) // 2
        pieces = (slice(None, half), slice(half, None))
        return np.concatenate([cut_edges(shapes[piece], lengths[piece]) for piece in pieces])


def on_earth(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which shapes have a place; empty ones and missing ones have boxes of NaN."""
    west, south, east, north = shapely.bounds(shapes).T
    with np.errstate(invalid="ignore"):
        found = (south >= -90) & (north <= 90) & (west >= -FARTHEST_DEG) & (east <= FARTHEST_DEG)
    return np.asarray(found)
