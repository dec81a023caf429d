"""Spatial steps: matches with a constant by the index, joins by the engine, the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.core.boxes import LONLAT
from extremeearth.core.geodesy import transform
from extremeearth.infrastructure.engine import distance_m
from extremeearth.knowledge.rdf.geometry_column import CRS84_CODE, GeometryColumn, crs_of_code
from extremeearth.knowledge.sparql.terms import Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import (
    NearestStep,
    SpatialJoinStep,
    SpatialMatchStep,
)
from extremeearth.knowledge.store.execution.run import Run, ids_of, table_of
from extremeearth.knowledge.store.geosparql import RELATIONS, relate_columns
from extremeearth.knowledge.store.plan.nodes import SpatialRelation

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["run_join", "run_match", "run_nearest"]

PAIRS_AT_ONCE = 200_000


def _in_lonlat(column: GeometryColumn) -> NDArray[Any]:
    """Give shapes in longitude and latitude."""
    shapes = column.shapes
    for code in np.unique(column.systems):
        if code > CRS84_CODE and crs_of_code(int(code)) != LONLAT:
            if shapes is column.shapes:
                shapes = shapes.copy()
            of_code = column.systems == code
            shapes[of_code] = np.asarray(
                transform(shapes[of_code], source=crs_of_code(int(code)), target=LONLAT),
                dtype=object,
            )
    return shapes


def _is_lonlat(column: GeometryColumn) -> bool:
    return all(
        code <= CRS84_CODE or crs_of_code(int(code)) == LONLAT for code in np.unique(column.systems)
    )


def _constant(literal: Literal, run: Run) -> GeometryColumn:
    return run.context.geometries(TermColumn.of([literal]))


def _repeated(one: GeometryColumn, length: int) -> GeometryColumn:
    return GeometryColumn(np.repeat(one.shapes, length), np.repeat(one.systems, length))


# ------------------------------------------------------------------------------------ a constant


def run_match(step: SpatialMatchStep, run: Run) -> pa.Table:
    """Find the stored geometries in a relation to a constant: boxes first, then the shapes themselves."""
    match = step.match
    constant = _constant(match.geometry, run)
    shape = _in_lonlat(constant)[0]
    if shape is None or shapely.is_empty(shape):
        return table_of({match.variable: np.zeros(0, np.int64)}, 0)
    candidates = np.unique(
        np.concatenate(
            [run.snapshot.geometries.in_box(*box) for box in _boxes(shape, match.relation)]
        )
    )
    keep = np.zeros(len(candidates), bool)
    for first in range(0, len(candidates), PAIRS_AT_ONCE):
        run.token.check()
        part = slice(first, first + PAIRS_AT_ONCE)
        stored = run.snapshot.geometries.column(candidates[part])
        keep[part] = _stands(
            match.relation, stored, _repeated(constant, len(stored)), flipped=match.flipped
        )
    return table_of({match.variable: candidates[keep]}, int(keep.sum()))


def _boxes(shape: Any, relation: SpatialRelation) -> list[tuple[float, float, float, float]]:
    if relation.distance_m is None:
        return [tuple(shapely.bounds(shape).tolist())]
    from extremeearth.infrastructure.engine import windows_around

    boxes, _ = windows_around(np.array([shape], dtype=object), relation.distance_m)
    return [tuple(box) for box in shapely.bounds(boxes).tolist()]


def _stands(
    relation: SpatialRelation, left: GeometryColumn, right: GeometryColumn, *, flipped: bool = False
) -> NDArray[np.bool_]:
    if flipped:
        left, right = right, left
    if relation.distance_m is not None:
        metres = distance_m(_in_lonlat(left), _in_lonlat(right))
        return np.asarray(metres <= relation.distance_m)
    return np.asarray(relate_columns(relation.function, left, right) == 1)


# ----------------------------------------------------------------------------------------- joins


def run_join(step: SpatialJoinStep, run: Run) -> pa.Table:
    """Find the pairs of geometries in a relation: the engine joins, shapes that it cannot judge are looked at again."""
    left_ids = _different(run.tables[step.left], step.left_variable)
    right_ids = _different(run.tables[step.right], step.right_variable)
    left, right = _geometries(left_ids, run), _geometries(right_ids, run)
    predicate, exact = _predicate(step.relation, left, right)
    pairs = run.engine.join_spatial(
        _wkb(left), _wkb(right), predicate, distance_m=step.relation.distance_m
    )
    one, two = pairs["left_index"].to_numpy(), pairs["right_index"].to_numpy()
    if not exact:
        keep = np.zeros(len(one), bool)
        for first in range(0, len(one), PAIRS_AT_ONCE):
            run.token.check()
            part = slice(first, first + PAIRS_AT_ONCE)
            keep[part] = _stands(step.relation, _rows(left, one[part]), _rows(right, two[part]))
        one, two = one[keep], two[keep]
    columns = {step.left_variable: left_ids[one], step.right_variable: right_ids[two]}
    return table_of(columns, len(one))


def _different(table: pa.Table, name: str) -> NDArray[np.int64]:
    found = np.unique(ids_of(table, name))
    return found[found > 0]


def _geometries(ids: NDArray[np.int64], run: Run) -> GeometryColumn:
    return run.context.geometries(run.terms.decode(ids))


def _rows(column: GeometryColumn, rows: NDArray[Any]) -> GeometryColumn:
    return GeometryColumn(column.shapes[rows], column.systems[rows])


def _predicate(
    relation: SpatialRelation, left: GeometryColumn, right: GeometryColumn
) -> tuple[str, bool]:
    """Give the engine's predicate, and whether it is the relation itself or only leaves candidates."""
    if relation.distance_m is not None:
        return "dwithin", True
    known = RELATIONS.get(relation.function)
    if known is not None and _is_lonlat(left) and _is_lonlat(right):
        if known.predicate is not None:
            return known.predicate, True
        if known.candidates is not None:
            return known.candidates, False
    return "intersects", False


def _wkb(column: GeometryColumn) -> pa.Table:
    import pyarrow as pa

    return pa.table({"geometry": pa.array(shapely.to_wkb(_in_lonlat(column)), pa.binary())})


# --------------------------------------------------------------------------------------- nearest


def run_nearest(step: NearestStep, run: Run) -> pa.Table:
    """Keep the rows that can be among the first by distance: those not farther than the last of them."""
    table = run.tables[step.input]
    ids = ids_of(table, step.variable)
    different, back = np.unique(ids, return_inverse=True)
    shapes = _in_lonlat(_geometries(different, run))
    constant = _in_lonlat(_constant(step.geometry, run))[0]
    if constant is None or table.num_rows <= step.limit:
        return table
    metres = np.asarray(distance_m(shapes, constant))
    each = np.where(np.isnan(metres[back]), -1.0, metres[back])  # errors sort first
    last = np.partition(each, step.limit - 1)[step.limit - 1]
    return table.filter(each <= last)
