"""Coordinate reference systems: read once at the edge, never guessed."""

from __future__ import annotations

from typing import Any

from odc.geo.crs import CRS
from pyproj.exceptions import CRSError as ProjCrsError

from extremeearth.core.errors import CrsError

__all__ = ["LONLAT", "CrsLike", "as_crs"]

CrsLike = CRS | str | int
"""What is accepted as a reference system: a `CRS`, an EPSG number, or any text PROJ reads."""

LONLAT = CRS("EPSG:4326")
"""WGS 84; inside the platform always longitude then latitude, axis order is handled at the edge."""


def as_crs(value: Any) -> CRS:
    """Read a coordinate reference system; a missing or unknown one is an error, never a guess.

    Examples
    --------
    >>> as_crs(32632).epsg
    32632
    >>> as_crs(None)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.CrsError: The data has no coordinate reference system. Name it, e.g. EPSG:4326.
    """
    if isinstance(value, CRS):
        return value
    if value is None or value == "":
        raise CrsError(
            "The data has no coordinate reference system.", hint="Name it, e.g. EPSG:4326."
        )
    try:
        return CRS(value)
    except (ProjCrsError, ValueError, TypeError) as err:
        raise CrsError(
            f"'{value}' is not a known coordinate reference system.",
            hint="Name it by code, e.g. EPSG:32632.",
        ) from err
