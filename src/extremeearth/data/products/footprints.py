"""Where on Earth something lies, in longitude and latitude, safe at the antimeridian and the poles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from extremeearth.core.boxes import Box
from extremeearth.core.errors import BoxError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.core.reference_systems import LONLAT, CrsLike

__all__ = ["Footprint", "footprint_of_grid", "footprint_of_shapes", "footprint_of_stac"]

WORLD = 360.0
STRAIGHT_DEG = 1e-7  # about a centimetre: points that do not bend an edge go
EDGE_POINTS = 21  # along each side of a grid: its edges are curves in longitude and latitude


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A place on Earth.

    Attributes
    ----------
    geometry
        Planar geometry in longitude and latitude, cut at the antimeridian, so within -180 to 180.
    bbox
        West, south, east, north; ``west > east`` where it crosses the antimeridian.
    """

    geometry: shapely.Geometry
    bbox: tuple[float, float, float, float]


def footprint_of_shapes(shapes: Any, *, crs: CrsLike) -> Footprint:
    """Lay the smallest box around shapes, over the antimeridian where that is the shorter way.

    The geometry is the convex hull of the shapes, or the box where it crosses the antimeridian.

    Raises
    ------
    InputError
        There is no shape with a place.

    Examples
    --------
    >>> import shapely
    >>> near = [shapely.Point(179.5, -17.0), shapely.Point(-179.5, -16.0)]
    >>> footprint_of_shapes(near, crs=4326).bbox
    (179.5, -17.0, -179.5, -16.0)
    """
    lonlat = np.atleast_1d(transform(np.asarray(shapes, dtype=object), source=crs, target=LONLAT))
    bounds = shapely.bounds(lonlat)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    if not bounds.size:
        raise InputError("There is no feature with a place.", hint="Give at least one geometry.")
    west, east = _shortest_span(bounds[:, 0], bounds[:, 2])
    bbox = (west, float(bounds[:, 1].min()), east, float(bounds[:, 3].max()))
    if west > east:
        parts = Box(xmin=west, ymin=bbox[1], xmax=east, ymax=bbox[3], crs=LONLAT).polygon()
        return Footprint(geometry=parts, bbox=bbox)
    hull = shapely.convex_hull(shapely.geometrycollections([s for s in lonlat if s is not None]))
    return Footprint(geometry=hull, bbox=bbox)


def footprint_of_grid(grid: GeoBox) -> Footprint:
    """Give the outline of a pixel grid.

    A grid around a pole covers all longitudes up to the pole.

    Examples
    --------
    >>> from extremeearth.core import Box, as_crs, grid_over
    >>> north = Box(xmin=-1e6, ymin=-1e6, xmax=1e6, ymax=1e6, crs=as_crs(3413))
    >>> [round(v) for v in footprint_of_grid(grid_over(north, resolution=1e4, crs=3413)).bbox]
    [-180, 77, 180, 90]
    """
    if grid.crs is None:
        raise BoxError("The grid has no coordinate reference system.", hint="Name it.")
    left, bottom, right, top = grid.boundingbox.bbox
    here = Box(xmin=left, ymin=bottom, xmax=right, ymax=top, crs=grid.crs)
    box = here.to_crs(LONLAT)
    whole = box.xmax - box.xmin >= WORLD
    if box.crosses_antimeridian or whole:
        return Footprint(geometry=box.polygon(), bbox=box.bounds)
    outline = shapely.segmentize(
        shapely.box(*here.bounds), max((right - left), (top - bottom)) / (EDGE_POINTS - 1)
    )
    geometry = transform(outline, source=grid.crs, target=LONLAT)
    geometry = shapely.simplify(geometry, STRAIGHT_DEG)
    west, south, east, north = (float(v) for v in shapely.bounds(geometry))
    return Footprint(geometry=geometry, bbox=(west, south, east, north))


