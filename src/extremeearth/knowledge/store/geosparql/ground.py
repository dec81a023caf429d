"""Measures on the ground and buffers in metres, for shapes anywhere: at the poles and across the antimeridian too."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import area_m2, length_m
from extremeearth.infrastructure.engine.geodesic import cut_edges, on_earth
from extremeearth.knowledge.store.geosparql._guard import guarded
from extremeearth.knowledge.store.geosparql.plane import Planes

__all__ = ["areas_m2", "buffers_m", "lengths_m", "perimeters_m"]

_WGS84 = Geod(ellps="WGS84")
POINT, LINE, RING, POLYGON, MULTIPOINT = 0, 1, 2, 3, 4
SEGMENT_DEG, MOST_SEGMENTS = 0.02, 2_000
"""Longest piece of an edge, straight in longitude and latitude, before a projection bends it."""
WIDE_M = 200_000.0
"""Beyond this extent a shape is buffered piece by piece: an azimuthal plane stretches by (extent/8R)^2 / 6."""
PIECE_M = 50_000.0
FARTHEST_M = 9_000_000.0
"""Largest radius: a circle of a quarter of the Earth would hold both poles."""
QUARTER_SEGMENTS = 32


# ---------------------------------------------------------------------------------------- measures


def _parts(shapes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Take collections apart, whatever their depth; give the parts and the row of each."""
    parts, owners = shapes, np.arange(len(shapes))
    while len(parts) and (shapely.get_type_id(parts) >= MULTIPOINT).any():
        parts, index = shapely.get_parts(parts, return_index=True)
        owners = owners[index]
    return parts, owners


