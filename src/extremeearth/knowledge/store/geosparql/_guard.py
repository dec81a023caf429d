"""Vectorised GEOS calls that survive the geometries GEOS refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["aligned", "distinct", "guarded"]

from extremeearth.knowledge.rdf import GeometryColumn, in_systems


def guarded(function: Callable[..., Any], *arrays: NDArray[Any], error: Any) -> NDArray[Any]:
    """Call a function on arrays; rows at which GEOS fails get `error`, found by halving.

    Examples
    --------
    >>> mixed = np.array([shapely.Point(0, 0), shapely.GeometryCollection([shapely.Point(0, 0)])])
    >>> guarded(shapely.boundary, mixed, error=None).tolist()
    [<GEOMETRYCOLLECTION EMPTY>, None]
    """
    try:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays))
    except (shapely.errors.ShapelyError, ValueError, NotImplementedError):
        size = len(arrays[0])
        if size <= 1:
            return np.full(size, error, dtype=np.asarray(error).dtype)
        half = size // 2
        parts = [
            guarded(function, *(a[piece] for a in arrays), error=error)
            for piece in (slice(None, half), slice(half, None))
        ]
        return np.concatenate(parts)


def distinct(shapes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give each different shape object once, and for every row its number."""
    ids = np.fromiter(map(id, shapes), np.int64, len(shapes))
    _, first, back = np.unique(ids, return_index=True, return_inverse=True)
    return shapes[first], back


def aligned(
    left: GeometryColumn, right: GeometryColumn
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Give the shapes of both sides in the systems of the left, and the rows in which both are known."""
    moved = right if (left.systems == right.systems).all() else in_systems(right, left.systems)
    rows = np.flatnonzero((left.systems >= 0) & (moved.systems >= 0))
    if len(rows) == len(left):
        return left.shapes, moved.shapes, rows
    return left.shapes[rows], moved.shapes[rows], rows