def footprint_of_stac(geometry: Any, bbox: Any = None) -> Footprint | None:
    """Read the GeoJSON geometry of an item, whatever way it is written over the antimeridian.

    Understood are shapes cut at 180 degrees, shapes whose longitudes run on beyond 180, and shapes whose
    `bbox` says by ``west > east`` that they cross. Rings that touch themselves are repaired.

    Parameters
    ----------
    geometry
        GeoJSON object, or `None` for an item without a place.
    bbox
        Four or six numbers; used only to tell a shape that crosses from one around the world.

    Raises
    ------
    InputError
        The geometry is no GeoJSON, is empty, not finite, or leaves the range of latitude.

    Examples
    --------
    >>> shape = {
    ...     "type": "Polygon",
    ...     "coordinates": [[[170, 0], [190, 0], [190, 10], [170, 10], [170, 0]]],
    ... }
    >>> footprint_of_stac(shape).bbox
    (170.0, 0.0, -170.0, 10.0)
    """
    if geometry is None:
        return None
    shape = _read_geojson(geometry)
    crossing = bbox is not None and len(bbox) in {4, 6} and bbox[0] > bbox[len(bbox) // 2]
    if crossing and shapely.bounds(shape)[0] < 0 < shapely.bounds(shape)[2]:
        shape = shapely.transform(shape, lambda xy: np.column_stack([xy[:, 0] % WORLD, xy[:, 1]]))
    return normalised(shape)


def normalised(shape: shapely.Geometry) -> Footprint:
    """Cut a shape at the antimeridian, and find its box.

    Raises
    ------
    InputError
        It is empty, not finite, or leaves the range of latitude.
    """
    west, south, east, north = (float(v) for v in shapely.bounds(shape))
    if not np.isfinite([west, south, east, north]).all():
        raise InputError("A geometry is empty or not finite.", hint="Give longitude and latitude.")
    if south < -90 or north > 90 or west < -2 * 180 or east > 2 * 180 or east - west > WORLD:
        raise InputError(
            "A geometry leaves the range of longitude and latitude.",
            hint="Longitude comes first, then latitude.",
        )
    if not shapely.is_valid(shape):
        shape = shapely.make_valid(shape)
    if west < -180 or east > 180:
        shape = shapely.union_all([_world(shape, turn) for turn in (-WORLD, 0.0, WORLD)])
    parts = shapely.bounds(shapely.get_parts(shape))
    west, east = float(parts[:, 0].min()), float(parts[:, 2].max())
    if west == -180 and east == 180 and not (parts[:, 2] - parts[:, 0] >= WORLD).any():
        west, east = _shortest_span(parts[:, 0], parts[:, 2])
    return Footprint(geometry=shape, bbox=(west, south, east, north))


def _world(shape: shapely.Geometry, turn: float) -> shapely.Geometry:
    """Take the part of a shape in the world `turn` degrees to the east, and bring it home."""
    part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
    return shapely.transform(part, lambda xy: xy - [turn, 0.0])


def _read_geojson(geometry: Any) -> shapely.Geometry:
    import json

    try:
        shape = shapely.from_geojson(json.dumps(geometry, allow_nan=False))
        return _without_empty_pieces(shapely.force_2d(shape))
    except (shapely.GEOSException, TypeError, ValueError, RecursionError) as err:
        raise InputError(
            "A geometry is no GeoJSON.", hint="Give type and coordinates, see RFC 7946."
        ) from err


def _without_empty_pieces(shape: shapely.Geometry) -> shapely.Geometry:
    """Leave out the empty holes of polygons, at which GEOS ends the process, and the empty parts of collections."""
    if isinstance(shape, shapely.Polygon):
        holes = [hole for hole in shape.interiors if not hole.is_empty]
        return (
            shape if len(holes) == len(shape.interiors) else shapely.Polygon(shape.exterior, holes)
        )
    if isinstance(shape, shapely.geometry.base.BaseMultipartGeometry):
        parts = [_without_empty_pieces(part) for part in shape.geoms if not part.is_empty]
        return type(shape)(parts)  # type: ignore[call-arg]  # the stubs know the classes below it alone
    return shape


def _shortest_span(west: Any, east: Any) -> tuple[float, float]:
    """Find the shortest arc of longitude that holds all intervals: what remains beside the largest gap."""
    order = np.argsort(west)
    west, reach = west[order], np.maximum.accumulate(east[order])
    around = float(west[0]) + WORLD - float(reach[-1])  # the gap over the antimeridian
    gaps = west[1:] - reach[:-1]
    if not gaps.size or float(gaps.max()) <= around or float(gaps.max()) <= 0:
        return float(west[0]), float(reach[-1])
    widest = int(np.argmax(gaps))
    return float(west[widest + 1]), float(reach[widest])
