"""What literals may say and shapes inside may not: another order of axes, and empty parts of collections."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["swapped", "swapped_text", "without_empty_parts"]

_PAIR = re.compile(r"([(,]\s*)([-+\d.eE]+)\s+([-+\d.eE]+)")


def swapped(shapes: Any) -> NDArray[Any]:
    """Exchange x and y; z stays, m is lost.

    Examples
    --------
    >>> print(swapped(np.array([shapely.Point(1, 2, 3)]))[0])
    POINT Z (2 1 3)
    """
    out: NDArray[Any] = np.array(shapes, dtype=object)
    for has_z in (False, True):
        chosen = ~shapely.is_missing(out) & (shapely.has_z(out) == has_z)
        if chosen.any():
            coordinates = shapely.get_coordinates(out[chosen], include_z=has_z)
            coordinates[:, [0, 1]] = coordinates[:, [1, 0]]
            out[chosen] = shapely.set_coordinates(out[chosen], coordinates)
    return out


def swapped_text(text: str) -> str:
    """Exchange the first two numbers of every position in well-known text, so that m stays too.

    Examples
    --------
    >>> swapped_text("LINESTRING M (1 2 9, 3 4 9)")
    'LINESTRING M (2 1 9, 4 3 9)'
    """
    return _PAIR.sub(r"\1\3 \2", text)


_POLYGON, _FIRST_COLLECTION = 3, 4


def without_empty_parts(shapes: NDArray[Any]) -> NDArray[Any]:
    """Leave the empty parts out of collections and the empty holes out of polygons.

    They add no point, and GEOS can crash on them: ``relate`` of GEOS 3.14 ends the process at a collection with an
    empty line, and so does nearly every operation at a polygon with an empty hole, which a literal from outside must
    not be able to do.

    Examples
    --------
    >>> texts = [
    ...     "GEOMETRYCOLLECTION (LINESTRING EMPTY, POINT (1 2))",
    ...     "POLYGON ((0 0, 1 0, 0 1, 0 0), EMPTY)",
    ... ]
    >>> for shape in without_empty_parts(shapely.from_wkt(texts)):
    ...     print(shape)
    GEOMETRYCOLLECTION (POINT (1 2))
    POLYGON ((0 0, 1 0, 0 1, 0 0))
    """
    kinds = shapely.get_type_id(shapes)
    polygons = np.flatnonzero(kinds == _POLYGON)
    doubtful = [polygons[_with_empty_holes(shapes[polygons])]]
    rows = np.flatnonzero(kinds >= _FIRST_COLLECTION)
    if len(rows):
        parts, owners = shapely.get_parts(shapes[rows], return_index=True)
        odd = shapely.is_empty(parts) | (shapely.get_type_id(parts) >= _FIRST_COLLECTION)
        doubtful.append(rows[np.unique(owners[odd | _with_empty_holes(parts)])])
    found = np.concatenate(doubtful)
    if not len(found):
        return shapes
    out: NDArray[Any] = np.array(shapes, dtype=object)
    for row in found.tolist():
        out[row] = _pruned(out[row])
    return out


def _with_empty_holes(shapes: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which shapes are polygons with a hole of no point."""
    found = np.zeros(len(shapes), bool)
    pierced = np.flatnonzero(shapely.get_num_interior_rings(shapes) > 0)
    if len(pierced):
        rings, owners = shapely.get_rings(shapes[pierced], return_index=True)
        found[pierced[np.unique(owners[shapely.is_empty(rings)])]] = True
    return found


_MADE: dict[str, Any] = {
    "MultiPoint": shapely.multipoints, "MultiLineString": shapely.multilinestrings,
    "MultiPolygon": shapely.multipolygons, "GeometryCollection": shapely.geometrycollections,
}  # fmt: skip


def _pruned(shape: Any) -> Any:
    make = _MADE.get(shape.geom_type)
    if make is not None:
        kept = [_pruned(part) for part in shapely.get_parts(shape) if not part.is_empty]
        return make(np.array(kept, dtype=object)) if kept else type(shape)()
    if shape.geom_type == "Polygon" and len(shape.interiors):
        holes = [hole for hole in shape.interiors if not hole.is_empty]
        return shapely.polygons(shape.exterior, holes=holes or None)
    return shape
