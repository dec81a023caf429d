from __future__ import annotations

import pytest
import shapely

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.rdf.kml import kml_text, kml_to_wkt

RING = "<LinearRing><coordinates>0,0 4,0 4,4 0,0</coordinates></LinearRing>"
POINT = "<Point><coordinates>1,2</coordinates></Point>"


@pytest.mark.parametrize(
    ("kml", "wkt"),
    [
        (POINT, "POINT (1 2)"),
        ('<Point xmlns="http://www.opengis.net/kml/2.2"><coordinates>1,2,3</coordinates></Point>', "POINT Z (1 2 3)"),
        (
            '<k:Point xmlns:k="http://earth.google.com/kml/2.1"><k:coordinates> 1 , 2 </k:coordinates></k:Point>',
            "POINT (1 2)",
        ),
        ("<Point/>", "POINT EMPTY"),
        (
            "<LineString><tessellate>1</tessellate><coordinates>\n1,2,3\n4,5</coordinates></LineString>",
            "LINESTRING Z (1 2 3, 4 5 0)",
        ),
        (RING, "LINEARRING (0 0, 4 0, 4 4, 0 0)"),
        (
            f"<Polygon><outerBoundaryIs>{RING}</outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>"
            "2,1 3,1 3,2 2,1</coordinates></LinearRing></innerBoundaryIs></Polygon>",
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (2 1, 3 1, 3 2, 2 1))",
        ),
        ("<Polygon/>", "POLYGON EMPTY"),
        (f"<MultiGeometry>{POINT}{POINT}</MultiGeometry>", "MULTIPOINT ((1 2), (1 2))"),
        (f"<MultiGeometry>{POINT}<Polygon/></MultiGeometry>", "GEOMETRYCOLLECTION (POINT (1 2), POLYGON EMPTY)"),
        (
            f"<MultiGeometry><MultiGeometry>{POINT}</MultiGeometry>{POINT}</MultiGeometry>",
            "GEOMETRYCOLLECTION (MULTIPOINT ((1 2)), POINT (1 2))",
        ),
        ("<MultiGeometry/>", "GEOMETRYCOLLECTION EMPTY"),
    ],
)  # fmt: skip
def test_geometries_of_kml_are_read(kml, wkt):
    assert shapely.from_wkt(kml_to_wkt(kml, depth=64)).wkt == shapely.from_wkt(wkt).wkt


@pytest.mark.parametrize(
    ("kml", "reason"),
    [
        ("<Model/>", "'Model' is not a supported"),
        ("<Placemark><Point/></Placemark>", "'Placemark' is not"),
        ("<Point><coordinates>1</coordinates></Point>", "longitude, latitude"),
        ("<Point><coordinates>a,b</coordinates></Point>", "no number"),
        ('<Point xmlns="urn:x"><coordinates>1,2</coordinates></Point>', "not a namespace of KML"),
        ('<!DOCTYPE a [<!ENTITY b "1,2">]><Point><coordinates>&b;</coordinates></Point>', "document type"),
        ("<Point>", "no element found"),
        ("", "no element"),
    ],
)  # fmt: skip
def test_what_is_no_geometry_of_kml_is_named(kml, reason):
    with pytest.raises(DataBrokenError, match=reason):
        kml_to_wkt(kml, depth=64)


def test_collections_are_written_as_multi_geometries():
    text = kml_text(shapely.MultiPoint([(1, 2), (3, 4)]))
    assert text.startswith('<MultiGeometry xmlns="http://www.opengis.net/kml/2.2"><Point>')
    assert shapely.from_wkt(kml_to_wkt(text, depth=9)).geom_type == "MultiPoint"
