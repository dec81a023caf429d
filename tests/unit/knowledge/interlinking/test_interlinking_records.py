"""Features of databases, JSON, XML, STAC items and rasters, and the times of RDF."""

from __future__ import annotations

import datetime
import json
import sqlite3

import numpy as np
import pandas as pd
import pyarrow as pa
import pystac
import pytest
import rasterio
import shapely
from fastapi import FastAPI
from rasterio.transform import from_origin
from tests.servers.asgi import listening

from extremeearth.core.errors import CrsError, DataBrokenError, InputError, MappingError
from extremeearth.core.http import SafeClient
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.settings import Settings
from extremeearth.knowledge.interlinking import LinkOptions, link, link_files, read_features
from extremeearth.knowledge.interlinking.features import spans_of
from extremeearth.knowledge.mapping import ClassifiedRaster, Database
from extremeearth.knowledge.store import open_graph
from extremeearth.knowledge.store.service import sparql_router

SHAPES = {"a": shapely.box(10, 50, 11, 51), "b": shapely.Point(10.5, 50.5)}

DAY = 1577836800.0
LASTS = 86400 - 1e-6


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "fields.sqlite"
    with sqlite3.connect(path) as opened:
        opened.execute("CREATE TABLE fields (id TEXT, wkt TEXT, raw BLOB, day TEXT, x REAL)")
        for name, shape in SHAPES.items():
            opened.execute(
                "INSERT INTO fields VALUES (?, ?, ?, '2020-01-01', 1)",
                (name, shape.wkt, shape.wkb),
            )
        opened.execute("INSERT INTO fields VALUES ('c', 'POINT (', NULL, NULL, NULL)")
    opened.close()
    return f"sqlite:///{path}"


def read(source, **options):
    found = read_features(source, **{"prefix": "urn:f:", "crs": 4326, **options})
    return dict(zip(found.iris.to_pylist(), found.shapes.tolist(), strict=True)), found


def same_shapes(found) -> bool:
    return all(found[f"urn:f:{name}"].equals(shape) for name, shape in SHAPES.items())


@pytest.mark.parametrize(
    ("options", "unread"),
    [
        ({"layer": "fields"}, 1),
        ({"layer": "fields", "geometry": "raw"}, 0),
        ({"query": "SELECT id, wkt FROM fields WHERE id < 'c'"}, 0),
        ({"query": "SELECT id AS id, raw AS geom, day FROM fields", "times": ("day", "day")}, 0),
    ],
)  # fmt: skip
def test_a_table_and_a_query_of_a_database(options, unread, database):
    shapes, found = read(database, **options)
    assert same_shapes(shapes)
    assert found.unread == unread
    if "times" in options:
        assert found.spans[0].tolist() == [DAY, DAY + LASTS]
        assert found.spans[2].tolist() == [-np.inf, np.inf]
    with Database(database) as opened:
        assert read(opened, **options)[0] == shapes


def test_what_a_database_lacks_is_named(database):
    for options, error, message in (
        ({"layer": "none"}, MappingError, "none"),
        ({}, MappingError, "No table"),
        ({"layer": "fields", "id_column": "nr"}, InputError, "no column 'nr'"),
        ({"layer": "fields", "crs": None}, CrsError, "reference system"),
        ({"query": "SELECT id FROM fields"}, InputError, "no geometries"),
        ({"query": "DELETE FROM fields"}, MappingError, "SQL"),
    ):
        with pytest.raises(error, match=message):
            read(database, **options)
    assert len(read(database, layer="fields")[1]) == 3


def test_records_of_json_and_xml(tmp_path):
    rows = [{"id": name, "at": {"wkt": shape.wkt}} for name, shape in SHAPES.items()]
    path = tmp_path / "fields.json"
    path.write_text(json.dumps({"fields": rows}))
    for options in ({}, {"layer": "$.fields[*]", "geometry": "$.at.wkt", "id_column": "$.id"}):
        assert same_shapes(read(path, **options)[0])
    path = tmp_path / "fields.xml"
    items = "".join(
        f'<field id="{name}"><wkt>{shape.wkt}</wkt></field>' for name, shape in SHAPES.items()
    )
    path.write_text(f"<fields>{items}</fields>")
    for options in ({}, {"layer": "/fields/field", "geometry": "wkt", "id_column": "@id"}):
        assert same_shapes(read(path, **options)[0])


