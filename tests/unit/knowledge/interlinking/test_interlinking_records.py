"""Features of databases, JSON, XML, STAC items and rasters, and the times of RDF."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pystac
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from extremeearth.core.errors import CrsError, InputError, MappingError
from extremeearth.knowledge.interlinking import link, read_features
from extremeearth.knowledge.mapping import ClassifiedRaster, Database
from extremeearth.knowledge.store import open_graph

SHAPES = {"a": shapely.box(10, 50, 11, 51), "b": shapely.Point(10.5, 50.5)}


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
        assert found.spans[0].tolist() == [1577836800.0] * 2
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


def stac_items():
    import datetime

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
DAY = 1577836800.0


@pytest.mark.parametrize(
    ("times", "spans"),
    [
        (("time:hasTime/time:hasBeginning/time:inXSDDateTime", "time:hasTime/time:hasEnd/time:inXSDDateTime"),
         {"urn:f:a": [DAY, DAY + 86400], "urn:f:b": [-np.inf, np.inf]}),
        ("dcterms:date", {"urn:f:a": [-np.inf, np.inf], "urn:f:b": [DAY - 365 * 86400, DAY]}),
        ("<http://purl.org/dc/terms/date>", {"urn:f:a": [-np.inf, np.inf], "urn:f:b": [DAY - 365 * 86400, DAY]}),
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
