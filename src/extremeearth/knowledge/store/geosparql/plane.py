"""Azimuthal equidistant planes around points of the ellipsoid, and the way back to longitude and latitude."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

__all__ = ["Planes"]

_WGS84 = Geod(ellps="WGS84")
BEYOND_M = 3e7
EARTH_M = 6.4e6
FLATNESS = 5e-4
"""How far, in radii, an edge of a buffer may be from where it should be, once drawn in longitude and latitude."""
POLE_TOLERANCE_M = 1e-6


class Planes:
    """One plane for each of a column of shapes.

    Distances and directions from the centre are true: geodesics by Karney (2013). The y axis runs along the
    centre's meridian, so both poles lie on it.

    Parameters
    ----------
    longitudes, latitudes
        Centres, in degrees.

    Examples
    --------
    >>> planes = Planes(np.array([15.0]), np.array([80.0]))
    >>> drawn = planes.project(np.array([shapely.Point(15, 81)]))
    >>> round(drawn[0].x), round(drawn[0].y)
    (0, 111663)
    """

    def __init__(self, longitudes: NDArray[np.float64], latitudes: NDArray[np.float64]) -> None:
        self.longitudes = longitudes
        self.latitudes = latitudes

    def project(self, lonlat: NDArray[Any]) -> NDArray[Any]:
        """Draw shapes in their planes, in metres."""
        coordinates, owners = shapely.get_coordinates(lonlat, return_index=True)
        azimuth, _, metres = _WGS84.inv(
            self.longitudes[owners], self.latitudes[owners], coordinates[:, 0], coordinates[:, 1]
        )
        angle = np.radians(azimuth)
        drawn = np.column_stack([metres * np.sin(angle), metres * np.cos(angle)])
        return np.asarray(shapely.set_coordinates(lonlat.copy(), drawn))

    def lift(self, drawn: NDArray[Any], reach_m: NDArray[np.float64]) -> NDArray[Any]:
        """Bring polygons back to longitude and latitude, cut at the antimeridian and led along the poles.

        Parameters
        ----------
        drawn
            Polygons in the planes; ``None`` stays ``None``.
        reach_m
            How precise each has to be: edges are cut so that they bend by less than a 2000th of it.
        """
        out: NDArray[Any] = np.full(len(drawn), None, object)
        there = ~shapely.is_missing(drawn)
        empty = there & shapely.is_empty(drawn)
        out[empty] = shapely.Polygon()
        rows = np.flatnonzero(there & ~empty)
        if not len(rows):
            return out
        fine = self._fine(drawn[rows], rows, reach_m[rows])
        north, south = (self._pole_m(rows, side) for side in (90.0, -90.0))
        beyond = np.array(
            [
                shapely.multilinestrings([[(0, n), (0, BEYOND_M)], [(0, s), (0, -BEYOND_M)]])
                for n, s in zip(north.tolist(), south.tolist(), strict=True)
            ]
            if (np.abs(self.latitudes[rows]) > 0).any() and self._polar(rows, fine).any()
            else [],
            dtype=object,
        )
        polar = shapely.intersects(fine, beyond) if len(beyond) else np.zeros(len(rows), bool)
        plain = rows[~polar]
        out[plain] = _within_world(self._unrolled(fine[~polar], plain))
        for place in np.flatnonzero(polar).tolist():
            out[rows[place]] = self._over_pole(
                fine[place], int(rows[place]), float(north[place]), float(south[place])
            )
        return out

    def _fine(
        self, drawn: NDArray[Any], rows: NDArray[Any], reach_m: NDArray[np.float64]
    ) -> NDArray[Any]:
        """Cut edges shorter the more the meridians close up: the bend of an edge is length^2 tan(latitude) / 8R."""
        extent = shapely.bounds(drawn)
        farthest = np.abs(extent).max(axis=1)
        latitude = np.minimum(np.abs(self.latitudes[rows]) + np.degrees(farthest / EARTH_M), 89.99)
        steep = np.maximum(np.tan(np.radians(latitude)), 1e-3)
        longest = np.sqrt(8 * EARTH_M / steep * FLATNESS * np.maximum(reach_m, 1.0))
        return np.asarray(
            shapely.segmentize(drawn, np.maximum(longest, np.maximum(farthest, 1e-3) / 500)),
            dtype=object,
        )

    def _pole_m(self, rows: NDArray[Any], latitude: float) -> NDArray[np.float64]:
        longitudes = self.longitudes[rows]
        _, _, metres = _WGS84.inv(
            longitudes, self.latitudes[rows], longitudes, np.full(len(rows), latitude)
        )
        return np.asarray(np.copysign(np.asarray(metres), latitude))

    def _polar(self, rows: NDArray[Any], drawn: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which shapes come near a pole at all."""
        farthest = np.abs(shapely.bounds(drawn)).max(axis=1)
        return np.asarray(np.abs(self.latitudes[rows]) + np.degrees(farthest / EARTH_M) > 89.0)

    def _lonlat(
        self, xy: NDArray[np.float64], owners: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give how far each point is east of its centre, in degrees, and its latitude."""
        x, y = xy.T
        longitude, latitude, _ = _WGS84.fwd(
            self.longitudes[owners],
            self.latitudes[owners],
            np.degrees(np.arctan2(x, y)),
            np.hypot(x, y),
        )
        east = (np.asarray(longitude) - self.longitudes[owners] + 180.0) % 360.0 - 180.0
        return east, np.asarray(latitude)

    def _unrolled(self, drawn: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
        """Bring shapes back without cutting: longitudes may go beyond 180."""
        xy, owners = shapely.get_coordinates(drawn, return_index=True)
        east, latitude = self._lonlat(xy, rows[owners])
        lifted = np.column_stack([self.longitudes[rows[owners]] + east, latitude])
        return np.asarray(shapely.set_coordinates(drawn.copy(), lifted))

    def _over_pole(self, drawn: Any, row: int, north_m: float, south_m: float) -> Any:
        """Cut a polygon into quarters around the nearer pole, each of which is simple in longitude and latitude."""
        top, pole = (1, north_m) if north_m < -south_m else (-1, south_m)
        quarters = [
            (side, shapely.box(min(0, side * BEYOND_M), low, max(0, side * BEYOND_M), high))
            for side in (-1, 1)
            for low, high in ((-BEYOND_M, pole), (pole, BEYOND_M))
        ]
        pieces = [
            shapely.Polygon(ring)
            for side, quarter in quarters
            for part in shapely.get_parts(shapely.intersection(drawn, quarter))
            if part.geom_type == "Polygon"
            for ring in [self._led_along(part.exterior, row, side, top, pole)]
        ]
        holes = [
            shapely.Polygon(self._led_along(hole, row, side, top, pole))
            for side, quarter in quarters
            for part in shapely.get_parts(shapely.intersection(drawn, quarter))
            if part.geom_type == "Polygon"
            for hole in part.interiors
        ]
        whole = shapely.union_all(_within_world(np.array(pieces, dtype=object)))
        if holes:
            whole = shapely.difference(
                whole, shapely.union_all(_within_world(np.array(holes, dtype=object)))
            )
        return whole

    def _led_along(
        self, ring: Any, row: int, side: int, top: int, pole: float
    ) -> NDArray[np.float64]:
        """Lift a ring on one side of the meridian; at the pole it runs from the one longitude to the other."""
        xy = shapely.get_coordinates(ring)[:-1]
        east, latitude = self._lonlat(xy, np.full(len(xy), row))
        on_axis = np.abs(xy[:, 0]) < POLE_TOLERANCE_M
        behind = on_axis & ((xy[:, 1] - pole) * top > 0)
        east = np.where(
            np.sign(east) == -side, np.where(np.abs(east) > 90, side * 180.0, 0.0), east
        )
        east = np.where(on_axis, np.where(behind, side * 180.0, 0.0), east)
        at_pole = on_axis & (np.abs(xy[:, 1] - pole) < POLE_TOLERANCE_M * 10)
        longitude = self.longitudes[row] + east
        rows: list[tuple[float, float]] = []
        for place in range(len(xy)):
            if at_pole[place]:
                rows.append((float(longitude[place - 1]), top * 90.0))
                rows.append((float(longitude[(place + 1) % len(xy)]), top * 90.0))
            else:
                rows.append((float(longitude[place]), float(latitude[place])))
        return np.array([*rows, rows[0]])


def _within_world(shapes: NDArray[Any]) -> NDArray[Any]:
    """Cut at the antimeridian what goes beyond it, and move it to the other side."""
    out: NDArray[Any] = shapes.copy()
    west, _, east, _ = shapely.bounds(shapes).T
    for row in np.flatnonzero((west < -180) | (east > 180)).tolist():
        pieces = [_turned(shapes[row], turn) for turn in (-360.0, 0.0, 360.0)]
        out[row] = shapely.union_all(pieces)
    return out


def _turned(shape: Any, turn: float) -> Any:
    """Give what lies within half a turn around a longitude, moved to longitude 0."""
    part = shapely.intersection(shape, shapely.box(turn - 180, -90, turn + 180, 90))
    return shapely.transform(part, lambda xy: xy - [turn, 0])