def damaged(text: str, tmp_path, ending: str):
    path = tmp_path / f"fields.{ending}"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path)


@pytest.mark.parametrize(
    ("text", "ending", "names", "unread"),
    [
        # a broken record; where a document breaks off, what may have followed counts as one; a text that is no UTF-8
        ('[{"id": "a", "wkt": "POINT (1 2)"}, {"id" "b", "wkt": 3}, {"id": "c", "wkt": "POINT (3 4)"}]',
         "json", "ac", 1),
        ('{"f": [{"id": "a", "wkt": "POINT (1 2)"}, {"id": "c", "wkt": "POINT (3 4)"}, {"id": "d", "w',
         "json", "ac", 2),
        ('[{"id": "a", "wkt": "POINT (1 2)"}, {"id": "c", "wkt": "POINT (3 4)"},', "json", "ac", 1),
        (b'[{"id": "a", "wkt": "POINT (1 2)", "n": "\xe9"}, {"id": "c", "wkt": "POINT (3 4)"}]', "json", "ac", 0),
        ('[{"id": "a", "wkt": "POINT (1 2)"}, {"id": "c", "wkt": "POINT ("}]', "json", "ac", 1),
        ("<f><r id='a'><wkt>POINT (1 2)</wkt></r><r id='b'><wkt>POINT (1</r>"
         "<r id='c'><wkt>POINT (3 4)</wkt></r></f>", "xml", "ac", 1),
        ("<f><r id='a'><wkt>POINT (1 2)</wkt></r><r id='c'><wkt>POINT (3 4)</wkt></r><r id='d'><wk", "xml", "ac", 2),
    ],
)  # fmt: skip
def test_what_is_lost_of_damaged_records_is_counted(text, ending, names, unread, tmp_path):
    shapes, found = damaged(text, tmp_path, ending)
    assert list(shapes) == [f"urn:f:{name}" for name in names]
    assert found.unread == unread
    assert found.shapes[0] == shapely.Point(1, 2)


@pytest.mark.parametrize(
    ("text", "ending"), [('{"f": [{"id" ', "json"), ("", "json"), ("<f><r", "xml"), ("no", "xml")]
)
def test_damaged_records_of_which_nothing_is_left_are_an_error(text, ending, tmp_path):
    with pytest.raises(DataBrokenError):
        damaged(text, tmp_path, ending)


def test_losses_of_both_sides_are_in_the_report(tmp_path):
    (tmp_path / "a.json").write_text(
        '[{"id": "a", "wkt": "POINT (1 2)"}, {"id" "b"}, {"id": "c", "wkt": "POINT (5 5)"}]'
    )
    (tmp_path / "b.csv").write_text('id,wkt\nc,POINT (1 2)\nd,"CIRCULARSTRING (0 0, 1 1, 2 0)"\n')
    sides = [read(tmp_path / name)[1] for name in ("a.json", "b.csv")]
    report = link_files(*sides, tmp_path / "links.nt", options=LinkOptions(relations=("equals",)))
    assert report.unread == (1, 1)
    assert report.links == {"equals": 1}


def test_curves_of_a_file_are_unread(tmp_path):
    import pyogrio

    curve = bytes.fromhex("010800000003000000") + np.array([0, 0, 1, 1, 2, 0], "<f8").tobytes()
    shapes = pa.array([shapely.Point(1, 2).wkb, curve], pa.binary())
    table = pa.table({"id": ["a", "b"], "geom": shapes})
    path = tmp_path / "f.gpkg"
    pyogrio.write_arrow(table, path, geometry_name="geom", geometry_type="Unknown", crs="EPSG:4326")
    assert read(path)[1].unread == 1


