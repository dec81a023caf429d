"""The functions, requirement by requirement; the table in the documentation names the tests, which is checked here."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod

from extremeearth.knowledge.rdf import GEO, GEOF, SF
from extremeearth.knowledge.sparql.terms import XSD, Iri, Literal
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.geosparql import AGGREGATES, FUNCTIONS

WGS84 = Geod(ellps="WGS84")
CRS84 = "<http://www.opengis.net/def/crs/OGC/1.3/CRS84> "
EPSG = "<http://www.opengis.net/def/crs/EPSG/0/4326> "
UTM = "<http://www.opengis.net/def/crs/EPSG/0/32632> "
A = "POLYGON ((0 0, 2 0, 2 2, 0 2, 0 0))"
B = "POLYGON ((1 1, 3 1, 3 3, 1 3, 1 1))"
LINE = "LINESTRING (0 80, 1 80)"
DOCUMENT = Path(__file__).parents[5] / "docs" / "how" / "geosparql.md"


def literal(text: str, form: str) -> Literal:
    return Literal(text, Iri(GEO[form]))


JSON = literal('{"type":"Point","coordinates":[11.0,48.0]}', "geoJSONLiteral")
KML = literal(
    '<Point xmlns="http://www.opengis.net/kml/2.2"><coordinates>11,48</coordinates></Point>',
    "kmlLiteral",
)
GML = literal(
    '<gml:Point xmlns:gml="http://www.opengis.net/gml/3.2" srsName="http://www.opengis.net/def/crs/EPSG/0/4326">'
    "<gml:pos>48 11</gml:pos></gml:Point>",
    "gmlLiteral",
)


# ---------------------------------------------------------------------------------------- set-up


def test_every_function_of_the_standard_is_there():
    names = (
        "boundary boundingCircle metricBuffer buffer centroid convexHull concaveHull coordinateDimension difference "
        "dimension metricDistance distance envelope geometryType getSRID intersection is3D isEmpty isMeasured isSimple "
        "spatialDimension symDifference transform union metricLength length metricPerimeter perimeter metricArea area "
        "geometryN maxX maxY maxZ minX minY minZ numGeometries asWKT asGML asGeoJSON asKML relate sfEquals sfDisjoint "
        "sfIntersects sfTouches sfCrosses sfWithin sfContains sfOverlaps ehEquals ehDisjoint ehMeet ehOverlap ehCovers "
        "ehCoveredBy ehInside ehContains rcc8eq rcc8dc rcc8ec rcc8po rcc8tppi rcc8tpp rcc8ntpp rcc8ntppi"
    )
    assert set(FUNCTIONS) == {GEOF[name] for name in names.split()}
    assert set(AGGREGATES) == {
        GEOF[f"agg{name}"]
        for name in (
            "BoundingBox",
            "BoundingCircle",
            "Centroid",
            "ConcaveHull",
            "ConvexHull",
            "Union",
        )
    }


def test_the_documentation_names_a_test_for_each_requirement_and_each_function():
    text = DOCUMENT.read_text()
    rows = re.findall(r"^\| `([\w/.-]+)` \| ([^|]+) \|$", text, re.MULTILINE)
    named = {test for _, cell in rows for test in re.findall(r"`(test_\w+)`", cell)}
    here = "".join(path.read_text() for path in Path(__file__).parents[2].rglob("test_*.py"))
    missing = {test for test in named if f"def {test}(" not in here}
    assert missing == set()
    assert len(rows) >= 45
    assert all(f"`{iri.removeprefix(GEOF)}`" in text for iri in (*FUNCTIONS, *AGGREGATES))


@pytest.mark.parametrize("name", sorted(iri.removeprefix(GEOF) for iri in FUNCTIONS))
def test_wrong_arguments_are_errors(geof_term, name):
    for arguments in (
        (),
        ("'text'",),
        (A,) * 5,
        (None, None),
        (5, 5, 5),
        ("POINT (1",),
        ("<urn:x> POINT (1 2)", A),
    ):
        assert geof_term(name, *arguments) is None


def test_functions_work_on_whole_columns_of_mixed_rows(context):
    first = TermColumn.of(
        [literal(t, "wktLiteral") for t in (A, EPSG + B, "POINT (")] + [None, JSON, GML]
    )
    second = TermColumn.of(
        [literal(t, "wktLiteral") for t in (B, A, A, A, "POINT (11 48)", "POINT (11 48)")]
    )
    for name, function in FUNCTIONS.items():
        columns = [first, second][: 2 if "sf" in name else 1]
        found = function(columns, context)
        assert len(found) == 6
        single = [
            function([c.take(np.array([row])) for c in columns], context).terms()[0]
            for row in range(6)
        ]
        assert found.terms() == single, name


# --------------------------------------------------------------------------- geometries from one


def test_output_follows_the_first_argument(geof_term):
    for point, form in ((JSON, "geoJSONLiteral"), (KML, "kmlLiteral"), (GML, "gmlLiteral")):
        assert geof_term("centroid", point) == point
        assert geof_term("union", point, A).datatype.value == GEO[form]
    assert geof_term("envelope", CRS84 + "POINT (1 2)").lexical == CRS84 + "POINT (1 2)"
    assert geof_term("envelope", "POINT (1 2)").lexical == "POINT (1 2)"
    assert geof_term("convexHull", EPSG + "POINT (1 2)").lexical == EPSG + "POINT (1 2)"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("boundary", A, "LINESTRING (0 0, 2 0, 2 2, 0 2, 0 0)"),
        ("boundary", "LINESTRING (0 0, 1 1)", "MULTIPOINT ((0 0), (1 1))"),
        ("boundary", "POINT (1 1)", "GEOMETRYCOLLECTION EMPTY"),
        ("boundary", "GEOMETRYCOLLECTION (POINT (1 1))", None),
        ("centroid", A, "POINT (1 1)"),
        ("centroid", "POINT EMPTY", "POINT EMPTY"),
        ("convexHull", "MULTIPOINT ((0 0), (2 0), (1 1), (1 3))", "POLYGON ((0 0, 1 3, 2 0, 0 0))"),
        ("convexHull", "MULTIPOINT ((0 0), (2 0))", "LINESTRING (0 0, 2 0)"),
        ("concaveHull", A, "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))"),
        ("envelope", "LINESTRING (1 0, 0 2)", "POLYGON ((0 0, 0 2, 1 2, 1 0, 0 0))"),
        ("envelope", "POINT (1 2)", "POINT (1 2)"),
        ("envelope", "", "POINT EMPTY"),
    ],
)  # fmt: skip
def test_hulls_and_boundaries(geof, name, given, expected):
    found = geof(name, given)
    assert found == expected or shapely.from_wkt(found).wkt == shapely.from_wkt(expected).wkt


def test_bounding_circle_holds_everything_and_no_more(geof):
    circle = shapely.from_wkt(geof("boundingCircle", A))
    assert circle.area == pytest.approx(2 * math.pi, rel=0.03)
    assert circle.buffer(0.05).contains(shapely.from_wkt(A))


def test_parts_are_counted_from_one(geof):
    many = "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))"
    assert geof("numGeometries", many) == 2
    assert [geof("geometryN", many, n) for n in (1, 2, 3, 0, 1.5)] == [
        "POINT (1 1)", "LINESTRING (0 0, 1 1)", None, None, None,
    ]  # fmt: skip
    assert (geof("numGeometries", A), geof("geometryN", A, 1)) == (1, A)


# --------------------------------------------------------------------------- geometries from two


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("intersection", "POLYGON ((1 1, 1 2, 2 2, 2 1, 1 1))"),
        ("union", "POLYGON ((0 0, 0 2, 1 2, 1 3, 3 3, 3 1, 2 1, 2 0, 0 0))"),
        ("difference", "POLYGON ((0 0, 0 2, 1 2, 1 1, 2 1, 2 0, 0 0))"),
        ("symDifference",
         "MULTIPOLYGON (((0 0, 0 2, 1 2, 1 1, 2 1, 2 0, 0 0)), ((1 2, 1 3, 3 3, 3 1, 2 1, 2 2, 1 2)))"),
    ],
)  # fmt: skip
def test_sets_of_points(geof, name, expected):
    assert geof(name, A, B) == expected
    turned = "POLYGON ((2 2, 0 2, 0 0, 2 0, 2 2))"  # another start and another direction give the same text
    assert geof(name, turned, B) == expected


def test_sets_of_points_in_two_systems(geof):
    point = shapely.from_wkt(
        geof(
            "intersection",
            "POINT (9 0)",
            UTM + "POLYGON ((4e5 -1e5, 6e5 -1e5, 6e5 1e5, 4e5 1e5, 4e5 -1e5))",
        )
    )
    assert point.wkt == "POINT (9 0)"
    assert geof("difference", EPSG + "POINT (48 11)", "POINT (11 48)") == EPSG + "POINT EMPTY"


@pytest.mark.parametrize("name", ["union", "intersection", "difference", "symDifference"])
def test_sets_of_points_with_the_empty_set(geof, name):
    found = shapely.from_wkt(geof(name, A, ""))
    assert found.equals(shapely.from_wkt(A)) == (name != "intersection")
    assert found.is_empty == (name == "intersection")


# ------------------------------------------------------------------------------------- accessors


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("POINT (1 2)", (0, 2, 2, False, False)), ("POINT Z (1 2 3)", (0, 3, 3, True, False)),
        ("POINT M (1 2 3)", (0, 3, 2, False, True)), ("LINESTRING ZM (1 2 3 4, 5 6 7 8)", (1, 4, 3, True, True)),
        (A, (2, 2, 2, False, False)),
        ("GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))", (1, 2, 2, False, False)),
        ("", (0, 2, 2, False, False)), ("POLYGON EMPTY", (2, 2, 2, False, False)),
    ],
)  # fmt: skip
def test_dimensions(geof, given, expected):
    names = ("dimension", "coordinateDimension", "spatialDimension", "is3D", "isMeasured")
    assert tuple(geof(name, given) for name in names) == expected


def test_emptiness_and_simplicity(geof):
    assert [geof("isEmpty", text) for text in ("", "POINT EMPTY", A)] == [True, True, False]
    assert [geof("isSimple", text) for text in ("LINESTRING (0 0, 1 1, 0 1, 1 0)", LINE)] == [
        False,
        True,
    ]
    simple = ["", "POINT EMPTY", "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))"]
    assert [geof("isSimple", text) for text in simple] == [True, True, True]
    crossing = "GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1, 0 1, 1 0))"
    assert geof("isSimple", crossing) is False


def test_bounds_are_easting_and_northing_whatever_the_order_of_axes(geof):
    for text in ("LINESTRING (11 48, 12 50)", EPSG + "LINESTRING (48 11, 50 12)"):
        assert [geof(name, text) for name in ("minX", "minY", "maxX", "maxY")] == [11, 48, 12, 50]
    assert [geof(name, "LINESTRING Z (0 0 5, 1 1 -3)") for name in ("minZ", "maxZ")] == [-3, 5]
    assert [geof(name, "LINESTRING (0 0, 1 1)") for name in ("minZ", "maxZ")] == [None, None]
    assert geof("minX", "POINT EMPTY") is None


def test_type_and_system_are_iris(geof_term):
    uri = Iri(f"{XSD}anyURI")
    assert geof_term("geometryType", A) == Literal(SF.Polygon, uri)
    assert geof_term("geometryType", JSON) == Literal(SF.Point, uri)
    assert geof_term("getSRID", A) == Literal(CRS84.strip(" <>"), uri)
    assert geof_term("getSRID", GML) == Literal(EPSG.strip(" <>"), uri)
    assert geof_term("getSRID", "<urn:ogc:def:crs:EPSG::4326> POINT (1 2)") == Literal(
        EPSG.strip(" <>"), uri
    )


# -------------------------------------------------------------------------------------- measures


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ((0, 80), (1, 80)),
        ((179.9, 10), (-179.9, 10)),
        ((0, 89.9), (180, 89.9)),
        ((0, 90), (50, -90)),
    ],
)
def test_metres_are_geodesic_everywhere(geof, one, two):
    points = [f"POINT ({x} {y})" for x, y in (one, two)]
    metres = WGS84.inv(*one, *two)[2]
    assert geof("metricDistance", *points) == pytest.approx(metres, rel=1e-9)
    assert geof("distance", *points, "uom:metre") == pytest.approx(metres, rel=1e-9)
    assert geof("distance", *points, "http://qudt.org/vocab/unit/KiloM") == pytest.approx(
        metres / 1000, rel=1e-9
    )


def test_angles_are_those_of_the_plane(geof):
    assert geof("distance", "POINT (0 0)", "POINT (3 4)", "uom:degree") == pytest.approx(5)
    assert geof("distance", "POINT (0 0)", "POINT (3 4)", "uom:radian") == pytest.approx(
        math.radians(5)
    )
    assert geof("distance", "POINT (9 0)", UTM + "POINT (500000 0)", "uom:degree") == pytest.approx(
        0, abs=1e-9
    )


def test_a_unit_may_be_a_uri_but_must_be_known(geof):
    metre = Literal("http://www.opengis.net/def/uom/OGC/1.0/metre", Iri(f"{XSD}anyURI"))
    assert geof("distance", "POINT (0 0)", "POINT (0 1)", metre) == pytest.approx(
        110574.4, rel=1e-5
    )
    for unit in ("http://example.org/metre", "uom:squareMetre", "'metre'", 5):
        assert geof("distance", "POINT (0 0)", "POINT (0 1)", unit) is None
    assert geof("area", A, "uom:parsec") is None
    assert geof("length", LINE, "uom:squareMetre") is None
    assert geof("buffer", A, 1.0, "http://qudt.org/vocab/unit/HA") is None


def test_distance_to_an_empty_geometry_is_an_error(geof):
    assert geof("metricDistance", "POINT EMPTY", A) is None
    assert geof("distance", "", A, "uom:degree") is None


def test_areas_and_lengths(geof):
    square = shapely.box(15, 80, 15.1, 80.1)
    area, perimeter = (abs(v) for v in WGS84.geometry_area_perimeter(square))
    assert geof("metricArea", square.wkt) == pytest.approx(area)
    assert geof("area", square.wkt, "http://qudt.org/vocab/unit/HA") == pytest.approx(area / 1e4)
    assert geof("area", square.wkt, "uom:kilometre") == pytest.approx(area / 1e6)
    assert geof("area", A, "uom:degree") == pytest.approx(4)
    assert geof("metricPerimeter", square.wkt) == pytest.approx(perimeter)
    assert geof("metricLength", square.wkt) == pytest.approx(perimeter)
    assert geof("perimeter", square.wkt, "uom:metre") == pytest.approx(perimeter)
    length = WGS84.geometry_length(shapely.from_wkt(LINE))
    assert geof("length", LINE, "uom:metre") == pytest.approx(length)
    assert geof("metricPerimeter", LINE) == pytest.approx(length)
    assert geof("length", LINE, "uom:degree") == pytest.approx(1)
    assert [geof("metricArea", text) for text in (LINE, "POINT (1 1)", "")] == [0, 0, 0]


def test_buffers_by_length_and_by_angle(geof):
    disk = shapely.from_wkt(geof("buffer", "POINT (15 80)", 1000.0, "uom:metre"))
    assert abs(WGS84.geometry_area_perimeter(disk)[0]) == pytest.approx(math.pi * 1e6, rel=1e-3)
    assert geof("metricBuffer", "POINT (15 80)", 1000) == geof(
        "buffer", "POINT (15 80)", 1, "uom:kilometre"
    )
    round_one = shapely.from_wkt(geof("buffer", "POINT (0 0)", 1.0, "uom:degree"))
    assert round_one.area == pytest.approx(math.pi, rel=1e-3)
    assert geof("buffer", UTM + "POINT (500000 0)", 1.0, "uom:degree") is None
    projected = shapely.from_wkt(
        geof("metricBuffer", UTM + "POINT (500000 5000000)", 100.0).split("> ")[1]
    )
    assert projected.area == pytest.approx(math.pi * 1e4, rel=2e-3)
    assert geof("metricBuffer", "POINT (0 0)", "'wide'") is None


# -------------------------------------------------------------------------------- forms and systems


def test_transform_keeps_the_form_and_knows_its_limits(geof, geof_term):
    target = "http://www.opengis.net/def/crs/EPSG/0/32632"
    assert geof("transform", "POINT (9 0)", target) == UTM + "POINT (500000 0)"
    assert geof("transform", GML, "http://www.opengis.net/def/crs/OGC/1.3/CRS84").endswith(
        "<gml:pos>11 48</gml:pos></gml:Point>"
    )
    assert geof_term("transform", JSON, target).datatype.value == GEO.wktLiteral
    assert geof("transform", "POINT (9 0)", "http://example.org/crs") is None
    assert geof("transform", "POINT Z (9 0 7)", target) == UTM + "POINT Z (500000 0 7)"


def test_conversions_between_the_four_forms(geof_term):
    assert geof_term("asGeoJSON", GML) == JSON
    assert geof_term("asKML", GML) == KML
    assert geof_term("asGML", EPSG + "POINT (48 11)") == GML
    assert geof_term("asWKT", GML) == literal(EPSG + "POINT (48 11)", "wktLiteral")
    assert geof_term("asWKT", KML) == literal("POINT (11 48)", "wktLiteral")
    assert geof_term("asGeoJSON", UTM + "POINT (500000 0)").lexical.startswith(
        '{"type":"Point","coordinates":[9.0,'
    )


def test_gml_profiles(geof):
    for profile in ("'3.2'", "'http://www.opengis.net/gml/3.2'", "'GML 3.2.1'"):
        assert 'gml="http://www.opengis.net/gml/3.2"' in geof("asGML", A, profile)
    assert 'gml="http://www.opengis.net/gml"' in geof("asGML", A, "'3.1.1'")
    assert geof("asGML", A, "'2.1'") is None


def test_relate_takes_a_pattern(geof):
    assert geof("relate", A, B, "'T*T***T**'") is True
    assert geof("relate", A, B, "'FF*FF****'") is False
    assert geof("relate", A, B, "'2*1***2**'") is False
    assert geof("relate", A, B, "'nonsense'") is None
    assert geof("relate", A, EPSG + "POINT (1 1)", "'T********'") is True


def test_topological_functions_on_literals_of_any_form(geof):
    assert geof("sfWithin", JSON, "POLYGON ((10 47, 12 47, 12 49, 10 49, 10 47))") is True
    assert geof("sfEquals", GML, KML) is True
    assert geof("sfDisjoint", GML, A) is True
    assert geof("sfIntersects", "", A) is False
    assert geof("rcc8tpp", "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))", A) is True
    assert geof("ehCovers", A, "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))") is True
    assert geof("sfWithin", "'text'", A) is None
