"""Spatial aggregates (OGC 22-047r1, clause 8.8): many geometries of a group to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.knowledge.rdf import GEOF, in_systems
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import AggregateFunction, ExpressionContext
from extremeearth.knowledge.store.geosparql import _arguments as arguments
from extremeearth.knowledge.store.geosparql._guard import guarded
from extremeearth.knowledge.store.geosparql.constructors import CONCAVE_RATIO, concave_hull

__all__ = ["AGGREGATES"]


def _union(collections: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(shapely.union_all(collections[:, None], axis=1), dtype=object)


def _aggregate(combine: Callable[[NDArray[Any]], Any]) -> AggregateFunction:
    """Make an aggregate from a function on collections.

    A value that is no geometry makes its group an error, as it does for ``SUM``; a group without values is one too,
    and so is a second operand where none is foreseen. Datatype and system are those of the group's first value.
    """

    def call(
        values: TermColumn,
        groups: NDArray[np.int64],
        count: int,
        context: ExpressionContext,
        /,
        *others: TermColumn,
    ) -> TermColumn:
        if others:
            return TermColumn.empty(count)
        collections, heads, like = _collected(values, groups, count, context)
        return arguments.like_first(guarded(combine, collections, error=None), heads, like)

    return call


def _concave_hull(
    values: TermColumn,
    groups: NDArray[np.int64],
    count: int,
    context: ExpressionContext,
    /,
    *others: TermColumn,
) -> TermColumn:
    """Take how concave the hull is from the second operand: 0 the most, 1 convex; one number for all of a group."""
    if len(others) > 1:
        return TermColumn.empty(count)
    collections, heads, like = _collected(values, groups, count, context)
    least = np.full(count, np.inf if others else CONCAVE_RATIO)
    most = np.full(count, -np.inf if others else CONCAVE_RATIO)
    for other in others:
        given = np.nan_to_num(arguments.numbers(other), nan=-1.0)  # no number: an error below
        np.minimum.at(least, groups, given)
        np.maximum.at(most, groups, given)
    known = (least == most) & (least >= 0) & (most <= 1)
    collections[~known] = None
    shapes = guarded(concave_hull, collections, np.where(known, least, 1.0), error=None)
    return arguments.like_first(shapes, heads, like)


def _collected(
    values: TermColumn, groups: NDArray[np.int64], count: int, context: ExpressionContext
) -> tuple[NDArray[Any], NDArray[np.int32], TermColumn]:
    """Give the geometries of each group as one collection, its system, and the group's first value."""
    order = np.argsort(groups, kind="stable")
    sorted_groups = groups[order]
    present, starts = np.unique(sorted_groups, return_index=True)
    first = np.full(count, -1, np.int64)
    first[present] = order[starts]
    column = context.geometries(values)
    heads = np.full(count, -1, np.int32)
    heads[present] = column.systems[first[present]]
    moved = in_systems(column, heads[groups])
    bad = np.bincount(groups[moved.systems < 0], minlength=count) > 0
    heads = np.where(bad, -1, heads).astype(np.int32)
    members = np.flatnonzero(~bad[sorted_groups])
    collections: NDArray[Any] = np.full(count, None, object)
    if len(members):
        shapely.geometrycollections(
            moved.shapes[order[members]], indices=sorted_groups[members], out=collections
        )
    return collections, heads, values.take(first)


AGGREGATES: Mapping[str, AggregateFunction] = {
    GEOF.aggBoundingBox: _aggregate(shapely.envelope),
    GEOF.aggBoundingCircle: _aggregate(shapely.minimum_bounding_circle),
    GEOF.aggCentroid: _aggregate(shapely.centroid),
    GEOF.aggConcaveHull: _concave_hull,
    GEOF.aggConvexHull: _aggregate(shapely.convex_hull),
    GEOF.aggUnion: _aggregate(_union),
}
"""The spatial aggregates, by IRI."""
