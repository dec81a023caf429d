from __future__ import annotations

import numpy as np
import pyoxigraph as ox
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import InputError
from extremeearth.infrastructure.engine import PREDICATES
from extremeearth.knowledge.rdf import GEO, GEOF, GeometryColumn, crs_code, in_system
from extremeearth.knowledge.store.geosparql import RELATION_PROPERTIES, RELATIONS, relate_columns

NAMES = [relation.name for relation in RELATIONS.values() if relation.name != "relate"]


def columns(*pairs):
    sides = [np.array(side, dtype=object) for side in zip(*pairs, strict=True)]
    return [GeometryColumn(side, np.zeros(len(side), np.int32)) for side in sides]


def matches(matrix: str, pattern: str) -> bool:
    """Compare one intersection matrix with one pattern, cell by cell, as Simple Features says."""
    return all(
        p == "*" or (p == "T" and m in "012") or (p == "F" and m == "F") or p == m
        for m, p in zip(matrix, pattern, strict=True)
    )


def dimension(shape) -> int:
    return int(shapely.get_dimensions(shape))


def by_definition(name: str, one, two) -> bool:
    """The relation from its definition and the intersection matrix alone."""
    matrix = shapely.relate(one, two)
    dims = dimension(one), dimension(two)
    if name == "sfCrosses":
        if dims == (1, 1):
            return matches(matrix, "0********")
        if dims[0] < dims[1]:
            return matches(matrix, "T*T******")
        return dims[0] > dims[1] and matches(matrix, "T*****T**")
    if name == "sfOverlaps":
        return dims[0] == dims[1] and matches(matrix, "1*T***T**" if dims[0] == 1 else "T*T***T**")
    if name == "sfEquals" and one.is_empty and two.is_empty:
        return True  # equal sets of points
    return any(matches(matrix, pattern) for pattern in RELATIONS[GEOF[name]].patterns)


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_each_relation_is_its_pattern(name, shapes_on_a_grid, data):
    pairs = data.draw(
        st.lists(st.tuples(shapes_on_a_grid, shapes_on_a_grid), min_size=1, max_size=10)
    )
    found = relate_columns(GEOF[name], *columns(*pairs))
    assert found.tolist() == [int(by_definition(name, *pair)) for pair in pairs]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_what_an_engine_is_told_about_a_relation_is_true(name, shapes_on_a_grid, data):
    relation = RELATIONS[GEOF[name]]
    pairs = data.draw(
        st.lists(st.tuples(shapes_on_a_grid, shapes_on_a_grid), min_size=1, max_size=10)
    )
    left, right = columns(*pairs)
    found = relate_columns(GEOF[name], left, right).astype(bool)
    inverse = relate_columns(GEOF[relation.inverse], right, left).astype(bool)
    assert found.tolist() == inverse.tolist()
    if relation.predicate is not None:
        assert (
            getattr(shapely, relation.predicate)(left.shapes, right.shapes).tolist()
            == found.tolist()
        )
    if relation.candidates is not None:
        candidates = getattr(shapely, relation.candidates)(left.shapes, right.shapes)
        assert (candidates | ~found).all()
        empties = shapely.is_empty(left.shapes) & shapely.is_empty(right.shapes)
        assert (shapely.intersects(left.shapes, right.shapes) | ~found | empties).all()


def test_predicates_are_those_of_the_engine():
    named = {r.predicate for r in RELATIONS.values()} | {r.candidates for r in RELATIONS.values()}
    assert named - {None} <= set(PREDICATES)
    assert len(NAMES) == 24
    assert set(RELATION_PROPERTIES) == {GEO[name] for name in NAMES}


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_pyoxigraph_agrees_where_it_is_exact(shapes_on_a_grid, data):
    # Regions alone: there the families are defined without dispute
    one, two = (data.draw(shapes_on_a_grid) for _ in range(2))
    if one.geom_type != "Polygon" or two.geom_type != "Polygon" or one.is_empty or two.is_empty:
        return
    names = [n for n in NAMES if n.startswith("sf")]
    selected = " ".join(f"(geof:{n}(?a, ?b) AS ?{n})" for n in names)
    query = (
        f"PREFIX geof: <{GEOF}> PREFIX geo: <{GEO}> SELECT {selected} "
        f'{{ VALUES (?a ?b) {{ ("{one.wkt}"^^geo:wktLiteral "{two.wkt}"^^geo:wktLiteral) }} }}'
    )
    row = next(iter(ox.Store().query(query)))
    for name in names:
        expected = row[name].value == "true"
        assert relate_columns(GEOF[name], *columns((one, two)))[0] == expected, name


