"""Functions that tell something about one geometry (OGC 22-047r1, clause 8.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import CRS84_CODE, SF, crs_of_code, in_system, iri_of_code
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import ExpressionContext, Function
from extremeearth.knowledge.store.geosparql import _arguments as arguments
from extremeearth.knowledge.store.geosparql import ground
from extremeearth.knowledge.store.geosparql._guard import aligned, guarded
from extremeearth.knowledge.store.geosparql.units import Unit, unit_of

__all__ = ["ACCESSORS"]

_KINDS = (
    "Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
    "GeometryCollection",
)  # fmt: skip
_COLLECTION = 7
Answer = Callable[[NDArray[Any], NDArray[np.bool_]], TermColumn]


def _of_shape(ask: Callable[[NDArray[Any]], Any], answer: Answer, error: Any) -> Function:
    """Make a function of one geometry that looks at its shape alone."""

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        shapes = arguments.geometry(columns[0], context).shapes
        there = ~shapely.is_missing(shapes)
        return answer(guarded(ask, shapes, error=error), there)

    return call


def _dimensions(shapes: NDArray[Any]) -> Any:
    """Give the topological dimension; that of an empty collection is 0, as there is no smaller one."""
    return np.maximum(shapely.get_dimensions(shapes), 0)


def _simple(shapes: NDArray[Any]) -> Any:
    """Tell which shapes are simple: empty ones are, and collections whose parts all are."""
    found = np.asarray(shapely.is_simple(shapes) | shapely.is_empty(shapes))
    collections = np.flatnonzero((shapely.get_type_id(shapes) == _COLLECTION) & ~found)
    if len(collections):
        parts, owners = shapely.get_parts(shapes[collections], return_index=True)
        found[collections] = np.bincount(owners, ~_simple(parts), len(collections)) == 0
    return found


def _axes(shapes: NDArray[Any]) -> Any:
    return 2 + shapely.has_z(shapes).astype(np.int64) + shapely.has_m(shapes)


def _bound(index: int) -> Callable[[NDArray[Any]], Any]:
    return lambda shapes: shapely.bounds(shapes)[:, index]


def _heights(reduce: np.ufunc) -> Callable[[NDArray[Any]], Any]:
    def ask(shapes: NDArray[Any]) -> NDArray[np.float64]:
        found = np.full(len(shapes), np.nan)
        coordinates, owners = shapely.get_coordinates(shapes, include_z=True, return_index=True)
        good = np.isfinite(coordinates[:, 2])
        rows, starts = np.unique(owners[good], return_index=True)
        if len(rows):
            found[rows] = reduce.reduceat(coordinates[good, 2], starts)
        return found

    return ask


def _geometry_type(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    kinds = shapely.get_type_id(arguments.geometry(columns[0], context).shapes)
    return arguments.uris([SF[kind] for kind in _KINDS], kinds, kinds >= 0)


def _srid(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    systems = arguments.geometry(columns[0], context).systems
    codes, places = np.unique(systems, return_inverse=True)
    names = [iri_of_code(int(code)) if code >= 0 else "" for code in codes]
    return arguments.uris(names, places, systems >= 0)


# ----------------------------------------------------------------------------------------- ground


def _lonlat(column: TermColumn, context: ExpressionContext) -> NDArray[Any]:
    return in_system(arguments.geometry(column, context), CRS84_CODE).shapes


def _metric(measure: Callable[[NDArray[Any]], NDArray[np.float64]]) -> Function:
    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        shapes = _lonlat(columns[0], context)
        rows = np.flatnonzero(~shapely.is_missing(shapes))
        values = np.full(len(shapes), np.nan)
        values[rows] = guarded(measure, shapes[rows], error=np.nan)
        return arguments.doubles(values, ~shapely.is_missing(shapes))

    return call


def _units(column: TermColumn) -> tuple[list[Unit | None], NDArray[Any]]:
    names, rows = arguments.iris(column)
    return [None if name is None else unit_of(name) for name in names], rows


def _in_units(
    measure: Callable[[NDArray[Any]], NDArray[np.float64]],
    planar: Callable[[NDArray[Any]], Any],
    *,
    power: int,
) -> Function:
    """Make a measure with a unit: of length (its square for areas), of area, or of angle in the plane of degrees."""
    kinds = ("length",) if power == 1 else ("length", "area")

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        shapes = _lonlat(columns[0], context)
        there = ~shapely.is_missing(shapes)
        units, places = _units(columns[1])
        values = np.full(len(shapes), np.nan)
        for place, unit in enumerate(units):
            rows = np.flatnonzero(there & (places == place))
            if unit is None or not len(rows):
                continue
            if unit.kind == "angle":
                size = np.degrees(unit.size) ** power
                values[rows] = np.asarray(planar(shapes[rows])) / size
            elif unit.kind in kinds:
                size = unit.size if unit.kind == "area" else unit.size**power
                values[rows] = guarded(measure, shapes[rows], error=np.nan) / size
        return arguments.doubles(values, there)

    return call


def _planar_length(shapes: NDArray[Any]) -> Any:
    return shapely.length(shapes)


# --------------------------------------------------------------------------------------- distance


def _distances_m(one: NDArray[Any], two: NDArray[Any]) -> NDArray[np.float64]:
    from extremeearth.infrastructure.engine.geodesic import distance_m

    return np.asarray(distance_m(one, two))


def _metres_between(
    columns: Sequence[TermColumn], context: ExpressionContext, rows: NDArray[Any] | slice
) -> NDArray[np.float64]:
    one, two = (_lonlat(column, context)[rows] for column in columns[:2])
    values = np.full(len(one), np.nan)
    known = np.flatnonzero(~(shapely.is_missing(one) | shapely.is_missing(two)))
    values[known] = guarded(_distances_m, one[known], two[known], error=np.nan)
    return values


def _metric_distance(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    values = _metres_between(columns, context, slice(None))
    return arguments.doubles(values, np.isfinite(values))


def _distance(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    """Give the distance in a unit: of length along the ground, of angle in the plane of the first system's degrees."""
    units, places = _units(columns[2])
    values = np.full(len(columns[0]), np.nan)
    for place, unit in enumerate(units):
        rows = np.flatnonzero(places == place)
        if unit is None or unit.kind == "area":
            continue
        if unit.kind == "length":
            values[rows] = _metres_between(columns, context, rows) / unit.size
        else:
            values[rows] = _degrees_between(columns, context, rows) / np.degrees(unit.size)
    return arguments.doubles(values, np.isfinite(values))


