"""The shortest way between the outlines of many pairs of shapes: bounds leave out what cannot be nearest.

A straight line through the Earth bounds the geodesic over it from both sides (Schur's comparison theorem: a geodesic
is bent at least as much as a circle of the largest radius of curvature, and at most as one of the smallest). So first
balls around runs of edges are compared, then edges, then pieces of them; what is farther than the best is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import Geod

from extremeearth.infrastructure.engine._outlines import (
    BEGIN,
    BOW,
    END,
    EQUATOR_M,
    HALF,
    LARGEST_RADIUS_M,
    LONLAT_ENDS,
    SQUARED_ECCENTRICITY,
    Outlines,
    in_space,
    lengths,
    measured_edges,
    runs,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["geodesic", "lower_m", "shortest_m", "upper_m"]

_WGS84 = Geod(ellps="WGS84")
SMALLEST_RADIUS_M = 6_335_439.0
EXACT_M = 1e-5
"""Ways that can be shorter by less than this are not followed."""
MICROMETRE = 1e-6
FLAT_M = 0.1
"""Edges are cut until they bend away from a straight line by less than this."""
NEAR_M = 300_000.0
"""Up to here straight lines through the Earth tell within half a metre how far places are."""
GLOBAL_M = 6_000_000.0
"""From here on, the sphere of reduced latitudes tells better how far places are."""
FAR_M = 15_000_000.0
"""Beyond this the azimuthal plane bends too much; there, the nearest place of a piece is one of its ends."""
FARTHEST_ANGLE = 3.1
POLE_M = 6_356_752.314
ROUNDS = 6
AT_ONCE = 300_000
"""Pairs of balls or pieces that are compared at once."""

Search = tuple[Any, Any, Any]


class _Best:
    """The shortest way known of each pair, and what is still worth following."""

    def __init__(self, count: int, at_most: Any) -> None:
        self.metres = np.full(count, np.inf)
        self._most = np.broadcast_to(np.asarray(at_most, dtype=np.float64), (count,)) + MICROMETRE

    def note(self, pair: NDArray[Any], metres: NDArray[Any]) -> None:
        """Note ways; `pair` is sorted."""
        begins = np.flatnonzero(np.append(True, pair[1:] != pair[:-1]))
        shortest = np.minimum.reduceat(metres, begins)
        owners = pair[begins]
        self.metres[owners] = np.minimum(self.metres[owners], shortest)

    def worth(
        self, pair: NDArray[Any], least: NDArray[Any], *, better: float = -MICROMETRE
    ) -> NDArray[Any]:
        """Tell which ways can be shorter than the best, by so many metres."""
        return np.asarray(least <= np.minimum(self.metres - better, self._most)[pair])


def lower_m(straight: NDArray[Any]) -> NDArray[Any]:
    """Give the least length of geodesics whose ends are so many metres apart through the Earth.

    Examples
    --------
    >>> [round(float(bound(np.array([1e6]))[0])) for bound in (lower_m, upper_m)]
    [1001020, 1001041]
    """
    turn = 2.0 * LARGEST_RADIUS_M
    return np.asarray(turn * np.arcsin(np.clip(straight, 0.0, turn) / turn))


def upper_m(straight: NDArray[Any]) -> NDArray[Any]:
    """Give the largest length of geodesics whose ends are so many metres apart through the Earth."""
    turn = 2.0 * SMALLEST_RADIUS_M
    found = turn * np.arcsin(np.clip(straight, 0.0, turn) / turn)
    return np.where(straight >= turn, np.pi * EQUATOR_M, found)


def geodesic(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Azimuths there and back, and metres, from lon/lat rows `a` to `b` (Karney 2013, "Algorithms for geodesics")."""
    there, back, metres = _WGS84.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    return np.asarray(there), np.asarray(back), np.asarray(metres)


def shortest_m(
    left: Outlines, right: Outlines, first: NDArray[Any], second: NDArray[Any], at_most: Any
) -> NDArray[np.float64]:
    """Give the metres between the outlines of pairs; of those that are farther than `at_most`, more than that.

    Parameters
    ----------
    left, right
        Outlines of shapes.
    first, second
        Which of them: pairs of positions.
    at_most
        Metres that matter, for all or for each pair.
    """
    best = _Best(len(first), at_most)
    pair, ours, theirs = _close_edges(left, right, (left.root[first], right.root[second]), best)
    _settle(_close_pieces((pair, left.edges[ours], right.edges[theirs]), best), best)
    best.metres[best.metres < MICROMETRE] = 0.0
    return best.metres


