"""Functions on geometries: literals in the order of their systems, measures on the ellipsoid, accessors, relations."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.boxes import as_crs
from extremeearth.core.errors import CrsError, DataBrokenError, MappingError
from extremeearth.core.geodesy import area_m2, length_m, transform
from extremeearth.knowledge.mapping import GEOMETRY_FUNCTIONS, Argument, geometry_column
from extremeearth.knowledge.rdf import FUNCTIONS, parse_geometries

SHAPES = [
    shapely.Point(11.5, 48.25),
    shapely.LineString([(11, 48, 5), (12, 49, 6)]),
    shapely.Polygon(
        [(11, 48), (12, 48), (12, 49), (11, 49)], [[(11.2, 48.2), (11.4, 48.2), (11.3, 48.4)]]
    ),
    shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]),
    shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(1, 1, 2, 2)]),
    shapely.Polygon(),
    None,
]


def wkb(shapes):
    return pa.array(shapely.to_wkb(np.array(shapes, dtype=object)), pa.large_binary())


def call(name, values, *, crs=None, **others):
    rows = len(values)
    arguments = {FUNCTIONS.geometry: Argument(values, rows, None if crs is None else as_crs(crs))}
    arguments |= {
        FUNCTIONS[key]: value if isinstance(value, Argument) else Argument(value, rows)
        for key, value in others.items()
    }
    return GEOMETRY_FUNCTIONS[FUNCTIONS[name]].call(arguments).to_pylist()


@pytest.mark.parametrize(
    ("name", "form"),
    [("asWKT", "wkt"), ("asGML", "gml"), ("asGeoJSON", "geojson"), ("asKML", "kml")],
)
def test_literals_read_back_to_the_same_place(name, form):
    shapes = SHAPES[:5]
    texts = pa.array(call(name, wkb(shapes), crs=4326), pa.large_string())
    read = parse_geometries(form, texts)
    assert not read.problems
    assert shapely.equals(read.column.shapes, shapes).all()


def test_a_literal_names_its_system_and_follows_the_order_of_its_axes():
    point = wkb([shapely.Point(11.5, 48.25)])
    assert call("asWKT", point, crs=4326) == ["POINT (11.5 48.25)"]
    assert call("transform", point, crs=4326) == ["POINT (11.5 48.25)"]
    (gml,) = call("asGML", wkb([shapely.Point(500_000, 0)]), crs=32632)
    assert "EPSG/0/32632" in gml
    (kml,) = call("asKML", wkb([shapely.Point(500_000, 0)]), crs=32632)
    assert "9" in kml
    assert "EPSG" not in kml


def located(name, values, crs, target):
    arguments = {
        FUNCTIONS.geometry: Argument(values, len(values), as_crs(crs)),
        FUNCTIONS.crs: target,
    }
    return GEOMETRY_FUNCTIONS[FUNCTIONS[name]].call(arguments).to_pylist()


def test_reprojection_by_a_constant_and_by_a_column():
    points = wkb([shapely.Point(11.5, 48.25), shapely.Point(11.5, 48.25), None])
    assert located("asWKT", points, 4326, Argument("EPSG:4326", 3))[0] == (
        "<http://www.opengis.net/def/crs/EPSG/0/4326> POINT (48.25 11.5)"
    )
    found = located("asWKT", points, 4326, Argument(pa.array(["EPSG:3857", None, "OGC:CRS84"]), 3))
    assert found[0].startswith("<http://www.opengis.net/def/crs/EPSG/0/3857> POINT (1280174")
    assert found[1:] == [None, None]
    with pytest.raises(CrsError):
        located("asWKT", points, 4326, Argument("EPSG:999999", 3))


def test_texts_may_get_a_system_that_they_do_not_name():
    texts = pa.array(
        ["POINT (500000 0)", None, "<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT (1 2)"]
    )
    column = geometry_column(
        Argument(texts, 3), source=Argument("EPSG:32632", 3), target=Argument("OGC:CRS84", 3)
    )
    assert column.shapes[0].x == pytest.approx(9.0)
    assert column.shapes[1] is None


def test_a_system_without_a_name_is_written_where_another_is_asked_for():
    custom = "+proj=laea +lat_0=80 +lon_0=10 +datum=WGS84 +units=m"
    point = wkb([shapely.Point(0, 0)])
    with pytest.raises(CrsError, match="no EPSG code"):
        call("asWKT", point, crs=custom)
    assert located("asWKT", point, custom, Argument("OGC:CRS84", 1)) == ["POINT (10 80)"]


def test_measures_are_on_the_ellipsoid_whatever_the_system():
    field = shapely.box(11, 48, 11.01, 48.01)
    in_utm = transform(field, source=4326, target=32632)
    expected = area_m2(field, crs=4326)
    for shape, crs in ((field, 4326), (in_utm, 32632)):
        assert call("areaM2", wkb([shape, None]), crs=crs) == [
            pytest.approx(expected, rel=1e-6),
            None,
        ]
    outline = length_m(field.boundary, crs=4326)
    line = shapely.LineString([(0, 0), (1, 0)])
    assert call("perimeterM", wkb([field, line, None]), crs=4326) == [
        pytest.approx(outline),
        None,
        None,
    ]
    nested = shapely.GeometryCollection([line, shapely.GeometryCollection([field])])
    assert call("perimeterM", wkb([nested]), crs=4326) == [pytest.approx(outline)]
    assert call("lengthM", wkb([line]), crs=4326) == [pytest.approx(111_319.49, abs=0.01)]


def test_accessors():
    shapes = wkb(SHAPES)
    assert call("dimension", shapes, crs=4326) == [0, 1, 2, 2, 2, 2, None]
    assert call("coordinateDimension", shapes, crs=4326) == [2, 3, 2, 2, 2, 2, None]
    assert call("spatialDimension", shapes, crs=4326) == [2, 3, 2, 2, 2, 2, None]
    assert call("is3D", shapes, crs=4326) == [False, True, False, False, False, False, None]
    assert call("isEmpty", shapes, crs=4326) == [False] * 5 + [True, None]
    assert call("numParts", shapes, crs=4326) == [1, 1, 1, 2, 2, 1, None]
    bow = shapely.LineString([(0, 0), (1, 1), (1, 0), (0, 1)])
    assert call("isSimple", wkb([bow, None]), crs=4326) == [False, None]
    assert [t and t.rpartition("#")[2] for t in call("geometryType", shapes, crs=4326)] == [
        "Point", "LineString", "Polygon", "MultiPolygon", "GeometryCollection", "Polygon", None,
    ]  # fmt: skip


def test_shapes_of_shapes():
    box = wkb([shapely.box(0, 0, 2, 4)])
    assert call("centroid", box, crs=4326) == ["POINT (1 2)"]
    assert call("centroidX", box, crs=4326) == [1.0]
    assert call("centroidY", box, crs=4326) == [2.0]
    line = wkb([shapely.LineString([(0, 0), (2, 4)])])
    (text,) = call("envelope", line, crs=4326)
    assert shapely.from_wkt(text).equals(shapely.box(0, 0, 2, 4))


def test_relations_are_in_one_system():
    point = Argument(wkb([shapely.Point(500_000, 0), None]), 2, as_crs(32632))
    boxes = wkb([shapely.box(8, -1, 10, 1)] * 2)
    assert call("contains", boxes, crs=4326, other=point) == [True, None]
    assert call("disjoint", boxes, crs=4326, other=point) == [False, None]
    assert call("distanceM", boxes, crs=4326, other=point) == [0.0, None]


def test_numbers_and_texts():
    def two(name, left, right):
        arguments = {FUNCTIONS.left: Argument(left, 2), FUNCTIONS.right: Argument(right, 2)}
        return GEOMETRY_FUNCTIONS[FUNCTIONS[name]].call(arguments).to_pylist()

    assert two("add", pa.array(["1", "2.5"]), "1") == [2.0, 3.5]
    assert two("subtract", pa.array([1, 2]), pa.array([0.5, None])) == [0.5, None]
    assert two("greaterThan", pa.array([1, 3]), "2") == [False, True]
    assert two("equalTexts", pa.array(["a", "b"]), "a") == [True, False]
    with pytest.raises(DataBrokenError, match="not a number"):
        two("add", pa.array(["1", "x"]), "1")


def test_broken_values_are_told_or_stop():
    texts = pa.array(["POINT (1 2)", "POINT (1", None])
    with pytest.raises(DataBrokenError, match="not a geometry"):
        geometry_column(Argument(texts, 3))
    told = []
    argument = Argument(texts, 3, broken=lambda *what: told.append(what))
    assert geometry_column(argument).shapes[1] is None
    assert [(example, rows) for _, example, rows in told] == [("POINT (1", 1)]
    broken = pa.array(
        [b"no geometry", shapely.to_wkb(shapely.Point(1, 2)), None], pa.large_binary()
    )
    argument = Argument(broken, 3, as_crs(4326), broken=lambda *what: told.append(what))
    assert geometry_column(argument).shapes[1].x == 1
    assert told[-1][2] == 1
    with pytest.raises(DataBrokenError):
        geometry_column(Argument(broken, 3, as_crs(4326)))
    with pytest.raises(MappingError, match="holds no geometry"):
        geometry_column(Argument(pa.array([1.5]), 1))


def test_a_column_is_read_once_for_all_functions(mapped, monkeypatch):
    from extremeearth.knowledge.mapping.sources import geometry_sources

    reads = []
    real = shapely.from_wkb
    monkeypatch.setattr(
        geometry_sources.shapely, "from_wkb", lambda *a, **k: (reads.append(1), real(*a, **k))[1]
    )
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    said = " , ".join(
        f"""[ rml:predicate ex:{name} ; rml:objectMap [ rml:functionExecution [ rml:function ee:{name} ;
            rml:input [ rml:parameter ee:geometry ; rml:inputValueMap [ rml:reference "geometry" ] ] ] ] ]"""
        for name in ("asWKT", "areaM2", "isEmpty")
    )
    found, _ = mapped(
        f"""<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
        rml:subjectMap [ rml:template "urn:{{id}}" ] ; rml:predicateObjectMap {said} .""",
        sources={"t": frame},
    )
    assert len(found) == 3
    assert len(reads) == 1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-179, 179), st.floats(-89, 89), st.sampled_from([4326, 3035, 32632])),
        min_size=1, max_size=8,
    )
)  # fmt: skip
def test_any_mixture_of_systems_reads_back(points):
    texts = [
        f"<http://www.opengis.net/def/crs/EPSG/0/{code}> POINT ({x!r} {y!r})"
        for x, y, code in points
    ]
    found = call("asWKT", pa.array(texts))
    again = parse_geometries("wkt", pa.array(found, pa.large_string())).column
    first = parse_geometries("wkt", pa.array(texts, pa.large_string())).column
    assert shapely.equals(again.shapes, first.shapes).all()
    assert (again.systems == first.systems).all()
