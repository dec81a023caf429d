"""Functions that make geometries from geometries (OGC 22-047r1, clauses 8.5 and 8.7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import CrsError
from extremeearth.knowledge.rdf import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    crs_code,
    crs_of_code,
    in_system,
    in_systems,
    write_geometries,
)
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import ExpressionContext, Function
from extremeearth.knowledge.store.geosparql import _arguments as arguments
from extremeearth.knowledge.store.geosparql._guard import aligned, guarded
from extremeearth.knowledge.store.geosparql.ground import QUARTER_SEGMENTS, buffers_m
from extremeearth.knowledge.store.geosparql.literals import geometry_literals, names_its_system
from extremeearth.knowledge.store.geosparql.units import unit_of

__all__ = ["CONCAVE_RATIO", "CONSTRUCTORS", "concave_hull"]

CONCAVE_RATIO = 0.3
"""How concave a hull is, 0 the most, 1 convex: the ratio between the longest edges of the Delaunay triangles."""

_PROFILES = {
    "": "3.2", "3.2": "3.2", "3.2.1": "3.2", "3.2.2": "3.2", "3.1": "3.1", "3.1.1": "3.1",
    "http://www.opengis.net/gml/3.2": "3.2", "http://www.opengis.net/gml": "3.1",
}  # fmt: skip
"""Versions of GML that ``geof:asGML`` takes as its profile."""


def concave_hull(shapes: Any, ratios: Any = CONCAVE_RATIO) -> Any:
    """Give concave hulls without holes; of each shape with its own ratio where there is an array of them."""
    if np.ndim(ratios) == 0:
        return shapely.concave_hull(shapes, ratio=float(ratios))
    made: NDArray[Any] = np.full(len(shapes), None, object)
    for ratio in np.unique(ratios):
        rows = np.flatnonzero(ratios == ratio)
        made[rows] = shapely.concave_hull(shapes[rows], ratio=float(ratio))
    return made


def _made(make: Callable[[NDArray[Any]], Any], *, normal: bool = True) -> Function:
    """Make a function of one geometry, computed in its own system."""

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        column = arguments.geometry(columns[0], context)
        shapes = guarded(make, column.shapes, error=None)
        return arguments.like_first(shapes, column.systems, columns[0], normal=normal)

    return call


def _combined(combine: Callable[[Any, Any], Any]) -> Function:
    """Make a function of two geometries, computed in the system of the first."""

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        left, right = (arguments.geometry(column, context) for column in columns)
        one, two, rows = aligned(left, right)
        shapes: NDArray[Any] = np.full(len(left), None, object)
        shapes[rows] = guarded(combine, one, two, error=None)
        return arguments.like_first(shapes, left.systems, columns[0])

    return call


# ----------------------------------------------------------------------------------------- buffers


def _grown(column: GeometryColumn, radii_m: NDArray[np.float64]) -> NDArray[Any]:
    """Grow by metres on the ground, and bring the result back to each geometry's system."""
    lonlat = in_system(column, CRS84_CODE)
    rows = np.flatnonzero(lonlat.systems != NO_CRS)
    shapes: NDArray[Any] = np.full(len(column), None, object)
    shapes[rows] = guarded(buffers_m, lonlat.shapes[rows], radii_m[rows], error=None)
    systems = np.where(shapely.is_missing(shapes), NO_CRS, CRS84_CODE).astype(np.int32)
    return in_systems(GeometryColumn(shapes, systems), column.systems).shapes


