"""The topological relations of GeoSPARQL (OGC 22-047r1, clause 9): patterns, tests, what an engine can do for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import GEO, GEOF, GeometryColumn
from extremeearth.knowledge.store.geosparql._guard import aligned, distinct, guarded

__all__ = ["RELATIONS", "RELATION_PROPERTIES", "Relation", "relate_columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One relation between two geometries.

    Attributes
    ----------
    name
        Local name, the same for the function and for the property.
    patterns
        Its DE-9IM patterns; one of them has to match. Empty for ``relate``, whose pattern is an argument.
    predicate
        Name of the engine's predicate (``PREDICATES`` of the engine contract) that is this very relation for
        geometries of all types; `None` if there is none.
    candidates
        Name of an engine's predicate that holds wherever this relation does: join by it, then check with
        `relate_columns`. `None` where the relation holds between things far apart.
    inverse
        Name of the relation that holds the other way round; `None` for ``relate``.
    """

    name: str
    patterns: tuple[str, ...]
    predicate: str | None
    candidates: str | None
    inverse: str | None


_TOUCH = ("FT*******", "F**T*****", "F***T****")
_MEET_ALL = ("T********", "*T*******", "***T*****", "****T****")
# name: patterns, engine's predicate, engine's candidates, inverse
_TABLE: dict[str, tuple[tuple[str, ...], str | None, str | None, str | None]] = {
    "sfEquals": (("T*F**FFF*",), "equals", "equals", "sfEquals"),
    "sfDisjoint": (("FF*FF****",), None, None, "sfDisjoint"),
    "sfIntersects": (_MEET_ALL, "intersects", "intersects", "sfIntersects"),
    "sfTouches": (_TOUCH, "touches", "touches", "sfTouches"),
    "sfCrosses": ((), "crosses", "crosses", "sfCrosses"),
    "sfWithin": (("T*F**F***",), "within", "within", "sfContains"),
    "sfContains": (("T*****FF*",), "contains", "contains", "sfWithin"),
    "sfOverlaps": ((), "overlaps", "overlaps", "sfOverlaps"),
    "ehEquals": (("TFFFTFFFT",), None, "equals", "ehEquals"),
    "ehDisjoint": (("FF*FF****",), None, None, "ehDisjoint"),
    "ehMeet": (_TOUCH, "touches", "touches", "ehMeet"),
    "ehOverlap": (("T*T***T**",), None, "intersects", "ehOverlap"),
    "ehCovers": (("T*TFT*FF*",), None, "contains", "ehCoveredBy"),
    "ehCoveredBy": (("TFF*TFT**",), None, "within", "ehCovers"),
    "ehInside": (("TFF*FFT**",), None, "within", "ehContains"),
    "ehContains": (("T*TFF*FF*",), None, "contains", "ehInside"),
    "rcc8eq": (("TFFFTFFFT",), None, "equals", "rcc8eq"),
    "rcc8dc": (("FFTFFTTTT",), None, None, "rcc8dc"),
    "rcc8ec": (("FFTFTTTTT",), None, "touches", "rcc8ec"),
    "rcc8po": (("TTTTTTTTT",), None, "intersects", "rcc8po"),
    "rcc8tppi": (("TTTFTTFFT",), None, "contains", "rcc8tpp"),
    "rcc8tpp": (("TFFTTFTTT",), None, "within", "rcc8tppi"),
    "rcc8ntpp": (("TFFTFFTTT",), None, "within", "rcc8ntppi"),
    "rcc8ntppi": (("TTTFFTFFT",), None, "contains", "rcc8ntpp"),
    "relate": ((), None, None, None),
}

RELATIONS: Mapping[str, Relation] = {
    GEOF[name]: Relation(
        name=name, patterns=patterns, predicate=predicate, candidates=candidates, inverse=inverse
    )
    for name, (patterns, predicate, candidates, inverse) in _TABLE.items()
}
"""The relations by the IRI of their function.

``sfCrosses`` and ``sfOverlaps`` have patterns that depend on the dimensions, so none are listed.
"""

RELATION_PROPERTIES: Mapping[str, str] = {
    GEO[name]: GEOF[name] for name in _TABLE if name != "relate"
}
"""The IRI of the function that decides a topological property, by the IRI of the property (clauses 7 and 11)."""

# Which are quicker than their patterns, or say more than one pattern can.
_TESTS: dict[str, Callable[[Any, Any], Any]] = {
    "sfEquals": shapely.equals, "sfDisjoint": shapely.disjoint, "sfIntersects": shapely.intersects,
    "sfTouches": shapely.touches, "sfCrosses": shapely.crosses, "sfWithin": shapely.within,
    "sfContains": shapely.contains, "sfOverlaps": shapely.overlaps, "ehDisjoint": shapely.disjoint,
    "ehMeet": shapely.touches,
}  # fmt: skip
_TURNED: dict[Any, Any] = {shapely.within: shapely.contains, shapely.contains: shapely.within}
_SYMMETRIC = frozenset(
    {shapely.disjoint, shapely.intersects, shapely.touches, shapely.crosses, shapely.overlaps}
)
_REPEATS = 8
"""Rows a shape has to be in, on average, before an index of its edges pays."""
_MATRIX_CELLS, _MATRIX_LETTERS = 9, frozenset("TF*012")


