"""Measures on the WGS 84 ellipsoid: metres are metres, also at 80 degrees north."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from pyproj import Geod, Transformer

from extremeearth.core.reference_systems import LONLAT, CrsLike, as_crs

__all__ = ["area_m2", "length_m", "transform"]

_WGS84 = Geod(ellps="WGS84")


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def transform(geometry: Any, *, source: CrsLike, target: CrsLike) -> Any:
    """Move geometries (one or an array, x then y) from one reference system to another.

    Examples
    --------
    >>> point = transform(shapely.Point(500000, 0), source=32632, target=4326)
    >>> (round(point.x, 6), round(point.y, 6))
    (9.0, 0.0)
    """
    here, there = as_crs(source), as_crs(target)
    if here == there:
        return geometry
    move: Any = _transformer(here.to_wkt(), there.to_wkt()).transform
    return shapely.transform(geometry, move, interleaved=False)


def _measured(geometry: Any, crs: CrsLike, measure: Any) -> Any:
    lonlat = np.asarray(transform(geometry, source=crs, target=LONLAT), dtype=object)
    flat = np.array([measure(g) for g in lonlat.ravel()], dtype=np.float64)
    return flat.reshape(lonlat.shape)[()]


def area_m2(geometry: Any, *, crs: CrsLike) -> Any:
    """Give the area of each geometry on the ellipsoid, in square metres.

    Parameters
    ----------
    geometry
        One shapely geometry or an array of them, x then y in `crs`.
    crs
        Reference system of the geometries.

    Returns
    -------
    numpy.float64 or numpy.ndarray of float64
        One number for one geometry, an array of the same shape for an array.

    Examples
    --------
    >>> square = shapely.box(15.0, 80.0, 15.1, 80.1)
    >>> round(float(area_m2(square, crs=4326)) / 1e6, 2)
    21.55
    """
    return _measured(geometry, crs, _polygon_area_m2)


def _polygon_area_m2(geometry: Any) -> float:
    if geometry is None or geometry.is_empty:
        return 0.0
    # Geod subtracts a hole only where it runs against its shell.
    return float(abs(_WGS84.geometry_area_perimeter(shapely.orient_polygons(geometry))[0]))


def length_m(geometry: Any, *, crs: CrsLike) -> Any:
    """Give the length of each line, or the perimeter of each polygon, on the ellipsoid in metres.

    Examples
    --------
    >>> round(float(length_m(shapely.LineString([(0, 80), (1, 80)]), crs=4326)))
    19393
    """
    return _measured(
        geometry, crs, lambda g: 0.0 if g is None or g.is_empty else _WGS84.geometry_length(g)
    )
