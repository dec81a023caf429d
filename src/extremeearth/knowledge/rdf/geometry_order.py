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


_FIRST_COLLECTION = 4


def without_empty_parts(shapes: NDArray[Any]) -> NDArray[Any]:
    """Leave the empty parts out of collections: they add no point, and GEOS can crash on them.

    ``relate`` of GEOS 3.14 ends the process at a collection with an empty line, which a literal from outside must not
    be able to do.

    Examples
    --------
    >>> shape = shapely.from_wkt("GEOMETRYCOLLECTION (LINESTRING EMPTY, POINT (1 2))")
    >>> print(without_empty_parts(np.array([shape]))[0])
    GEOMETRYCOLLECTION (POINT (1 2))
    """
    rows = np.flatnonzero(shapely.get_type_id(shapes) >= _FIRST_COLLECTION)
    if not len(rows):
        return shapes
    parts, owners = shapely.get_parts(shapes[rows], return_index=True)
    doubtful = shapely.is_empty(parts) | (shapely.get_type_id(parts) >= _FIRST_COLLECTION)
    out: NDArray[Any] = np.array(shapes, dtype=object)
    for row in rows[np.unique(owners[doubtful])].tolist():
        out[row] = _pruned(out[row])
    return out


def _pruned(shape: Any) -> Any:
    parts = shapely.get_parts(shape)
    kept = [
        _pruned(part) if part.geom_type.startswith(("Multi", "GeometryC")) else part
        for part in parts
        if not part.is_empty
    ]
    return type(shape)(kept)
