from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.crs import CRS
from pyproj import CRS as ProjCrs
from pyproj import Transformer

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, DataBrokenError
from extremeearth.knowledge.rdf import (
    CRS84,
    crs_from_iri,
    crs_iri,
    crs_of_field,
    geojson_literals,
    is_y_first,
    parse_wkt_literal,
    wkt_literals,
)

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    "code", [4326, 4258, 32632, 3035, 3857, 3413, 3031, 5041, 32661, 31468, 2393, 3995]
)
def test_the_axis_order_is_the_one_proj_swaps_for_display(code):
    crs = as_crs(code)
    area = ProjCrs(code).area_of_use
    lon, lat = (
        area.west + 0.37 * (area.east - area.west),
        area.south + 0.61 * (area.north - area.south),
    )
    own = Transformer.from_crs("OGC:CRS84", code).transform(lon, lat)
    displayed = Transformer.from_crs("OGC:CRS84", code, always_xy=True).transform(lon, lat)
    assert is_y_first(crs) == (own != displayed)
    assert sorted(own) == sorted(displayed)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6))
def test_coordinates_read_back_to_the_last_bit(points):
    shapes = shapely.points(np.array(points))
    back, systems = parse_wkt_literal(wkt_literals(shapes, crs=3035))
    assert np.array_equal(shapely.get_coordinates(back), shapely.get_coordinates(shapes))
    assert {s.epsg for s in systems} == {3035}


def test_latitude_comes_first_only_where_epsg_4326_is_named():
    point = np.array([shapely.Point(11, 48)])
    assert wkt_literals(point, crs=4326)[0] == "POINT (11 48)"
    named = wkt_literals(point, crs=4326, target="EPSG:4326")[0]
    assert named == "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48 11)"
    back, _ = parse_wkt_literal([named])
    assert back[0] == point[0]


def test_geometries_are_transformed_to_the_target():
    text = wkt_literals(np.array([shapely.Point(9, 0)]), crs=4326, target=32632, decimals=2)[0]
    assert text == "<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (500000 0)"


def test_height_stays_when_axes_are_exchanged():
    shapes = np.array([shapely.Point(11, 48, 500), shapely.Point(1, 2)])
    texts = wkt_literals(shapes, crs="EPSG:4326", target="EPSG:4326")
    assert texts[0].endswith("POINT Z (48 11 500)")
    assert parse_wkt_literal(texts)[0][0].z == 500


def test_missing_and_empty_shapes():
    texts = wkt_literals(np.array([None, shapely.Polygon()]), crs=32632)
    assert texts[0] is None
    assert texts[1] == "<http://www.opengis.net/def/crs/EPSG/0/32632> POLYGON EMPTY"
    back, systems = parse_wkt_literal(["", None])
    assert back[0].is_empty
    assert back[1] is None
    assert crs_iri(systems[0]) == CRS84


@pytest.mark.parametrize(
    "iri",
    [
        "http://www.opengis.net/def/crs/EPSG/0/32632", "https://www.opengis.net/def/crs/EPSG/9.9/32632",
        "urn:ogc:def:crs:EPSG::32632", "https://epsg.io/32632", "http://www.opengis.net/gml/srs/epsg.xml#32632",
        "EPSG:32632", "urn:x-ogc:def:crs:EPSG:6.9:32632", "http://opengis.net/def/crs/EPSG/0/32632",
        "http://www.opengis.net/def/crs?authority=EPSG&version=0&code=32632",
    ],
)  # fmt: skip
def test_the_usual_names_of_a_system_are_known(iri):
    assert crs_from_iri(iri).epsg == 32632


@pytest.mark.parametrize(
    "iri",
    ["", "urn:x", "http://www.opengis.net/def/crs/EPSG/0/999999", "EPSG:999999999", "EPSG:4326x"],
)
def test_an_unknown_system_is_an_error(iri):
    with pytest.raises(CrsError):
        crs_from_iri(iri)


def test_a_system_without_a_code_has_no_iri():
    with pytest.raises(CrsError, match="no EPSG code"):
        crs_iri(CRS("+proj=laea +lat_0=12 +lon_0=34"))


def test_text_that_is_no_wkt_is_named():
    with pytest.raises(DataBrokenError, match="well-known text"):
        parse_wkt_literal(["POINT (1"])


def test_geojson_is_always_longitude_and_latitude():
    text = geojson_literals(np.array([shapely.Point(500000, 0), None]), crs=32632)
    assert shapely.from_geojson(text[0]).distance(shapely.Point(9, 0)) < 1e-9
    assert text[1] is None


def test_the_system_of_an_arrow_column():
    assert crs_of_field({b"ARROW:extension:metadata": b'{"crs": "EPSG:3035"}'}).epsg == 3035
    assert crs_of_field(None) is None
    assert crs_of_field({b"ARROW:extension:metadata": b"{}"}) is None
