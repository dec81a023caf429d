"""Columns of geometries moved from one reference system to another, each system once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import ProjError

from extremeearth.knowledge.rdf.geometry_column import (
    CRS84_CODE,
    NO_CRS,
    GeometryColumn,
    crs_code,
    crs_of_code,
)

__all__ = ["in_system", "in_systems", "same_numbers"]

_EPSG_4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"


def same_numbers(one: int, two: int) -> bool:
    """Tell whether two systems give a place the same x and y: a system and itself, CRS84 and EPSG:4326.

    Examples
    --------
    >>> same_numbers(CRS84_CODE, crs_code("EPSG:4326")), same_numbers(0, crs_code("EPSG:3857"))
    (True, False)
    """
    return one == two or {one, two} <= {CRS84_CODE, crs_code(_EPSG_4326)}


@lru_cache(maxsize=256)
def _mover(source: int, target: int) -> Transformer:
    here, there = crs_of_code(source), crs_of_code(target)
    return Transformer.from_crs(here.proj, there.proj, always_xy=True)


def in_system(column: GeometryColumn, target: int) -> GeometryColumn:
    """Give the geometries in one system; see `in_systems`.

    Examples
    --------
    >>> utm = crs_code("EPSG:32632")
    >>> column = GeometryColumn(np.array([shapely.Point(9, 0)]), np.array([0], np.int32))
    >>> print(in_system(column, utm).shapes[0])
    POINT (500000 0)
    """
    return in_systems(column, np.full(len(column), target, np.int32))


def in_systems(column: GeometryColumn, targets: NDArray[np.int32]) -> GeometryColumn:
    """Give each geometry in the system that is wanted for its row.

    Parameters
    ----------
    column
        Geometries.
    targets
        Codes of systems, -1 for none.

    Returns
    -------
    GeometryColumn
        None where there was none, none is wanted, or the place does not exist in the target system. Heights stay
        as they are; M values are lost where numbers change (clause 8.2 of OGC 22-047r1 says they are ignored).
    """
    present = (column.systems != NO_CRS) & (targets != NO_CRS)
    if (column.systems == targets).all():
        return column
    shapes: NDArray[Any] = column.shapes.copy()
    shapes[~present] = None
    pairs = np.unique(np.stack([column.systems[present], targets[present]], axis=1), axis=0)
    for source, target in pairs.tolist():
        if same_numbers(source, target):
            continue
        rows = np.flatnonzero(present & (column.systems == source) & (targets == target))
        ids = np.fromiter(map(id, shapes[rows]), np.int64, len(rows))  # a constant is in every row
        _, first, back = np.unique(ids, return_index=True, return_inverse=True)
        shapes[rows] = _moved(shapes[rows[first]], _mover(source, target))[back]
    systems = np.where(shapely.is_missing(shapes), NO_CRS, targets).astype(np.int32)
    return GeometryColumn(shapes, systems)


def _moved(shapes: NDArray[Any], mover: Transformer) -> NDArray[Any]:
    out: NDArray[Any] = shapes.copy()
    for has_z in (False, True):
        chosen = np.flatnonzero(shapely.has_z(out) == has_z)
        if not len(chosen):
            continue
        coordinates, owners = shapely.get_coordinates(
            out[chosen], include_z=has_z, return_index=True
        )
        try:
            x, y = mover.transform(coordinates[:, 0], coordinates[:, 1])
        except ProjError:
            out[chosen] = None
            continue
        outside = ~(np.isfinite(x) & np.isfinite(y))
        lost = np.unique(owners[outside])
        coordinates[:, 0], coordinates[:, 1] = np.where(outside, 0, x), np.where(outside, 0, y)
        moved = shapely.set_coordinates(out[chosen], coordinates)
        moved[lost] = None
        out[chosen] = moved
    return out
