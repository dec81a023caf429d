"""Outlines of shapes as edges in space, with balls around ever longer runs of them: what is far is seen at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BEGIN", "BOW", "END", "EQUATOR_M", "HALF", "LARGEST_RADIUS_M", "LONLAT_ENDS", "SQUARED_ECCENTRICITY", "Outlines",
    "in_space", "lengths", "measured_edges", "runs",
]  # fmt: skip

EQUATOR_M = 6_378_137.0
SQUARED_ECCENTRICITY = 0.0066943799901413165
LARGEST_RADIUS_M = 6_399_593.7
"""Largest radius of curvature of WGS 84, at its poles."""
LONLAT_ENDS, BEGIN, END, HALF, BOW = slice(0, 4), slice(4, 7), slice(7, 10), 10, 11
"""Columns of edges."""
CHILDREN = 4
"""So many runs of edges make the next longer one."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """Points and edges of shapes, and a tree of balls over those of each shape.

    Attributes
    ----------
    edges
        One row for each edge, as `measured_edges` gives it.
    centre
        Of each ball, a place on an edge: metres from the middle of the Earth, ``(m, 3)``. The first `n` balls are
        those of the edges.
    radius
        Metres, straight through the Earth: all of the run lies inside.
    first, count
        The balls that a ball is made of; those of edges are made of none.
    root
        For each shape the ball around all of it.
    """

    edges: NDArray[np.float64]
    centre: NDArray[np.float64]
    radius: NDArray[np.float64]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    root: NDArray[np.int64]

    @classmethod
    def of(cls, shapes: NDArray[Any]) -> Self:
        """Take the outlines of shapes in longitude and latitude, none of them missing or empty.

        Examples
        --------
        >>> found = Outlines.of(np.array([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)]))
        >>> len(found.edges), found.root.tolist(), found.radius[found.root].round(-3).tolist()
        (5, [0, 5], [0.0, 167000.0])
        """
        places, sizes = _edges(shapes)
        edges = measured_edges(places)
        middle, half = in_space((places[:, :2] + places[:, 2:]) / 2), edges[:, HALF]
        offsets = np.cumsum(sizes) - sizes
        root = offsets.astype(np.int64)
        centre, radius = [middle], [half]
        first, count = [np.zeros(len(edges), np.int64)], [np.zeros(len(edges), np.int64)]
        below, amount, total, span = offsets, sizes, len(edges), 1
        growing = np.flatnonzero(sizes > 1)
        while len(growing):
            span *= CHILDREN
            made = -(-amount[growing] // CHILDREN)
            owner, place = runs(made)
            shape = growing[owner]
            begin = offsets[shape] + place * span
            end = np.minimum(begin + span, offsets[shape] + sizes[shape])
            of_node, step = runs(end - begin)
            member = begin[of_node] + step
            centre.append(middle[begin + (end - begin) // 2])
            away = lengths(middle[member] - centre[-1][of_node]) + half[member]
            radius.append(np.maximum.reduceat(away, np.cumsum(end - begin) - (end - begin)))
            first.append(below[shape] + place * CHILDREN)
            count.append(np.minimum(CHILDREN, amount[shape] - place * CHILDREN))
            below, amount = below.copy(), amount.copy()
            below[growing] = total + np.cumsum(made) - made
            amount[growing] = made
            root[growing] = below[growing]
            total += len(owner)
            growing = growing[made > 1]
        return cls(
            edges, np.concatenate(centre), np.concatenate(radius), np.concatenate(first), np.concatenate(count), root,
        )  # fmt: skip


def in_space(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give metres from the middle of the Earth of lon/lat rows on the ellipsoid."""
    lon, lat = np.radians(places[:, 0]), np.radians(places[:, 1])
    sine, cosine = np.sin(lat), np.cos(lat)
    normal = EQUATOR_M / np.sqrt(1.0 - SQUARED_ECCENTRICITY * sine * sine)
    aside = normal * cosine
    up = (1.0 - SQUARED_ECCENTRICITY) * normal * sine
    return np.column_stack([aside * np.cos(lon), aside * np.sin(lon), up])


def measured_edges(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put together what is known of edges that are straight in longitude and latitude.

    Parameters
    ----------
    places
        Lon, lat of the begin and of the end, degrees.

    Returns
    -------
    numpy.ndarray of float64
        Columns `LONLAT_ENDS`; `BEGIN` and `END` in space; `HALF` the length or a bit more; `BOW`, how far the edge can
        bend away from the straight line through the Earth: an eighth of its acceleration. All in metres.
    """
    east, north = np.radians(np.abs(places[:, 2:] - places[:, :2])).T
    lat, other = places[:, 1], places[:, 3]
    nearest = np.where(lat * other <= 0.0, 0.0, np.minimum(np.abs(lat), np.abs(other)))
    circle = LARGEST_RADIUS_M * np.cos(np.radians(nearest))
    half = np.hypot(circle * east, LARGEST_RADIUS_M * north) / 2
    bow = (circle * east * east + LARGEST_RADIUS_M * (1.02 * north + 2.0 * east) * north) / 8
    ends = in_space(places[:, :2]), in_space(places[:, 2:])
    return np.column_stack([places, *ends, half, bow])


def lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the lengths of vectors."""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)))


def runs(sizes: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the group of each member of groups, and its place there.

    Examples
    --------
    >>> [part.tolist() for part in runs(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.cumsum(sizes)
    return owner, np.arange(len(owner)) - np.repeat(ends - sizes, sizes)


def _edges(shapes: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the edges of shapes, shape by shape, and how many each has; a point is an edge of no length."""
    parts, owners = shapes, np.arange(len(shapes))
    while len(parts) and (kinds := shapely.get_type_id(parts)).max() > 2:  # no point, line, ring
        parts = np.where(kinds == 3, shapely.boundary(parts), parts)
        parts, index = shapely.get_parts(parts, return_index=True)
        owners = owners[index]
    there = ~shapely.is_empty(parts)
    parts, owners = parts[there], owners[there]
    if len(parts) > len(shapes):
        order = np.lexsort((_along_a_curve(shapely.bounds(parts)), owners))
        parts, owners = parts[order], owners[order]
    places, part = shapely.get_coordinates(parts, return_index=True)
    alone = np.bincount(part, minlength=len(parts)) == 1
    goes_on = np.append(part[1:] == part[:-1], False)
    begin = np.flatnonzero(goes_on | alone[part])
    end = begin + goes_on[begin]
    sizes = np.bincount(owners[part[begin]], minlength=len(shapes))
    return np.column_stack([places[begin], places[end]]), sizes.astype(np.int64)


def _along_a_curve(bounds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Give close boxes mostly close numbers: the bits of both coordinates by turns (Morton)."""
    code = np.zeros(len(bounds), dtype=np.int64)
    for axis, low, width in ((0, -540.0, 1080.0), (1, -90.0, 180.0)):
        cell = ((bounds[:, axis] - low) / width * 65535.0).astype(np.int64)
        for bit in range(16):
            code |= ((cell >> bit) & 1) << (2 * bit + axis)
    return code
