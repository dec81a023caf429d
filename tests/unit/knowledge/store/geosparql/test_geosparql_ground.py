from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from extremeearth.knowledge.store.geosparql import ground

WGS84 = Geod(ellps="WGS84")
PLACES = [
    (15.0, 0.0), (11.5, 48.1), (15.0, 80.0), (0.0, 90.0), (33.0, -90.0), (0.0, 89.99), (-180.0, -89.999),
    (179.999, 10.0), (-179.9999, -60.0), (180.0, 88.0),
]  # fmt: skip


def disk_m2(radius_m: float, place: tuple[float, float]) -> float:
    azimuths = np.linspace(0, 360, 2001)[:-1]
    lons, lats, _ = WGS84.fwd(
        np.full(2000, place[0]), np.full(2000, place[1]), azimuths, np.full(2000, radius_m)
    )
    return abs(WGS84.polygon_area_perimeter(lons, lats)[0])


def far_from(place: tuple[float, float], shape) -> np.ndarray:
    outline = shapely.get_coordinates(shape)
    inner = (np.abs(outline[:, 0]) < 179.99999) & (np.abs(outline[:, 1]) < 89.99999)
    outline = outline[inner]
    count = len(outline)
    return np.asarray(
        WGS84.inv(np.full(count, place[0]), np.full(count, place[1]), outline[:, 0], outline[:, 1])[
            2
        ]
    )


@pytest.mark.parametrize("radius_m", [10.0, 1_000.0, 250_000.0])
@pytest.mark.parametrize("place", PLACES)
def test_a_buffer_around_a_point_is_a_disk_wherever_it_is(place, radius_m):
    found = ground.buffers_m(np.array([shapely.Point(place)]), np.array([radius_m]))[0]
    assert found.is_valid
    west, south, east, north = found.bounds
    assert west >= -180
    assert east <= 180
    assert south >= -90
    assert north <= 90
    distances = far_from(place, found)
    assert distances.max() <= radius_m * (1 + 1e-6)
    assert distances.min() >= radius_m * 0.998
    assert ground.areas_m2(np.array([found]))[0] == pytest.approx(
        disk_m2(radius_m, place), rel=2e-3
    )


def test_a_buffer_across_the_antimeridian_is_cut_there():
    found = ground.buffers_m(np.array([shapely.Point(180, 10)]), np.array([10_000.0]))[0]
    assert found.geom_type == "MultiPolygon"
    assert sorted(np.sign(part.centroid.x) for part in found.geoms) == [-1, 1]


def test_a_buffer_over_a_pole_runs_along_it():
    found = ground.buffers_m(np.array([shapely.Point(0, 89.9)]), np.array([50_000.0]))[0]
    assert found.bounds[0] == -180
    assert found.bounds[2] == 180
    assert found.bounds[3] == 90
    assert found.contains(shapely.Point(170, 89.95))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.floats(-179, 179), st.floats(-85, 85)), st.floats(0.001, 0.5), st.floats(10, 50_000),
    st.floats(0, 360), st.floats(0, 1),
)  # fmt: skip
def test_a_point_is_in_a_buffer_when_it_is_near_enough(place, size, radius_m, azimuth, part):
    from extremeearth.infrastructure.engine.geodesic import distance_m

    lon, lat = place
    line = shapely.LineString([(lon, lat), (lon + size, lat + size / 2)])
    found = ground.buffers_m(np.array([line]), np.array([radius_m]))[0]
    x, y, _ = WGS84.fwd(lon, lat, azimuth, radius_m * 2 * part)
    metres = float(distance_m(shapely.Point(x, y), line))
    if metres < radius_m * 0.995:
        assert found.intersects(shapely.Point(x, y))
    elif metres > radius_m * 1.005:
        assert not found.intersects(shapely.Point(x, y))


def test_wide_shapes_grow_and_shrink_by_pieces():
    country = shapely.segmentize(shapely.box(-5, 40, 10, 52), 0.02)
    grown, shrunk = ground.buffers_m(np.array([country, country]), np.array([5_000.0, -5_000.0]))
    area = ground.areas_m2(np.array([country, grown, shrunk]))
    band = ground.perimeters_m(np.array([country]))[0] * 5_000.0
    assert area[1] - area[0] == pytest.approx(band, rel=5e-3)
    assert area[0] - area[2] == pytest.approx(band, rel=5e-3)
    assert (area[1] - area[2]) / 2 == pytest.approx(band, rel=1e-3)
    edge = WGS84.inv(2.5, 40, 2.5, grown.bounds[1])[2]
    assert edge == pytest.approx(5_000, rel=1e-2)


def test_scattered_points_and_caps_around_the_pole():
    scattered = shapely.MultiPoint([(-179.9, 0), (179.9, 0), (0, 60)])
    cap = shapely.box(-180, 80, 180, 90)
    grown = ground.buffers_m(np.array([scattered, cap]), np.array([1_000.0, 100_000.0]))
    assert ground.areas_m2(grown[:1])[0] == pytest.approx(3 * np.pi * 1e6, rel=3e-3)
    assert grown[1].bounds[1] == pytest.approx(80 - 100_000 / 111_660, abs=1e-3)
    assert grown[1].is_valid


def test_radii_that_make_no_sense_and_empty_shapes():
    shapes = np.array([shapely.Point(0, 0)] * 4 + [shapely.Point()], dtype=object)
    found = ground.buffers_m(shapes, np.array([np.nan, np.inf, 1e7, -5.0, 5.0]))
    assert found[:3].tolist() == [None, None, None]
    assert found[3].is_empty
    assert found[4].is_empty


def test_measures_look_into_collections():
    line = shapely.LineString([(0, 80), (1, 80)])
    square = shapely.box(15.0, 80.0, 15.1, 80.1)
    mixed = shapely.GeometryCollection(
        [line, shapely.GeometryCollection([square]), shapely.Point(0, 0)]
    )
    shapes = np.array(
        [line, square, mixed, shapely.Point(0, 0), shapely.MultiPolygon()], dtype=object
    )
    length = WGS84.geometry_length(line)
    area, perimeter = map(abs, WGS84.geometry_area_perimeter(square))
    assert ground.areas_m2(shapes) == pytest.approx([0, area, area, 0, 0])
    assert ground.perimeters_m(shapes) == pytest.approx([length, perimeter, perimeter, 0, 0])
    assert ground.lengths_m(shapes) == pytest.approx(
        [length, perimeter, max(length, perimeter), 0, 0]
    )
    assert len(ground.areas_m2(np.array([], dtype=object))) == 0


def test_what_is_not_on_earth_has_no_buffer_in_metres():
    # In a process of its own: GEOS 3.14 ends it at a buffer of points without numbers
    code = """
import numpy as np, shapely
from extremeearth.knowledge.store.geosparql.ground import buffers_m
texts = ["LINESTRING (500000 4500000, 501000 4500000)", "POINT (0 95)", "LINESTRING (5 50, 5 50)", "POINT (5 50)"]
found = buffers_m(shapely.from_wkt(texts), np.full(4, 1000.0))
print([None if shape is None else round(shape.area, 6) for shape in found])
"""
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert asked.returncode == 0, asked.stderr
    plane, beyond, line, point = ast.literal_eval(asked.stdout)
    assert plane is None
    assert beyond is None
    assert line == point > 0