def _degrees_between(
    columns: Sequence[TermColumn], context: ExpressionContext, rows: NDArray[Any]
) -> NDArray[np.float64]:
    left, right = (arguments.geometry(column.take(rows), context) for column in columns[:2])
    flat = np.array(
        [c >= 0 and not crs_of_code(int(c)).geographic for c in np.unique(left.systems)]
    )
    if flat.any():
        left = in_system(left, CRS84_CODE)
    one, two, known = aligned(left, right)
    values = np.full(len(rows), np.nan)
    values[known] = guarded(shapely.distance, one, two, error=np.nan)
    return values


ACCESSORS: Mapping[str, Function] = {
    "dimension": _of_shape(_dimensions, arguments.integers, 0),
    "coordinateDimension": _of_shape(_axes, arguments.integers, 0),
    "spatialDimension": _of_shape(
        lambda s: 2 + shapely.has_z(s).astype(np.int64), arguments.integers, 0
    ),
    "numGeometries": _of_shape(shapely.get_num_geometries, arguments.integers, 0),
    "is3D": _of_shape(shapely.has_z, arguments.booleans, False),
    "isMeasured": _of_shape(shapely.has_m, arguments.booleans, False),
    "isEmpty": _of_shape(shapely.is_empty, arguments.booleans, False),
    "isSimple": _of_shape(_simple, arguments.booleans, False),
    "minX": _of_shape(_bound(0), arguments.doubles, np.nan),
    "minY": _of_shape(_bound(1), arguments.doubles, np.nan),
    "maxX": _of_shape(_bound(2), arguments.doubles, np.nan),
    "maxY": _of_shape(_bound(3), arguments.doubles, np.nan),
    "minZ": _of_shape(_heights(np.minimum), arguments.doubles, np.nan),
    "maxZ": _of_shape(_heights(np.maximum), arguments.doubles, np.nan),
    "geometryType": _geometry_type,
    "getSRID": _srid,
    "metricArea": _metric(ground.areas_m2),
    "metricLength": _metric(ground.lengths_m),
    "metricPerimeter": _metric(ground.perimeters_m),
    "area": _in_units(ground.areas_m2, shapely.area, power=2),
    "length": _in_units(ground.lengths_m, _planar_length, power=1),
    "perimeter": _in_units(ground.perimeters_m, _planar_length, power=1),
    "metricDistance": _metric_distance,
    "distance": _distance,
}
"""Functions that give numbers, truths or IRIs, by local name."""
