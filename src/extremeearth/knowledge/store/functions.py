"""The ``geof:`` functions of GeoSPARQL on two literals of any reference system (OGC 22-047r1, clauses 8 and 9).

Every function takes and gives pyoxigraph terms and answers `None` where SPARQL has an error: a literal that is no
geometry, an unknown reference system, an unknown unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyoxigraph as ox
import shapely

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.core.geodesy import area_m2, length_m, transform
from extremeearth.knowledge.rdf.geometry import crs_from_iri
from extremeearth.knowledge.rdf.vocabulary import GEO, GEOF, SF, XSD
from extremeearth.knowledge.store.geometries import (
    Shape,
    buffer_m,
    distance_m,
    read_shape,
    same_crs,
    to_lonlat,
    write_wkt,
)

__all__ = ["AGGREGATES", "FUNCTIONS"]

Function = Callable[..., Any]

_WKT = ox.NamedNode(GEO.wktLiteral)
_OGC_UNIT = "http://www.opengis.net/def/uom/OGC/1.0/"
_QUDT_UNIT = "http://qudt.org/vocab/unit/"
_METRES = {
    f"{_OGC_UNIT}metre": 1.0, f"{_OGC_UNIT}meter": 1.0, f"{_OGC_UNIT}kilometre": 1e3, f"{_QUDT_UNIT}M": 1.0,
    f"{_QUDT_UNIT}KiloM": 1e3, f"{_QUDT_UNIT}MI": 1609.344, f"{_QUDT_UNIT}FT": 0.3048,
    "http://www.opengis.net/def/uom/EPSG/0/9001": 1.0, "http://www.opengis.net/def/uom/EPSG/0/9036": 1e3,
}  # fmt: skip
"""Units of length, in metres."""
_SQUARE_METRES = {
    f"{_OGC_UNIT}squareMetre": 1.0, f"{_OGC_UNIT}square_metre": 1.0, f"{_QUDT_UNIT}M2": 1.0, f"{_QUDT_UNIT}HA": 1e4,
    f"{_QUDT_UNIT}KiloM2": 1e6, **{unit: size**2 for unit, size in _METRES.items()},
}  # fmt: skip
"""Units of area, in square metres; a unit of length stands for its square."""
_DEGREE, _RADIAN = f"{_OGC_UNIT}degree", f"{_OGC_UNIT}radian"

_EGENHOFER = {
    "ehEquals": ("TFFFTFFFT",), "ehDisjoint": ("FF*FF****",),
    "ehMeet": ("FT*******", "F**T*****", "F***T****"), "ehOverlap": ("T*T***T**",), "ehCovers": ("T*TFT*FF*",),
    "ehCoveredBy": ("TFF*TFT**",), "ehInside": ("TFF*FFT**",), "ehContains": ("T*TFF*FF*",),
}  # fmt: skip
_RCC8 = {
    "rcc8eq": ("TFFFTFFFT",), "rcc8dc": ("FFTFFTTTT",), "rcc8ec": ("FFTFTTTTT",), "rcc8po": ("TTTTTTTTT",),
    "rcc8tppi": ("TTTFTTFFT",), "rcc8tpp": ("TFFTTFTTT",), "rcc8ntpp": ("TFFTFFTTT",), "rcc8ntppi": ("TTTFFTFFT",),
}  # fmt: skip
_SIMPLE = {
    "sfEquals": shapely.equals, "sfDisjoint": shapely.disjoint, "sfIntersects": shapely.intersects,
    "sfTouches": shapely.touches, "sfCrosses": shapely.crosses, "sfWithin": shapely.within,
    "sfContains": shapely.contains, "sfOverlaps": shapely.overlaps,
}  # fmt: skip


# --------------------------------------------------------------------------------------- terms


def _shape(term: Any) -> Shape:
    if isinstance(term, ox.Literal):
        found = read_shape(term.value, term.datatype.value)
        if found is not None:
            return found
    raise ValueError("no geometry")


def _number(term: Any) -> float:
    value = float(term.value)
    if not math.isfinite(value):
        raise ValueError("not finite")
    return value


def _typed(value: str, datatype: str) -> Any:
    return ox.Literal(value, datatype=ox.NamedNode(XSD[datatype]))


def _double(value: float) -> Any:
    return _typed(repr(float(value)), "double")


def _boolean(value: object) -> Any:
    return _typed("true" if value else "false", "boolean")


def _integer(value: int) -> Any:
    return _typed(str(int(value)), "integer")


def _literal(shape: Shape) -> Any:
    return ox.Literal(write_wkt(shape), datatype=_WKT)


def _guarded(function: Function) -> Function:
    """Turn what goes wrong into an error of SPARQL, which is an unbound value."""

    def call(*terms: Any) -> Any:
        try:
            return function(*terms)
        except (
            ExtremeEarthError,
            shapely.errors.ShapelyError,
            ValueError,
            TypeError,
            AttributeError,
        ):
            return None

    return call


# ----------------------------------------------------------------------------------- relations


def _predicate(test: Callable[[Any, Any], Any]) -> Function:
    return lambda a, b: _boolean(test(*same_crs(_shape(a), _shape(b))))


def _patterns(patterns: tuple[str, ...]) -> Function:
    return _predicate(lambda a, b: any(shapely.relate_pattern(a, b, p) for p in patterns))


def _relate(a: Any, b: Any, pattern: Any) -> Any:
    return _boolean(shapely.relate_pattern(*same_crs(_shape(a), _shape(b)), pattern.value))


# ------------------------------------------------------------------------------------ measures


def _in_unit(metres: float, unit: Any, table: Mapping[str, float]) -> Any:
    return _double(metres / table[_known(unit, table)])


def _known(unit: Any, table: Mapping[str, float]) -> str:
    name = str(unit.value)
    if name not in table:
        raise ValueError("unknown unit")
    return name


def _distance(a: Any, b: Any, unit: Any) -> Any:
    one, two = _shape(a), _shape(b)
    if unit.value in (_DEGREE, _RADIAN):
        degrees = shapely.distance(to_lonlat(one), to_lonlat(two))
        return _double(degrees if unit.value == _DEGREE else math.radians(degrees))
    return _in_unit(distance_m(one, two), unit, _METRES)


def _buffer(a: Any, radius: Any, unit: Any) -> Any:
    shape, size = _shape(a), _number(radius)
    if unit.value in (_DEGREE, _RADIAN):
        degrees = size if unit.value == _DEGREE else math.degrees(size)
        if not shape.crs.geographic:
            raise ValueError("degrees in a projected system")
        return _literal(shape.like(shapely.buffer(shape.geometry, degrees, quad_segs=32)))
    return _literal(buffer_m(shape, size * _METRES[_known(unit, _METRES)]))


def _area(a: Any, unit: Any) -> Any:
    shape = _shape(a)
    if unit.value == _DEGREE:
        return _double(shapely.area(to_lonlat(shape)))
    return _in_unit(float(area_m2(shape.geometry, crs=shape.crs)), unit, _SQUARE_METRES)


def _length_of(shape: Shape) -> float:
    geometry = shape.geometry
    rings = (
        shapely.boundary(geometry)
        if geometry.geom_type in ("Polygon", "MultiPolygon")
        else geometry
    )
    return float(length_m(rings, crs=shape.crs))


def _length(a: Any, unit: Any) -> Any:
    shape = _shape(a)
    if unit.value == _DEGREE:
        return _double(shapely.length(to_lonlat(shape)))
    return _in_unit(_length_of(shape), unit, _METRES)


# --------------------------------------------------------------------------------- new shapes


def _made(make: Callable[[Any], Any]) -> Function:
    def call(a: Any) -> Any:
        shape = _shape(a)
        return _literal(shape.like(make(shape.geometry)))

    return call


def _combined(combine: Callable[[Any, Any], Any]) -> Function:
    def call(a: Any, b: Any) -> Any:
        one, two = _shape(a), _shape(b)
        return _literal(one.like(combine(*same_crs(one, two))))

    return call


def _transform(a: Any, iri: Any) -> Any:
    shape = _shape(a)
    target = crs_from_iri(iri.value)
    return _literal(
        Shape(transform(shape.geometry, source=shape.crs, target=target), target, iri.value)
    )


def _geometry_n(a: Any, n: Any) -> Any:
    shape, number = _shape(a), int(n.value)
    if not 1 <= number <= shapely.get_num_geometries(shape.geometry):
        raise ValueError("no such part")
    return _literal(shape.like(shapely.get_geometry(shape.geometry, number - 1)))


def _bound(index: int) -> Function:
    """Give a bound in the axes of the system's own order: X is its first axis (clause 8.8.10)."""

    def call(a: Any) -> Any:
        shape = _shape(a)
        if shape.geometry.is_empty:
            raise ValueError("empty")
        return _double(shape.geometry.bounds[index])

    return call


