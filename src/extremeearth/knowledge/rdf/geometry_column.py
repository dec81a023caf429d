"""A column of geometries with the reference system of each, x then y."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.crs import CRS

from extremeearth.knowledge.rdf.geometry import CRS84, crs_from_iri, crs_iri

__all__ = ["CRS84_CODE", "NO_CRS", "GeometryColumn", "crs_code", "crs_of_code", "iri_of_code"]

CRS84_CODE = 0
"""Code of WGS 84 in longitude and latitude."""
NO_CRS = -1
"""Code where there is no geometry."""

_lock = threading.Lock()
_systems: list[tuple[str, CRS]] = [(CRS84, CRS("OGC:CRS84"))]
_codes: dict[str, int] = {CRS84: CRS84_CODE}


@dataclass(frozen=True, slots=True)
class GeometryColumn:
    """Geometries as two arrays of one length.

    Attributes
    ----------
    shapes
        Shapely geometries, x then y (longitude then latitude, easting then northing) whatever order the system's
        own definition has; ``None`` where there is no geometry.
    systems
        int32 codes of the reference systems (`crs_code`), -1 where there is no geometry.
    """

    shapes: NDArray[Any]
    systems: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.shapes)


def crs_code(iri: str) -> int:
    """Give the code of the reference system that an IRI names; every spelling of one system has one code.

    EPSG:4326 keeps a code of its own: the numbers are those of CRS84, but its literals are written latitude first.

    Raises
    ------
    CrsError
        The IRI names no system that is known.

    Examples
    --------
    >>> (
    ...     crs_code("urn:ogc:def:crs:OGC:1.3:CRS84"),
    ...     crs_of_code(crs_code("http://epsg.io/32632")).epsg,
    ... )
    (0, 32632)
    """
    found = _codes.get(iri)
    if found is not None:
        return found
    system = crs_from_iri(iri)
    canonical = crs_iri(system)
    with _lock:
        if canonical not in _codes:
            _systems.append((canonical, system))
            _codes[canonical] = len(_systems) - 1
        return _codes.setdefault(iri, _codes[canonical])


def crs_of_code(code: int) -> CRS:
    """Give the reference system of a code."""
    return _systems[code][1]


def iri_of_code(code: int) -> str:
    """Give the canonical IRI of a code's reference system."""
    return _systems[code][0]