def _metric_buffer(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    column = arguments.geometry(columns[0], context)
    shapes = _grown(column, arguments.numbers(columns[1]))
    return arguments.like_first(shapes, column.systems, columns[0])


def _buffer(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    """Grow by a unit of length along the ground, or by one of angle in the plane of a geographic system."""
    column = arguments.geometry(columns[0], context)
    radii = arguments.numbers(columns[1])
    names, places = arguments.iris(columns[2])
    shapes: NDArray[Any] = np.full(len(column), None, object)
    for place, name in enumerate(names):
        unit = None if name is None else unit_of(name)
        rows = np.flatnonzero((places == place) & (column.systems != NO_CRS) & np.isfinite(radii))
        if unit is None or unit.kind == "area" or not len(rows):
            continue
        part = GeometryColumn(column.shapes[rows], column.systems[rows])
        if unit.kind == "length":
            shapes[rows] = _grown(part, radii[rows] * unit.size)
            continue
        angular = np.array([crs_of_code(int(c)).geographic for c in part.systems], bool)
        rows = rows[angular]
        shapes[rows] = guarded(
            lambda s, r: shapely.buffer(s, r, quad_segs=QUARTER_SEGMENTS),
            part.shapes[angular],
            radii[rows] * np.degrees(unit.size),
            error=None,
        )
    return arguments.like_first(shapes, column.systems, columns[0])


# ------------------------------------------------------------------------------- parts and systems


def _geometry_n(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    """Give the part of a number from 1; a geometry that is no collection is its own first part."""
    column = arguments.geometry(columns[0], context)
    wanted = arguments.numbers(columns[1])
    count = shapely.get_num_geometries(column.shapes)
    good = (wanted >= 1) & (wanted <= count) & (wanted == np.floor(wanted))
    places = np.where(good, wanted - 1, 0).astype(np.int64)
    shapes = np.asarray(shapely.get_geometry(column.shapes, places), dtype=object)
    shapes = np.where(good, shapes, np.array(None, dtype=object))
    return arguments.like_first(shapes, column.systems, columns[0], normal=False)


def _transform(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    column = arguments.geometry(columns[0], context)
    names, places = arguments.iris(columns[1])
    targets = np.array([_target(name) for name in names] or [NO_CRS], np.int32)[places]
    moved = in_systems(column, targets)
    named = names_its_system(columns[0])
    return geometry_literals(moved, columns[0].types, named=named)


def _target(iri: str | None) -> int:
    try:
        return NO_CRS if iri is None else crs_code(iri)
    except CrsError:
        return NO_CRS


def _written(code: int) -> Function:
    """Make a function that writes a geometry in another form."""

    def call(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        column = arguments.geometry(columns[0], context)
        if code in (types.GEOJSON, types.KML):
            column = in_system(column, CRS84_CODE)
        return geometry_literals(column, code, named=names_its_system(columns[0]))

    return call


def _as_gml(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
    """Write GML in a profile: a version number or the namespace of one, 3.2 where none is given."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = arguments.geometry(columns[0], context)
    if len(columns) == 1:
        return geometry_literals(column, types.GML)
    names, places = arguments.texts_once(columns[1], kinds=(types.STRING, types.IRI))
    texts = pa.nulls(len(column), pa.large_string())
    for place, name in enumerate(names):
        version = _PROFILES.get((name or "?").strip().removeprefix("GML").strip())
        rows = places == place
        if version is None or not rows.any():
            continue
        part = GeometryColumn(column.shapes[rows], column.systems[rows])
        texts = pc.replace_with_mask(
            texts, pa.array(rows), write_geometries(part, "gml", version=version)
        )
    there = texts.is_valid().to_numpy(zero_copy_only=False)
    codes = np.where(there, types.GML, types.NONE).astype(np.int32)
    return TermColumn(codes, texts.fill_null(""))


CONSTRUCTORS: Mapping[str, Function] = {
    "buffer": _buffer,
    "metricBuffer": _metric_buffer,
    "boundary": _made(shapely.boundary, normal=False),
    "boundingCircle": _made(shapely.minimum_bounding_circle),
    "centroid": _made(shapely.centroid),
    "convexHull": _made(shapely.convex_hull),
    "concaveHull": _made(concave_hull),
    "envelope": _made(shapely.envelope),
    "intersection": _combined(shapely.intersection),
    "union": _combined(shapely.union),
    "difference": _combined(shapely.difference),
    "symDifference": _combined(shapely.symmetric_difference),
    "geometryN": _geometry_n,
    "transform": _transform,
    "asWKT": _written(types.WKT),
    "asGML": _as_gml,
    "asGeoJSON": _written(types.GEOJSON),
    "asKML": _written(types.KML),
}
"""Functions that give geometry literals, by local name."""
