"""Areas and lengths on the ellipsoid, compared with pyproj's geodesics vertex by vertex."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from extremeearth.core.errors import CrsError
from extremeearth.core.geodesy import area_m2, length_m, transform

WGS84 = Geod(ellps="WGS84")


def ring_area(coordinates: object) -> float:
    """Area of one ring from its vertices."""
    x, y = np.asarray(coordinates, dtype=float).T
    return abs(WGS84.polygon_area_perimeter(x, y)[0])


@pytest.mark.parametrize("lat", [0.0, 48.0, 80.0, -70.0])
@pytest.mark.parametrize("flip_shell", [False, True])
@pytest.mark.parametrize("flip_hole", [False, True])
def test_holes_count_whatever_way_their_rings_run(
    lat: float, flip_shell: bool, flip_hole: bool
) -> None:
    shell = [(15, lat), (15.4, lat), (15.4, lat + 0.3), (15, lat + 0.3)]
    hole = [(15.1, lat + 0.1), (15.3, lat + 0.1), (15.2, lat + 0.2)]
    polygon = shapely.Polygon(
        shell[::-1] if flip_shell else shell, [hole[::-1] if flip_hole else hole]
    )
    assert float(area_m2(polygon, crs=4326)) == pytest.approx(ring_area(shell) - ring_area(hole))


def test_many_parts_add_up() -> None:
    a, b = shapely.box(15, 80, 15.1, 80.1), shapely.box(16, 80, 16.2, 80.1)
    both = shapely.MultiPolygon([a, b])
    assert float(area_m2(both, crs=4326)) == pytest.approx(sum(area_m2(np.array([a, b]), crs=4326)))


def test_a_square_kilometre_on_the_map_of_a_polar_system() -> None:
    """Equal-area coordinates: the area on the map is that on the ground."""
    x, y = Transformer.from_crs(4326, 6931, always_xy=True).transform(15, 80)
    square = shapely.segmentize(shapely.box(x, y, x + 1000, y + 1000), 50)
    assert float(area_m2(square, crs=6931)) == pytest.approx(1e6, rel=1e-4)


@given(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.001, 2), st.floats(0.001, 2))
def test_lengths_are_sums_of_geodesics(lon: float, lat: float, dx: float, dy: float) -> None:
    line = shapely.LineString([(lon, lat), (lon + dx, lat), (lon + dx, lat + dy)])
    legs = WGS84.inv(lon, lat, lon + dx, lat)[2] + WGS84.inv(lon + dx, lat, lon + dx, lat + dy)[2]
    assert float(length_m(line, crs=4326)) == pytest.approx(legs)


def test_arrays_keep_their_shape_and_nothing_has_no_size() -> None:
    shapes = np.array(
        [[shapely.box(0, 0, 1, 1), None], [shapely.Polygon(), shapely.Point(0, 0)]], dtype=object
    )
    areas, lengths = area_m2(shapes, crs=4326), length_m(shapes, crs=4326)
    assert areas.shape == lengths.shape == (2, 2)
    assert areas[0, 0] > 1e10
    assert lengths[0, 0] > 4e5
    assert (
        areas[0, 1]
        == areas[1, 0]
        == areas[1, 1]
        == lengths[0, 1]
        == lengths[1, 0]
        == lengths[1, 1]
        == 0
    )


@given(st.floats(8, 10), st.floats(40, 60))
def test_there_and_back_is_where_it_began(lon: float, lat: float) -> None:
    there = transform(shapely.Point(lon, lat), source=4326, target=32632)
    back = transform(there, source="EPSG:32632", target="EPSG:4326")
    assert (back.x, back.y) == pytest.approx((lon, lat), abs=1e-7)


def test_the_axis_order_is_always_x_then_y() -> None:
    """EPSG:4326 and EPSG:3035 are northing first by their definition; inside the platform never."""
    point = transform(shapely.Point(10, 52), source=4326, target=3035)
    assert (point.x, point.y) == pytest.approx((4_321_000, 3_210_000), abs=1)


def test_the_same_system_changes_nothing_and_a_missing_one_is_an_error() -> None:
    point = shapely.Point(1, 2)
    assert transform(point, source=4326, target="EPSG:4326") is point
    with pytest.raises(CrsError):
        area_m2(point, crs=None)  # type: ignore[arg-type]  # the point of the test
