"""Boxes and grids that carry their coordinate reference system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from pyproj import Transformer

from extremeearth.core.errors import BoxError
from extremeearth.core.geodesy import area_m2
from extremeearth.core.reference_systems import LONLAT, CrsLike, as_crs

__all__ = ["LONLAT", "Box", "BoxLike", "CrsLike", "as_box", "as_crs", "grid_over", "local_crs"]

MIN_UTM_LATITUDE, MAX_UTM_LATITUDE = -80.0, 84.0
BOX_NUMBERS = 4
AREA_STEPS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Axis-aligned rectangle in the units of `crs`, always x then y (longitude then latitude).

    In a geographic system a box with ``xmin > xmax`` crosses the antimeridian.

    Raises
    ------
    BoxError
        The box has no area, a side is not finite, or it leaves the range of longitude and latitude.

    Examples
    --------
    >>> box = as_box([11.60, 48.37, 11.67, 48.40])
    >>> round(box.area_m2() / 1e6, 1)
    17.3
    >>> as_box([170, 60, -170, 70]).crosses_antimeridian
    True
    """

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    crs: CRS

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in self.bounds):
            raise BoxError(f"The box {self.bounds} is not finite.", hint="Give four numbers.")
        if (
            self.ymin >= self.ymax
            or self.xmin == self.xmax
            or (self.xmin > self.xmax and not self.crs.geographic)
        ):
            raise BoxError(
                f"The box {self.bounds} is empty.",
                hint="Give xmin, ymin, xmax, ymax with xmin < xmax and ymin < ymax.",
            )
        if self.crs.geographic and not (
            -180 <= self.xmin <= 180
            and -180 <= self.xmax <= 180
            and self.ymin >= -90
            and self.ymax <= 90
        ):
            raise BoxError(
                f"The box {self.bounds} leaves the range of longitude and latitude.",
                hint="Longitude comes first (-180 to 180), then latitude (-90 to 90).",
            )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """xmin, ymin, xmax, ymax."""
        return (self.xmin, self.ymin, self.xmax, self.ymax)

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box runs over 180 degrees of longitude."""
        return self.xmin > self.xmax

    def parts(self) -> tuple[Box, ...]:
        """Cut at the antimeridian: one box, or the two on its sides."""
        if not self.crosses_antimeridian:
            return (self,)
        return tuple(
            Box(xmin=xmin, ymin=self.ymin, xmax=xmax, ymax=self.ymax, crs=self.crs)
            for xmin, xmax in ((self.xmin, 180.0), (-180.0, self.xmax))
            if xmin != xmax
        )

    def polygon(self) -> shapely.Geometry:
        """Give the outline in `crs`; a MultiPolygon where the box crosses the antimeridian."""
        outlines = [shapely.box(*part.bounds) for part in self.parts()]
        return outlines[0] if len(outlines) == 1 else shapely.multipolygons(outlines)

    def to_crs(self, crs: CrsLike) -> Box:
        """Give the smallest box in `crs` around this one, safe at poles and antimeridian.

        Examples
        --------
        >>> north = Box(xmin=-1e6, ymin=-1e6, xmax=1e6, ymax=1e6, crs=as_crs(3413))
        >>> [round(v) for v in north.to_crs(4326).bounds]
        [-180, 77, 180, 90]
        """
        target = as_crs(crs)
        if target == self.crs:
            return self
        transformer = Transformer.from_crs(self.crs.proj, target.proj, always_xy=True)
        if len(self.parts()) == 1:
            bounds = transformer.transform_bounds(*self.bounds, densify_pts=41)
        else:
            sides = [
                transformer.transform_bounds(*part.bounds, densify_pts=41) for part in self.parts()
            ]
            bounds = (
                min(s[0] for s in sides), min(s[1] for s in sides), max(s[2] for s in sides), max(s[3] for s in sides)
            )  # fmt: skip
        return Box(xmin=bounds[0], ymin=bounds[1], xmax=bounds[2], ymax=bounds[3], crs=target)

    def intersects(self, other: Box) -> bool:
        """Tell whether the two boxes share a point, whatever their systems."""
        there = other.to_crs(self.crs)
        return any(
            a.xmin <= b.xmax and b.xmin <= a.xmax and a.ymin <= b.ymax and b.ymin <= a.ymax
            for a in self.parts()
            for b in there.parts()
        )

    def area_m2(self) -> float:
        """Give the area on the ellipsoid in square metres; sides follow the axes of `crs`, not geodesics."""
        outline = self.polygon()
        xmin, ymin, xmax, ymax = shapely.bounds(outline)
        fine = shapely.segmentize(outline, max(xmax - xmin, ymax - ymin) / AREA_STEPS)
        return float(area_m2(fine, crs=self.crs))


BoxLike = Box | str | Sequence[float]
"""What is accepted as a box."""


def as_box(value: Any, *, crs: CrsLike = LONLAT) -> Box:
    """Read a box from four numbers, a text of four numbers, or an odc-geo `BoundingBox`.

    `crs` is that of bare numbers; values that carry their own keep it.

    Examples
    --------
    >>> as_box("11.6,48.3,11.7,48.4").bounds
    (11.6, 48.3, 11.7, 48.4)
    """
    if isinstance(value, Box):
        return value
    if isinstance(value, BoundingBox):
        return Box(
            xmin=value.left,
            ymin=value.bottom,
            xmax=value.right,
            ymax=value.top,
            crs=as_crs(value.crs or crs),
        )
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    try:
        numbers = [float(v) for v in value]
    except (TypeError, ValueError) as err:
        raise BoxError(f"'{value}' is not a box.", hint="Give xmin, ymin, xmax, ymax.") from err
    if len(numbers) != BOX_NUMBERS:
        raise BoxError(
            f"A box has four numbers, not {len(numbers)}.", hint="Give xmin, ymin, xmax, ymax."
        )
    return Box(xmin=numbers[0], ymin=numbers[1], xmax=numbers[2], ymax=numbers[3], crs=as_crs(crs))


def local_crs(box: Box) -> CRS:
    """Choose the metric system for a region: its UTM zone, or polar stereographic beyond UTM.

    Examples
    --------
    >>> local_crs(as_box([11.6, 48.3, 11.7, 48.4])).epsg
    32632
    >>> local_crs(as_box([-60, 85, -40, 88])).epsg
    3413
    """
    lonlat = box.to_crs(LONLAT)
    latitude = (lonlat.ymin + lonlat.ymax) / 2
    if not MIN_UTM_LATITUDE <= latitude <= MAX_UTM_LATITUDE:
        return CRS("EPSG:3413" if latitude > 0 else "EPSG:3031")
    east = lonlat.xmax + (360 if lonlat.crosses_antimeridian else 0)
    longitude = ((lonlat.xmin + east) / 2 + 180) % 360 - 180
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return CRS(f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}")


def grid_over(box: Box, *, resolution: float, crs: CrsLike | None = None) -> GeoBox:
    """Lay a pixel grid over a box, its corners on whole multiples of `resolution`.

    Parameters
    ----------
    box
        Region to cover; transformed to `crs` first.
    resolution
        Pixel side in the units of `crs` (metres for the default).
    crs
        System of the grid; by default the region's :func:`local_crs`.

    Examples
    --------
    >>> grid = grid_over(as_box([11.60, 48.37, 11.62, 48.38]), resolution=10)
    >>> grid.shape.x, grid.shape.y, str(grid.crs)
    (153, 117, 'EPSG:32632')
    """
    if not resolution > 0:
        raise BoxError(f"A resolution of {resolution} has no size.", hint="Give a positive number.")
    target = local_crs(box) if crs is None else as_crs(crs)
    there = box.to_crs(target)
    return GeoBox.from_bbox(BoundingBox(*there.bounds, crs=target), resolution=resolution)