def relate_columns(
    iri: str, left: GeometryColumn, right: GeometryColumn, *, pattern: str | None = None
) -> NDArray[np.int8]:
    """Test a relation on pairs of geometries.

    Parameters
    ----------
    iri
        A key of `RELATIONS`.
    left, right
        Columns of one length; a geometry of the right in another system than that of the left is transformed.
    pattern
        For ``geof:relate``, the DE-9IM pattern.

    Returns
    -------
    numpy.ndarray of int8
        1 where the relation holds, 0 where it does not, -1 where a side is missing or cannot be transformed.

    Raises
    ------
    InputError
        There is no such relation, or the pattern is none.

    Examples
    --------
    >>> shapes = np.array([shapely.Point(0, 0), shapely.Point(5, 5), None])
    >>> points = GeometryColumn(shapes, np.array([0, 0, -1], np.int32))
    >>> boxes = GeometryColumn(np.full(3, shapely.box(-1, -1, 1, 1)), np.zeros(3, np.int32))
    >>> relate_columns(GEOF.sfWithin, points, boxes).tolist()
    [1, 0, -1]
    """
    relation = RELATIONS.get(iri)
    if relation is None:
        raise InputError(f"'{iri}' is no relation of GeoSPARQL.", hint="Use e.g. geof:sfWithin.")
    patterns = relation.patterns
    if relation.name == "relate":
        patterns = (_checked(pattern),)
    result = np.full(len(left), -1, np.int8)
    one, two, rows = aligned(left, right)
    test = _TESTS.get(relation.name)
    if test is not None:
        result[rows] = _tested(test, one, two)
    else:
        result[rows] = _matched(patterns, one, two, near=relation.candidates is not None)
    return result


def _checked(pattern: str | None) -> str:
    if (
        pattern is None
        or len(pattern) != _MATRIX_CELLS
        or not _MATRIX_LETTERS.issuperset(pattern.upper())
    ):
        raise InputError(
            f"'{pattern}' is no DE-9IM pattern.", hint="Give nine of T, F, *, 0, 1 and 2."
        )
    return pattern.upper()


def _tested(
    test: Callable[[Any, Any], Any], one: NDArray[Any], two: NDArray[Any]
) -> NDArray[np.int8]:
    """Call a predicate of GEOS, with an index of edges for shapes that are in many rows."""
    if len(one) > _REPEATS:
        first, back = distinct(one)
        if len(first) * _REPEATS <= len(one):
            return _asked(test, _indexed(first)[back], two)
        turned = _TURNED.get(test, test if test in _SYMMETRIC else None)
        second, back = distinct(two)
        if turned is not None and len(second) * _REPEATS <= len(two):
            return _asked(turned, _indexed(second)[back], one)
    return _asked(test, one, two)


def _indexed(shapes: NDArray[Any]) -> NDArray[Any]:
    """Prepare copies: a prepared shape builds its index when first asked, which no other thread may see half done."""
    copies: NDArray[Any] = np.array(shapely.from_wkb(shapely.to_wkb(shapes)), dtype=object)
    shapely.prepare(copies)
    return copies


def _asked(
    test: Callable[[Any, Any], Any], one: NDArray[Any], two: NDArray[Any]
) -> NDArray[np.int8]:
    return guarded(lambda a, b: np.asarray(test(a, b)).astype(np.int8), one, two, error=np.int8(-1))


def _matched(
    patterns: tuple[str, ...], one: NDArray[Any], two: NDArray[Any], *, near: bool
) -> NDArray[np.int8]:
    """Compare intersection matrices; those that need a common point only where the boxes meet."""
    result = np.zeros(len(one), np.int8)
    rows = np.arange(len(one))
    if near:
        a, b = shapely.bounds(one), shapely.bounds(two)
        with np.errstate(invalid="ignore"):  # the box of an empty shape is NaN, and meets nothing
            apart = ~((a[:, :2] <= b[:, 2:]) & (b[:, :2] <= a[:, 2:])).all(axis=1)
        rows = rows[~apart]
    for pattern in patterns:
        open_rows = rows[result[rows] == 0]
        result[open_rows] = guarded(
            lambda x, y, p=pattern: np.asarray(shapely.relate_pattern(x, y, p)).astype(np.int8),
            one[open_rows],
            two[open_rows],
            error=np.int8(-1),
        )
    return result
