"""Geometry literals as shapes, and the measures of GeoSPARQL: metres on the ellipsoid, also near the poles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from odc.geo.crs import CRS
from pyproj import Geod

from extremeearth.core.errors import ExtremeEarthError, InputError
from extremeearth.core.geodesy import transform
from extremeearth.knowledge.rdf.geometry import (
    CRS84,
    crs_from_iri,
    parse_wkt_literal,
    wkt_literals,
)
from extremeearth.knowledge.rdf.vocabulary import GEO

__all__ = ["Shape", "buffer_m", "distance_m", "read_shape", "same_crs", "to_lonlat", "write_wkt"]

_WGS84 = Geod(ellps="WGS84")
_LONLAT = crs_from_iri(CRS84)
SEGMENT_DEGREES, MOST_SEGMENTS = 0.02, 2_000
"""Longest piece of a line, straight in longitude and latitude, before it is cut so that projections bend it."""
ROUNDS = 4
"""How often the plane of a distance is laid anew around the closest points."""
WIDEST_DEGREES = 180.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A geometry, x then y, with its system and the IRI that its literal named."""

    geometry: Any
    crs: CRS
    iri: str

    def like(self, geometry: Any) -> Shape:
        """Give another geometry in the same system."""
        return Shape(geometry, self.crs, self.iri)


@lru_cache(maxsize=16_384)
def read_shape(lexical: str, datatype: str) -> Shape | None:
    """Read a geometry literal; `None` if it is none, cannot be read, or names an unknown system.

    Examples
    --------
    >>> shape = read_shape(
    ...     "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT(48 11)", GEO.wktLiteral
    ... )
    >>> shape.geometry.x, shape.geometry.y
    (11.0, 48.0)
    """
    try:
        if datatype == GEO.wktLiteral:
            text = lexical.strip()
            if not text.startswith("<"):
                # The usual case, without the arrays that many literals at once would need.
                return Shape(shapely.from_wkt(text or "GEOMETRYCOLLECTION EMPTY"), _LONLAT, CRS84)
            shapes, systems = parse_wkt_literal([text])
            return Shape(shapes[0], systems[0], text[1 : text.index(">")])
        if datatype == GEO.geoJSONLiteral:
            return Shape(
                shapely.from_geojson(lexical) if lexical.strip() else shapely.GeometryCollection(),
                _LONLAT,
                CRS84,
            )
    except (ExtremeEarthError, shapely.errors.ShapelyError, ValueError):
        return None
    return None


def write_wkt(shape: Shape) -> str:
    """Write a shape as the lexical form of ``geo:wktLiteral``, in the axis order of its system.

    Examples
    --------
    >>> epsg = "http://www.opengis.net/def/crs/EPSG/0/4326"
    >>> write_wkt(Shape(shapely.Point(11, 48), crs_from_iri(epsg), epsg))
    '<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48 11)'
    """
    target = crs_from_iri(shape.iri)
    return str(
        wkt_literals(np.array([shape.geometry], dtype=object), crs=shape.crs, target=target)[0]
    )


def same_crs(first: Shape, second: Shape) -> tuple[Any, Any]:
    """Give both geometries in the system of the first."""
    if first.crs == second.crs or {first.iri, second.iri} <= _SAME_NUMBERS:
        return first.geometry, second.geometry
    return first.geometry, transform(second.geometry, source=second.crs, target=first.crs)


_SAME_NUMBERS = {CRS84, "http://www.opengis.net/def/crs/EPSG/0/4326"}
_POLES = (shapely.Point(0, 90), shapely.Point(0, -90))


def to_lonlat(shape: Shape) -> Any:
    """Give the geometry in longitude and latitude on WGS 84."""
    if shape.iri in _SAME_NUMBERS:
        return shape.geometry
    return transform(shape.geometry, source=shape.crs, target=_LONLAT)