def _close_edges(left: Outlines, right: Outlines, roots: tuple[Any, Any], best: _Best) -> Search:
    """Go down both trees, and give the pairs of edges that can be nearest, sorted by pair."""
    pairs = np.arange(len(roots[0]))
    stack: list[Search] = [
        (pairs[at : at + AT_ONCE], *(root[at : at + AT_ONCE] for root in roots))
        for at in reversed(range(0, len(pairs), AT_ONCE))
    ]
    found: list[Search] = [(pairs[:0], pairs[:0], pairs[:0])]
    while stack:
        pair, a, b = stack.pop()
        if not len(pair):
            continue
        if len(pair) > AT_ONCE:
            half = len(pair) // 2
            stack += [(pair[half:], a[half:], b[half:]), (pair[:half], a[:half], b[:half])]
            continue
        least, most = _bounds(left, right, a, b)
        best.note(pair, most)
        near = best.worth(pair, least)
        pair, a, b = pair[near], a[near], b[near]
        leaf = (left.count[a] == 0) & (right.count[b] == 0)
        found.append((pair[leaf], a[leaf], b[leaf]))
        stack.append(_children(left, right, (pair[~leaf], a[~leaf], b[~leaf])))
    pair, a, b = (np.concatenate(part) for part in zip(*found, strict=True))
    near = best.worth(pair, _bounds(left, right, a, b)[0])
    order = np.argsort(pair[near], kind="stable")
    return pair[near][order], a[near][order], b[near][order]


def _bounds(left: Outlines, right: Outlines, a: Any, b: Any) -> tuple[Any, Any]:
    """Give the least and the largest distance of the nearest places of balls.

    Far ones are compared on the sphere of reduced latitudes as well: with the ellipsoid's axes as its radius, no way is
    longer there, or none is shorter.
    """
    centres, sizes = (left.centre[a], right.centre[b]), (left.radius[a], right.radius[b])
    straight = lengths(centres[0] - centres[1])
    least, most = lower_m(straight - sizes[0] - sizes[1]), upper_m(straight)
    far = np.flatnonzero(straight > GLOBAL_M)
    if len(far):
        scale = np.array([EQUATOR_M, EQUATOR_M, POLE_M])
        angle = _angle(lengths((centres[0][far] - centres[1][far]) / scale))
        sides = _angle(sizes[0][far] / POLE_M) + _angle(sizes[1][far] / POLE_M)
        least[far] = np.maximum(least[far], POLE_M * (angle - sides) - MICROMETRE)
        most[far] = np.minimum(most[far], EQUATOR_M * angle + MICROMETRE)
    return least, most


