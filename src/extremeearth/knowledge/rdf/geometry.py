"""Geometry literals of GeoSPARQL 1.1: shapes with their reference system, in the order the system defines.

Inside the platform coordinates are x then y. In a WKT literal they are in the order of the system's own
definition (OGC 22-047r1, 8.5.1, requirement on ``geo:wktLiteral``): CRS84 is longitude then latitude, EPSG:4326
is latitude then longitude, a UTM zone is easting then northing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from odc.geo.crs import CRS
from pyproj import CRS as ProjCrs

from extremeearth.core.boxes import LONLAT, CrsLike, as_crs
from extremeearth.core.errors import CrsError, DataBrokenError
from extremeearth.core.geodesy import transform
from extremeearth.knowledge.rdf.geometry_order import swapped

__all__ = [
    "CRS84", "crs_from_iri", "crs_iri", "crs_of_field", "geojson_literals", "is_y_first", "parse_wkt_literal",
    "wkt_literals",
]  # fmt: skip

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
"""WGS 84, longitude then latitude: the system of a WKT literal that names none."""

_LONLAT_84 = CRS("OGC:CRS84")
_LONLAT_NAMES = ("CRS84", "CRS83", "CRS27")
ROUND_TRIP_DECIMALS = (
    20  # GEOS writes the shortest text that reads back the same, up to so many decimals
)
_CODE = r"(?P<code>\d{1,9})"
_IRI_PATTERNS = tuple(
    re.compile(pattern + "$", re.IGNORECASE | re.ASCII)
    for pattern in (
        rf"https?://(?:www\.)?opengis\.net/def/crs/EPSG/[^/]*/{_CODE}",
        rf"https?://(?:www\.)?opengis\.net/def/crs\?authority=EPSG&version=[^&]*&code={_CODE}",
        rf"urn:(?:x-)?ogc:def:crs:EPSG:(?:[^:]*:)?{_CODE}",
        rf"https?://(?:www\.)?epsg\.io/{_CODE}",
        rf"https?://(?:www\.)?opengis\.net/gml/srs/epsg\.xml#{_CODE}",
        rf"EPSG:{_CODE}",
    )
)
_OGC_IRIS = re.compile(
    r"(?:https?://(?:www\.)?opengis\.net/def/crs/OGC/(?:1\.3|0)/|urn:(?:x-)?ogc:def:crs:OGC:(?:[^:]*:)?|OGC:)"
    r"(?P<name>CRS84|CRS83|CRS27)$|CRS:(?P<code>84|83|27)$",
    re.IGNORECASE,
)
_FLAT_AXES = 2
_LITERAL = re.compile(r"^\s*(?:<(?P<iri>[^>]*)>\s*)?(?P<wkt>.*)$", re.DOTALL)


@lru_cache(maxsize=64)
def is_y_first(crs: CRS) -> bool:
    """Tell whether a system's own definition puts latitude or northing first.

    The rule is PROJ's for display: (north, east), (south, west), and polar systems that name northing first.

    Examples
    --------
    >>> is_y_first(as_crs(4326)), is_y_first(as_crs(32632)), is_y_first(as_crs("OGC:CRS84"))
    (True, False, False)
    """
    axes = crs.proj.axis_info[:2]
    if len(axes) < 2:
        return False
    directions = tuple(axis.direction.lower() for axis in axes)
    if directions in {("north", "east"), ("south", "west")}:
        return True
    same = directions in {("north", "north"), ("south", "south")}
    return same and axes[0].name.lower().startswith("northing")


def crs_iri(crs: CrsLike) -> str:
    """Give the IRI under which OGC knows a reference system.

    Data in longitude and latitude on WGS 84 is CRS84 inside the platform, so EPSG:4326 gives its own IRI only when
    asked for by name; see :func:`wkt_literals`.

    Raises
    ------
    CrsError
        The system has no EPSG code.

    Examples
    --------
    >>> crs_iri(32632)
    'http://www.opengis.net/def/crs/EPSG/0/32632'
    >>> crs_iri("OGC:CRS84")
    'http://www.opengis.net/def/crs/OGC/1.3/CRS84'
    """
    known = as_crs(crs)
    authority = known.proj.to_authority()
    if authority is not None and authority[0] == "OGC" and authority[1] in _LONLAT_NAMES:
        return f"http://www.opengis.net/def/crs/OGC/1.3/{authority[1]}"
    if authority is not None and authority[0] == "EPSG":
        return f"http://www.opengis.net/def/crs/EPSG/0/{authority[1]}"
    raise CrsError(
        f"The reference system '{known.proj.name}' has no EPSG code, so no IRI names it.",
        hint="Transform the data to one that has, e.g. EPSG:4326.",
    )


@lru_cache(maxsize=256)
def crs_from_iri(iri: str) -> CRS:
    """Find the reference system that an IRI names.

    Raises
    ------
    CrsError
        It names none that is known, or one with heights (three axes, or one that is vertical).

    Examples
    --------
    >>> crs_from_iri("urn:ogc:def:crs:EPSG::32632").epsg
    32632
    """
    if match := _OGC_IRIS.match(iri):
        return CRS(f"OGC:{(match['name'] or 'CRS' + match['code']).upper()}")
    for pattern in _IRI_PATTERNS:
        if match := pattern.match(iri):
            return _flat(as_crs(int(match["code"])), iri)
    raise CrsError(
        f"'{iri}' names no reference system that is known.",
        hint="Use e.g. http://www.opengis.net/def/crs/EPSG/0/32632.",
    )


def _flat(crs: CRS, iri: str) -> CRS:
    """Refuse systems whose coordinates are not two numbers on a surface: heights are never guessed."""
    if len(crs.proj.axis_info) == _FLAT_AXES:
        return crs
    raise CrsError(
        f"'{iri}' is a {crs.proj.type_name}: only systems of two axes are supported.",
        hint="Name the horizontal system, e.g. http://www.opengis.net/def/crs/EPSG/0/4326.",
    )


def wkt_literals(
    geometries: Any, *, crs: CrsLike, target: CrsLike | None = None, decimals: int | None = None
) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Write geometries as the lexical form of ``geo:wktLiteral``.

    Parameters
    ----------
    geometries
        Array of shapely geometries, x then y in `crs`; ``None`` stays ``None``, an empty shape stays empty.
    crs
        Reference system of the geometries.
    target
        System of the literals. By default that of the data, where longitude and latitude on WGS 84 is CRS84, the
        default of the standard, and goes without an IRI.
    decimals
        Digits after the point; by default as many as read back to the same number.

    Returns
    -------
    numpy.ndarray of object
        Texts, ``None`` where there is no geometry.

    Raises
    ------
    CrsError
        A system is missing, unknown or has no IRI.

    Examples
    --------
    >>> point = np.array([shapely.Point(11.5, 48.1)])
    >>> wkt_literals(point, crs=4326)[0]
    'POINT (11.5 48.1)'
    >>> wkt_literals(point, crs=4326, target="EPSG:4326")[0]
    '<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48.1 11.5)'
    """
    source = as_crs(crs)
    there = (_LONLAT_84 if source == LONLAT else source) if target is None else as_crs(target)
    iri = crs_iri(there)
    shapes = _in_lonlat_order(geometries, source=source, target=there)
    if is_y_first(there):
        shapes = swapped(shapes)
    digits = ROUND_TRIP_DECIMALS if decimals is None else decimals
    texts: Any = np.asarray(
        shapely.to_wkt(shapes, rounding_precision=digits, output_dimension=3), dtype=object
    )
    if iri != CRS84:
        present = ~shapely.is_missing(shapes)
        texts[present] = f"<{iri}> " + texts[present]
    literals: np.ndarray[Any, np.dtype[np.object_]] = texts
    return literals


