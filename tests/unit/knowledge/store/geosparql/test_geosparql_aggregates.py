from __future__ import annotations

import numpy as np
import pytest
import shapely

from extremeearth.knowledge.rdf import GEO, GEOF
from extremeearth.knowledge.sparql.terms import Iri, Literal
from extremeearth.knowledge.store import open_graph

EPSG = "<http://www.opengis.net/def/crs/EPSG/0/4326> "


def test_union_of_each_group(aggregated):
    boxes = [shapely.box(i, 0, i + 1.5, 1) for i in range(6)]
    groups = [0, 1, 0, 1, 2, 0]
    found = aggregated("aggUnion", [box.wkt for box in boxes], groups, 3)
    for group, text in enumerate(found):
        members = [box for box, g in zip(boxes, groups, strict=True) if g == group]
        assert shapely.from_wkt(text).equals(shapely.union_all(members))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("aggBoundingBox", shapely.envelope),
        ("aggBoundingCircle", shapely.minimum_bounding_circle),
        ("aggCentroid", shapely.centroid),
        ("aggConvexHull", shapely.convex_hull),
        ("aggConcaveHull", lambda c: shapely.concave_hull(c, ratio=0.3)),
    ],
)
def test_other_aggregates_are_those_of_the_collection(aggregated, name, make):
    points = shapely.points(np.random.default_rng(1).random((12, 2)))
    found = aggregated(name, [p.wkt for p in points], [0] * 6 + [1] * 6, 2)
    for text, members in zip(found, (points[:6], points[6:]), strict=True):
        expected = make(shapely.GeometryCollection(list(members)))
        assert shapely.equals_exact(shapely.from_wkt(text), shapely.normalize(expected), 1e-12)


def test_how_concave_a_hull_is_may_be_told_for_each_group(aggregated):
    points = shapely.points(np.random.default_rng(2).random((20, 2)))
    groups = [0] * 10 + [1] * 10
    found = aggregated("aggConcaveHull", [p.wkt for p in points], groups, 2, [0.1] * 10 + [1] * 10)
    for text, members, ratio in zip(found, (points[:10], points[10:]), (0.1, 1.0), strict=True):
        expected = shapely.concave_hull(shapely.GeometryCollection(list(members)), ratio=ratio)
        assert shapely.equals_exact(shapely.from_wkt(text), shapely.normalize(expected), 1e-12)


@pytest.mark.parametrize(
    "others",
    [[[1.5, 1.5]], [[-0.1, -0.1]], [["x", "x"]], [[0.1, 0.2]], [[None, 0.1]], [[1, 1]] * 2],
)
def test_a_hull_is_an_error_where_it_is_not_told_how_concave_in_one_number(aggregated, others):
    values = ["MULTIPOINT (0 0, 1 0, 1 1)", "POINT (0 1)"]
    assert aggregated("aggConcaveHull", values, [0, 0], 1, *others) == [None]
    assert aggregated("aggConcaveHull", values, [0, 0], 1) != [None]


def test_other_aggregates_take_no_second_operand(aggregated):
    assert aggregated("aggUnion", ["POINT (1 2)"], [0], 1, [0.5]) == [None]


def test_a_query_tells_how_concave_a_hull_is():
    graph = open_graph()
    text = "MULTIPOINT (0 0, 4 0, 4 4, 0 4, 2 1, 2 2)"
    graph.update(f'INSERT DATA {{ <urn:a> <{GEO.asWKT}> "{text}"^^<{GEO.wktLiteral}> }}')
    hulls = [
        graph.query(f"SELECT ({call} AS ?hull) {{ ?s <{GEO.asWKT}> ?g }}").rows[0][0]
        for call in (
            f"<{GEOF.aggConcaveHull}>(?g, 1)",
            f"<{GEOF.aggConcaveHull}>(DISTINCT ?g, 0.0)",
            f"<{GEOF.aggConvexHull}>(?g)",
        )
    ]
    assert hulls[0] == hulls[2] != hulls[1]


def test_groups_without_values_or_with_other_values_are_errors(aggregated):
    found = aggregated("aggUnion", ["POINT (1 2)", 5, "POINT (3 4)", None], [0, 1, 1, 3], 4)
    assert found == ["POINT (1 2)", None, None, None]
    assert aggregated("aggUnion", [], [], 2) == [None, None]


def test_the_first_value_decides_on_datatype_and_system(aggregated):
    json = Literal('{"type":"Point","coordinates":[3,4]}', Iri(GEO.geoJSONLiteral))
    assert aggregated("aggBoundingBox", [EPSG + "POINT (2 1)", json], [0, 0], 1) == [
        EPSG + "POLYGON ((2 1, 4 1, 4 3, 2 3, 2 1))"
    ]
    assert aggregated("aggCentroid", [json, EPSG + "POINT (2 1)"], [0, 0], 1) == [
        '{"type":"Point","coordinates":[2.0,3.0]}'
    ]
