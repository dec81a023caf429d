"""Boxes of geometries in longitude and latitude, and the Hilbert order of their centres."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from extremeearth.knowledge.rdf.geometry_column import CRS84_CODE, GeometryColumn, crs_of_code

if TYPE_CHECKING:
    from pyproj import Transformer

__all__ = ["FARTHEST", "WORLD", "Boxes", "box_centres", "hilbert_order", "lonlat_boxes"]

Boxes = NDArray[np.float64]
"""Array of (n, 4): xmin, ymin, xmax, ymax; NaN for an empty shape."""
WORLD = np.array([-180.0, -90.0, 180.0, 90.0])
EDGE_POINTS = 8
"""Points on each edge of a box that are transformed; an edge that is straight there is bent here."""
BEND = 0.01
"""Part of its size by which a transformed box grows: what an edge bends between two such points, and more."""
HILBERT_LEVELS = 16
FARTHEST = 1e12
"""A number farther out is counted as this one, where boxes are counted in cells."""


def lonlat_boxes(column: GeometryColumn) -> Boxes:
    """Give boxes in longitude and latitude that surely hold the geometries.

    A box in another system is transformed with points along its edges. One that holds a pole, or lies across the
    antimeridian, reaches around the world. What cannot be transformed may be anywhere.

    Examples
    --------
    >>> shapes = np.array([shapely.box(1, 2, 3, 4), shapely.Point()], object)
    >>> lonlat_boxes(GeometryColumn(shapes, np.zeros(2, np.int32))).tolist()
    [[1.0, 2.0, 3.0, 4.0], [nan, nan, nan, nan]]
    """
    boxes = shapely.bounds(column.shapes).reshape(-1, 4)
    for code in np.unique(column.systems).tolist():
        if code in {-1, CRS84_CODE} or crs_of_code(code).epsg == 4326:
            continue
        rows = np.flatnonzero((column.systems == code) & ~np.isnan(boxes[:, 0]))
        if len(rows):
            boxes[rows] = _transformed(boxes[rows], code)
    return boxes


@lru_cache(maxsize=64)
def _transformers(code: int) -> tuple[Transformer, NDArray[np.float64]]:
    """Give the way from a system to longitude and latitude, and where the poles lie in it."""
    from pyproj import Transformer

    way = Transformer.from_crs(crs_of_code(code).proj, "OGC:CRS84", always_xy=True)
    poles = way.transform([0.0, 0.0], [90.0, -90.0], direction="INVERSE")
    return way, np.column_stack(poles)


def _transformed(boxes: Boxes, code: int) -> Boxes:
    way, poles = _transformers(code)
    x, y = _outline(boxes)
    lon, lat = (np.asarray(values) for values in way.transform(x, y))
    lost = ~(np.isfinite(lon) & np.isfinite(lat)).all(1)
    lon[lost] = lat[lost] = 0.0
    out = np.column_stack([lon.min(1), lat.min(1), lon.max(1), lat.max(1)])
    wide, high = out[:, 2] - out[:, 0], out[:, 3] - out[:, 1]
    around = wide > 180  # degrees: the short way round is the other one
    out += np.column_stack([-wide, -high, wide, high]) * BEND
    out[around, 0], out[around, 2] = WORLD[0], WORLD[2]
    for (px, py), edge in zip(poles, (3, 1), strict=True):
        holds = (
            (boxes[:, 0] <= px) & (px <= boxes[:, 2]) & (boxes[:, 1] <= py) & (py <= boxes[:, 3])
        )
        out[holds, 0], out[holds, 2], out[holds, edge] = WORLD[0], WORLD[2], WORLD[edge]
    held: Boxes = np.clip(out, WORLD[[0, 1, 0, 1]], WORLD[[2, 3, 2, 3]])
    held[lost] = WORLD
    return held


def _outline(boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give points along the edges of boxes, two arrays of (n, points); one point is enough for points."""
    xmin, ymin, xmax, ymax = (boxes[:, [i]] for i in range(4))
    if (xmin == xmax).all() and (ymin == ymax).all():
        return xmin, ymin
    part = np.linspace(0.0, 1.0, EDGE_POINTS)[None, :]
    along_x, along_y = xmin + part * (xmax - xmin), ymin + part * (ymax - ymin)
    same = np.ones_like(part)
    x = np.hstack([along_x, along_x, xmin * same, xmax * same])
    y = np.hstack([ymin * same, ymax * same, along_y, along_y])
    return x, y


def box_centres(boxes: Boxes) -> NDArray[np.float64]:
    """Give the middle of each box, no farther out than numbers stay exact enough to be counted in cells.

    Examples
    --------
    >>> box_centres(np.array([[0.0, 0.0, 2.0, 4.0], [0.0, 0.0, 1e308, 1e308]])).tolist()
    [[1.0, 2.0], [500000000000.0, 500000000000.0]]
    """
    held = np.clip(boxes, -FARTHEST, FARTHEST)
    return np.asarray((held[:, :2] + held[:, 2:]) / 2)


def hilbert_order(boxes: Boxes) -> NDArray[np.intp]:
    """Sort boxes along a Hilbert curve through their centres, empty ones last.

    The curve is that of Skilling, "Programming the Hilbert curve" (2004), in two dimensions.

    Examples
    --------
    >>> corners = np.array([[0, 0], [1, 1], [0, 1], [1, 0]], float)
    >>> hilbert_order(np.hstack([corners, corners])).tolist()
    [0, 2, 1, 3]
    """
    there = ~np.isnan(boxes[:, 0])
    place = np.full(len(boxes), np.iinfo(np.int64).max)
    if there.any():
        centres = box_centres(boxes[there])
        low, size = centres.min(0), np.ptp(centres, axis=0)
        cells = (centres - low) / np.where(size > 0, size, 1.0) * (2**HILBERT_LEVELS - 1)
        x, y = np.rint(cells).astype(np.int64).T
        place[there] = _hilbert(x, y)
    return np.argsort(place, kind="stable")


def _hilbert(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int64]:
    distance = np.zeros(len(x), np.int64)
    side = 1 << (HILBERT_LEVELS - 1)
    while side:
        right, up = (x & side) > 0, (y & side) > 0
        distance += side * side * ((3 * right) ^ up)
        flip = right & ~up
        x, y = np.where(flip, 2 * side - 1 - x, x), np.where(flip, 2 * side - 1 - y, y)
        x, y = np.where(up, x, y), np.where(up, y, x)
        x, y = x & (side - 1), y & (side - 1)
        side >>= 1
    return distance