def _angle(chord: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


def _children(left: Outlines, right: Outlines, search: Search) -> Search:
    """Open the larger ball of each pair."""
    pair, a, b = search
    opens_left = (right.count[b] == 0) | ((left.count[a] > 0) & (left.radius[a] >= right.radius[b]))
    parent, place = runs(np.where(opens_left, left.count[a], right.count[b]))
    opens_left, a, b = opens_left[parent], a[parent], b[parent]
    return (
        pair[parent],
        np.where(opens_left, left.first[a] + place, a),
        np.where(opens_left, b, right.first[b] + place),
    )


def _close_pieces(search: Search, best: _Best) -> tuple[Any, ...]:
    """Cut edges until they are as good as straight; give pairs, both pieces, and the nearest places on them."""
    size = AT_ONCE // 4
    count, width = len(search[0]), search[1].shape[1]
    stack: list[Any] = [
        tuple(part[at : at + size] for part in search) for at in reversed(range(0, count, size))
    ]
    found = [(search[0][:0], *(np.empty((0, columns)) for columns in (width, width, 2)))]
    while stack:
        pair, a, b = stack.pop()
        if not len(pair):
            continue
        if len(pair) > size:
            half = len(pair) // 2
            stack += [(pair[half:], a[half:], b[half:]), (pair[:half], a[:half], b[:half])]
            continue
        pair, a, b, share = _compared(pair, a, b, best)
        flat = np.maximum(a[:, BOW], b[:, BOW]) <= FLAT_M
        found.append((pair[flat], a[flat], b[flat], share[flat]))
        stack.append(_halves((pair[~flat], a[~flat], b[~flat])))
    pieces = tuple(np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(pieces[0], kind="stable")
    return tuple(part[order] for part in pieces)


def _halves(search: Search) -> Search:
    """Cut the edge of each pair that bends more in the middle."""
    cuts_left = np.repeat(search[1][:, BOW] >= search[2][:, BOW], 2)
    pair, *sides = (np.repeat(part, 2, axis=0) for part in search)
    for edges, chosen in zip(sides, (cuts_left, ~cuts_left), strict=True):
        rows = np.flatnonzero(chosen)
        places = edges[rows, LONLAT_ENDS]
        middle = (places[:, :2] + places[:, 2:]) / 2
        places[::2, 2:], places[1::2, :2] = middle[::2], middle[1::2]
        edges[rows] = measured_edges(places)
    return pair, sides[0], sides[1]


def _compared(pair: Any, a: Any, b: Any, best: _Best) -> tuple[Any, ...]:
    """Compare edges as straight lines through the Earth, and drop what cannot be nearest."""
    share, straight = _between_lines(a[:, BEGIN], a[:, END], b[:, BEGIN], b[:, END])
    # the way between places on the lines, and from there to the edges
    bows = a[:, BOW] + b[:, BOW] + MICROMETRE
    best.note(pair, upper_m(straight + a[:, BOW] + b[:, BOW]))
    near = best.worth(pair, lower_m(straight - bows))
    far = np.flatnonzero(near & (straight > NEAR_M))
    if len(far):
        near[far] = best.worth(pair[far], _least_by_slope(pair[far], a[far], b[far], best))
    return pair[near], a[near], b[near], share[near]


def _at(edges: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    """Give the places so far along edges: 0 is their begin, 1 their end."""
    return np.asarray(edges[:, :2] + share[:, None] * (edges[:, 2:4] - edges[:, :2]))


def _least_by_slope(pair: Any, a: Any, b: Any, best: _Best) -> NDArray[Any]:
    """Bound the distance of edges from below by that of their middles, its slopes along both, and its curvature.

    The distance falls along an edge by its length times the cosine of the angle to the way at most; how that changes is
    bounded by the Hessian of the distance on a sphere, -tan(d / 2 R) / R across the way, and by the bend of the edge.
    """
    middles = tuple((edge[:, :2] + edge[:, 2:4]) / 2 for edge in (a, b))
    there, back, metres = geodesic(*middles)
    best.note(pair, metres)
    least = metres - a[:, BOW] - b[:, BOW]
    angle = metres / SMALLEST_RADIUS_M
    squares = np.zeros(len(pair))
    for edges, middle, azimuth in ((a, middles[0], there), (b, middles[1], back)):
        lat = np.radians(middle[:, 1])
        root = np.sqrt(1.0 - SQUARED_ECCENTRICITY * np.sin(lat) ** 2)
        half = np.radians(edges[:, 2:4] - edges[:, :2]) / 2
        east = EQUATOR_M / root * np.cos(lat) * half[:, 0]
        north = (1.0 - SQUARED_ECCENTRICITY) * EQUATOR_M / root**3 * half[:, 1]
        angle_there = np.radians(azimuth)
        slope = east * np.sin(angle_there) + north * np.cos(angle_there)
        least -= np.abs(slope) * (1.0 + 1e-6)
        reach = edges[:, HALF]
        angle += reach / SMALLEST_RADIUS_M
        squares += reach * reach
    bent = np.tan(np.minimum(angle, FARTHEST_ANGLE) / 2.0) / SMALLEST_RADIUS_M * squares * 0.55
    reach = a[:, HALF] + b[:, HALF] + MICROMETRE
    least = np.where(angle < FARTHEST_ANGLE, least - bent, 0.0)
    return np.asarray(np.maximum(least, metres - reach))


def _between_lines(p: Any, p_end: Any, q: Any, q_end: Any) -> tuple[Any, Any]:
    """Give where two straight lines in space are nearest, as shares of both, and how far they are apart there.

    The best of both lines' inside and of each end against the other line; so nearly parallel ones are no trouble.
    """
    along, across = p_end - p, q_end - q

    def onto(place: Any, begin: Any, line: Any) -> Any:
        square = np.einsum("ij,ij->i", line, line)
        share = np.einsum("ij,ij->i", place - begin, line) / np.where(square > 0.0, square, 1.0)
        return np.clip(share, 0.0, 1.0)

    zeros, ones = np.zeros(len(p)), np.ones(len(p))
    a, c = (np.einsum("ij,ij->i", line, line) for line in (along, across))
    b = np.einsum("ij,ij->i", along, across)
    e, f = (np.einsum("ij,ij->i", line, p - q) for line in (along, across))
    flat = a * c - b * b
    inside = np.clip((b * f - c * e) / np.where(flat > 0.0, flat, 1.0), 0.0, 1.0)
    on_right = onto(p + inside[:, None] * along, q, across)
    shares = [
        (inside, on_right),
        (zeros, onto(p, q, across)), (ones, onto(p_end, q, across)),
        (onto(q, p, along), zeros), (onto(q_end, p, along), ones),
    ]  # fmt: skip
    ways = [p + s[:, None] * along - q - t[:, None] * across for s, t in shares]
    metres = np.stack([lengths(way) for way in ways])
    chosen = metres.argmin(axis=0)
    rows = np.arange(len(p))
    share = np.stack([np.column_stack(pair) for pair in shares])[chosen, rows]
    return share, metres[chosen, rows]


def _settle(pieces: tuple[Any, ...], best: _Best) -> None:
    """Measure pairs of pieces on the ellipsoid, the most promising one of each pair first."""
    pair, a, b, share = pieces
    if not len(pair):
        return
    straight = lengths(in_space(_at(a, share[:, 0])) - in_space(_at(b, share[:, 1])))
    least = lower_m(straight - 2.0 * (a[:, BOW] + b[:, BOW]) - MICROMETRE)
    for wave, better in zip(_waves(pair, straight), (-np.inf, EXACT_M), strict=True):
        rows = wave[best.worth(pair[wave], least[wave], better=better)]
        if len(rows):
            _iterate((pair[rows], a[rows], b[rows]), share[rows], least[rows], best)


def _waves(pair: Any, straight: Any) -> tuple[Any, Any]:
    """Give the most promising row of each pair, and all others."""
    order = np.lexsort((straight, pair))
    first = np.append(True, pair[order][1:] != pair[order][:-1])
    return np.sort(order[first]), np.sort(order[~first])


def _iterate(pieces: Search, share: Any, least: Any, best: _Best) -> None:
    """Draw pieces around the nearest place known of the left one, until nothing changes."""
    pair, a, b = pieces
    before = np.full(len(pair), np.inf)
    for _ in range(ROUNDS):
        places = _at(a, share[:, 0]), _at(b, share[:, 1])
        metres = geodesic(*places)[2]
        best.note(pair, metres)
        moving = (before - metres > EXACT_M) & (metres - least > EXACT_M)
        far = moving & (metres > FAR_M)
        if far.any():
            _ends(pair[far], a[far], b[far], best)
        moving &= ~far
        if not moving.any():
            return
        pair, a, b, least, before = (part[moving] for part in (pair, a, b, least, metres))
        share = _in_plane(a, b, places[0][moving])


def _ends(pair: Any, a: Any, b: Any, best: _Best) -> None:
    for one in (a[:, :2], a[:, 2:4]):
        for other in (b[:, :2], b[:, 2:4]):
            best.note(pair, geodesic(one, other)[2])


def _in_plane(a: Any, b: Any, centre: Any) -> Any:
    """Give the nearest places of pieces, as shares of both, in the plane in which distances from a place are true."""
    ends = []
    for place in (a[:, :2], a[:, 2:4], b[:, :2], b[:, 2:4]):
        azimuth, _, metres = geodesic(centre, place)
        angle = np.radians(azimuth)
        ends.append(np.column_stack([metres * np.sin(angle), metres * np.cos(angle)]))
    return _between_lines(*ends)[0]
