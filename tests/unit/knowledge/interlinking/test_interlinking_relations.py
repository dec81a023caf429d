"""Disjoint on request, self-joins, closed lines in RCC8, times, distances, nearest."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.infrastructure.engine import distance_m
from extremeearth.knowledge.interlinking import LinkOptions, link, link_with_report

grid = st.integers(0, 4)
point = st.builds(shapely.Point, grid, grid)
line = st.lists(st.tuples(grid, grid), min_size=2, max_size=5, unique=True).map(shapely.LineString)
ring = st.tuples(grid, grid).map(lambda v: shapely.box(v[0], v[1], v[0] + 2, v[1] + 1).exterior)
box = st.tuples(grid, grid, st.integers(1, 3), st.integers(1, 3)).map(
    lambda v: shapely.box(v[0], v[1], v[0] + v[2], v[1] + v[3])
)
mixed = st.tuples(point, box).map(
    lambda v: shapely.GeometryCollection([v[1], shapely.Point(9, v[0].x)])
)
lines = st.lists(line, min_size=2, max_size=3).map(shapely.MultiLineString)
shape = st.one_of(point, line, ring, box, mixed, lines).filter(lambda g: g.is_valid)
shapes = st.lists(shape, min_size=1, max_size=7)


@settings(max_examples=100, deadline=None)
@given(shapes, shapes, st.sampled_from([2, 5, 1000]))
def test_all_relations_with_disjoint_equal_brute_force(oracle, left, right, rows_per_cell):
    options = LinkOptions(
        relations=[oracle.short[n] for n in oracle.names], rows_per_cell=rows_per_cell
    )
    found = oracle.linked(left, right, options=options)
    assert len(found) == len(set(found))
    assert set(found) == oracle.brute_force(left, right, oracle.names)


@settings(max_examples=100, deadline=None)
@given(shapes, st.sampled_from([2, 5, 1000]))
def test_a_self_join_equals_brute_force_without_the_diagonal(oracle, some, rows_per_cell):
    options = LinkOptions(
        relations=[oracle.short[n] for n in oracle.names], rows_per_cell=rows_per_cell
    )
    found = oracle.linked(some, None, options=options)
    assert len(found) == len(set(found))
    expected = {t for t in oracle.brute_force(some, some, oracle.names) if t[0] != t[2]}
    assert set(found) == expected


def test_a_self_join_verifies_each_pair_once(clusters, oracle):
    polygons, _ = clusters(100)
    _, alone = link_with_report(oracle.frame(polygons), None, left_id="id", left_prefix="urn:l:")
    _, twice = link_with_report(oracle.frame(polygons), oracle.frame(polygons), **oracle.ids)
    assert alone.verified * 2 + 100 == twice.verified
    assert alone.links["overlaps"] == twice.links["overlaps"] > 0


def test_disjoint_is_stated_only_by_name(oracle):
    apart = [shapely.Point(0, 0)], [shapely.Point(5, 5)]
    assert oracle.linked(*apart) == []
    assert oracle.linked(*apart, relations="disjoint") == [(0, "sfDisjoint", 0)]
    assert oracle.linked(*apart, relations=["disjoint"], vocabulary="eh") == [(0, "ehDisjoint", 0)]


@settings(max_examples=60, deadline=None)
@given(shapes, shapes)
def test_rcc8_of_lines_and_polygons_equals_the_patterns(oracle, left, right):
    plain = [g for g in left if g.geom_type != "GeometryCollection"]
    others = [g for g in right if g.geom_type != "GeometryCollection"]
    patterns = {
        "eq": "TFFFTFFFT", "dc": "FFTFFTTTT", "ec": "FFTFTTTTT", "po": "TTTTTTTTT", "tppi": "TTTFTTFFT",
        "tpp": "TFFTTFTTT", "ntpp": "TFFTFFTTT", "ntppi": "TTTFFTFFT",
    }  # fmt: skip
    found = set(oracle.linked(plain, others, relations=list(patterns), vocabulary="rcc8"))
    assert found == {
        (i, f"rcc8{name}", j)
        for name, pattern in patterns.items()
        for i, a in enumerate(plain)
        for j, b in enumerate(others)
        if shapely.relate_pattern(a, b, pattern)
    }


def test_only_features_whose_times_meet_are_linked(oracle):
    same = [shapely.Point(0, 0)] * 3
    left = oracle.frame(
        same,
        start=["2020-01-01", "2021-01-01", None],
        end=["2020-06-01", "2021-06-01", "2019-12-31"],
    )
    right = oracle.frame(same, at=["2020-06-01T00:00:00Z", "2022-01-01T00:00:00Z", None])
    found = link(
        left, right, **oracle.ids, left_times=("start", "end"), right_times="at", relations="equals"
    )
    # no instant means always
    assert oracle.positions(found) == [
        (0, "sfEquals", 0),
        (0, "sfEquals", 2),
        (1, "sfEquals", 2),
        (2, "sfEquals", 2),
    ]
    apart = link(left, right, **oracle.ids, left_times=("start", "end"), right_times="at", options=LinkOptions(
        relations=["disjoint"], within_m=5.0))  # fmt: skip
    assert {(i, j) for i, _, j in oracle.positions(apart)} == {(0, 0), (0, 2), (1, 2), (2, 2)}


def test_times_by_a_function_and_bad_times(oracle):
    some = oracle.frame([shapely.Point(0, 0)], year=[2020])

    def by_year(frame):
        return np.array(
            [[f"{y}-01-01", f"{y}-12-31"] for y in frame["year"]], dtype="datetime64[s]"
        )

    found = link(
        some, some, **oracle.ids, left_times=by_year, right_times=by_year, relations="equals"
    )
    assert found.num_rows == 1
    for times, message in (("when", "no column 'when'"), (("year",) * 3, "3 columns are no time span"),
                           (lambda f: np.zeros(3), "shape")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            link(some, some, **oracle.ids, left_times=times)
    broken = oracle.frame([shapely.Point(0, 0)], a=["2021-01-01"], b=["2020-01-01"], c=["soon"])
    with pytest.raises(InputError, match="ends before it starts"):
        link(broken, broken, **oracle.ids, left_times=("a", "b"))
    with pytest.raises(InputError, match="no time"):
        link(broken, broken, **oracle.ids, left_times="c")


@pytest.fixture(scope="module")
def near_the_edges():
    """Places around the antimeridian and the pole, and in between."""
    rng = np.random.default_rng(5)
    lon = np.concatenate(
        [rng.uniform(179, 181, 20), rng.uniform(-180, 180, 10), rng.uniform(10, 12, 20)]
    )
    lon = (lon + 180) % 360 - 180
    lat = np.concatenate(
        [rng.uniform(60, 62, 20), rng.uniform(88, 90, 10), rng.uniform(50, 52, 20)]
    )
    points = shapely.points(np.column_stack([lon, lat]))
    areas = shapely.box(lon, np.minimum(lat, 89), lon + 0.01, np.minimum(lat, 89) + 0.01)
    return np.concatenate([points[:25], areas[25:]]), np.concatenate([areas[:25], points[25:]])


@pytest.mark.parametrize("limit", [0.0, 30_000.0, 150_000.0])
def test_within_distance_equals_brute_force(limit, near_the_edges, oracle):
    left, right = near_the_edges
    found = link(oracle.frame(left, crs=4326), oracle.frame(right, crs=4326), **oracle.ids,
                 options=LinkOptions(relations=(), within_m=limit))  # fmt: skip
    metres = distance_m(left[:, None], right[None, :])
    expected = list(zip(*(a.tolist() for a in np.nonzero(metres <= limit)), strict=True))
    assert [
        (i, j) for i, name, j in oracle.positions(found) if name == "withinDistance"
    ] == expected
    assert expected


@pytest.mark.parametrize("count", [1, 3, 100])
def test_nearest_equals_brute_force(count, near_the_edges, oracle):
    left, right = near_the_edges
    found = link(oracle.frame(left, crs=4326), oracle.frame(right, crs=4326), **oracle.ids,
                 options=LinkOptions(relations=(), nearest=count))  # fmt: skip
    metres = distance_m(left[:, None], right[None, :])
    order = np.lexsort((np.broadcast_to(np.arange(50), metres.shape), metres))[:, :count]
    expected = {(i, int(j)) for i, row in enumerate(order) for j in row}
    got = {(i, j) for i, _, j in oracle.positions(found)}
    assert len(got) == 50 * min(count, 50)
    # equal distances may go either way
    mine, best = (sorted(metres[tuple(np.array(list(pairs)).T)]) for pairs in (got, expected))
    assert np.allclose(mine, best, atol=0.01)


def test_distances_within_one_set_leave_out_the_feature_itself(near_the_edges, oracle):
    left, _ = near_the_edges
    some = oracle.frame(left, crs=4326)
    found = oracle.positions(link(some, None, left_id="id", left_prefix="urn:l:",
                                  options=LinkOptions(relations=(), within_m=30_000, nearest=1)))  # fmt: skip
    close = {(i, j) for i, name, j in found if name == "withinDistance"}
    assert close == {(j, i) for i, j in close}
    assert all(i != j for i, _, j in found)
    assert sum(name == "nearest" for _, name, _ in found) == 50


def test_options_that_make_no_sense_are_refused():
    for options, message in (
        ({"relations": ()}, "No relation is asked for"),
        ({"within_m": -1.0}, "not possible"),
        ({"nearest": 0}, "are none"),
        ({"rows_per_cell": 1}, "at least 2"),
        ({"weighting": "best"}, "is no weighting"),
    ):
        with pytest.raises(InputError, match=message):
            LinkOptions(**options)
