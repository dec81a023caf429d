"""GML geometries (OGC 07-036, 3.2; 3.1 and 2.1 too) to well-known text and back.

The profile that is read is that of Simple Features (OGC 10-100r3, levels 0 and 1): everything made of points and
straight lines on a surface. What it leaves out is refused by name, not drawn otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.rdf._xml import Element, read_xml
from extremeearth.knowledge.rdf.kml import number_text

__all__ = ["GML_NAMESPACES", "gml_text", "gml_to_wkt"]

GML_NAMESPACES = {"3.2": "http://www.opengis.net/gml/3.2", "3.1": "http://www.opengis.net/gml"}
"""Namespaces that are written, by version."""

_NAMESPACES = re.compile(
    r"^http://www\.opengis\.net/(gml(/3\.[23](/exr|/ce)?)?|ont/gml#?)$"
)  # the last one is what the examples of GeoSPARQL 1.0 use
_NUMBERS = re.compile(r"[-+\d.eE\s]*")
_FLAT, _HIGH = 2, 3


class _Geometry:
    """One literal being read: the system it names, how many numbers make a position."""

    def __init__(self, text: str, depth: int) -> None:
        self.root = read_xml(text, depth=depth)
        self.systems: list[str] = []
        self.high: bool | None = None

    def written(self) -> str:
        return _read(self.root, self, _FLAT)


def gml_to_wkt(text: str, *, depth: int) -> tuple[str, tuple[str, ...]]:
    """Turn a GML geometry element into well-known text, in the order of its own axes.

    Parameters
    ----------
    text
        The element, e.g. ``<gml:Point xmlns:gml=...>``.
    depth
        How deep elements may be nested.

    Returns
    -------
    tuple
        The text, and the different names of reference systems (``srsName``) in it, the outermost first.

    Raises
    ------
    DataBrokenError
        It is no GML, or a geometry outside the profile.

    Examples
    --------
    >>> point = '<g:Point xmlns:g="http://www.opengis.net/gml" srsName="EPSG:4326"><g:pos>48 11</g:pos></g:Point>'
    >>> gml_to_wkt(point, depth=9)
    ('POINT (48 11)', ('EPSG:4326',))
    """
    geometry = _Geometry(text, depth)
    written = geometry.written()
    return written, tuple(dict.fromkeys(geometry.systems))


def _broken(message: str) -> DataBrokenError:
    return DataBrokenError(message, hint="Give a geometry of the GML Simple Features profile.")


# ------------------------------------------------------------------------------------- positions


def _dimension(element: Element, inherited: int) -> int:
    given = element.attributes.get("srsDimension", element.attributes.get("dimension"))
    if given is None:
        return inherited
    if given.strip() not in ("2", "3"):
        raise _broken(f"A GML position of dimension '{given}' is not supported.")
    return int(given)


def _numbers(text: str) -> list[str]:
    if not _NUMBERS.fullmatch(text):
        raise _broken("GML positions hold something that is no number.")
    return text.split()


def _chunks(numbers: list[str], size: int) -> list[list[str]]:
    if len(numbers) % size:
        raise _broken(f"A GML position list of {len(numbers)} numbers is not made of {size} each.")
    return [numbers[i : i + size] for i in range(0, len(numbers), size)]


def _coordinates(element: Element) -> list[list[str]]:
    """``coordinates`` of GML 2 and 3.1, whose separators are attributes."""
    of = element.attributes
    text = element.text
    within, between, decimal = of.get("cs", ","), of.get("ts", " "), of.get("decimal", ".")
    if not within or not between or not decimal:
        raise _broken("A separator of GML coordinates is empty.")
    if within.strip():
        text = re.sub(rf"\s*{re.escape(within)}\s*", within, text)
    tuples = text.split() if not between.strip() else text.split(between)
    rows = [
        part.split() if not within.strip() else part.strip().split(within)
        for part in tuples
        if part.strip()
    ]
    rows = [[number.replace(decimal, ".").strip() for number in row] for row in rows]
    for row in rows:
        for number in row:
            if not number or not _NUMBERS.fullmatch(number):
                raise _broken("GML coordinates hold something that is no number.")
    return rows


def _positions(element: Element, geometry: _Geometry, size: int) -> Iterator[list[str]]:
    """Give the positions that an element holds itself, in any of the ways GML has."""
    for child in element.children:
        own = _dimension(child, size)
        if child.name == "pos":
            numbers = _numbers(child.text)
            if len(numbers) not in (_FLAT, _HIGH):
                raise _broken(f"A GML position of {len(numbers)} numbers is not supported.")
            _note(child, geometry)
            yield numbers
        elif child.name == "posList":
            _note(child, geometry)
            yield from _chunks(_numbers(child.text), own)
        elif child.name == "coordinates":
            yield from _coordinates(child)
        elif child.name == "coord":
            yield [
                n for axis in ("X", "Y", "Z") for c in child.named(axis) for n in _numbers(c.text)
            ]
        elif child.name in ("pointProperty", "pointRep"):
            for point in child.named("Point"):
                _note(point, geometry)
                yield from _positions(point, geometry, _dimension(point, own))


def _note(element: Element, geometry: _Geometry) -> None:
    name = element.attributes.get("srsName", "").strip()
    if name:
        geometry.systems.append(name)


def _row(positions: list[list[str]], geometry: _Geometry) -> str:
    """Write positions, all of one dimension in the whole literal."""
    for position in positions:
        if len(position) not in (_FLAT, _HIGH):
            raise _broken(f"A GML position of {len(position)} numbers is not supported.")
        high = len(position) == _HIGH
        if geometry.high is not None and geometry.high != high:
            raise _broken("Some GML positions have two numbers and some three.")
        geometry.high = high
    return ", ".join(" ".join(position) for position in positions)


# ------------------------------------------------------------------------------------ geometries


def _read(element: Element, geometry: _Geometry, size: int) -> str:
    """Write a geometry as well-known text."""
    body = _bodies(element, geometry, size)
    kind, inner = body
    if not inner:
        return f"{kind} EMPTY"
    return f"{kind}{' Z' if geometry.high else ''} {inner}"


def _bodies(element: Element, geometry: _Geometry, size: int) -> tuple[str, str]:
    """Give the kind of well-known text and what stands in its brackets, brackets included; empty if nothing."""
    if not _NAMESPACES.match(element.namespace):
        raise _broken(f"'{element.namespace}' is not a namespace of GML.")
    _note(element, geometry)
    size = _dimension(element, size)
    if element.name == "Point":
        row = _row(list(_positions(element, geometry, size)), geometry)
        return "POINT", f"({row})" if row else ""
    if element.name in _LINES:
        row = _row(_line(element, geometry, size), geometry)
        kind = "LINEARRING" if element.name in _RINGS else "LINESTRING"
        return kind, f"({row})" if row else ""
    if element.name in ("Polygon", "PolygonPatch", "Rectangle", "Triangle"):
        return "POLYGON", _polygon(element, geometry, size)
    if element.name in ("Envelope", "Box"):
        return "POLYGON", _box(element, geometry, size)
    if element.name in _SURFACES:
        return _surface(element, geometry, size)
    if element.name in _COLLECTIONS:
        return _collection(element, geometry, size)
    raise _broken(f"'{element.name}' is not a supported GML geometry.")


_LINES = (
    "LineString", "LinearRing", "Ring", "Curve", "CompositeCurve", "OrientableCurve", "LineStringSegment",
)  # fmt: skip
_RINGS = ("LinearRing", "Ring")
_SURFACES = ("Surface", "CompositeSurface", "OrientableSurface")
_COLLECTIONS = {
    "MultiPoint": ("MULTIPOINT", "POINT"), "MultiCurve": ("MULTILINESTRING", "LINESTRING"),
    "MultiLineString": ("MULTILINESTRING", "LINESTRING"), "MultiSurface": ("MULTIPOLYGON", "POLYGON"),
    "MultiPolygon": ("MULTIPOLYGON", "POLYGON"), "MultiGeometry": ("GEOMETRYCOLLECTION", ""),
}  # fmt: skip
_MEMBERS = (
    "pointMember", "pointMembers", "curveMember", "curveMembers", "lineStringMember", "surfaceMember",
    "surfaceMembers", "polygonMember", "geometryMember", "geometryMembers",
)  # fmt: skip


def _members(element: Element, *names: str) -> list[Element]:
    return [inner for member in element.named(*names) for inner in member.children]


def _line(element: Element, geometry: _Geometry, size: int) -> list[list[str]]:
    """Give the positions of a line: its own, or those of its segments or members one after the other."""
    if element.name == "OrientableCurve":
        pieces = [
            p for base in _members(element, "baseCurve") for p in _piece(base, geometry, size)
        ]
        backwards = element.attributes.get("orientation", "+").strip() == "-"
        return pieces[::-1] if backwards else pieces
    inner = _members(element, "segments", "curveMember", "curveMembers")
    if not inner:
        return list(_positions(element, geometry, size))
    joined: list[list[str]] = []
    for piece in inner:
        positions = _piece(piece, geometry, size)
        if joined and positions and [*map(float, joined[-1])] != [*map(float, positions[0])]:
            raise _broken(f"The pieces of a GML {element.name} do not follow each other.")
        joined += positions[1:] if joined else positions
    return joined


def _piece(element: Element, geometry: _Geometry, size: int) -> list[list[str]]:
    if element.name not in _LINES:
        raise _broken(f"'{element.name}' is not a supported GML geometry.")
    _note(element, geometry)
    return _line(element, geometry, _dimension(element, size))


def _polygon(element: Element, geometry: _Geometry, size: int) -> str:
    sides = [
        *_members(element, "exterior", "outerBoundaryIs"),
        *_members(element, "interior", "innerBoundaryIs"),
    ]
    rings = [_row(_piece(ring, geometry, size), geometry) for ring in sides]
    if not rings or not rings[0]:
        return ""
    return f"({', '.join(f'({ring})' for ring in rings)})"


def _box(element: Element, geometry: _Geometry, size: int) -> str:
    corners = [
        _numbers(corner.text)
        for name in ("lowerCorner", "upperCorner")
        for corner in element.named(name)
    ] or list(_positions(element, geometry, size))
    if not corners:
        return ""
    if [len(c) for c in corners] != [_FLAT, _FLAT]:
        raise _broken("A GML envelope has two corners of two numbers.")
    geometry.high = False
    (a, b), (c, d) = corners
    return f"(({a} {b}, {c} {b}, {c} {d}, {a} {d}, {a} {b}))"


def _surface(element: Element, geometry: _Geometry, size: int) -> tuple[str, str]:
    inner = _members(
        element, "patches", "polygonPatches", "surfaceMember", "surfaceMembers", "baseSurface"
    )
    found = [_bodies(piece, geometry, size) for piece in inner]
    polygons = [p for kind, body in found for p in _polygons_of(kind, body)]
    if not polygons:
        return "POLYGON", ""
    if len(polygons) == 1:
        return "POLYGON", polygons[0]
    return "MULTIPOLYGON", f"({', '.join(polygons)})"


def _polygons_of(kind: str, body: str) -> list[str]:
    if kind == "POLYGON":
        return [body] if body else []
    if kind == "MULTIPOLYGON":
        return [f"(({part}))" for part in body[3:-3].split(")), ((")] if body else []
    raise _broken("A GML surface is made of polygons.")


def _collection(element: Element, geometry: _Geometry, size: int) -> tuple[str, str]:
    kind, member = _COLLECTIONS[element.name]
    inner = _members(element, *_MEMBERS)
    if not member:
        texts = [_read(piece, geometry, size) for piece in inner]
        return kind, f"({', '.join(texts)})" if texts else ""
    bodies: list[str] = []
    for piece in inner:
        found, body = _bodies(piece, geometry, size)
        if member == "POLYGON":
            bodies += _polygons_of(found, body) or ["EMPTY"]
        elif found == member or (member == "LINESTRING" and found == "LINEARRING"):
            bodies.append(body or "EMPTY")
        else:
            raise _broken(f"A GML {element.name} cannot hold a {piece.name}.")
    return kind, f"({', '.join(bodies)})" if bodies else ""


# --------------------------------------------------------------------------------------- writing


def gml_text(shape: Any, *, srs: str, version: str = "3.2") -> str:
    """Write a shape as a GML element; M values have no place in GML.

    Parameters
    ----------
    shape
        In the order of the axes of its system.
    srs
        IRI of the system, the ``srsName`` of the outermost element.
    version
        ``3.2`` or ``3.1``.

    Examples
    --------
    >>> gml_text(shapely.Point(1, 2), srs="urn:x")
    '<gml:Point xmlns:gml="http://www.opengis.net/gml/3.2" srsName="urn:x"><gml:pos>1 2</gml:pos></gml:Point>'
    """
    attributes = f' xmlns:gml="{GML_NAMESPACES[version]}" srsName="{srs}"'
    return _element(shape, attributes)


def _element(shape: Any, attributes: str = "") -> str:
    kind = shape.geom_type
    name, member = _WRITTEN.get(kind, (kind, ""))
    if member:
        inner = "".join(
            f"<gml:{member}>{_element(part)}</gml:{member}>" for part in shapely.get_parts(shape)
        )
    elif kind == "Polygon":
        inner = "" if shape.is_empty else _side("exterior", shape.exterior)
        inner += "".join(_side("interior", ring) for ring in shape.interiors)
    else:
        inner = _list("pos" if kind == "Point" else "posList", shape)
    return f"<gml:{name}{attributes}>{inner}</gml:{name}>"


_WRITTEN = {
    "MultiPoint": ("MultiPoint", "pointMember"), "MultiLineString": ("MultiCurve", "curveMember"),
    "MultiPolygon": ("MultiSurface", "surfaceMember"), "GeometryCollection": ("MultiGeometry", "geometryMember"),
}  # fmt: skip


def _side(name: str, ring: Any) -> str:
    return f"<gml:{name}><gml:LinearRing>{_list('posList', ring)}</gml:LinearRing></gml:{name}>"


def _list(name: str, shape: Any) -> str:
    if shape.is_empty:
        return ""
    numbers = shapely.get_coordinates(shape, include_z=bool(shape.has_z)).ravel().tolist()
    size = ' srsDimension="3"' if shape.has_z and name == "posList" else ""
    return f"<gml:{name}{size}>{' '.join(map(number_text, numbers))}</gml:{name}>"
