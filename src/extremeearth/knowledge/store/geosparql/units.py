"""Units of measure by their IRIs: those of OGC, QUDT and EPSG."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Unit", "unit_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes
    ----------
    kind
        ``length``, ``area`` or ``angle``.
    size
        Metres, square metres or radians.
    """

    kind: str
    size: float


_LENGTHS = {
    1.0: ("metre", "meter", "metres", "meters", "m", "M", "9001"),
    1e3: ("kilometre", "kilometer", "kilometres", "kilometers", "km", "KiloM", "9036"),
    0.01: ("centimetre", "centimeter", "CentiM", "1033"),
    1e-3: ("millimetre", "millimeter", "MilliM", "1025"),
    1609.344: ("mile", "statuteMile", "MI", "MI_US", "9093"),
    1852.0: ("nauticalMile", "MI_N", "9030"),
    0.3048: ("foot", "FT", "9002"),
    1200 / 3937: ("surveyFootUS", "FT_US", "9003"),
    0.9144: ("yard", "YD", "9096"),
}
_AREAS = {
    1.0: ("squareMetre", "squareMeter", "square_metre", "square_meter", "M2"),
    1e4: ("hectare", "HA"),
    1e6: ("squareKilometre", "squareKilometer", "KiloM2"),
    4046.8564224: ("acre", "AC"),
    0.09290304: ("squareFoot", "FT2"),
    1609.344**2: ("squareMile", "MI2"),
}
_ANGLES = {
    math.pi / 180: ("degree", "degrees", "DEG", "9102", "9122"),
    1.0: ("radian", "radians", "RAD", "9101"),
    math.pi / 200: ("grad", "gon", "GON", "9105"),
    math.pi / 10_800: ("arcMinute", "ARCMIN", "MIN_Angle", "9103"),
    math.pi / 648_000: ("arcSecond", "ARCSEC", "SEC_Angle", "9104"),
}
_UNITS = {
    name: Unit(kind, size)
    for kind, table in (("length", _LENGTHS), ("area", _AREAS), ("angle", _ANGLES))
    for size, names in table.items()
    for name in names
}
_IRI = re.compile(
    r"^(?:https?://www\.opengis\.net/def/uom/(?:OGC/(?:1\.0|0)|EPSG/[^/]*)/|https?://qudt\.org/vocab/unit[/#]"
    r"|urn:ogc:def:uom:(?:OGC|EPSG):[^:]*:)(?P<name>\w+)$"
)


def unit_of(iri: str) -> Unit | None:
    """Find a unit by its IRI; `None` where it is unknown.

    Examples
    --------
    >>> unit_of("http://www.opengis.net/def/uom/OGC/1.0/metre"), unit_of("urn:x")
    (Unit(kind='length', size=1.0), None)
    """
    match = _IRI.match(iri)
    return _UNITS.get(match["name"]) if match else None