def _sums(
    shapes: NDArray[Any], kinds: tuple[int, ...], measure: Any
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Add up a measure over the parts of some kinds; tell which shapes have such parts."""
    parts, owners = _parts(shapes)
    chosen = np.isin(shapely.get_type_id(parts), kinds)
    values = measure(parts[chosen])
    rows = owners[chosen]
    sums = np.bincount(rows, np.asarray(values, np.float64), len(shapes))
    return sums.astype(np.float64), np.bincount(rows, minlength=len(shapes)) > 0


def areas_m2(lonlat: NDArray[Any]) -> NDArray[np.float64]:
    """Give the area of the polygons in each shape on the ellipsoid; 0 where there are none.

    Examples
    --------
    >>> square = shapely.box(15.0, 80.0, 15.1, 80.1)
    >>> np.round(areas_m2(np.array([square, shapely.Point(0, 0)])) / 1e6, 2).tolist()
    [21.55, 0.0]
    """
    return _sums(lonlat, (POLYGON,), lambda p: area_m2(p, crs=LONLAT) if len(p) else ())[0]


def perimeters_m(lonlat: NDArray[Any]) -> NDArray[np.float64]:
    """Give the length of the rings of all polygons; for shapes without polygons, the length of the lines.

    Examples
    --------
    >>> np.round(perimeters_m(np.array([shapely.box(0, 0, 1, 1)])) / 1000).tolist()
    [444.0]
    """
    rings, areal = _sums(lonlat, (POLYGON,), _outlines_m)
    return np.where(areal, rings, _sums(lonlat, (LINE, RING), _lines_m)[0])


def lengths_m(lonlat: NDArray[Any]) -> NDArray[np.float64]:
    """Give the longest of the total lengths of any one dimension: that of the lines, or that of the rings.

    Examples
    --------
    >>> round(float(lengths_m(np.array([shapely.LineString([(0, 80), (1, 80)])]))[0]))
    19393
    """
    lines = _sums(lonlat, (LINE, RING), _lines_m)[0]
    return np.maximum(lines, _sums(lonlat, (POLYGON,), _outlines_m)[0])


def _lines_m(lines: NDArray[Any]) -> Any:
    return length_m(lines, crs=LONLAT) if len(lines) else ()


def _outlines_m(polygons: NDArray[Any]) -> Any:
    return _lines_m(shapely.boundary(polygons))


# ----------------------------------------------------------------------------------------- buffers


def buffers_m(lonlat: NDArray[Any], radii_m: NDArray[np.float64]) -> NDArray[Any]:
    """Grow shapes by metres on the ground.

    Shapes up to 200 km across are grown in an azimuthal equidistant plane around their middle, drawn with the
    geodesics from there (Karney 2013, "Algorithms for geodesics"); of wider ones, pieces of the outline are grown one
    by one and united. What crosses the antimeridian is cut there (RFC 7946, 3.1.9); over a pole, the result runs
    along it.

    Parameters
    ----------
    lonlat
        Shapes in longitude and latitude on WGS 84, none missing.
    radii_m
        Metres, one for each; a negative one shrinks polygons.

    Returns
    -------
    numpy.ndarray of object
        Polygons within -180..180 and -90..90; ``None`` where the radius is not finite or over 9000 km, and
        where the shape is not on the Earth: GEOS ends the process at a buffer of points without numbers.

    Examples
    --------
    >>> disk = buffers_m(np.array([shapely.Point(15, 80)]), np.array([1000.0]))
    >>> round(float(areas_m2(disk)[0]) / 1e6, 2)
    3.14
    """
    out: NDArray[Any] = np.full(len(lonlat), None, object)
    usable = np.isfinite(radii_m) & (np.abs(radii_m) <= FARTHEST_M)
    empty = shapely.is_empty(lonlat)
    usable &= empty | on_earth(lonlat)
    out[usable & empty] = shapely.Polygon()
    rows = np.flatnonzero(usable & ~empty)
    wide = _extents_m(lonlat[rows]) > WIDE_M
    near, far = rows[~wide], rows[wide]
    if len(near):
        out[near] = _in_plane(_bent(shapely.force_2d(lonlat[near])), radii_m[near])
    for row in far.tolist():
        out[row] = _piecewise(shapely.force_2d(lonlat[row]), float(radii_m[row]))
    return out


def _extents_m(lonlat: NDArray[Any]) -> NDArray[np.float64]:
    """Give the extent of each shape, never too small."""
    if not len(lonlat):
        return np.zeros(0)
    west, south, east, north = shapely.bounds(lonlat).T
    nearest = np.where((south <= 0) & (north >= 0), 0.0, np.minimum(np.abs(south), np.abs(north)))
    across = np.radians(east - west) * np.cos(np.radians(np.minimum(nearest, 90.0))) * 6.4e6
    along = np.radians(north - south) * 6.4e6
    return np.asarray(np.hypot(across, along))


def _bent(lonlat: NDArray[Any]) -> NDArray[Any]:
    """Cut long edges, so that they follow the parallels they were drawn on."""
    west, south, east, north = shapely.bounds(lonlat).T
    longest = np.maximum(SEGMENT_DEG, np.maximum(east - west, north - south) / MOST_SEGMENTS)
    return cut_edges(lonlat, longest)


def _in_plane(lonlat: NDArray[Any], radii_m: NDArray[np.float64]) -> NDArray[Any]:
    west, south, east, north = shapely.bounds(lonlat).T
    planes = Planes((west + east) / 2, (south + north) / 2)
    drawn = planes.project(lonlat)
    grown = guarded(
        lambda shapes, radii: shapely.buffer(shapes, radii, quad_segs=QUARTER_SEGMENTS),
        drawn,
        radii_m,
        error=None,
    )
    return planes.lift(grown, np.abs(radii_m))


def _piecewise(shape: Any, radius_m: float) -> Any:
    """Grow or shrink a wide shape by the disks along its outline."""
    parts, _ = _parts(np.array([shape], dtype=object))
    kinds = shapely.get_type_id(parts)
    polygons = parts[kinds == POLYGON]
    area = shapely.union_all(polygons) if len(polygons) else shapely.Polygon()
    lines = np.concatenate([parts[np.isin(kinds, (LINE, RING))], shapely.boundary(polygons)])
    pieces = [parts[kinds == POINT], _pieces(lines)]
    if radius_m < 0:
        pieces = [_pieces(shapely.boundary(polygons))]
    outline = np.concatenate(pieces)
    if not len(outline) or radius_m == 0:
        return area
    grown = _in_plane(outline, np.full(len(outline), abs(radius_m)))
    band = shapely.union_all(grown)
    return shapely.difference(area, band) if radius_m < 0 else shapely.union(area, band)


def _pieces(lines: NDArray[Any]) -> NDArray[Any]:
    """Cut lines into pieces of some 50 km; each begins where the last one ends."""
    found: list[Any] = []
    for line in shapely.get_parts(lines):
        if line.is_empty:
            continue
        coordinates = shapely.get_coordinates(_bent(np.array([line], dtype=object))[0])
        steps = _WGS84.line_lengths(coordinates[:, 0], coordinates[:, 1])
        cuts = np.flatnonzero(np.diff(np.cumsum(steps) // PIECE_M)) + 1
        starts = np.concatenate([[0], cuts])
        ends = np.concatenate([cuts, [len(coordinates) - 1]])
        found += [
            shapely.linestrings(coordinates[a : b + 1])
            for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
            if b > a
        ]
    return np.array(found, dtype=object)
