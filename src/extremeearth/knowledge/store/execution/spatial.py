"""Spatial steps: matches with a constant by the index, joins by the engine, the nearest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine import distance_m, windows_around
from extremeearth.infrastructure.engine.geodesic import on_earth
from extremeearth.knowledge.rdf import GEOF
from extremeearth.knowledge.rdf.geometry_column import CRS84_CODE, GeometryColumn, crs_of_code
from extremeearth.knowledge.sparql.terms import Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import (
    NearestStep,
    SpatialJoinStep,
    SpatialMatchStep,
)
from extremeearth.knowledge.store.execution.query_terms import FIRST_COMPUTED
from extremeearth.knowledge.store.execution.run import Run, ids_of, table_of
from extremeearth.knowledge.store.geosparql import RELATIONS, relate_columns
from extremeearth.knowledge.store.plan.nodes import SpatialMatch, SpatialRelation

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_join", "run_match", "run_nearest"]

Ids = NDArray[np.int64]

PAIRS_AT_ONCE = 200_000
FEW = 500
"""Up to so many geometries on one side, each looks into the index of the stored ones: cheaper than a join of all."""
_SYMMETRIC = frozenset({"crosses", "equals", "intersects", "overlaps", "touches"})
_MIRRORED = {
    "within": "contains",
    "contains": "within",
    "covers": "covered_by",
    "coveredby": "covers",
}
"""With the prepared shape first a predicate is quick."""
FIRST_RADIUS_M = 1_000.0
HALF_EARTH_M = 20_100_000.0


def _in_lonlat(column: GeometryColumn) -> NDArray[Any]:
    """Give shapes in longitude and latitude."""
    shapes = column.shapes
    if _is_lonlat(column.systems):
        return shapes
    for code in np.unique(column.systems):
        if code > CRS84_CODE and crs_of_code(int(code)) != LONLAT:
            if shapes is column.shapes:
                shapes = shapes.copy()
            of_code = column.systems == code
            system = crs_of_code(int(code))
            shapes[of_code] = np.asarray(
                transform(shapes[of_code], source=system, target=LONLAT), dtype=object
            )
    return shapes


def _is_lonlat(systems: NDArray[np.int32]) -> bool:
    if systems.max(initial=CRS84_CODE) == CRS84_CODE:
        return True
    return all(crs_of_code(int(code)) == LONLAT for code in np.unique(systems) if code > CRS84_CODE)


def _constant(literal: Literal, run: Run) -> GeometryColumn:
    return run.context.geometries(TermColumn.of([literal]))


def _repeated(one: GeometryColumn, length: int) -> GeometryColumn:
    return GeometryColumn(np.repeat(one.shapes, length), np.repeat(one.systems, length))


def _rows(column: GeometryColumn, rows: NDArray[Any]) -> GeometryColumn:
    return GeometryColumn(column.shapes[rows], column.systems[rows])


def _are_stored(ids: Ids) -> bool:
    return bool(len(ids) == 0 or ids[-1] < FIRST_COMPUTED)  # sorted


def _geometries(ids: Ids, run: Run) -> GeometryColumn:
    if _are_stored(ids):
        return run.snapshot.geometries.column(ids)
    return run.context.geometries(run.terms.decode(ids))


def _stands(
    relation: SpatialRelation, left: GeometryColumn, right: GeometryColumn, *, flipped: bool = False
) -> NDArray[np.bool_]:
    if flipped:
        left, right = right, left
    if relation.distance_m is not None:
        metres = distance_m(_in_lonlat(left), _in_lonlat(right))
        return np.asarray(metres <= relation.distance_m)
    return np.asarray(relate_columns(relation.function, left, right) == 1)


# ------------------------------------------------------------------------------------ a constant


def run_match(step: SpatialMatchStep, run: Run) -> pa.Table:
    """Find the stored geometries in a relation to a constant: boxes first, then the shapes themselves."""
    match = step.match
    constant = _constant(match.geometry, run)
    candidates = _near(_in_lonlat(constant), match.relation, run)
    sure = _surely(match, constant, run)
    if len(sure):
        candidates = np.setdiff1d(candidates, sure, assume_unique=True)
    prepared = _prepared(match, constant)
    keep = np.zeros(len(candidates), bool)
    for first in range(0, len(candidates), PAIRS_AT_ONCE):
        run.token.check()
        part = slice(first, first + PAIRS_AT_ONCE)
        stored = run.snapshot.geometries.column(candidates[part])
        if prepared is not None and _is_lonlat(stored.systems):
            keep[part] = prepared(stored.shapes)
            continue
        keep[part] = _stands(
            match.relation, stored, _repeated(constant, len(stored)), flipped=match.flipped
        )
    found = np.concatenate([sure, candidates[keep]])
    return table_of({match.variable: found}, len(found))


def _surely(match: SpatialMatch, constant: GeometryColumn, run: Run) -> Ids:
    """Give the geometries that need no look at their shapes: what a rectangle has inside, it meets and contains."""
    known = RELATIONS.get(match.relation.function)
    predicate = None if known is None else known.predicate
    inside = {"contains", "covers"} if match.flipped else {"within", "coveredby"}
    shape = constant.shapes[0]
    if (
        match.relation.distance_m is not None
        or predicate not in {"intersects", *inside}
        or constant.systems[0] != CRS84_CODE
        or not shapely.equals(shape, shapely.envelope(shape))
    ):
        return np.zeros(0, np.int64)
    return run.snapshot.geometries.inside_box(*shapely.bounds(shape).tolist())


def _prepared(
    match: SpatialMatch, constant: GeometryColumn
) -> Callable[[NDArray[Any]], NDArray[np.bool_]] | None:
    """Give a test against a prepared constant, where Shapely's predicate is the relation itself."""
    known = RELATIONS.get(match.relation.function)
    name = None if known is None else known.predicate
    if match.relation.distance_m is not None or name is None or not _is_lonlat(constant.systems):
        return None
    predicate = getattr(shapely, {"coveredby": "covered_by"}.get(name, name))
    shape = constant.shapes[0]
    shapely.prepare(shape)
    if match.flipped or name in _SYMMETRIC:
        return lambda shapes: np.asarray(predicate(shape, shapes))
    if name in _MIRRORED:
        mirrored = getattr(shapely, _MIRRORED[name])
        return lambda shapes: np.asarray(mirrored(shape, shapes))
    return lambda shapes: np.asarray(predicate(shapes, shape))