def _bound_z(choose: Callable[[Any], Any]) -> Function:
    def call(a: Any) -> Any:
        heights = shapely.get_coordinates(_shape(a).geometry, include_z=True)[:, 2]
        heights = heights[np.isfinite(heights)]
        if heights.size == 0:
            raise ValueError("no heights")
        return _double(float(choose(heights)))

    return call


def _geojson(a: Any) -> Any:
    text = shapely.to_geojson(to_lonlat(_shape(a)))
    return ox.Literal(text, datatype=ox.NamedNode(GEO.geoJSONLiteral))


_TYPES = {"LinearRing": "LineString"}


def _geometry_type(a: Any) -> Any:
    kind = _shape(a).geometry.geom_type
    return ox.Literal(SF[_TYPES.get(kind, kind)], datatype=ox.NamedNode(XSD.anyURI))


def _table() -> dict[str, Function]:
    return {
        **{name: _predicate(test) for name, test in _SIMPLE.items()},
        **{name: _patterns(patterns) for name, patterns in {**_EGENHOFER, **_RCC8}.items()},
        "relate": _relate,
        "distance": _distance,
        "metricDistance": lambda a, b: _double(distance_m(_shape(a), _shape(b))),
        "buffer": _buffer,
        "metricBuffer": lambda a, r: _literal(buffer_m(_shape(a), _number(r))),
        "area": _area,
        "metricArea": lambda a: _double(float(area_m2(_shape(a).geometry, crs=_shape(a).crs))),
        "length": _length,
        "metricLength": lambda a: _double(_length_of(_shape(a))),
        "perimeter": _length,
        "metricPerimeter": lambda a: _double(_length_of(_shape(a))),
        "convexHull": _made(shapely.convex_hull),
        "concaveHull": _made(lambda g: shapely.concave_hull(g, ratio=0.3)),
        "boundingCircle": _made(shapely.minimum_bounding_circle),
        "envelope": _made(shapely.envelope),
        "boundary": _made(shapely.boundary),
        "centroid": _made(shapely.centroid),
        "intersection": _combined(shapely.intersection),
        "union": _combined(shapely.union),
        "difference": _combined(shapely.difference),
        "symDifference": _combined(shapely.symmetric_difference),
        "transform": _transform,
        "getSRID": lambda a: ox.Literal(_shape(a).iri, datatype=ox.NamedNode(XSD.anyURI)),
        "asWKT": lambda a: _literal(_shape(a)),
        "asGeoJSON": _geojson,
        "isEmpty": lambda a: _boolean(_shape(a).geometry.is_empty),
        "isSimple": lambda a: _boolean(_shape(a).geometry.is_simple),
        "is3D": lambda a: _boolean(_shape(a).geometry.has_z),
        "isMeasured": lambda a: _boolean(_shape(a).geometry.has_m),
        "dimension": lambda a: _integer(shapely.get_dimensions(_shape(a).geometry)),
        "coordinateDimension": lambda a: _integer(2 + _shape(a).geometry.has_z + _shape(a).geometry.has_m),
        "spatialDimension": lambda a: _integer(2 + _shape(a).geometry.has_z),
        "numGeometries": lambda a: _integer(shapely.get_num_geometries(_shape(a).geometry)),
        "geometryN": _geometry_n,
        "geometryType": _geometry_type,
        "minX": _bound(0), "minY": _bound(1), "maxX": _bound(2), "maxY": _bound(3),
        "minZ": _bound_z(np.min), "maxZ": _bound_z(np.max),
    }  # fmt: skip


