"""Distances between shapes, compared with geodesics between many points on their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from extremeearth.infrastructure.engine import distance_m, on_one_turn, pair_distances_m

WGS84 = Geod(ellps="WGS84")


def brute(a: Any, b: Any, step: float) -> float:
    """Shortest geodesic between points every `step` degrees on the edges."""
    ca, cb = (shapely.get_coordinates(shapely.segmentize(shape, step)) for shape in (a, b))
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(len(ca)), np.arange(len(cb))))
    return float(WGS84.inv(ca[i, 0], ca[i, 1], cb[j, 0], cb[j, 1])[2].min())


@pytest.mark.parametrize("lat", [0.0, 48.0, 80.0, 89.0, -70.0])
@pytest.mark.parametrize("other", [179.0, -179.6])
def test_triangles_anywhere(lat: float, other: float) -> None:
    generator = np.random.default_rng(3)
    spread = np.array([0.3, 0.1])
    for _ in range(3):
        a = shapely.Polygon(generator.uniform(-1, 1, (3, 2)) * spread + [179.6, lat])
        b = shapely.Polygon(generator.uniform(-1, 1, (3, 2)) * spread + [other, lat + 0.4])
        if shapely.intersects(a, b):
            continue
        assert float(distance_m(a, b)) == pytest.approx(brute(a, b, 0.004), abs=1.0, rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(*[st.floats(-180, 180), st.floats(-90, 90)] * 2)
def test_points_are_geodesics_apart(lon: float, lat: float, lon2: float, lat2: float) -> None:
    expected = WGS84.inv(lon, lat, lon2, lat2)[2]
    assert float(distance_m(shapely.Point(lon, lat), shapely.Point(lon2, lat2))) == pytest.approx(
        expected
    )


@settings(max_examples=25, deadline=None)
@given(st.floats(-170, 170), st.floats(-85, 85), st.floats(0, 360), st.floats(1, 50_000))
def test_a_point_beside_a_box_is_as_far_as_it_was_moved(
    lon: float, lat: float, azimuth: float, metres: float
) -> None:
    """From the corner outwards, and back: never farther than moved, the same both ways round."""
    box = shapely.box(lon, lat, lon + 0.1, lat + 0.1)
    there = WGS84.fwd(lon, lat, azimuth, metres)[:2]
    point = shapely.Point(there)
    found = float(distance_m(box, point))
    assert found <= metres + 1e-6
    assert found == pytest.approx(float(distance_m(point, box)), abs=1e-3)


def test_a_cap_around_the_pole() -> None:
    cap = shapely.box(-180, 85, 180, 90)
    expected = WGS84.inv(10, 84, 10, 85)[2]
    for lon in (-180, -100, 0, 10, 180):
        assert float(distance_m(cap, shapely.Point(lon, 84))) == pytest.approx(expected, abs=0.1)
    assert float(distance_m(cap, shapely.Point(33, 89))) == 0.0


def test_shapes_that_reach_the_other_side_of_the_earth() -> None:
    hole = shapely.box(-20, -20, 20, 20)
    almost_all = shapely.box(-180, -80, 170, 80).difference(hole)
    expected = WGS84.inv(0, 0, 0, 20)[2]
    assert float(distance_m(almost_all, shapely.Point(0, 0))) == pytest.approx(expected, abs=1.0)


def test_arrays_missing_empty_and_projected() -> None:
    shapes = np.array(
        [shapely.Point(0, 0), None, shapely.Point(), shapely.box(0, 0, 1, 1)], dtype=object
    )
    found = distance_m(shapes, shapely.Point(0, 0))
    np.testing.assert_array_equal(found, [0, np.nan, np.nan, 0])
    east = distance_m(shapely.Point(500_000, 0), shapely.Point(501_000, 0), crs=32632)
    assert float(east) == pytest.approx(1000 / 0.9996, rel=1e-6)


def test_collections_count_with_all_their_parts() -> None:
    mixed = shapely.GeometryCollection(
        [shapely.Point(10, 0), shapely.GeometryCollection([shapely.LineString([(5, 5), (0.1, 0)])])]
    )
    assert float(distance_m(mixed, shapely.Point(0, 0))) == pytest.approx(
        WGS84.inv(0, 0, 0.1, 0)[2], abs=20
    )
    line = shapely.LineString([(5, 5), (0.1, 0)])
    assert float(distance_m(mixed, shapely.Point(0, 0))) == float(
        distance_m(line, shapely.Point(0, 0))
    )


def test_lines_of_no_length_have_a_distance() -> None:
    point = shapely.Point(1, 1)
    for text in ("LINESTRING (0 0, 0 0)", "MULTILINESTRING ((0 0, 0 0), (-2 0, -3 0))"):
        expected = float(distance_m(shapely.Point(0, 0), point))
        assert float(distance_m(shapely.from_wkt(text), point)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    ["POINT (0 90.1)", "LINESTRING (500000 4500000, 501000 4500000)", "LINESTRING (0 0, 1e308 1e308)"],
)  # fmt: skip
def test_numbers_of_a_plane_have_no_distance_on_earth(text: str) -> None:
    shapes = np.array([shapely.from_wkt(text), shapely.Point(0, 0)], dtype=object)
    found = distance_m(shapes, shapely.Point(-1, -1))
    assert np.isfinite(found).tolist() == [False, True]


def anything(generator: np.random.Generator) -> Any:
    """A point, line, polygon or several lines: at a pole, over the antimeridian, on the equator, or wherever."""
    middle = [
        generator.choice([0.0, 180.0, -180.0, generator.uniform(-180, 180)]),
        generator.choice([0.0, 85.0, -85.0, generator.uniform(-80, 80)]),
    ]
    spread = generator.choice([0.01, 1.0, 20.0]) * np.array([1.0, 0.5])
    places = middle + generator.normal(0, 1, (6, 2)) * spread
    places = np.clip(places, [-300, -90], [300, 90])
    makers: list[Any] = [
        lambda: shapely.Point(places[0]),
        lambda: shapely.LineString(places[:3]),
        lambda: shapely.convex_hull(shapely.MultiPoint(places)),
        lambda: shapely.MultiLineString([places[:2], places[2:4]]),
    ]
    return makers[generator.integers(len(makers))]()


@pytest.mark.parametrize("seed", range(4))
def test_shapes_of_any_size_anywhere(seed: int) -> None:
    generator = np.random.default_rng(seed)
    measured = 0
    for _ in range(15):
        a, b = anything(generator), anything(generator)
        found, back = float(distance_m(a, b)), float(distance_m(b, a))
        assert found == pytest.approx(back, abs=0.01)
        if found == 0.0:
            continue
        measured += 1
        step = max(a.length, b.length) / 200 or 1.0
        between = brute(a, b, step)
        assert found <= between + 1e-3
        assert found >= between - 112_000 * step
    assert measured > 5


def test_the_nearest_places_may_be_far_from_where_a_shape_begins() -> None:
    """900 km on one side of the Earth are less than 1000 km where both shapes begin."""
    a = shapely.MultiPoint([(0, 0), (100, 0), (100, 0.5)])
    b = shapely.MultiPoint([(9, 0), (100, 8), (100, 8.5)])
    expected = WGS84.inv(100, 0.5, 100, 8)[2]
    assert float(distance_m(a, b)) == pytest.approx(expected, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([-360.0, 360.0]))
def test_a_turn_of_longitude_changes_nothing(seed: int, turn: float) -> None:
    generator = np.random.default_rng(seed)
    a, b = anything(generator), anything(generator)
    moved = shapely.affinity.translate(a, turn)
    if abs(moved.bounds[0]) > 540 or abs(moved.bounds[2]) > 540:
        return
    assert float(distance_m(moved, b)) == pytest.approx(float(distance_m(a, b)), abs=0.01)


def test_both_sides_of_the_antimeridian_are_one() -> None:
    over = shapely.box(170, -10, 190, 10)
    for inside in ((-175, 0), (175, 0), (180, 0), (-180, 0), (-530, 0)):
        assert float(distance_m(over, shapely.Point(inside))) == 0.0
    east = shapely.Polygon([(180, 0.1), (180, 1.3), (179, 0.5)])
    west = shapely.Polygon([(-180, 0.47), (-180, 0.81), (-179, 0.5)])
    assert float(distance_m(east, west)) == 0.0
    expected = WGS84.inv(-170, 5, -169, 5)[2]
    assert float(distance_m(over, shapely.Point(-169, 5))) == pytest.approx(expected, abs=0.1)
    twisted = shapely.Polygon([(175, 0), (185, 10), (185, 0), (175, 10)])  # is not valid
    assert float(distance_m(twisted, shapely.Point(-176, 5))) == 0.0


def test_what_all_lies_equally_far_is_measured_too() -> None:
    """Two caps, whose edges are nearest to each other all along."""
    north, south = shapely.box(-180, 85, 180, 90), shapely.box(-180, -90, 180, 60)
    assert float(distance_m(north, south)) == pytest.approx(WGS84.inv(0, 60, 0, 85)[2], abs=0.01)


@pytest.mark.parametrize("count", [1, 3, 50])
def test_only_what_matters_is_measured_and_that_exactly(count: int) -> None:
    generator = np.random.default_rng(9)
    left, right = (
        np.array([anything(generator) for _ in range(size)], dtype=object) for size in (6, 25)
    )
    left, right = on_one_turn(left), on_one_turn(right)
    i, j = (grid.ravel() for grid in np.meshgrid(np.arange(6), np.arange(25), indexing="ij"))
    everything = distance_m(left[:, None], right[None, :])
    for at_most in (np.inf, 4_000_000.0):
        found = pair_distances_m(left, right, i, j, at_most=at_most, nearest=count).reshape(6, 25)
        for mine, true in zip(found, everything, strict=True):
            matters = true <= min(np.sort(true)[min(count, 25) - 1], at_most)
            np.testing.assert_allclose(mine[matters], true[matters], atol=0.01)
            assert (mine[~matters] >= true[~matters] - 0.01).all()