def _holds_for_empty(relation: SpatialRelation) -> bool:
    """Tell whether a relation that an index finds holds between empty geometries too, which no index finds."""
    return relation.distance_m is None and relation.function == GEOF.sfEquals


def _near(shapes: NDArray[Any], relation: SpatialRelation, run: Run) -> Ids:
    """Give the numbers of the stored geometries whose boxes come near a shape in longitude and latitude."""
    if shapes[0] is None or (relation.distance_m is not None and not on_earth(shapes)[0]):
        return np.zeros(0, np.int64)
    if shapely.is_empty(shapes[0]):
        empties = run.snapshot.geometries.empty() if _holds_for_empty(relation) else ()
        return np.sort(np.asarray(empties, np.int64))
    boxes = (
        shapes if relation.distance_m is None else windows_around(shapes, relation.distance_m)[0]
    )
    bounds = shapely.bounds(boxes)
    if not np.isfinite(bounds).all():  # what has no place in longitude and latitude may be anywhere
        bounds = np.array([[-np.inf, -np.inf, np.inf, np.inf]])
    found = [run.snapshot.geometries.in_box(*box) for box in bounds.tolist()]
    return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


# ----------------------------------------------------------------------------------------- joins


def run_join(step: SpatialJoinStep, run: Run) -> pa.Table:
    """Find the pairs of geometries in a relation, each pair once.

    A few geometries look into the index of the stored ones; many are joined by the engine. What the engine cannot
    judge, because a relation is none of its own or a reference system differs, is looked at again.
    """
    left = _different(run.tables[step.left], step.left_variable)
    right = _different(run.tables[step.right], step.right_variable)
    if not len(left) or not len(right):
        one, two = left[:0], right[:0]
    elif min(len(left), len(right)) <= FEW and _are_stored(left) and _are_stored(right):
        one, two = _few(step.relation, left, right, run)
    else:
        one, two = _many(step.relation, left, right, run)
    return table_of({step.left_variable: one, step.right_variable: two}, len(one))


def _empty(ids: Ids, run: Run) -> Ids:
    if _are_stored(ids):
        return np.intersect1d(ids, run.snapshot.geometries.empty())
    return ids[shapely.is_empty(_geometries(ids, run).shapes)]


def _different(table: pa.Table, name: str) -> Ids:
    import pyarrow as pa
    import pyarrow.compute as pc

    found: Ids = np.sort(
        pc.unique(pa.array(ids_of(table, name))).to_numpy()
    )  # quicker than numpy's own
    return found[found > 0]


def _few(relation: SpatialRelation, left: Ids, right: Ids, run: Run) -> tuple[Ids, Ids]:
    flipped = len(right) < len(left)
    outer, inner = (right, left) if flipped else (left, right)
    shapes = run.snapshot.geometries.column(outer)
    lonlat = _in_lonlat(shapes)
    ones, twos = [], []
    for row in range(len(outer)):
        run.token.check()
        near = np.intersect1d(
            _near(lonlat[row : row + 1], relation, run), inner, assume_unique=True
        )
        ones.append(np.full(len(near), row))
        twos.append(near)
    one = np.concatenate([np.zeros(0, np.int64), *ones])
    two = np.concatenate([np.zeros(0, np.int64), *twos])
    keep = np.zeros(len(one), bool)
    for first in range(0, len(one), PAIRS_AT_ONCE):
        run.token.check()
        part = slice(first, first + PAIRS_AT_ONCE)
        stored = run.snapshot.geometries.column(two[part])
        keep[part] = _stands(relation, _rows(shapes, one[part]), stored, flipped=flipped)
    found = outer[one[keep]], two[keep]
    return found[::-1] if flipped else found