def _in_lonlat_order(geometries: Any, *, source: CRS, target: CRS) -> Any:
    """Transform, but leave every number alone between EPSG:4326 and CRS84: both are x = longitude here."""
    shapes = np.asarray(geometries, dtype=object)
    same = {source, target} <= {LONLAT, _LONLAT_84}
    return shapes if same else np.asarray(transform(shapes, source=source, target=target))


def geojson_literals(geometries: Any, *, crs: CrsLike) -> np.ndarray[Any, np.dtype[np.object_]]:
    """Write geometries as the lexical form of ``geo:geoJSONLiteral``, always longitude then latitude (CRS84).

    Examples
    --------
    >>> geojson_literals(np.array([shapely.Point(11.5, 48.1)]), crs=4326)[0]
    '{"type":"Point","coordinates":[11.5,48.1]}'
    """
    shapes = _in_lonlat_order(geometries, source=as_crs(crs), target=LONLAT)
    return np.asarray(shapely.to_geojson(shapes), dtype=object)


def parse_wkt_literal(literals: Sequence[str | None] | Any) -> tuple[Any, list[CRS]]:
    """Read lexical forms of ``geo:wktLiteral`` back.

    Parameters
    ----------
    literals
        Texts; an empty text is an empty geometry (GeoSPARQL 1.1, requirement 13), ``None`` stays ``None``.

    Returns
    -------
    tuple
        Array of shapely geometries, x then y, and the system of each.

    Raises
    ------
    CrsError
        A literal names a system that is not known.
    DataBrokenError
        A text is not WKT.

    Examples
    --------
    >>> shapes, systems = parse_wkt_literal(
    ...     ["<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48 11)"]
    ... )
    >>> shapes[0].x, systems[0].epsg
    (11.0, 4326)
    """
    matches = [_LITERAL.match("" if text is None else text) for text in literals]
    iris = [CRS84 if m is None or m["iri"] is None else m["iri"] for m in matches]
    texts = [
        None if given is None else (m["wkt"].strip() if m else "") or "GEOMETRYCOLLECTION EMPTY"
        for given, m in zip(literals, matches, strict=True)
    ]
    try:
        shapes = np.asarray(shapely.from_wkt(np.asarray(texts, dtype=object)), dtype=object)
    except shapely.errors.ShapelyError as err:
        raise DataBrokenError(
            f"A geometry literal is not well-known text: {err}.",
            hint="Write it as e.g. POINT (11.5 48.1).",
        ) from err
    systems = [crs_from_iri(iri) for iri in iris]
    y_first = np.array([is_y_first(system) for system in systems], dtype=bool)
    if y_first.any():
        shapes[y_first] = swapped(shapes[y_first])
    return shapes, systems


def crs_of_field(metadata: dict[bytes, bytes] | None) -> CRS | None:
    """Read the system that a GeoArrow column's metadata names, if any.

    Examples
    --------
    >>> crs_of_field({b"ARROW:extension:metadata": b'{"crs": "EPSG:32632"}'}).epsg
    32632
    >>> crs_of_field(None) is None
    True
    """
    text = (metadata or {}).get(b"ARROW:extension:metadata")
    named = json.loads(text).get("crs") if text else None
    return None if named is None else CRS(ProjCrs.from_user_input(named))
