"""The order of axes: x then y inside, what the reference system defines in a literal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["swapped", "swapped_text"]

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
