"""Narrow a pattern by place: a box around geometries that are known, sent to an endpoint as a filter."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import shapely

from extremeearth.knowledge.federation.soundness import GEOF
from extremeearth.knowledge.rdf import CRS84_CODE, crs_of_code, in_system
from extremeearth.knowledge.rdf.vocabulary import EH_RELATIONS, GEO, RCC8_RELATIONS, SF_RELATIONS
from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.geosparql import read_geometries

__all__ = ["box_around", "partner_of"]

TOUCHING = frozenset(
    GEOF + name
    for name in (*SF_RELATIONS, *EH_RELATIONS, *RCC8_RELATIONS)
    if name not in ("sfDisjoint", "ehDisjoint", "rcc8dc")
)
"""Relations that hold only between shapes that share a point."""
MOST_SHAPES = 1_000
WIDEST_DEGREES, FARTHEST_LATITUDE, FARTHEST_LONGITUDE = 60.0, 85.0, 175.0
"""Beyond these a box in longitude and latitude is not trusted to hold what it should in every plane."""
MARGIN, SMALLEST_MARGIN_DEGREES = 0.02, 0.001
EDGES = 32


def partner_of(call: s.FunctionCall, variable: Variable) -> Variable | None:
    """Give the variable that a touching relation ties to this one.

    Examples
    --------
    >>> call = s.FunctionCall(Iri(GEOF + "sfWithin"), (Variable("a"), Variable("b")))
    >>> str(partner_of(call, Variable("a")))
    '?b'
    """
    if call.function.value not in TOUCHING or len(call.arguments) != 2:
        return None
    one, two = call.arguments
    if one == variable and isinstance(two, Variable):
        return two
    if two == variable and isinstance(one, Variable):
        return one
    return None


def box_around(terms: Collection[Term]) -> Literal | None:
    """Give a box that every shape in touch with one of these geometries must meet, or `None` if none is safe.

    The box has a margin and many vertices, so that it still holds when an endpoint moves it into a plane. Terms that
    are no geometry are left out: no relation holds for them.

    Examples
    --------
    >>> wkt = Iri(GEO.wktLiteral)
    >>> box_around([Literal("POLYGON((10 48,11 48,11 49,10 48))", wkt)]).lexical[:26]
    'POLYGON ((11.02 47.98, 11.'
    >>> box_around([Literal("POINT(0 89)", wkt)]) is None
    True
    """
    if len(terms) > MOST_SHAPES:
        return None
    column = read_geometries(TermColumn.of(t for t in terms if isinstance(t, Literal)))
    present = np.unique(column.systems[column.systems >= 0])
    if not all(crs_of_code(int(code)).geographic for code in present):
        return None
    shapes = in_system(column, CRS84_CODE).shapes
    bounds = shapely.bounds(shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))])
    if not len(bounds):
        return None
    west, south = (float(v) for v in bounds[:, :2].min(axis=0))
    east, north = (float(v) for v in bounds[:, 2:].max(axis=0))
    margin = max(MARGIN * max(east - west, north - south), SMALLEST_MARGIN_DEGREES)
    west, south, east, north = west - margin, south - margin, east + margin, north + margin
    wide = max(east - west, north - south) > WIDEST_DEGREES
    far = max(-south, north) > FARTHEST_LATITUDE or max(-west, east) > FARTHEST_LONGITUDE
    if wide or far:
        return None
    box = shapely.segmentize(
        shapely.box(west, south, east, north), max(east - west, north - south) / EDGES
    )
    return Literal(shapely.to_wkt(box, rounding_precision=9), Iri(GEO.wktLiteral))
