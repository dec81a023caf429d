"""Shapes come out as they went in."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.interlinking.packing import PackedShapes

SHAPES = {
    text: shapely.from_wkt(text)
    for text in (
        "POINT (1.5 -2)",
        "LINESTRING (0 0, 1 1, 0.1 0.3)",
        "LINESTRING (0 0, 1 1, 1 0, 0 0)",
        "LINESTRING (3 3, 3 3)",
        "POLYGON ((0 0, 0 4, 4 4, 4 0, 0 0))",
        "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 0.5, 2 1, 1 0.5))",
        "POLYGON ((0 0, 4 4, 4 0, 0 4, 0 0))",
        "POLYGON ((0 0, 1 1, 0 0))",
        "MULTIPOINT ((1 2), (3 4))",
        "MULTILINESTRING ((1 2, 3 4), (5 6, 7 8))",
        "MULTIPOLYGON (((0 0, 0 4, 4 4, 0 0)), ((9 9, 9 8, 8 8, 9 9)))",
        "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))",
        "LINEARRING (0 0, 1 1, 1 0, 0 0)",
        "POINT EMPTY",
        "LINESTRING EMPTY",
        "POLYGON EMPTY",
    )
}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([None, *SHAPES.values()]), max_size=12))
def test_shapes_come_out_as_they_went_in(some):
    shapes = np.array(some, dtype=object)
    found = PackedShapes.of(shapes).shapes()
    # WKB knows no rings on their own: they are lines of the same points
    rings = [one is not None and one.geom_type == "LinearRing" for one in some]
    shapes[rings] = [shapely.LineString(one) for one in shapes[rings]]
    assert shapely.equals_identical(found, shapes)[~shapely.is_missing(shapes)].all()
    assert (shapely.is_missing(found) == shapely.is_missing(shapes)).all()


def test_simple_shapes_need_no_wkb():
    simple = np.array([s for s in SHAPES.values() if "MULTI" not in s.wkt], dtype=object)[:5]
    packed = PackedShapes.of(simple)
    assert len(packed.wkb) == 0
    assert packed.kinds.tolist() == [0, 1, 1, 1, 3]


def test_a_ring_without_a_place_comes_out_as_it_went_in():
    ring = shapely.from_wkt("POLYGON ((0 0, 1 0, 1 1, 0 0))")
    ring = shapely.set_coordinates(ring, [(0, 0), (np.inf, 0), (1, 1), (0, 0)])
    found = PackedShapes.of(np.array([ring, shapely.Point(1, 2)], dtype=object)).shapes()
    assert shapely.to_wkt(found).tolist() == shapely.to_wkt([ring, shapely.Point(1, 2)]).tolist()


def test_the_third_coordinate_stays_behind():
    line = shapely.from_wkt("LINESTRING Z (0 0 5, 1 1 6)")
    assert PackedShapes.of(np.array([line])).shapes()[0].wkt == "LINESTRING (0 0, 1 1)"
