"""Boxes: at the poles, over the antimeridian, and against points moved one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from odc.geo.geom import BoundingBox
from pyproj import Transformer

from extremeearth.core.boxes import LONLAT, Box, as_box, as_crs, grid_over, local_crs
from extremeearth.core.errors import BoxError, CrsError

longitudes, latitudes = st.floats(-180, 180), st.floats(-90, 90)


@st.composite
def lonlat_boxes(draw: st.DrawFn) -> Box:
    xmin, xmax = draw(longitudes), draw(longitudes)
    ymin, ymax = sorted((draw(latitudes), draw(latitudes)))
    assume(xmin != xmax and ymin < ymax)
    return Box(xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, crs=LONLAT)


@pytest.mark.parametrize(
    "value",
    [
        (1, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 1), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1), (-181, 0, 1, 1),
        (0, -91, 1, 1), (0, 0, 181, 1), (0, 0, 1, 90.1), (1, 2, 3), (1, 2, 3, 4, 5), "a,b,c,d", "1,2,3", None, 7,
        {"bbox": 1}, "",
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused_with_a_hint(value: object) -> None:
    with pytest.raises(BoxError) as refused:
        as_box(value)
    assert refused.value.hint


@pytest.mark.parametrize(
    "value", [[1, 2, 3, 4], (1.0, 2.0, 3.0, 4.0), "1,2,3,4", " 1 2  3 4 ", np.array([1, 2, 3, 4])]
)
def test_boxes_are_read_from_many_forms(value: object) -> None:
    assert as_box(value) == Box(xmin=1, ymin=2, xmax=3, ymax=4, crs=LONLAT)


def test_a_box_that_carries_its_system_keeps_it() -> None:
    bounds = BoundingBox(500_000, 0, 500_100, 100, crs="EPSG:32632")
    assert as_box(bounds, crs=4326).crs.epsg == 32632
    box = as_box(bounds)
    assert as_box(box, crs=4326) is box


def test_only_longitudes_may_run_backwards() -> None:
    assert as_box([170, 60, -170, 70]).crosses_antimeridian
    with pytest.raises(BoxError):
        as_box([500_100, 0, 500_000, 100], crs=32632)


@pytest.mark.parametrize("value", [None, "", "EPSG:99999999", "nonsense", -1, 3.5, object()])
def test_unknown_systems_are_never_guessed(value: object) -> None:
    with pytest.raises(CrsError) as refused:
        as_crs(value)
    assert refused.value.hint


def test_a_box_over_the_antimeridian_has_two_parts_with_all_of_its_area() -> None:
    box = as_box([170, 60, -160, 70])
    west, east = box.parts()
    assert (west.bounds, east.bounds) == ((170, 60, 180, 70), (-180, 60, -160, 70))
    assert box.polygon().geom_type == "MultiPolygon"
    assert box.area_m2() == pytest.approx(area_between_parallels(30, 60, 70), rel=1e-5)


def area_between_parallels(width_deg: float, south: float, north: float) -> float:
    """Closed form on the ellipsoid (Snyder 1987, equation 3-12, times b^2)."""
    flattening = 1 / 298.257223563
    eccentricity = math.sqrt(flattening * (2 - flattening))

    def below(lat: float) -> float:
        s = math.sin(math.radians(lat))
        return s / (1 - (eccentricity * s) ** 2) + math.atanh(eccentricity * s) / eccentricity

    b = 6_378_137.0 * (1 - flattening)
    return math.radians(width_deg) * b**2 / 2 * (below(north) - below(south))


@pytest.mark.parametrize(
    "bounds", [(0, 60, 30, 70), (-180, 80, 180, 90), (-180, -90, 180, -60), (11, 48, 11.1, 48.1)]
)
def test_the_area_is_that_between_parallels(bounds: tuple[float, ...]) -> None:
    expected = area_between_parallels(bounds[2] - bounds[0], bounds[1], bounds[3])
    assert as_box(bounds).area_m2() == pytest.approx(expected, rel=1e-5)


def test_a_box_that_ends_on_the_antimeridian_has_one_part() -> None:
    (only,) = as_box([170, 60, -180, 70]).parts()
    assert only.bounds == (170, 60, 180, 70)


@given(lonlat_boxes(), st.floats(0, 1), st.floats(0, 1))
def test_the_parts_hold_what_the_box_holds(box: Box, across: float, up: float) -> None:
    width = box.xmax - box.xmin + (360 if box.crosses_antimeridian else 0)
    x = (box.xmin + across * width + 180) % 360 - 180
    y = box.ymin + up * (box.ymax - box.ymin)
    inside = [
        p.xmin - 1e-9 <= x <= p.xmax + 1e-9 and p.ymin - 1e-9 <= y <= p.ymax + 1e-9
        for p in box.parts()
    ]
    assert any(inside) or abs(x) == 180  # the seam has two names


@given(lonlat_boxes(), lonlat_boxes())
def test_intersects_is_what_shapely_says_of_the_parts(a: Box, b: Box) -> None:
    expected = any(
        shapely.box(*p.bounds).intersects(shapely.box(*q.bounds))
        for p in a.parts()
        for q in b.parts()
    )
    assert a.intersects(b) == b.intersects(a) == expected


def lattice(bounds: tuple[float, ...]) -> tuple[Any, Any]:
    """Points all over a box, its edges included."""
    across, up = np.linspace(bounds[0], bounds[2], 60), np.linspace(bounds[1], bounds[3], 60)
    x, y = np.meshgrid(across, up)
    return x.ravel(), y.ravel()


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        (32632, (399_960, 5_290_200, 509_760, 5_400_000)),
        (3413, (-500_000, -500_000, 400_000, 300_000)),
        (3413, (500_000, -1_500_000, 900_000, -900_000)),
        (3031, (-300_000, -200_000, 500_000, 600_000)),
        (3413, (1_000_000, 900_000, 1_600_000, 1_500_000)),
    ],
)
def test_a_projected_box_is_inside_its_lonlat_box(crs: int, bounds: tuple[float, ...]) -> None:
    """Points over the whole box, moved one by one; two of the boxes hold a pole, one lies on the antimeridian."""
    box = as_box(bounds, crs=crs)
    there = box.to_crs(LONLAT)
    x, y = lattice(bounds)
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    tolerance = 1e-3
    inside_x = (lon >= there.xmin - tolerance) & (lon <= there.xmax + tolerance)
    if there.crosses_antimeridian:
        inside_x = (lon >= there.xmin - tolerance) | (lon <= there.xmax + tolerance)
    assert (inside_x & (lat >= there.ymin - tolerance) & (lat <= there.ymax + tolerance)).all()


@pytest.mark.parametrize("bounds", [(170, 72, -170, 78), (-180, 80, 180, 90), (20, 75, 60, 82)])
def test_a_lonlat_box_is_inside_its_polar_box(bounds: tuple[float, ...]) -> None:
    box = as_box(bounds)
    there = box.to_crs(3413)
    for part in box.parts():
        lon, lat = lattice(part.bounds)
        x, y = Transformer.from_crs(4326, 3413, always_xy=True).transform(lon, lat)
        margin = 2_000.0  # edges are sampled, not solved
        assert x.min() >= there.xmin - margin
        assert x.max() <= there.xmax + margin
        assert y.min() >= there.ymin - margin
        assert y.max() <= there.ymax + margin


def test_to_the_same_system_is_the_same_box() -> None:
    box = as_box([1, 2, 3, 4])
    assert box.to_crs("EPSG:4326") is box


def test_boxes_in_different_systems_meet() -> None:
    munich = as_box([11.5, 48.1, 11.6, 48.2])
    assert munich.intersects(munich.to_crs(32632))
    assert not munich.intersects(as_box([21.5, 48.1, 21.6, 48.2]).to_crs(32634))


@pytest.mark.parametrize(
    ("bounds", "epsg"),
    [
        ((11, 48, 12, 49), 32632), ((-180, 0, -179, 1), 32601), ((179, 0, 180, 1), 32660), ((0, -10, 1, -9), 32731),
        ((179.5, 10, -179.9, 11), 32660), ((179.9, 10, -179.5, 11), 32601), ((0, 83.9, 1, 84), 32631),
        ((0, 85, 1, 86), 3413), ((0, -86, 1, -85), 3031), ((-180, 88, 180, 90), 3413),
    ],
)  # fmt: skip
def test_the_local_system_is_a_utm_zone_or_polar(bounds: tuple[float, ...], epsg: int) -> None:
    assert local_crs(as_box(bounds)).epsg == epsg


@given(
    st.floats(-179, 178),
    st.floats(-79, 83),
    st.floats(0.001, 0.5),
    st.sampled_from([10.0, 20.0, 60.0]),
)
def test_a_grid_covers_its_box_on_whole_multiples(
    lon: float, lat: float, size: float, resolution: float
) -> None:
    box = as_box([lon, lat, lon + size, lat + size])
    grid = grid_over(box, resolution=resolution)
    bounds, there = grid.boundingbox, box.to_crs(grid.crs)
    slack = 0.011 * resolution  # a hundredth of a pixel is not worth another row
    assert bounds.left <= there.xmin + slack
    assert bounds.right >= there.xmax - slack
    assert bounds.bottom <= there.ymin + slack
    assert bounds.top >= there.ymax - slack
    for side in bounds.bbox:
        assert side % resolution == pytest.approx(
            0, abs=1e-6
        ) or side % resolution == pytest.approx(resolution)


@pytest.mark.parametrize("resolution", [0, -10, float("nan")])
def test_a_grid_needs_a_resolution(resolution: float) -> None:
    with pytest.raises(BoxError):
        grid_over(as_box([1, 2, 3, 4]), resolution=resolution)
