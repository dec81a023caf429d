"""Shortest distances between shapes on the WGS 84 ellipsoid, in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import Geod

from extremeearth.core.boxes import LONLAT, CrsLike
from extremeearth.core.geodesy import transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["cut_edges", "distance_m", "on_earth"]

_WGS84 = Geod(ellps="WGS84")
SEGMENT_DEG = 0.02
"""Edges are straight in longitude and latitude; pieces of this length leave less than 0.1 m to the geodesic."""
ROUNDS = 6
CONVERGED_M = 1e-4
FAR_M = 15_000_000.0
"""Beyond this an azimuthal plane bends edges so much that they could cut through its middle."""
CHUNK_COORDINATES = 2_000_000
FARTHEST_DEG = 540.0
"""Longitudes farther than this from Greenwich are no longitudes, but numbers of some plane."""


def distance_m(left: Any, right: Any, *, crs: CrsLike = LONLAT) -> Any:
    """Give the shortest distance between each pair of shapes, on the ellipsoid.

    Both shapes are drawn in an azimuthal equidistant plane, in which distances from its centre are true; the
    nearest points found there are the next centre, until nothing changes. So no place is special: not the
    poles, not the antimeridian. Lengths and azimuths by Karney (2013), "Algorithms for geodesics".

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
    """
    a, b = np.broadcast_arrays(
        np.asarray(transform(left, source=crs, target=LONLAT), dtype=object),
        np.asarray(transform(right, source=crs, target=LONLAT), dtype=object),
    )
    flat_a, flat_b = a.ravel(), b.ravel()
    result = np.full(flat_a.shape, np.nan)
    known = on_earth(flat_a) & on_earth(flat_b)
    points = known & (shapely.get_type_id(flat_a) == 0) & (shapely.get_type_id(flat_b) == 0)
    result[points] = _inverse(
        shapely.get_coordinates(flat_a[points]), shapely.get_coordinates(flat_b[points])
    )[2]
    shapes = np.flatnonzero(known & ~points)
    touching = shapely.intersects(flat_a[shapes], flat_b[shapes])
    result[shapes[touching]] = 0.0
    apart = shapes[~touching]
    for part in _chunks(
        apart,
        shapely.get_num_coordinates(flat_a[apart]) + shapely.get_num_coordinates(flat_b[apart]),
    ):
        result[part] = _apart_m(outlines(flat_a[part]), outlines(flat_b[part]))
    return result.reshape(a.shape)[()]


def outlines(shapes: NDArray[Any]) -> NDArray[Any]:
    """Give the points and the edges of shapes, edges cut short, as one collection each.

    Between shapes that do not touch, only these matter for the distance.
    """
    parts, owners = shapes, np.arange(len(shapes))
    while len(parts) and (shapely.get_type_id(parts) > 3).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owners = owners[index]
    polygons = shapely.get_type_id(parts) == 3
    parts = np.where(polygons, shapely.boundary(parts), parts)
    parts = cut_edges(shapely.force_2d(parts), SEGMENT_DEG)
    return np.asarray(
        shapely.geometrycollections(parts, indices=owners, out=np.full(len(shapes), None, object))
    )


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


def _chunks(indices: NDArray[np.intp], sizes: NDArray[Any]) -> list[NDArray[np.intp]]:
    if not len(indices):
        return []
    return [
        part
        for part in np.split(
            indices, np.flatnonzero(np.diff(np.cumsum(sizes) // CHUNK_COORDINATES)) + 1
        )
        if len(part)
    ]


def _inverse(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Azimuths there and back, and metres, from lon/lat rows `a` to `b`."""
    there, back, metres = _WGS84.inv(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    return np.asarray(there), np.asarray(back), np.asarray(metres)


def _apart_m(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float64]:
    """Distances between outlines that do not touch."""
    result = np.full(len(left), np.inf)
    smaller = np.where(
        shapely.get_num_coordinates(left) <= shapely.get_num_coordinates(right), left, right
    )
    centre = _first_coordinates(smaller)
    active = np.arange(len(left))
    for _ in range(ROUNDS):
        near = shapely.shortest_line(
            _in_plane(left[active], centre), _in_plane(right[active], centre)
        )
        ends = shapely.get_coordinates(near).reshape(-1, 2, 2)
        on_left, on_right = (_out_of_plane(ends[:, side], centre) for side in (0, 1))
        metres = _inverse(on_left, on_right)[2]
        before = result[active]
        result[active] = np.minimum(before, metres)
        moving = np.abs(before - metres) > CONVERGED_M
        active, centre = active[moving], on_left[moving]
        if not len(active):
            break
    return result


def _first_coordinates(shapes: NDArray[Any]) -> NDArray[np.float64]:
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    return np.asarray(coordinates[np.searchsorted(owners, np.arange(len(shapes)))])


def _in_plane(shapes: NDArray[Any], centre: NDArray[Any]) -> NDArray[Any]:
    """Draw each shape in the azimuthal equidistant plane around its own centre."""
    coordinates, owners = shapely.get_coordinates(shapes, return_index=True)
    azimuth, _, metres = _inverse(centre[owners], coordinates)
    angle = np.radians(azimuth)
    plane = np.column_stack([metres * np.sin(angle), metres * np.cos(angle)])
    drawn = np.asarray(shapely.set_coordinates(shapes.copy(), plane))
    for row in np.unique(owners[metres > FAR_M]):
        drawn[row] = _without_far_edges(drawn[row])
    return drawn


def _without_far_edges(shape: Any) -> Any:
    """Keep the vertices of a drawn shape, and of its edges those on this side of the Earth."""
    vertices = shapely.get_coordinates(shape)
    lines = shapely.get_parts(shapely.get_parts(shape))
    edges = [np.stack([c[:-1], c[1:]], axis=1) for c in map(shapely.get_coordinates, lines)]
    segments = np.concatenate(edges)
    close = np.hypot(segments[..., 0], segments[..., 1]).max(axis=1) < FAR_M
    return shapely.geometrycollections(
        [shapely.multipoints(vertices), shapely.multilinestrings(segments[close])]
    )


def _out_of_plane(points: NDArray[Any], centre: NDArray[Any]) -> NDArray[np.float64]:
    x, y = points[:, 0], points[:, 1]
    lon, lat, _ = _WGS84.fwd(
        centre[:, 0], centre[:, 1], np.degrees(np.arctan2(x, y)), np.hypot(x, y)
    )
    return np.column_stack([lon, lat])