class _Collected:
    """Gathers geometries for a spatial aggregate (clause 8.11); one that is no geometry makes it an error."""

    def __init__(self, combine: Callable[[Any], Any]) -> None:
        self._combine = combine
        self._first: Shape | None = None
        self._geometries: list[Any] = []
        self._broken = False

    def accumulate(self, term: Any) -> None:
        try:
            shape = _shape(term)
            self._first = self._first or shape
            self._geometries.append(same_crs(self._first, shape)[1])
        except (ExtremeEarthError, shapely.errors.ShapelyError, ValueError):
            self._broken = True

    def finish(self) -> Any:
        if self._broken or self._first is None:
            return None
        try:
            return _literal(
                self._first.like(self._combine(np.array(self._geometries, dtype=object)))
            )
        except (ExtremeEarthError, shapely.errors.ShapelyError, ValueError):
            return None


def _aggregate(combine: Callable[[Any], Any]) -> Callable[[], _Collected]:
    return lambda: _Collected(combine)


FUNCTIONS: dict[Any, Function] = {
    ox.NamedNode(GEOF[name]): _guarded(function) for name, function in _table().items()
}
"""Every ``geof:`` function, by its IRI."""

AGGREGATES: dict[Any, Callable[[], Any]] = {
    ox.NamedNode(GEOF.aggUnion): _aggregate(shapely.union_all),
    ox.NamedNode(GEOF.aggBoundingBox): _aggregate(lambda g: shapely.box(*shapely.total_bounds(g))),
    ox.NamedNode(GEOF.aggBoundingCircle): _aggregate(
        lambda g: shapely.minimum_bounding_circle(shapely.geometrycollections(g))
    ),
    ox.NamedNode(GEOF.aggCentroid): _aggregate(lambda g: shapely.centroid(shapely.union_all(g))),
    ox.NamedNode(GEOF.aggConvexHull): _aggregate(
        lambda g: shapely.convex_hull(shapely.geometrycollections(g))
    ),
}
"""The spatial aggregates, by their IRI."""
