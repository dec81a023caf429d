"""Spatial relations and joins without index, engine or batch: one pair after the other."""

from __future__ import annotations

from collections.abc import Iterable

from shapely.geometry.base import BaseGeometry

__all__ = ["SIMPLE_FEATURES", "joined", "related"]

SIMPLE_FEATURES: dict[str, tuple[str, ...]] = {
    "sfEquals": ("TFFFTFFFT",),
    "sfDisjoint": ("FF*FF****",),
    "sfIntersects": ("T********", "*T*******", "***T*****", "****T****"),
    "sfTouches": ("FT*******", "F**T*****", "F***T****"),
    "sfWithin": ("T*F**F***",),
    "sfContains": ("T*****FF*",),
}
"""DE-9IM patterns of GeoSPARQL 1.0, table 2, of the relations whose pattern does not depend on dimensions."""
LINES_CROSS, LINES_OVERLAP, OVERLAP = "0********", "1*T***T**", "T*T***T**"


def related(function: str, one: BaseGeometry, other: BaseGeometry) -> bool:
    """Tell whether two shapes are so related, by the matrix of their intersections."""
    a, b = dimension(one), dimension(other)
    if function == "sfCrosses":
        patterns: tuple[str, ...] = ("T*T******",) if a < b else ("T*****T**",) if a > b else ()
        patterns = (LINES_CROSS,) if a == b == 1 else patterns
    elif function == "sfOverlaps":
        patterns = () if a != b else (LINES_OVERLAP,) if a == 1 else (OVERLAP,)
    else:
        patterns = SIMPLE_FEATURES[function]
    return any(one.relate_pattern(other, pattern) for pattern in patterns)


def dimension(shape: BaseGeometry) -> int:
    """Give 0 for points, 1 for lines, 2 for polygons."""
    return {"Point": 0, "LineString": 1, "Polygon": 2}[shape.geom_type.removeprefix("Multi")]


def joined(
    function: str, left: Iterable[tuple[str, BaseGeometry]], right: Iterable[tuple[str, BaseGeometry]]
) -> set[tuple[str, str]]:  # fmt: skip
    """Give the names of each pair that is so related."""
    others = list(right)
    return {
        (name, other) for name, one in left for other, two in others if related(function, one, two)
    }
