"""Nearest features and features within a distance where maps end, compared with every pair's distance."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from extremeearth.infrastructure.engine import distance_m
from extremeearth.knowledge.interlinking import LinkOptions, link, link_with_report

IDS = {"left_prefix": "urn:l:", "right_prefix": "urn:r:", "left_id": "id", "right_id": "id"}


def shapes_around(lon, lat, seed, count):
    """Points, boxes and lines; longitudes go on beyond 180."""
    rng = np.random.default_rng(seed)
    x, y = lon + rng.uniform(-4, 4, count), np.clip(lat + rng.uniform(-3, 3, count), -89.5, 89.5)
    shapes = shapely.points(x, y)
    shapes[1::3] = shapely.box(x[1::3], y[1::3], x[1::3] + 1.5, y[1::3] + 0.4)
    shapes[2::3] = [
        shapely.LineString([(a, b), (a + 2, b + 0.3)])
        for a, b in zip(x[2::3], y[2::3], strict=True)
    ]
    return shapes


def linked(oracle, left, right, **options):
    found = link(oracle.frame(left, crs=4326), oracle.frame(right, crs=4326), **IDS,
                 options=LinkOptions(relations=(), **options))  # fmt: skip
    return [(i, j) for i, _, j in oracle.positions(found)]


@pytest.mark.parametrize("lon", [0.0, 180.0, -180.0, 185.0])
@pytest.mark.parametrize("lat", [0.0, 82.0, 88.0, -88.0])
def test_nearest_and_within_equal_brute_force_where_maps_end(lon, lat, oracle):
    left, right = shapes_around(lon, lat, 1, 8), shapes_around(-lon, lat, 2, 14)
    metres = distance_m(left[:, None], right[None, :])
    order = np.lexsort((np.broadcast_to(np.arange(14), metres.shape), metres.round(3)))[:, :3]
    got = linked(oracle, left, right, nearest=3)
    assert len(got) == 24
    chosen = np.sort(metres[tuple(np.array(got).T)].reshape(8, 3))
    np.testing.assert_allclose(chosen, np.take_along_axis(metres, order, axis=1), atol=0.01)
    limit = float(np.median(metres)) + 0.5
    close = np.nonzero(metres <= limit)
    assert linked(oracle, left, right, within_m=limit) == list(
        zip(*(part.tolist() for part in close), strict=True)
    )


def test_shapes_beyond_180_are_found_from_both_sides(oracle):
    beyond = [shapely.box(181, 0, 182, 1), shapely.Point(-181, 0), shapely.box(-200, 0, -190, 1)]
    inside = [shapely.Point(-178.5, 0.5), shapely.Point(179, 0), shapely.Point(165, 0.5)]
    same = [(0, 0), (1, 1), (2, 2)]
    for left, right in ((beyond, inside), (inside, beyond), (beyond, beyond)):
        assert linked(oracle, left, right, within_m=1.0) == same
        assert linked(oracle, left, right, nearest=1) == same


def test_shapes_beyond_a_pole_are_left_out_and_told(oracle):
    good, broken = shapely.Point(10, 89), shapely.box(0, 89, 1, 91)
    left, right = (oracle.frame(s, crs=4326) for s in ([broken, good], [broken, good, good]))
    links, report = link_with_report(
        left, right, **IDS, options=LinkOptions(relations=(), nearest=5, within_m=1e6)
    )
    assert {(i, j) for i, _, j in oracle.positions(links)} == {(1, 1), (1, 2)}
    assert report.beyond_pole == (1, 1)


def test_equally_near_ones_are_taken_in_their_order(oracle):
    same = [shapely.box(0, 0, 1, 1)] * 6
    assert linked(oracle, same[:2], same, nearest=3) == [(i, j) for i in range(2) for j in range(3)]
    far = [shapely.Point(170, 60)] * 4
    assert linked(oracle, same[:1], far, nearest=2) == [(0, 0), (0, 1)]


def test_more_than_there_are_and_features_without_extent(oracle):
    left = [shapely.Point(0, 0), shapely.Polygon(), None]
    right = [shapely.Point(179, 0), None, shapely.Point(), shapely.box(-80, -90, 20, -80)]
    assert linked(oracle, left, right, nearest=10) == [(0, 0), (0, 3)]
    assert linked(oracle, left, right[1:3], nearest=2) == []
