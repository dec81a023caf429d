"""KML geometries (OGC 12-007r2) to well-known text and back; always longitude then latitude on WGS 84."""

from __future__ import annotations

import re
from typing import Any

import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.rdf._xml import Element, read_xml

__all__ = ["KML_NAMESPACE", "kml_text", "kml_to_wkt"]

KML_NAMESPACE = "http://www.opengis.net/kml/2.2"
"""Namespace that is written; those of KML 2.3 and of Google's KML 2.0 to 2.2 are read too."""

_NAMESPACES = re.compile(
    r"^(http://www\.opengis\.net/kml/2\.[23]|http://earth\.google\.com/kml/2\.[0-2])?$"
)
_NUMBERS = re.compile(r"[-+\d.eE,\s]*")
_FLAT, _HIGH = 2, 3


def kml_to_wkt(text: str, *, depth: int) -> str:
    """Turn a KML geometry element into well-known text.

    Raises
    ------
    DataBrokenError
        It is no geometry of KML that can be read: Point, LineString, LinearRing, Polygon or MultiGeometry.

    Examples
    --------
    >>> kml_to_wkt("<Point><coordinates>11.5,48.1</coordinates></Point>", depth=9)
    'POINT (11.5 48.1)'
    """
    return _written(read_xml(text, depth=depth))


def _broken(message: str) -> DataBrokenError:
    return DataBrokenError(
        message, hint="Give one Point, LineString, LinearRing, Polygon or MultiGeometry."
    )


def _tuples(element: Element) -> tuple[str, str]:
    """Give the dimension word and the coordinates of the element's own ``coordinates``."""
    found = element.named("coordinates")
    text = found[0].text if found else ""
    if not _NUMBERS.fullmatch(text):
        raise _broken("KML coordinates hold something that is no number.")
    rows = [row.split(",") for row in re.sub(r"\s*,\s*", ",", text).split()]
    if any(len(row) not in (_FLAT, _HIGH) for row in rows):
        raise _broken("A KML coordinate has longitude, latitude and perhaps altitude.")
    high = any(len(row) == _HIGH for row in rows)
    if high:  # a height that is left out is 0 (clause 9.1.3)
        rows = [row if len(row) == _HIGH else [*row, "0"] for row in rows]
    return (" Z" if high else ""), ", ".join(" ".join(row) for row in rows)


def _written(element: Element) -> str:
    if not _NAMESPACES.match(element.namespace):
        raise _broken(f"'{element.namespace}' is not a namespace of KML.")
    if element.name in ("Point", "LineString", "LinearRing"):
        dimension, row = _tuples(element)
        return (
            f"{element.name.upper()}{dimension} ({row})" if row else f"{element.name.upper()} EMPTY"
        )
    if element.name == "Polygon":
        return _polygon(element)
    if element.name == "MultiGeometry":
        return _collection([_written(child) for child in element.children])
    raise _broken(f"'{element.name}' is not a supported KML geometry.")


def _polygon(element: Element) -> str:
    boundaries = [*element.named("outerBoundaryIs"), *element.named("innerBoundaryIs")]
    rings = [_tuples(ring) for boundary in boundaries for ring in boundary.named("LinearRing")]
    if not rings or not rings[0][1]:
        return "POLYGON EMPTY"
    if len({dimension for dimension, _ in rings}) > 1:
        raise _broken("Some rings of the KML polygon have heights and some have none.")
    return f"POLYGON{rings[0][0]} ({', '.join(f'({row})' for _, row in rings)})"


_MULTI = {"POINT": "MULTIPOINT", "LINESTRING": "MULTILINESTRING", "POLYGON": "MULTIPOLYGON"}


def _collection(members: list[str]) -> str:
    """Write a MultiGeometry of one kind as that kind, as KML has no other way to say it."""
    if not members:
        return "GEOMETRYCOLLECTION EMPTY"
    heads = {member.partition("(")[0].strip() for member in members}
    kind, _, dimension = heads.pop().partition(" ")
    if heads or kind not in _MULTI or dimension == "EMPTY":
        return f"GEOMETRYCOLLECTION ({', '.join(members)})"
    inner = ", ".join(member[member.index("(") :] for member in members)
    return f"{_MULTI[kind]} {dimension} ({inner})".replace("  ", " ")


# --------------------------------------------------------------------------------------- writing


def number_text(value: float) -> str:
    """Write a coordinate as the shortest text that reads back the same."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


def kml_text(shape: Any) -> str:
    """Write a shape, longitude and latitude, as a KML element; M values have no place in KML.

    Examples
    --------
    >>> kml_text(shapely.Point(11.5, 48))
    '<Point xmlns="http://www.opengis.net/kml/2.2"><coordinates>11.5,48</coordinates></Point>'
    """
    return _element(shape, f' xmlns="{KML_NAMESPACE}"')


def _element(shape: Any, attributes: str = "") -> str:
    kind = shape.geom_type
    if kind == "Polygon":
        inner = "".join(
            f"<{side}BoundaryIs><LinearRing>{_coordinates(ring)}</LinearRing></{side}BoundaryIs>"
            for side, ring in _rings(shape)
        )
    elif kind in ("Point", "LineString", "LinearRing"):
        inner = _coordinates(shape)
    else:
        kind, inner = "MultiGeometry", "".join(_element(part) for part in shapely.get_parts(shape))
    return f"<{kind}{attributes}>{inner}</{kind}>"


def _rings(polygon: Any) -> list[tuple[str, Any]]:
    if polygon.is_empty:
        return []
    return [("outer", polygon.exterior), *(("inner", ring) for ring in polygon.interiors)]


def _coordinates(shape: Any) -> str:
    rows = shapely.get_coordinates(shape, include_z=bool(shape.has_z)).tolist()
    text = " ".join(",".join(map(number_text, row)) for row in rows)
    return f"<coordinates>{text}</coordinates>" if rows else ""