def test_equal_points_and_lines():
    point, line = shapely.Point(1, 1), shapely.LineString([(0, 0), (1, 1)])
    ring = shapely.LineString([(0, 0), (1, 0), (1, 1), (0, 0)])
    pairs = [(point, point), (line, line.reverse()), (ring, ring)]
    assert relate_columns(GEOF.sfEquals, *columns(*pairs)).tolist() == [1, 1, 1]
    # The pattern of the other two families asks for boundaries that meet: points and rings have none
    assert relate_columns(GEOF.ehEquals, *columns(*pairs)).tolist() == [0, 1, 0]
    assert relate_columns(GEOF.rcc8eq, *columns(*pairs)).tolist() == [0, 1, 0]


def test_missing_sides_are_errors_not_falsehoods():
    left = GeometryColumn(np.array([None, shapely.Point(0, 0)]), np.array([-1, 0], np.int32))
    right = GeometryColumn(np.array([shapely.Point(0, 0)] * 2), np.array([0, 0], np.int32))
    for name in NAMES:
        assert relate_columns(GEOF[name], left, right)[0] == -1
        assert relate_columns(GEOF[name], right, left)[0] == -1


def test_the_right_side_is_transformed_to_the_system_of_the_left():
    zone = crs_code("EPSG:32632")
    lonlat = GeometryColumn(np.array([shapely.box(11, 48, 12, 49)] * 3), np.zeros(3, np.int32))
    latlon = GeometryColumn(lonlat.shapes, np.full(3, crs_code("EPSG:4326"), np.int32))
    inside = GeometryColumn(np.array([shapely.Point(11.5, 48.5)] * 3), np.zeros(3, np.int32))
    assert relate_columns(GEOF.sfContains, lonlat, in_system(inside, zone)).tolist() == [1, 1, 1]
    assert relate_columns(GEOF.sfWithin, in_system(inside, zone), latlon).tolist() == [1, 1, 1]
    assert relate_columns(GEOF.sfEquals, lonlat, latlon).tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["sfWithin", "sfContains", "sfIntersects", "sfEquals", "ehInside"])
def test_one_shape_in_many_rows_gives_the_same(name):
    rng = np.random.default_rng(3)
    many = GeometryColumn(shapely.points(rng.random((200, 2)) * 4), np.zeros(200, np.int32))
    one = GeometryColumn(np.full(200, shapely.Point(2, 2).buffer(1)), np.zeros(200, np.int32))
    for left, right in ((many, one), (one, many)):
        rows = [
            relate_columns(
                GEOF[name],
                GeometryColumn(left.shapes[i : i + 1], left.systems[:1]),
                GeometryColumn(right.shapes[i : i + 1], right.systems[:1]),
            )[0]
            for i in range(200)
        ]
        assert relate_columns(GEOF[name], left, right).tolist() == rows


@pytest.mark.parametrize("pattern", [None, "", "T*F", "T*F**F**X", "T*F**F***T"])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(InputError, match="DE-9IM"):
        relate_columns(
            GEOF.relate, *columns((shapely.Point(0, 0), shapely.Point(0, 0))), pattern=pattern
        )


def test_what_is_no_relation_is_refused():
    with pytest.raises(InputError, match="no relation"):
        relate_columns(GEOF.buffer, *columns((shapely.Point(0, 0), shapely.Point(0, 0))))


def test_shapes_that_geos_refuses_are_errors_alone():
    from extremeearth.knowledge.store.geosparql._guard import guarded

    def fails_on_lines(shapes):
        if (shapely.get_type_id(shapes) == 1).any():
            raise shapely.errors.GEOSException("no lines")
        return shapely.area(shapes)

    shapes = np.array(
        [shapely.box(0, 0, 1, 1), shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 2, 1)]
    )
    assert np.array_equal(
        guarded(fails_on_lines, shapes, error=np.nan), [1, np.nan, 2], equal_nan=True
    )
