"""Shapes as arrays that travel well: writing and reading WKB costs several times as much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely

__all__ = ["PackedShapes"]

_POINT, _LINE, _POLYGON = 0, 1, 3
_SIMPLE = (_POINT, _LINE, _POLYGON)
"""Types of shapes that coordinates make: of polygons those without holes."""
_SHORTEST_RING = 4
_WKB = -2


@dataclass(frozen=True, slots=True)
class PackedShapes:
    """Shapes in the plane, in arrays; what lies above it or is measured along a line stays behind.

    Attributes
    ----------
    kinds
        Type of each shape as GEOS numbers it, or -2 for one that is in `wkb`.
    sizes
        How many coordinates each of the others has.
    coordinates
        Those of all of them, float64 of shape ``(n, 2)``.
    wkb
        Arrow array of the rest: shapes of several parts, with holes, empty, or without a place; null for none.

    Examples
    --------
    >>> lines = shapely.linestrings([[[0, 0], [1, 2]], [[3, 4], [5, 6]]])
    >>> packed = PackedShapes.of(np.array([*lines, shapely.MultiPoint([(7, 8)])], dtype=object))
    >>> packed.kinds.tolist(), packed.sizes.tolist(), len(packed.wkb)
    ([1, 1, -2], [2, 2], 1)
    >>> packed.shapes()[1:].tolist()
    [<LINESTRING (3 4, 5 6)>, <MULTIPOINT ((7 8))>]
    """

    kinds: Any
    sizes: Any
    coordinates: Any
    wkb: Any

    @classmethod
    def of(cls, shapes: Any) -> Self:
        """Pack shapes; `None` may be among them."""
        import pyarrow as pa

        kinds = shapely.get_type_id(shapes).astype(np.int8)
        simple = np.isin(kinds, _SIMPLE) & ~shapely.is_empty(shapes)
        simple &= shapely.get_num_interior_rings(shapes) == 0
        sizes = shapely.get_num_coordinates(shapes)
        simple &= (kinds != _POLYGON) | (sizes >= _SHORTEST_RING)
        coordinates = shapely.get_coordinates(shapes[simple])
        if not np.isfinite(
            coordinates
        ).all():  # a ring that does not know where it ends cannot be made
            simple[:] = False
            coordinates = coordinates[:0]
        kinds[~simple] = _WKB
        rest = shapely.to_wkb(shapes[~simple])
        return cls(
            kinds, sizes[simple].astype(np.int32), coordinates, pa.array(rest, pa.large_binary())
        )

    def shapes(self) -> Any:
        """Give the shapes again."""
        result = np.empty(len(self.kinds), dtype=object)
        simple = self.kinds != _WKB
        result[~simple] = shapely.from_wkb(self.wkb.to_numpy(zero_copy_only=False))
        kinds = self.kinds[simple]
        for kind in np.unique(kinds).tolist():
            mine = kinds == kind
            whole = mine.all()
            coordinates = (
                self.coordinates if whole else self.coordinates[np.repeat(mine, self.sizes)]
            )
            sizes = self.sizes[mine]
            result[self.kinds == kind] = _made(
                kind, coordinates, np.repeat(np.arange(len(sizes)), sizes)
            )
        return result


def _made(kind: int, coordinates: Any, owners: Any) -> Any:
    if kind == _POINT:
        return shapely.points(coordinates)
    if kind == _LINE:
        return shapely.linestrings(coordinates, indices=owners)
    return shapely.polygons(shapely.linearrings(coordinates, indices=owners))
