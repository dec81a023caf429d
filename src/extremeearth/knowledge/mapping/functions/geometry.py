"""Functions on geometries, whole columns at a time: literals, measures on the ellipsoid, accessors, relations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from extremeearth.core.boxes import LONLAT
from extremeearth.core.errors import MappingError
from extremeearth.core.geodesy import area_m2, length_m
from extremeearth.knowledge.mapping.functions.contract import (
    Argument,
    MapFunction,
    geometry_column,
    shapes_of,
)
from extremeearth.knowledge.rdf import (
    CRS84,
    FUNCTIONS,
    GEO,
    NO_CRS,
    SF,
    TEXT,
    XSD,
    GeometryColumn,
    crs_code,
    in_system,
    in_systems,
    write_geometries,
)

__all__ = ["GEOMETRY", "OTHER", "geometry_functions"]

Given = Mapping[str, Argument]
GEOMETRY = FUNCTIONS.geometry
OTHER = FUNCTIONS.other
"""Parameter of the second geometry of a relation."""
_CRS, _SOURCE = FUNCTIONS.crs, FUNCTIONS.sourceCrs
_VERSION, _FORM = FUNCTIONS.version, FUNCTIONS.form
_TYPES = (
    "Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
    "GeometryCollection",
)  # fmt: skip
_AREAL = (3, 6)
_COLLECTION = 7


def _located(given: Given, name: str = GEOMETRY) -> GeometryColumn:
    return geometry_column(given[name], source=given.get(_SOURCE), target=given.get(_CRS))


def _literals(form: str) -> Callable[[Given], Any]:
    def call(given: Given) -> Any:
        return write_geometries(_located(given), form, version=_constant(given, _VERSION, "3.2"))

    return call


def _constant(given: Given, name: str, default: str) -> str:
    argument = given.get(name)
    if argument is None:
        return default
    if not isinstance(argument.values, str):
        raise MappingError(
            f"The parameter {name} is not a constant.", hint=f'Write e.g. "{default}".'
        )
    return argument.values


def _shaped(change: Callable[[Any], Any]) -> Callable[[Given], Any]:
    """Make a shape of each shape, and write it as WKT in its own or the wanted system."""

    def call(given: Given) -> Any:
        column = _located(given)
        shapes = np.asarray(change(column.shapes), dtype=object)
        return write_geometries(GeometryColumn(shapes, column.systems), "wkt")

    return call


def _measured(measure: Callable[[Any], Any]) -> Callable[[Given], Any]:
    """Measure on the ellipsoid; what has no such measure is null."""

    def call(given: Given) -> Any:
        argument = given[GEOMETRY]
        if argument.crs is not None:
            from extremeearth.core.geodesy import transform

            lonlat = np.asarray(
                transform(shapes_of(argument), source=argument.crs, target=LONLAT), dtype=object
            )
        else:
            column = geometry_column(argument, source=given.get(_SOURCE))
            lonlat = in_system(column, crs_code(CRS84)).shapes
        values, known = measure(lonlat)
        return pa.array(values, mask=shapely.is_missing(lonlat) | ~known)

    return call


def _area(shapes: Any) -> tuple[Any, Any]:
    return np.asarray(area_m2(shapes, crs=LONLAT)), np.ones(len(shapes), bool)


def _length(shapes: Any) -> tuple[Any, Any]:
    return np.asarray(length_m(shapes, crs=LONLAT)), np.ones(len(shapes), bool)


def _perimeter(shapes: Any) -> tuple[Any, Any]:
    areal = shapely.get_dimensions(shapes) == 2
    outlines = np.full(len(shapes), None, object)
    kinds = shapely.get_type_id(shapes)
    outlines[areal] = [
        shapely.boundary(shape if kind in _AREAL else _polygons(shape))
        for shape, kind in zip(shapes[areal], kinds[areal], strict=True)
    ]
    return np.asarray(length_m(outlines, crs=LONLAT)), areal


def _polygons(collection: Any) -> Any:
    """Gather the polygons of a collection, also of those inside it."""
    parts = shapely.get_parts([collection])
    while (shapely.get_type_id(parts) == _COLLECTION).any():
        parts = shapely.get_parts(parts)
    parts = shapely.get_parts(parts)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == _AREAL[0]])


def _told(ask: Callable[[Any], Any]) -> Callable[[Given], Any]:
    """Tell something of the shapes alone; null where there is none."""

    def call(given: Given) -> Any:
        shapes = shapes_of(given[GEOMETRY])
        return pa.array(np.asarray(ask(shapes)), mask=shapely.is_missing(shapes))

    return call


def _dimension(shapes: Any) -> Any:
    dimensions = shapely.get_dimensions(shapes)
    return np.maximum(dimensions, 0)  # an empty collection has -1


def _coordinate_dimension(shapes: Any) -> Any:
    return 2 + shapely.has_z(shapes).astype(np.int32) + shapely.has_m(shapes)


def _spatial_dimension(shapes: Any) -> Any:
    return 2 + shapely.has_z(shapes).astype(np.int32)


def _type_iris(given: Given) -> Any:
    ids = shapely.get_type_id(shapes_of(given[GEOMETRY]))
    names = [SF["LineString" if name == "LinearRing" else name] for name in _TYPES]
    return pa.array([None if i < 0 else names[i] for i in ids], TEXT)


def _centre(axis: Callable[[Any], Any]) -> Callable[[Given], Any]:
    def call(given: Given) -> Any:
        values = axis(shapely.centroid(_located(given).shapes))
        return pa.array(values, mask=np.isnan(values))

    return call


def _related(relate: Callable[[Any, Any], Any]) -> Callable[[Given], Any]:
    """Compare two geometries of a row, the second in the system of the first."""

    def call(given: Given) -> Any:
        left = geometry_column(given[GEOMETRY])
        right = in_systems(geometry_column(given[OTHER]), left.systems)
        missing = (left.systems == NO_CRS) | (right.systems == NO_CRS)
        return pa.array(np.asarray(relate(left.shapes, right.shapes)), mask=missing)

    return call


def _serialised(given: Given) -> Any:
    return _literals(_constant(given, _FORM, "wkt").lower())(given)


def geometry_functions() -> dict[str, MapFunction]:
    """Give the functions on geometries by IRI; their result is null where the geometry is.

    Examples
    --------
    >>> area = geometry_functions()[FUNCTIONS.areaM2]
    >>> given = {GEOMETRY: Argument(pa.array(["POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))", None]), 2)}
    >>> [value and round(value / 1e6) for value in area.call(given).to_pylist()]
    [12309, None]
    """
    found: dict[str, MapFunction] = {}

    def add(name: str, call: Any, datatype: str | None, *optional: str) -> None:
        found[FUNCTIONS[name]] = MapFunction(
            call=call, parameters=(GEOMETRY,), optional=(*optional, _SOURCE), datatype=datatype
        )

    add("asWKT", _literals("wkt"), GEO.wktLiteral, _CRS)
    add("asGML", _literals("gml"), GEO.gmlLiteral, _CRS, _VERSION)
    add("asGeoJSON", _literals("geojson"), GEO.geoJSONLiteral)
    add("asKML", _literals("kml"), GEO.kmlLiteral)
    add("hasSerialization", _serialised, None, _CRS, _FORM)
    add("transform", _literals("wkt"), GEO.wktLiteral, _CRS)
    add("centroid", _shaped(shapely.centroid), GEO.wktLiteral, _CRS)
    add("envelope", _shaped(shapely.envelope), GEO.wktLiteral, _CRS)
    add("convexHull", _shaped(shapely.convex_hull), GEO.wktLiteral, _CRS)
    add("centroidX", _centre(shapely.get_x), XSD.double, _CRS)
    add("centroidY", _centre(shapely.get_y), XSD.double, _CRS)
    add("areaM2", _measured(_area), XSD.double)
    add("lengthM", _measured(_length), XSD.double)
    add("perimeterM", _measured(_perimeter), XSD.double)
    add("dimension", _told(_dimension), XSD.integer)
    add("coordinateDimension", _told(_coordinate_dimension), XSD.integer)
    add("spatialDimension", _told(_spatial_dimension), XSD.integer)
    add("numParts", _told(shapely.get_num_geometries), XSD.integer)
    add("isEmpty", _told(shapely.is_empty), XSD.boolean)
    add("isSimple", _told(shapely.is_simple), XSD.boolean)
    add("isValid", _told(shapely.is_valid), XSD.boolean)
    add("is3D", _told(shapely.has_z), XSD.boolean)
    add("geometryType", _type_iris, None)
    relations = (
        "equals",
        "disjoint",
        "touches",
        "contains",
        "within",
        "covers",
        "intersects",
        "crosses",
        "overlaps",
    )
    for name in relations:
        found[FUNCTIONS[name]] = MapFunction(
            call=_related(getattr(shapely, name)),
            parameters=(GEOMETRY, OTHER),
            datatype=XSD.boolean,
        )
    return found
