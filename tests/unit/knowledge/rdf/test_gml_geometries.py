from __future__ import annotations

import pytest
import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.rdf.gml import gml_text, gml_to_wkt

RING = "<gml:LinearRing><gml:posList>0 0 4 0 4 4 0 0</gml:posList></gml:LinearRing>"
HOLE = "<gml:LinearRing><gml:posList>2 1 3 1 3 2 2 1</gml:posList></gml:LinearRing>"
SHELL = f"<gml:exterior>{RING}</gml:exterior>"
SQUARE = f"<gml:Polygon>{SHELL}</gml:Polygon>"


def wrapped(inner: str, version: str = "http://www.opengis.net/gml/3.2") -> str:
    head, _, rest = inner.partition(">")
    slash = "/" if head.endswith("/") else ""
    return f'{head.removesuffix("/")} xmlns:gml="{version}"{slash}>{rest}'


@pytest.mark.parametrize(
    ("gml", "wkt"),
    [
        ("<gml:Point><gml:pos>1 2</gml:pos></gml:Point>", "POINT (1 2)"),
        ("<gml:Point><gml:pos>1 2 3</gml:pos></gml:Point>", "POINT Z (1 2 3)"),
        ("<gml:Point/>", "POINT EMPTY"),
        ("<gml:Point><gml:coordinates>1,2</gml:coordinates></gml:Point>", "POINT (1 2)"),
        ("<gml:Point><gml:coord><gml:X>1</gml:X><gml:Y>2</gml:Y></gml:coord></gml:Point>", "POINT (1 2)"),
        (
            '<gml:LineString><gml:coordinates decimal="," cs=" " ts=";">1,5 2;3 4,5</gml:coordinates></gml:LineString>',
            "LINESTRING (1.5 2, 3 4.5)",
        ),
        ("<gml:LineString><gml:pos>1 2</gml:pos><gml:pos>3 4</gml:pos></gml:LineString>", "LINESTRING (1 2, 3 4)"),
        (
            "<gml:LineString><gml:pointProperty><gml:Point><gml:pos>1 2</gml:pos></gml:Point></gml:pointProperty>"
            "<gml:pointProperty><gml:Point><gml:pos>3 4</gml:pos></gml:Point></gml:pointProperty></gml:LineString>",
            "LINESTRING (1 2, 3 4)",
        ),
        (
            '<gml:LineString srsDimension="3"><gml:posList>1 2 3 4 5 6</gml:posList></gml:LineString>',
            "LINESTRING Z (1 2 3, 4 5 6)",
        ),
        (
            "<gml:Curve><gml:segments><gml:LineStringSegment><gml:posList>0 0 1 1</gml:posList></gml:LineStringSegment>"
            "<gml:LineStringSegment><gml:posList>1.0 1 2 0</gml:posList></gml:LineStringSegment></gml:segments>"
            "</gml:Curve>",
            "LINESTRING (0 0, 1 1, 2 0)",
        ),
        (
            '<gml:OrientableCurve orientation="-"><gml:baseCurve><gml:LineString><gml:posList>0 0 1 1</gml:posList>'
            "</gml:LineString></gml:baseCurve></gml:OrientableCurve>",
            "LINESTRING (1 1, 0 0)",
        ),
        (RING, "LINEARRING (0 0, 4 0, 4 4, 0 0)"),
        (
            f"<gml:Polygon>{SHELL}<gml:interior>{HOLE}</gml:interior></gml:Polygon>",
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1))",
        ),
        (
            f"<gml:Polygon><gml:outerBoundaryIs>{RING}</gml:outerBoundaryIs></gml:Polygon>",
            "POLYGON ((0 0, 4 0, 4 4, 0 0))",
        ),
        ("<gml:Polygon/>", "POLYGON EMPTY"),
        (
            "<gml:Envelope><gml:lowerCorner>0 1</gml:lowerCorner><gml:upperCorner>2 3</gml:upperCorner></gml:Envelope>",
            "POLYGON ((0 1, 2 1, 2 3, 0 3, 0 1))",
        ),
        ("<gml:Box><gml:coordinates>0,1 2,3</gml:coordinates></gml:Box>", "POLYGON ((0 1, 2 1, 2 3, 0 3, 0 1))"),
        (
            f"<gml:Surface><gml:patches><gml:PolygonPatch>{SHELL}</gml:PolygonPatch></gml:patches></gml:Surface>",
            "POLYGON ((0 0, 4 0, 4 4, 0 0))",
        ),
        (
            f"<gml:CompositeSurface><gml:surfaceMember>{SQUARE}</gml:surfaceMember>"
            f"<gml:surfaceMember>{SQUARE}</gml:surfaceMember></gml:CompositeSurface>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)), ((0 0, 4 0, 4 4, 0 0)))",
        ),
        (
            "<gml:MultiPoint><gml:pointMembers><gml:Point><gml:pos>1 2</gml:pos></gml:Point>"
            "<gml:Point><gml:pos>3 4</gml:pos></gml:Point></gml:pointMembers></gml:MultiPoint>",
            "MULTIPOINT ((1 2), (3 4))",
        ),
        (
            "<gml:MultiLineString><gml:lineStringMember><gml:LineString><gml:posList>0 0 1 1</gml:posList>"
            "</gml:LineString></gml:lineStringMember></gml:MultiLineString>",
            "MULTILINESTRING ((0 0, 1 1))",
        ),
        (
            f"<gml:MultiPolygon><gml:polygonMember>{SQUARE}</gml:polygonMember></gml:MultiPolygon>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)))",
        ),
        (
            f"<gml:MultiSurface><gml:surfaceMember><gml:Surface><gml:patches><gml:PolygonPatch>{SHELL}<gml:interior>"
            f"{HOLE}</gml:interior></gml:PolygonPatch><gml:PolygonPatch>{SHELL}</gml:PolygonPatch></gml:patches>"
            "</gml:Surface></gml:surfaceMember></gml:MultiSurface>",
            "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1)), ((0 0, 4 0, 4 4, 0 0)))",
        ),
        (
            f"<gml:MultiGeometry><gml:geometryMembers>{SQUARE}<gml:Point><gml:pos>1 2</gml:pos></gml:Point>"
            "</gml:geometryMembers></gml:MultiGeometry>",
            "GEOMETRYCOLLECTION (POLYGON ((0 0, 4 0, 4 4, 0 0)), POINT (1 2))",
        ),
        ("<gml:MultiGeometry/>", "GEOMETRYCOLLECTION EMPTY"),
    ],
)  # fmt: skip
def test_the_simple_features_profile_is_read(gml, wkt):
    text, _ = gml_to_wkt(wrapped(gml), depth=64)
    assert shapely.from_wkt(text).wkt == shapely.from_wkt(wkt).wkt