def stac_items():
    return [
        pystac.Item(
            id=name, geometry=json.loads(shapely.to_geojson(shape)), bbox=list(shape.bounds),
            datetime=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), properties={},
        )
        for name, shape in SHAPES.items()
    ]  # fmt: skip


def test_stac_items_of_a_file_and_of_a_search(tmp_path):
    path = tmp_path / "items.json"
    path.write_text(json.dumps(pystac.ItemCollection(stac_items()).to_dict()))
    for source in (path, stac_items(), iter(stac_items()), pystac.ItemCollection(stac_items())):
        shapes, found = read(source, crs=None, times="datetime")
        assert same_shapes(shapes)
        assert found.spans[:, 0].tolist() == [1577836800.0] * 2


def test_the_areas_of_a_classified_raster(tmp_path):
    path = tmp_path / "classes.tif"
    codes = np.array([[1, 1, 2], [1, 1, 2]], dtype=np.uint8)
    with rasterio.open(
        path, "w", driver="GTiff", width=3, height=2, count=1, dtype="uint8",
        transform=from_origin(10, 52, 1, 1), crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.write(codes, 1)
    for source in (path, ClassifiedRaster(path=path)):
        shapes, _ = read(source, crs=None)
        assert sorted(shape.bounds for shape in shapes.values()) == [
            (10.0, 50.0, 12.0, 52.0),
            (12.0, 50.0, 13.0, 52.0),
        ]


TURTLE = """
@prefix geo: <http://www.opengis.net/ont/geosparql#> . @prefix time: <http://www.w3.org/2006/time#> .
@prefix dcterms: <http://purl.org/dc/terms/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<urn:f:a> geo:hasGeometry <urn:g:a> ; time:hasTime <urn:t:a> .
<urn:g:a> geo:asWKT "POINT (1 1)"^^geo:wktLiteral .
<urn:t:a> time:hasBeginning <urn:t:b> ; time:hasEnd <urn:t:e> .
<urn:t:b> time:inXSDDateTime "2020-01-01T00:00:00Z"^^xsd:dateTime .
<urn:t:e> time:inXSDDateTime "2020-01-02T00:00:00Z"^^xsd:dateTime .
<urn:f:b> geo:hasGeometry <urn:g:b> ; dcterms:date "2020-01-01"^^xsd:date, "2019-01-01"^^xsd:date .
<urn:g:b> geo:asWKT "POINT (1 1)"^^geo:wktLiteral .
"""


@pytest.mark.parametrize(
    ("times", "spans"),
    [
        (("time:hasTime/time:hasBeginning/time:inXSDDateTime", "time:hasTime/time:hasEnd/time:inXSDDateTime"),
         {"urn:f:a": [DAY, DAY + 86400], "urn:f:b": [-np.inf, np.inf]}),
        ("dcterms:date", {"urn:f:a": [-np.inf, np.inf], "urn:f:b": [DAY - 365 * 86400, DAY + LASTS]}),
        ("<http://purl.org/dc/terms/date>",
         {"urn:f:a": [-np.inf, np.inf], "urn:f:b": [DAY - 365 * 86400, DAY + LASTS]}),
    ],
)  # fmt: skip
def test_times_of_rdf_by_paths_of_properties(times, spans, tmp_path):
    path = tmp_path / "f.ttl"
    path.write_text(TURTLE)
    graph = open_graph(tmp_path / "store")
    graph.load(TURTLE.encode(), "ttl")
    opened = read_features(graph, times=times)
    graph.close()
    for found in (read_features(path, times=times), opened,
                  read_features(tmp_path / "store", times=times)):  # fmt: skip
        assert dict(zip(found.iris.to_pylist(), found.spans.tolist(), strict=True)) == spans
    with pytest.raises(InputError, match="no path"):
        read_features(path, times="date")


def test_times_of_rdf_limit_links(tmp_path):
    path = tmp_path / "f.ttl"
    path.write_text(TURTLE)
    some = read_features(path, times="dcterms:date")
    other = read_features(path, times="time:hasTime/time:hasEnd/time:inXSDDateTime")
    # a of the second set holds on one later day: only what has no date in the first meets it
    found = link(some, other, relations=["equals"])
    pairs = set(zip(found["source"].to_pylist(), found["target"].to_pylist(), strict=True))
    assert ("urn:f:b", "urn:f:a") not in pairs
    assert len(pairs) == 3


@pytest.fixture
def endpoint():
    graph = open_graph()
    graph.load(TURTLE.encode(), "ttl")
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(sparql_router(graph, settings=Settings()))
    with listening(app) as url, SafeClient(allow_hosts=["127.0.0.1"]) as client:
        yield f"{url}/sparql", client
    graph.close()


@pytest.mark.parametrize(
    "times",
    [("time:hasTime/time:hasBeginning/time:inXSDDateTime", "time:hasTime/time:hasEnd/time:inXSDDateTime"),
     "dcterms:date", "<http://purl.org/dc/terms/date>", ("dcterms:date", "time:hasTime/time:hasEnd/time:inXSDDateTime"),
     "https://example.org/never"],
)  # fmt: skip
def test_times_of_an_endpoint_are_those_of_its_data(times, endpoint, tmp_path):
    url, client = endpoint
    asked = read_features(url, times=times, client=client)
    path = tmp_path / "f.ttl"
    path.write_text(TURTLE)
    expected = read_features(path, times=times)
    spans = dict(zip(expected.iris.to_pylist(), expected.spans.tolist(), strict=True))
    assert dict(zip(asked.iris.to_pylist(), asked.spans.tolist(), strict=True)) == spans
    assert len(spans) == 2
    days = read_features(path, times="time:hasTime/time:hasBeginning/time:inXSDDateTime")
    found = link(asked, days, relations=["equals"])
    assert found.num_rows == len(link(expected, days, relations=["equals"]))
    with pytest.raises(InputError, match="no path"):
        read_features(url, times="date", client=client)


@pytest.mark.parametrize(
    ("text", "start", "lasts"),
    [
        ("2020-01-01", 0, 86400), ("2020-01-01Z", 0, 86400), ("2020-01-01+02:00", -7200, 86400),
        ("2020-02", 31 * 86400, 29 * 86400), ("2020", 0, 366 * 86400), ("2020-01-01T00:00:05", 5, 0),
        ("2020-01-01T00:00:05+01:00", -3595, 0), (datetime.date(2020, 1, 1), 0, 86400),
        (datetime.datetime(2020, 1, 1), 0, 0),
    ],
)  # fmt: skip
def test_a_date_lasts_to_its_end(text, start, lasts):
    frame = pd.DataFrame({"at": pd.Series([text, None], dtype=object)})
    spans = spans_of(frame, "at")
    assert spans[1].tolist() == [-np.inf, np.inf]
    assert spans[0, 0] == DAY + start
    assert spans[0, 1] == pytest.approx(DAY + start + lasts - 1e-6 * (lasts > 0), abs=1e-6)


@pytest.mark.parametrize("text", ["soon", "2020-13", "12020-01-01", "-0044-03-15", 1.5])
def test_what_is_no_time_is_named(text):
    frame = pd.DataFrame({"at": pd.Series(["2020-01-01", None, text], dtype=object)})
    with pytest.raises(InputError, match=f"'{text}' is no time"):
        spans_of(frame, "at")


def test_tables_and_queries_of_postgresql(postgres_url):
    import psycopg

    with psycopg.connect(postgres_url.replace("+psycopg", "")) as opened:
        opened.execute("CREATE TABLE fields (id text, wkt text, raw bytea, valid_from timestamptz)")
        for name, shape in SHAPES.items():
            opened.execute(
                "INSERT INTO fields VALUES (%s, %s, %s, '2020-01-01T00:00:00Z')",
                (name, shape.wkt, shape.wkb),
            )
    for options in (
        {"layer": "fields", "times": "valid_from"},
        {"layer": "fields", "geometry": "raw"},
        {"query": "SELECT id, wkt FROM fields"},
    ):
        shapes, found = read(postgres_url, **options)
        assert same_shapes(shapes)
        if "times" in options:
            assert found.spans.tolist() == [[1577836800.0] * 2] * 2


POSTGIS = """
CREATE EXTENSION postgis;
CREATE TABLE utm (id text, day date, geom geometry(Polygon, 32632));
INSERT INTO utm VALUES ('b/ü', '2020-01-01',
  ST_Transform(ST_GeomFromText('POLYGON((9 48,9.1 48,9.1 48.1,9 48.1,9 48))', 4326), 32632)),
  ('none', NULL, NULL), ('empty', NULL, ST_GeomFromText('POLYGON EMPTY', 32632));
CREATE TABLE sphere (id int, shape geography);
INSERT INTO sphere VALUES (1, 'POINT(9.05 48.05)'), (2, 'SRID=4326;POINT Z (9.05 48.05 300)'),
  (3, 'LINESTRING(9 48,9.1 48.1)');
CREATE TABLE mixed (id int, geom geometry);
INSERT INTO mixed VALUES (1, 'SRID=4326;POINT(9 48)'), (2, 'SRID=32632;POINT(500000 5300000)');
CREATE TABLE nowhere (id int, geom geometry);
INSERT INTO nowhere VALUES (1, 'POINT(9.05 48.05)');
CREATE TABLE zero (id int, geom geometry(Point, 32632));
CREATE TABLE two (id int, centre geometry(Point, 4326), outline geometry(Polygon, 4326));
INSERT INTO two VALUES (1, 'SRID=4326;POINT(9.05 48.05)', 'SRID=4326;POLYGON((9 48,9.1 48,9.1 48.1,9 48))');
CREATE TABLE curved (id int, geom geometry(CurvePolygon, 4326));
INSERT INTO curved VALUES (1, 'SRID=4326;CURVEPOLYGON(CIRCULARSTRING(0 0, 4 0, 4 4, 0 4, 0 0))');
CREATE SCHEMA "A b"; CREATE TABLE "A b"."Ta" ("Id" int, "Geom" geometry(Point, 4258));
INSERT INTO "A b"."Ta" VALUES (1, 'SRID=4258;POINT(9.05 48.05)');
"""  # fmt: skip


@pytest.fixture
def postgis(postgres_url):
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as opened:
        try:
            opened.execute(POSTGIS)
        except psycopg.errors.FeatureNotSupported as err:
            pytest.skip(f"PostGIS is not installed: {err}")
    return postgres_url


def test_postgis_shapes_are_features_in_their_own_system(postgis):
    utm, read_utm = read(postgis, layer="utm", crs=None, times="day")
    assert list(utm) == ["urn:f:b%2Fü", "urn:f:none", "urn:f:empty"]
    assert (read_utm.crs.epsg, read_utm.unread) == (32632, 0)
    assert utm["urn:f:none"] is None
    assert utm["urn:f:empty"].is_empty
    assert read_utm.spans[:2].tolist() == [[DAY, DAY + LASTS], [-np.inf, np.inf]]
    sphere, read_sphere = read(postgis, layer="sphere", crs=None)
    assert read_sphere.crs.epsg == 4326
    assert sphere["urn:f:2"].wkt == "POINT (9.05 48.05)"
    found = link(read_utm, read_sphere, relations=["contains"])  # both in longitude and latitude
    assert [row["target"] for row in found.to_pylist()] == ["urn:f:1", "urn:f:2", "urn:f:3"]
    assert set(found["source"].to_pylist()) == {"urn:f:b%2Fü"}


@pytest.mark.parametrize(
    ("options", "epsg", "count"),
    [
        ({"query": "SELECT id, ST_Transform(geom, 3035) AS x FROM utm"}, 3035, 3),
        ({"query": "SELECT id, ST_AsEWKT(geom) AS wkt FROM utm"}, 32632, 3),
        ({"query": "SELECT id, geom::text AS wkb FROM utm"}, 32632, 3),
        ({"query": "SELECT id, ST_AsText(geom) AS wkt FROM utm", "crs": 32632}, 32632, 3),
        ({"query": "SELECT id, ST_AsBinary(geom) AS wkb FROM utm", "crs": 32632}, 32632, 3),
        ({"query": "SELECT id, geom::text AS wkb FROM nowhere", "crs": 4258}, 4258, 1),
        ({"layer": "two", "geometry": "outline"}, 4326, 1),
        ({"layer": '"A b"."Ta"', "id_column": "Id"}, 4258, 1),
        ({"layer": "zero"}, 4326, 0),
    ],
)  # fmt: skip
def test_every_way_to_ask_postgis_keeps_the_system(options, epsg, count, postgis):
    found = read(postgis, **{"crs": None, **options})[1]
    assert (found.crs.epsg, len(found), found.unread) == (epsg, count, 0)


@pytest.mark.parametrize(
    ("options", "epsg", "unread"),
    [
        ({"layer": "nowhere", "crs": 4258}, 4258, 0),
        ({"query": "SELECT * FROM nowhere", "crs": 4258}, 4258, 0),
        ({"layer": "sphere", "crs": 4258}, 4326, 0),  # one that is named wins
        ({"layer": "curved"}, 4326, 1),
        ({"query": "SELECT id, ST_CurveToLine(geom) AS geom FROM curved"}, 4326, 0),
        ({"query": "SELECT id, ST_AsEWKT(geom) AS wkt FROM curved"}, 4326, 1),
        ({"query": "SELECT id, geom::text AS wkb FROM curved", "crs": 4326}, 4326, 1),
    ],
)  # fmt: skip
def test_postgis_shapes_without_a_system_and_with_curves(options, epsg, unread, postgis):
    shapes, found = read(postgis, **{"crs": None, **options})
    assert (found.crs.epsg, found.unread) == (epsg, unread)
    assert [shape is None for shape in shapes.values()].count(True) == unread


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"layer": "mixed"}, CrsError, "different reference systems"),
        ({"query": "SELECT id, ST_AsEWKT(geom) AS wkt FROM mixed"}, CrsError, "different reference systems"),
        ({"query": "SELECT id, geom::text AS wkb FROM mixed"}, CrsError, "different reference systems"),
        ({"layer": "nowhere"}, CrsError, "no reference system"),
        ({"layer": "two"}, InputError, "several columns with geometries: centre, outline"),
        ({"query": "SELECT * FROM two"}, InputError, "several columns with geometries: centre, outline"),
        ({"layer": "two", "geometry": "OUTLINE"}, InputError, "There are: id, outline, centre"),
    ],
)  # fmt: skip
def test_postgis_shapes_that_cannot_be_linked(options, error, message, postgis):
    with pytest.raises(error) as caught:
        read(postgis, **{"crs": None, **options})
    assert message in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "crs", "expected"),
    [
        ("id,geom\n1,SRID=32632;POINT (1 2)\n2,\n3,srid=32632; POINT (3 4)\n", None, 32632),
        ("id,geom\n1,{hex}\n2,\n3,{hex}\n", None, 32632),
        ("id,any\n1,SRID=32632;POINT (1 2)\n2,\n3,SRID=32632;POINT (3 4)\n", 4326, 32632),
        ("id,geom\n1,POINT (1 2)\n2,\n3,SRID=32632;POINT (3 4)\n", None, "do not all name"),
        ("id,geom\n1,SRID=4326;POINT (1 2)\n2,\n3,SRID=32632;POINT (3 4)\n", None, "different"),
        ("id,geom\n1,SRID=999999;POINT (1 2)\n2,\n3,SRID=999999;POINT (3 4)\n", None, "not a known"),
    ],
)  # fmt: skip
def test_text_that_postgis_writes_says_its_system(text, crs, expected, tmp_path):
    path = tmp_path / "f.csv"
    shape = shapely.set_srid(shapely.Point(1, 2), 32632)
    path.write_text(text.format(hex=shapely.to_wkb(shape, hex=True, include_srid=True)))
    if isinstance(expected, str):
        with pytest.raises(CrsError, match=expected):
            read(path, crs=crs)
        return
    shapes, found = read(path, crs=crs)
    assert found.crs.epsg == expected
    assert found.unread == 0
    assert shapes["urn:f:1"] == shapely.Point(1, 2)
    assert shapes["urn:f:2"] is None