@dataclass(frozen=True, slots=True)
class _Plane:
    """The azimuthal equidistant plane around a point of the ellipsoid, by the geodesics from there (Karney 2013)."""

    longitude: float
    latitude: float

    def project(self, geometry: Any) -> Any:
        """Move a geometry from longitude and latitude into the plane, in metres."""

        def move(x: Any, y: Any) -> Any:
            here = np.full(x.shape, self.longitude), np.full(x.shape, self.latitude)
            azimuth, _, length = _WGS84.inv(*here, x, y)
            angle = np.radians(azimuth)
            return length * np.sin(angle), length * np.cos(angle)

        return shapely.transform(geometry, move, interleaved=False)  # type: ignore[arg-type]  # the stub knows only interleaved ones

    def lift(self, geometry: Any) -> Any:
        """Move a geometry of the plane back to longitude and latitude."""

        def move(x: Any, y: Any) -> Any:
            here = np.full(x.shape, self.longitude), np.full(x.shape, self.latitude)
            longitude, latitude, _ = _WGS84.fwd(*here, np.degrees(np.arctan2(x, y)), np.hypot(x, y))
            return longitude, latitude

        return shapely.transform(geometry, move, interleaved=False)  # type: ignore[arg-type]  # as above


def _bent(geometry: Any) -> Any:
    """Cut long straight lines, so that they follow the parallels they were drawn on."""
    if geometry.geom_type in ("Point", "MultiPoint"):
        return geometry
    west, south, east, north = geometry.bounds
    longest = max(SEGMENT_DEGREES, max(east - west, north - south) / MOST_SEGMENTS)
    return shapely.segmentize(geometry, longest)


def distance_m(first: Shape, second: Shape) -> float:
    """Give the shortest distance on the ellipsoid in metres.

    Two points are measured by the geodesic. For other shapes, the pair of closest points is sought in an azimuthal
    equidistant plane, which is laid anew around the pair until the geodesic between them gets no shorter. Edges are
    straight in longitude and latitude; they are cut every 0.02 degrees, which keeps the error below 2 cm at 80 degrees
    of latitude for shapes up to 40 degrees across.

    Raises
    ------
    InputError
        A geometry is empty.

    Examples
    --------
    >>> a, b = (
    ...     Shape(shapely.Point(0, 80), _LONLAT, CRS84),
    ...     Shape(shapely.Point(1, 80), _LONLAT, CRS84),
    ... )
    >>> round(distance_m(a, b))
    19393
    """
    one, two = to_lonlat(first), to_lonlat(second)
    if one.is_empty or two.is_empty:
        raise InputError("An empty geometry has no distance.", hint="Filter it out.")
    if one.geom_type == "Point" and two.geom_type == "Point":
        return float(_WGS84.inv(one.x, one.y, two.x, two.y)[2])
    if shapely.intersects(one, two):
        return 0.0
    one, two = _bent(one), _bent(two)
    start = shapely.point_on_surface(one)
    longitude, latitude = start.x, start.y
    best = math.inf
    for _ in range(ROUNDS):
        plane = _Plane(longitude, latitude)
        pair = plane.lift(shapely.shortest_line(plane.project(one), plane.project(two)))
        (ax, ay), (bx, by) = shapely.get_coordinates(pair)
        azimuth, _, length = _WGS84.inv(ax, ay, bx, by)
        if length >= best - 1e-6:
            break
        best = float(length)
        longitude, latitude, _ = _WGS84.fwd(ax, ay, azimuth, length / 2)
    return best


def buffer_m(shape: Shape, radius_m: float) -> Shape:
    """Grow a shape by metres on the ground, in a plane around its centre; the result is in its own system.

    The plane is azimuthal equidistant: exact for a point, within a thousandth for shapes up to some 300 km across.

    Raises
    ------
    InputError
        The result holds a pole or crosses the antimeridian, which longitude and latitude cannot draw.

    Examples
    --------
    >>> from extremeearth.core.geodesy import area_m2
    >>> grown = buffer_m(Shape(shapely.Point(15, 80), _LONLAT, CRS84), 1000.0)
    >>> round(float(area_m2(grown.geometry, crs=4326)) / 1e6, 2)
    3.14
    """
    lonlat = to_lonlat(shape)
    if lonlat.is_empty:
        return shape.like(shapely.Polygon())
    centre = lonlat.centroid
    plane = _Plane(centre.x, centre.y)
    grown = shapely.buffer(plane.project(_bent(lonlat)), radius_m, quad_segs=32)
    back = plane.lift(grown)
    held = any(shapely.intersects(grown, plane.project(pole)) for pole in _POLES)
    if not back.is_empty and (held or back.bounds[2] - back.bounds[0] > WIDEST_DEGREES):
        raise InputError(
            "A buffer over a pole or the antimeridian cannot be drawn in longitude and latitude.",
            hint="Use a polar reference system such as EPSG:3413.",
        )
    if shape.iri in _SAME_NUMBERS:
        return shape.like(back)
    return shape.like(transform(back, source=_LONLAT, target=shape.crs))