@pytest.mark.parametrize(
    "version",
    [
        "http://www.opengis.net/gml/3.2",
        "http://www.opengis.net/gml",
        "http://www.opengis.net/ont/gml",
    ],
)
def test_versions_differ_in_their_namespace(version):
    point = wrapped("<gml:Point><gml:pos>1 2</gml:pos></gml:Point>", version)
    assert gml_to_wkt(point, depth=9)[0] == "POINT (1 2)"


@pytest.mark.parametrize(
    ("gml", "reason"),
    [
        (wrapped("<gml:Point><gml:pos>1 x</gml:pos></gml:Point>"), "no number"),
        (wrapped("<gml:Point><gml:pos>1</gml:pos></gml:Point>"), "1 numbers"),
        (wrapped("<gml:LineString><gml:posList>1 2 3</gml:posList></gml:LineString>"), "not made of 2"),
        (wrapped("<gml:Tin/>"), "'Tin' is not a supported"),
        (wrapped("<gml:Solid/>"), "'Solid' is not a supported"),
        (
            wrapped("<gml:Curve><gml:segments><gml:Arc/></gml:segments></gml:Curve>"),
            "'Arc' is not a supported",
        ),
        (
            wrapped(
                "<gml:Curve><gml:segments><gml:LineStringSegment><gml:posList>0 0 1 1</gml:posList>"
                "</gml:LineStringSegment><gml:LineStringSegment><gml:posList>5 5 6 6</gml:posList>"
                "</gml:LineStringSegment></gml:segments></gml:Curve>"
            ),
            "do not follow",
        ),
        (wrapped(f"<gml:MultiPoint><gml:pointMember>{SQUARE}</gml:pointMember></gml:MultiPoint>"), "cannot hold"),
        (wrapped('<gml:Point srsDimension="9"><gml:pos>1 2</gml:pos></gml:Point>'), "dimension '9'"),
        (wrapped("<gml:LineString><gml:pos>1 2</gml:pos><gml:pos>1 2 3</gml:pos></gml:LineString>"), "some three"),
        ("<Point><pos>1 2</pos></Point>", "not a namespace of GML"),
        ("<gml:Point><gml:pos>1 2</gml:pos></gml:Point>", "unbound prefix"),
        ('<!DOCTYPE a [<!ENTITY b "1 2">]><a>&b;</a>', "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        ("<a>" * 100 + "</a>" * 100, "nested more than"),
        ("<a/><b/>", "junk"),
    ],
)  # fmt: skip
def test_what_lies_outside_the_profile_is_named(gml, reason):
    with pytest.raises(DataBrokenError, match=reason):
        gml_to_wkt(gml, depth=64)


def test_the_names_of_systems_are_given_from_the_outside_in():
    gml = wrapped(
        '<gml:MultiPoint srsName="urn:a"><gml:pointMember><gml:Point srsName="urn:b"><gml:pos srsName="urn:a">1 2'
        "</gml:pos></gml:Point></gml:pointMember></gml:MultiPoint>"
    )
    assert gml_to_wkt(gml, depth=9)[1] == ("urn:a", "urn:b")


def test_gml_is_written_for_both_versions():
    point = shapely.Point(1, 2.5, 3)
    assert 'gml="http://www.opengis.net/gml"' in gml_text(point, srs="urn:x", version="3.1")
    assert gml_text(point, srs="urn:x").endswith("<gml:pos>1 2.5 3</gml:pos></gml:Point>")
