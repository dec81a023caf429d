"""The ``geof:`` functions: metres on the ellipsoid, axis order, and relations by DE-9IM."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from extremeearth.knowledge.sparql import Literal
from extremeearth.knowledge.store import Graph, Solutions, open_graph

PREFIXES = """
PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
PREFIX unit: <http://qudt.org/vocab/unit/>
"""
GEOD = Geod(ellps="WGS84")
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
SQUARE = "POLYGON((15 80,15.1 80,15.1 80.1,15 80.1,15 80))"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return open_graph()


def value(graph: Graph, expression: str) -> Any:
    answer = graph.query(f"{PREFIXES} SELECT ({expression} AS ?x) {{}}")
    assert isinstance(answer, Solutions)
    term = answer.rows[0][0]
    if term is None:
        return None
    assert isinstance(term, Literal)
    kind = term.datatype.value.rpartition("#")[2]
    return {"double": float, "integer": int, "boolean": lambda t: t == "true"}.get(kind, str)(
        term.lexical
    )


def wkt(text: str, crs: int | None = None) -> str:
    return f'"{"" if crs is None else f"<{EPSG}{crs}> "}{text}"^^geo:wktLiteral'


def test_areas_are_right_near_the_pole(graph: Graph) -> None:
    ring = shapely.from_wkt(SQUARE)
    expected = abs(GEOD.geometry_area_perimeter(ring)[0])
    assert math.isclose(value(graph, f"geof:metricArea({wkt(SQUARE)})"), expected, rel_tol=1e-9)
    assert math.isclose(
        value(graph, f"geof:area({wkt(SQUARE)}, unit:HA)"), expected / 1e4, rel_tol=1e-9
    )
    assert math.isclose(
        value(graph, f"geof:area({wkt(SQUARE)}, uom:metre)"), expected, rel_tol=1e-9
    )
    assert math.isclose(value(graph, f"geof:area({wkt(SQUARE)}, uom:degree)"), 0.01, rel_tol=1e-9)
    holed = "POLYGON((0 0,1 0,1 1,0 1,0 0),(0.4 0.4,0.6 0.4,0.6 0.6,0.4 0.6,0.4 0.4))"
    assert value(graph, f"geof:metricArea({wkt(holed)})") < value(
        graph, f"geof:metricArea({wkt('POLYGON((0 0,1 0,1 1,0 1,0 0))')})"
    )


def test_the_same_place_in_any_system_and_axis_order(graph: Graph) -> None:
    lonlat, latlon = wkt("POINT(11 48)"), wkt("POINT(48 11)", 4326)
    utm = value(graph, f"geof:transform({lonlat}, <{EPSG}32632>)")
    assert utm.startswith(f"<{EPSG}32632> POINT (649")
    for other in (
        latlon,
        f'"{utm}"^^geo:wktLiteral',
        '\'{"type":"Point","coordinates":[11,48]}\'^^geo:geoJSONLiteral',
    ):
        assert value(graph, f"geof:metricDistance({lonlat}, {other})") < 0.01
        assert value(graph, f"geof:sfIntersects(geof:metricBuffer({lonlat}, 1), {other})") is True
    assert value(graph, f"geof:sfEquals({lonlat}, {latlon})") is True
    assert value(graph, f"geof:sfEquals({lonlat}, {wkt('POINT(11 48)', 4326)})") is False
    assert value(graph, f"geof:transform({lonlat}, <{EPSG}4326>)") == f"<{EPSG}4326> POINT (48 11)"
    assert value(graph, f"geof:getSRID({latlon})") == f"{EPSG}4326"
    assert value(graph, f"geof:asWKT({latlon})") == f"<{EPSG}4326> POINT (48 11)"
    assert value(graph, f"geof:minX({latlon})") == 11.0


@pytest.mark.parametrize(
    "expression",
    [
        'geof:metricArea("POLYGON((0 0"^^geo:wktLiteral)', 'geof:metricArea("POINT(0 0)")', "geof:metricArea(5)",
        f"geof:metricArea({wkt('POINT(0 0)', 99999)})", f"geof:area({wkt(SQUARE)}, unit:KiloGM)",
        f"geof:distance({wkt('POINT(0 0)')}, {wkt('POINT EMPTY')}, uom:metre)",
        f'geof:sfWithin({wkt("POINT(0 0)")}, "nonsense"^^geo:wktLiteral)', f"geof:geometryN({wkt('POINT(0 0)')}, 2)",
        f"geof:metricBuffer({wkt('POINT(0 89.9)')}, 1e8)", f"geof:metricBuffer({wkt('POINT(0 0)')}, 'wide')",
        f"geof:minZ({wkt('POINT(0 0)')})", f"geof:minX({wkt('POINT EMPTY')})", "geof:metricArea()",
    ],
)  # fmt: skip
def test_what_has_no_answer_is_an_error_value(graph: Graph, expression: str) -> None:
    assert value(graph, expression) is None


@given(
    lon=st.floats(-170, 170), lat=st.floats(-88, 88), dx=st.floats(-5, 5), dy=st.floats(-1.5, 1.5)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_distances_of_points_are_geodesics(lon: float, lat: float, dx: float, dy: float) -> None:
    expected = GEOD.inv(lon, lat, lon + dx, lat + dy)[2]
    found = value(
        open_graph(),
        f"geof:distance({wkt(f'POINT({lon} {lat})')}, {wkt(f'POINT({lon + dx} {lat + dy})')}, uom:metre)",
    )
    assert math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-6)


@given(
    lon=st.floats(-179, 179), lat=st.floats(-86, 86), gap=st.floats(0.2, 3), size=st.floats(0.05, 1)
)
@settings(max_examples=40, deadline=None)
def test_distances_of_shapes_equal_brute_force(
    lon: float, lat: float, gap: float, size: float
) -> None:
    """Sampled pairs of border points are never nearer, and the nearest is not much farther."""
    one = shapely.box(lon, lat, lon + size, lat + size)
    two = shapely.box(lon + size + gap, lat + size / 3, lon + 2 * size + gap, lat + size * 1.3)
    found = value(open_graph(), f"geof:metricDistance({wkt(one.wkt)}, {wkt(two.wkt)})")
    edges = [shapely.get_coordinates(shapely.segmentize(g.boundary, size / 60)) for g in (one, two)]
    a, b = edges
    grid = [np.full((len(a), len(b)), 0.0) for _ in range(4)]
    grid[0][:], grid[1][:] = a[:, :1], a[:, 1:]
    grid[2][:], grid[3][:] = b[:, 0], b[:, 1]
    brute = GEOD.inv(*grid)[2].min()
    assert found <= brute * (1 + 1e-9)
    step_m = 1.2 * 111_500 * size / 60
    assert found**2 >= brute**2 - step_m**2


@pytest.mark.parametrize("lat", [0.0, 48.0, 80.0])
def test_buffers_have_their_radius_everywhere(graph: Graph, lat: float) -> None:
    text = value(graph, f"geof:buffer({wkt(f'POINT(20 {lat})')}, 2, unit:KiloM)")
    ring = shapely.get_coordinates(shapely.from_wkt(text))
    lengths = GEOD.inv(np.full(len(ring), 20.0), np.full(len(ring), lat), ring[:, 0], ring[:, 1])[2]
    assert np.allclose(lengths, 2000, rtol=1e-6)


def test_lengths(graph: Graph) -> None:
    line = "LINESTRING(0 80,1 80)"
    expected = GEOD.inv(0, 80, 1, 80)[2]
    assert math.isclose(value(graph, f"geof:metricLength({wkt(line)})"), expected, rel_tol=1e-9)
    assert math.isclose(
        value(graph, f"geof:length({wkt(line)}, unit:KiloM)"), expected / 1e3, rel_tol=1e-9
    )
    square = "POLYGON((0 0,1 0,1 1,0 1,0 0))"
    assert value(graph, f"geof:perimeter({wkt(square)}, uom:metre)") > 4.4e5


def test_distance_in_degrees_only_when_asked_for(graph: Graph) -> None:
    points = f"{wkt('POINT(0 80)')}, {wkt('POINT(3 84)')}"
    assert value(graph, f"geof:distance({points}, uom:degree)") == 5.0
    assert math.isclose(value(graph, f"geof:distance({points}, uom:radian)"), math.radians(5))


shapes = st.sampled_from(
    ["POINT(1 1)", "POINT(0 0)", "POINT(5 5)", "LINESTRING(0 0,2 2)", "LINESTRING(0 2,2 0)", "LINESTRING(2 0,2 2)",
     "POLYGON((0 0,2 0,2 2,0 2,0 0))", "POLYGON((1 1,3 1,3 3,1 3,1 1))", "POLYGON((2 0,4 0,4 2,2 2,2 0))",
     "POLYGON((0.5 0.5,1 0.5,1 1,0.5 1,0.5 0.5))", "POLYGON((0 0,1 0,1 1,0 1,0 0))",
     "POLYGON((9 9,10 9,10 10,9 10,9 9))",
     "MULTIPOINT((0 0),(5 5))"]
)  # fmt: skip
EGENHOFER = {
    "Equals": "TFFFTFFFT", "Overlap": "T*T***T**", "Covers": "T*TFT*FF*", "CoveredBy": "TFF*TFT**",
    "Inside": "TFF*FFT**", "Contains": "T*TFF*FF*", "Disjoint": "FF*FF****",
}  # fmt: skip


@given(a=shapes, b=shapes)
@settings(max_examples=120, deadline=None)
def test_relations_follow_their_matrix(a: str, b: str) -> None:
    graph, matrix = open_graph(), shapely.relate(shapely.from_wkt(a), shapely.from_wkt(b))
    for name, pattern in EGENHOFER.items():
        holds = shapely.relate_pattern(shapely.from_wkt(a), shapely.from_wkt(b), pattern)
        assert value(graph, f"geof:eh{name}({wkt(a)}, {wkt(b)})") is bool(holds)
        assert value(graph, f'geof:relate({wkt(a)}, {wkt(b)}, "{pattern}")') is bool(holds)
    assert value(graph, f'geof:relate({wkt(a)}, {wkt(b)}, "{matrix}")') is True
    for name, test in {"Intersects": shapely.intersects, "Touches": shapely.touches, "Within": shapely.within,
                       "Contains": shapely.contains, "Crosses": shapely.crosses, "Overlaps": shapely.overlaps,
                       "Disjoint": shapely.disjoint}.items():  # fmt: skip
        assert value(graph, f"geof:sf{name}({wkt(a)}, {wkt(b)})") is bool(
            test(shapely.from_wkt(a), shapely.from_wkt(b))
        )


@given(
    a=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4)),
    b=st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(1, 4)),
)
@settings(max_examples=60, deadline=None)
def test_exactly_one_relation_of_each_family_holds_between_regions(
    a: tuple[int, int, int], b: tuple[int, int, int]
) -> None:
    graph = open_graph()
    one, two = (wkt(shapely.box(x, y, x + s, y + s).wkt) for x, y, s in (a, b))
    for family in (
        ("rcc8eq", "rcc8dc", "rcc8ec", "rcc8po", "rcc8tppi", "rcc8tpp", "rcc8ntpp", "rcc8ntppi"),
        (
            "ehEquals",
            "ehDisjoint",
            "ehMeet",
            "ehOverlap",
            "ehCovers",
            "ehCoveredBy",
            "ehInside",
            "ehContains",
        ),
    ):
        holding = [name for name in family if value(graph, f"geof:{name}({one}, {two})")]
        assert len(holding) == 1, holding


def test_new_shapes_and_properties(graph: Graph) -> None:
    two = "MULTIPOINT((0 0),(2 2))"
    table = {
        f"geof:envelope({wkt(two)})": "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))",
        f"geof:centroid({wkt(two)})": "POINT (1 1)",
        f"geof:geometryN({wkt(two)}, 2)": "POINT (2 2)",
        f"geof:union({wkt('POINT(0 0)')}, {wkt('POINT(1 1)', 4326)})": "MULTIPOINT ((0 0), (1 1))",
        f"geof:difference({wkt(two)}, {wkt('POINT(0 0)')})": "POINT (2 2)",
        f"geof:intersection({wkt(two)}, {wkt('POINT(0 0)')})": "POINT (0 0)",
        f"geof:symDifference({wkt('POINT(0 0)')}, {wkt(two)})": "POINT (2 2)",
        f"geof:convexHull({wkt(two)})": "LINESTRING (0 0, 2 2)",
        f"geof:boundary({wkt('LINESTRING(0 0,1 1)')})": "MULTIPOINT ((0 0), (1 1))",
        f"geof:numGeometries({wkt(two)})": 2,
        f"geof:dimension({wkt('LINESTRING(0 0,1 1)')})": 1,
        f"geof:coordinateDimension({wkt('POINT Z(0 0 5)')})": 3,
        f"geof:is3D({wkt('POINT Z(0 0 5)')})": True,
        f"geof:maxZ({wkt('LINESTRING Z(0 0 5,1 1 7)')})": 7.0,
        f"geof:isEmpty({wkt('')})": True,
        f"geof:isSimple({wkt('LINESTRING(0 0,2 2,0 2,2 0)')})": False,
        f"geof:geometryType({wkt(two)})": "http://www.opengis.net/ont/sf#MultiPoint",
        f"geof:asGeoJSON({wkt('POINT(48 11)', 4326)})": '{"type":"Point","coordinates":[11.0,48.0]}',
    }
    assert {e: value(graph, e) for e in table} == table


def test_aggregates(graph: Graph) -> None:
    values = f"VALUES ?w {{ {wkt('POINT(0 0)')} {wkt('POINT(2 4)')} {wkt('POINT(3 0)', 4326)} }}"

    def aggregate(name: str, data: str) -> str | None:
        answer = graph.query(f"{PREFIXES} SELECT (geof:{name}(?w) AS ?x) {{ {data} }}")
        assert isinstance(answer, Solutions)
        ((found,),) = answer.rows
        assert found is None or isinstance(found, Literal)
        return None if found is None else found.lexical

    assert aggregate("aggBoundingBox", values) == "POLYGON ((0 0, 0 4, 2 4, 2 0, 0 0))"
    assert aggregate("aggUnion", values) == "MULTIPOINT ((0 0), (0 3), (2 4))"
    assert aggregate("aggConvexHull", values) == "POLYGON ((0 0, 0 3, 2 4, 0 0))"
    assert aggregate("aggUnion", 'VALUES ?w { "broken"^^geo:wktLiteral }') is None


def test_an_aggregate_of_what_exists() -> None:
    graph = open_graph()
    graph.update(f"""{PREFIXES} INSERT DATA {{
        <urn:a> geo:asWKT {wkt("POINT(1 2)")} ; <urn:kept> true . <urn:b> geo:asWKT {wkt("POINT(3 4)")} }}""")
    answer = graph.query(f"""{PREFIXES} SELECT (geof:aggUnion(IF(EXISTS {{ ?s <urn:kept> true }},
        ?w, {wkt("POINT(9 9)")})) AS ?x) {{ ?s geo:asWKT ?w }}""")
    assert isinstance(answer, Solutions)
    ((found,),) = answer.rows
    assert isinstance(found, Literal)
    assert found.lexical == "MULTIPOINT ((1 2), (9 9))"


def test_filters_over_stored_literals() -> None:
    graph = open_graph()
    graph.update(
        PREFIXES
        + f"INSERT DATA {{ <urn:a> geo:asWKT {wkt('POINT(11.5 48.1)')} ."
        + f" <urn:b> geo:asWKT {wkt('POINT(48.1 11.5)', 4326)} ."
        + f' <urn:c> geo:asWKT {wkt("POINT(48.1 11.5)")} . <urn:d> geo:asWKT "broken"^^geo:wktLiteral }}'
    )
    box = wkt("POLYGON((11 48,12 48,12 49,11 49,11 48))")
    answer = graph.query(
        f"{PREFIXES} SELECT ?s {{ ?s geo:asWKT ?w FILTER(geof:sfWithin(?w, {box})) }} ORDER BY ?s"
    )
    assert isinstance(answer, Solutions)
    assert [str(row[0]) for row in answer] == ["<urn:a>", "<urn:b>"]
