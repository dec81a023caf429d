"""Mappings that are made of JSON, XML, STAC items, tables of databases, and of sources without a key."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import pyarrow as pa
import pyarrow.parquet as pq
import pyoxigraph as ox
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError, MappingError
from extremeearth.knowledge.mapping import Database, describe_source, draft_mapping, map_to_rdf

BASE = "https://example.org/"
ONT = f"{BASE}def#"
FIELDS = """<holding xmlns="urn:holding" xmlns:o="urn:other"><meta><year>2018</year></meta>
  <field id="1" crop="rye"><name>North</name><o:area>1.5</o:area><owner><name>Ann</name></owner></field>
  <field id="2"><name>South</name><o:area>2</o:area><sown>2018-03-01</sown></field></holding>"""


@pytest.fixture
def made(tmp_path):
    """Describe a source, run the mapping that is made of it, and give what it says of the first row."""

    def call(given, row, **options):
        run = {"database": options.pop("database", None)}
        described = describe_source(given, **options)
        draft = draft_mapping(described, base_iri=BASE)
        ontology = ox.parse(draft.ontology, format=ox.RdfFormat.TURTLE)
        defined = {q.subject.value for q in ontology}
        target = tmp_path / "out.nt"
        map_to_rdf(draft.mapping, target=target, folder=tmp_path, **run)
        found = list(ox.parse(target.read_bytes(), format=ox.RdfFormat.N_TRIPLES))
        used = {q.predicate.value for q in found if q.predicate.value.startswith(ONT)}
        assert used <= defined
        return described, {
            (q.predicate.value.removeprefix(ONT), q.object.value)
            for q in found
            if q.subject.value == f"{BASE}{row}" and q.predicate.value.startswith(ONT)
        }

    return call


def types(described):
    return {c.name: c.datatype.rpartition("#")[2] for c in described.columns}


def test_records_of_json_are_found(made, tmp_path):
    records = [
        {"id": 1, "crop name": "rye", "area": 1.5, "tags": ["a", "b"], "owner": {"name": "Ann"}},
        {"id": 2, "crop name": None, "area": 2, "sown": "2018-03-01", "inner": [{"x": 1}]},
    ]
    (tmp_path / "f.json").write_text(json.dumps({"meta": {"n": 2}, "a": {"rows": records}}))
    described, about = made(tmp_path / "f.json", "f/1")
    assert described.layer == "$.a.rows[*]"
    assert described.left_out == ("$.inner[*]",)
    assert types(described) == {
        "$.id": "integer", "$['crop name']": "string", "$.area": "double", "$.tags[*]": "string",
        "$.owner.name": "string", "$.sown": "date",
    }  # fmt: skip
    assert about == {
        ("id", "1"), ("cropName", "rye"), ("area", "1.5"), ("tags", "a"), ("tags", "b"), ("ownerName", "Ann"),
    }  # fmt: skip
    (tmp_path / "none.json").write_text('["2018-01-01", 3]')
    with pytest.raises(MappingError, match="no records"):
        describe_source(tmp_path / "none.json")


@pytest.mark.parametrize("layer", [None, "//d:field"])
def test_records_of_xml_are_found_whatever_their_namespace(made, tmp_path, layer):
    (tmp_path / "f.xml").write_text(FIELDS)
    described, about = made(tmp_path / "f.xml", "f/1", layer=layer)
    assert described.layer == (layer or "/d:holding/d:field")
    assert types(described) == {
        "@id": "integer", "@crop": "string", "d:name": "string", "o:area": "double", "d:owner/d:name": "string",
        "d:sown": "date",
    }  # fmt: skip
    assert about == {
        ("id", "1"),
        ("crop", "rye"),
        ("name", "North"),
        ("area", "1.5"),
        ("ownerName", "Ann"),
    }


@pytest.mark.parametrize(
    "text",
    ["<a><b id='1'", "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a><b>&x;</b></a>", ""],
)
def test_xml_that_is_broken_or_not_to_be_trusted_is_refused(tmp_path, text):
    (tmp_path / "f.xml").write_text(text)
    with pytest.raises(DataBrokenError, match=r"f\.xml"):
        describe_source(tmp_path / "f.xml")


def test_a_table_of_a_database(made, tmp_path):
    with sqlite3.connect(tmp_path / "cadastre.db") as connection:
        connection.executescript(
            'CREATE TABLE fields (id INTEGER PRIMARY KEY, "Crop" TEXT, area DOUBLE, sown DATE, scan BLOB);'
            "INSERT INTO fields VALUES (1, 'rye', 1.5, '2018-03-01', x'00'), (2, 'oat', NULL, NULL, NULL)"
        )
    connection.close()
    with Database(f"sqlite:///{tmp_path / 'cadastre.db'}") as database:
        described, about = made(
            database, "fields/1", name="fields", layer="fields", database=database
        )
        assert described.left_out == ("scan",)
        assert about == {("id", "1"), ("crop", "rye"), ("area", "1.5E0"), ("sown", "2018-03-01")}
        with pytest.raises(MappingError, match="roads"):
            describe_source(database, name="roads", layer="roads")
        with pytest.raises(MappingError, match="No table"):
            describe_source(database)


def test_items_of_a_catalogue(made, tmp_path):
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "a", "collection": "c", "bbox": [11, 48, 11, 48], "links": [],
        "geometry": {"type": "Point", "coordinates": [11, 48]}, "assets": {},
        "properties": {"datetime": "2018-05-01T00:00:00Z", "eo:cloud_cover": 3.5},
    }  # fmt: skip
    collection = {"type": "FeatureCollection", "features": [item]}
    (tmp_path / "items.json").write_text(json.dumps(collection))
    described, about = made(tmp_path / "items.json", "items/a")
    assert types(described)["datetime"] == "dateTime"
    assert ("eoCloudCover", "3.5") in about
    assert described.geometry


def test_features_without_a_key_are_named_by_their_number(made, tmp_path):
    frame = gpd.GeoDataFrame({"crop": ["rye", "rye"]}, geometry=[shapely.Point(1, 2)] * 2, crs=4326)
    frame.to_file(tmp_path / "f.gpkg", layer="rows")
    described, about = made(tmp_path / "f.gpkg", "rows/2", layer="rows")
    assert (described.key, about) == (("fid",), {("crop", "rye")})
    frame.to_file(tmp_path / "g.geojson")
    assert made(tmp_path / "g.geojson", "g/0")[0].key == ("fid",)
    frame.assign(fid=[7, 7]).to_file(tmp_path / "h.shp")
    with pytest.raises(MappingError, match="tells its rows apart"):
        describe_source(tmp_path / "h.shp")


def test_a_table_without_a_key_says_which_columns_do_together(tmp_path):
    table = pa.table(
        {"day": ["1", "1", "2", "2"], "x": [1.0, 2.0, 3.0, 4.0], "station": ["a", "b", "a", "b"]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(MappingError, match="tells its rows apart") as caught:
        describe_source(tmp_path / "t.parquet")
    assert "--id day --id station" in (caught.value.hint or "")
    described = describe_source(tmp_path / "t.parquet", key=("day", "station"))
    assert (
        '"https://example.org/t/{day}/{station}"' in draft_mapping(described, base_iri=BASE).mapping
    )
    pq.write_table(
        table.append_column("y", pa.array([1] * 4)).select(["y"]), tmp_path / "t.parquet"
    )
    with pytest.raises(MappingError) as caught:
        describe_source(tmp_path / "t.parquet")
    assert (caught.value.hint or "").endswith("--id NAME.")


def test_a_geometry_column_keeps_its_name(made, tmp_path):
    frame = gpd.GeoDataFrame(
        {"id": [1], "outline": [shapely.Point(1, 2)]}, geometry="outline", crs=32632
    )
    frame.to_parquet(tmp_path / "f.parquet")
    described, about = made(tmp_path / "f.parquet", "f/1")
    assert (described.shape, described.crs.epsg, about) == ("outline", 32632, {("id", "1")})
    assert "EPSG/0/32632> POINT (1 2)" in (tmp_path / "out.nt").read_text()