def _many(relation: SpatialRelation, left: Ids, right: Ids, run: Run) -> tuple[Ids, Ids]:
    sides = [_encoded(ids, run) for ids in (left, right)]
    plain = all(_is_lonlat(column.systems) for _, column in sides)
    predicate, exact = _predicate(relation, plain=plain)
    pairs = run.engine.join_spatial(
        sides[0][0], sides[1][0], predicate, distance_m=relation.distance_m
    )
    one, two = pairs["left_index"].to_numpy(), pairs["right_index"].to_numpy()
    if not exact:
        shapes = _geometries(left, run), _geometries(right, run)
        keep = np.zeros(len(one), bool)
        for first in range(0, len(one), PAIRS_AT_ONCE):
            run.token.check()
            part = slice(first, first + PAIRS_AT_ONCE)
            keep[part] = _stands(relation, _rows(shapes[0], one[part]), _rows(shapes[1], two[part]))
        one, two = one[keep], two[keep]
    one, two = left[one], right[two]
    if _holds_for_empty(relation):
        nothing, nothing_either = (_empty(ids, run) for ids in (left, right))
        one = np.concatenate([one, np.repeat(nothing, len(nothing_either))])
        two = np.concatenate([two, np.tile(nothing_either, len(nothing))])
    return one, two


def _encoded(ids: Ids, run: Run) -> tuple[pa.Table, GeometryColumn]:
    """Give geometries for the engine: WKB in longitude and latitude."""
    import pyarrow as pa

    if _are_stored(ids):
        wkb, column = run.snapshot.geometries.encoded(ids)
        if _is_lonlat(column.systems):
            return pa.table({"geometry": wkb}), column
    column = _geometries(ids, run)
    return pa.table(
        {"geometry": pa.array(shapely.to_wkb(_in_lonlat(column)), pa.large_binary())}
    ), column


def _predicate(relation: SpatialRelation, *, plain: bool) -> tuple[str, bool]:
    """Give the engine's predicate, and whether it is the relation itself or only leaves candidates."""
    if relation.distance_m is not None:
        return "dwithin", True
    known = RELATIONS[relation.function]
    if plain and known.predicate is not None:
        return known.predicate, True
    if plain and known.candidates is not None:
        return known.candidates, False
    return "intersects", False


# --------------------------------------------------------------------------------------- nearest


def run_nearest(step: NearestStep, run: Run) -> pa.Table:
    """Keep the rows that can be among the first by distance: those not farther than the last of them.

    Distances on the ellipsoid are dear, so they are measured inside a window only, which grows until the rows asked
    for are in it.
    """
    table = run.tables[step.input]
    ids = ids_of(table, step.variable)
    if table.num_rows <= step.limit:
        return table
    constant = _in_lonlat(_constant(step.geometry, run))
    if not on_earth(constant)[0]:
        return table
    different, back = np.unique(ids, return_inverse=True)
    metres = np.full(len(different), np.inf)
    unknown = _without_place(different, run)
    metres[unknown] = -1.0  # an error comes first in an order
    radius = FIRST_RADIUS_M
    while True:
        run.token.check()
        inside = _inside(different, constant, radius, run) & np.isinf(metres)
        found = distance_m(_in_lonlat(_geometries(different[inside], run)), constant[0])
        metres[inside] = np.where(np.isnan(found), -1.0, found)
        within = metres[back] <= radius
        if within.sum() >= step.limit or radius > HALF_EARTH_M:
            break
        radius *= 4.0
    each = metres[back]
    last = np.partition(each, step.limit - 1)[step.limit - 1]
    return table.filter(each <= last)


def _without_place(ids: Ids, run: Run) -> NDArray[np.bool_]:
    """Tell which have no distance from anywhere; whether those of other systems have one is not asked here."""
    column = _geometries(ids, run)
    here = on_earth(column.shapes)
    if _is_lonlat(column.systems):
        return ~here
    there = np.array(
        [code > CRS84_CODE and crs_of_code(int(code)) != LONLAT for code in column.systems]
    )
    return ~np.where(there, ~shapely.is_empty(column.shapes), here)


def _inside(ids: Ids, constant: NDArray[Any], radius_m: float, run: Run) -> NDArray[np.bool_]:
    if radius_m > HALF_EARTH_M or not _are_stored(ids):
        return np.ones(len(ids), bool)
    windows, _ = windows_around(constant, radius_m)
    boxes = run.snapshot.geometries.boxes(ids)
    met = np.zeros(len(ids), bool)
    for xmin, ymin, xmax, ymax in shapely.bounds(windows).tolist():
        met |= (
            (boxes[:, 0] <= xmax)
            & (boxes[:, 2] >= xmin)
            & (boxes[:, 1] <= ymax)
            & (boxes[:, 3] >= ymin)
        )
    return met
