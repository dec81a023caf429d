"""``extremeearth rdf``: from a source to a mapping, to files and to a store."""

from __future__ import annotations

import gzip
import json
import sqlite3

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather
from extremeearth.knowledge.store import open_graph


@pytest.fixture
def run():
    def call(*words, code=0):
        result = CliRunner().invoke(gather(), ["rdf", *map(str, words)])
        assert result.exit_code == code, result.output + result.stderr
        return result

    return call


@pytest.fixture
def fields(tmp_path):
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = [shapely.box(11, 48, 11.1, 48.1), bow]
    frame = gpd.GeoDataFrame({"id": [1, 2], "crop": ["wheat", "maize"]}, geometry=shapes, crs=4326)
    frame.to_file(tmp_path / "fields.shp")
    return tmp_path / "fields.shp"


def test_from_a_shapefile_to_a_packed_file(run, fields, tmp_path):
    mapping, ontology, out = tmp_path / "m.ttl", tmp_path / "o.ttl", tmp_path / "out.nt.gz"
    run("mapping", fields, "-o", mapping, "--ontology", ontology, "--metrics")
    assert "owl:Class" in ontology.read_text()
    told = run("map", mapping, "-o", out, "--invalid", "repair").stderr
    assert "triples of 2 rows are in" in told, "not once for each of the two triples maps"
    assert "triples per second" in told
    assert "1  invalid geometries repaired" in told
    assert b"asWKT" in gzip.decompress(out.read_bytes())


def test_a_report_for_machines_and_a_folder_of_parts(run, fields, tmp_path):
    mapping = tmp_path / "m.ttl"
    run("mapping", fields, "-o", mapping)
    result = run(
        "map",
        mapping,
        "-o",
        tmp_path / "parts",
        "--part-mb",
        1,
        "--form",
        ".ttl",
        "--invalid",
        "reject",
        "--json",
    )
    told = json.loads(result.stdout)
    assert told["geometries"] == {"invalid geometries left out": 1}
    assert (told["rows"], told["source_rows"]) == (4, 2)
    assert told["triples_per_s"] > 0
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["part-00000.ttl"]


def test_straight_into_a_store(run, fields, tmp_path):
    mapping = tmp_path / "m.ttl"
    run("mapping", fields, "-o", mapping)
    run(
        "map",
        mapping,
        "-o",
        f"store:{tmp_path / 'graph'}",
        "--graph",
        "urn:fields",
        "--workers",
        "2",
    )
    with open_graph(tmp_path / "graph") as graph:
        size = len(graph)
        rows = graph.query(
            "SELECT ?s { GRAPH <urn:fields> { ?s <https://example.org/def#crop> 'wheat' } }"
        ).rows
        assert len(rows) == 1
    text = mapping.read_text().replace(
        'rml:reference "crop"', 'rml:reference "crop" ; rml:termType rml:IRI'
    )
    mapping.write_text(text)
    run("map", mapping, "-o", f"store:{tmp_path / 'graph'}", "--base", "urn:{", code=1)
    with open_graph(tmp_path / "graph") as graph:
        assert len(graph) == size


def test_a_source_elsewhere_and_a_system_that_is_given(run, tmp_path):
    (tmp_path / "data").mkdir()
    source = tmp_path / "data" / "points.csv"
    source.write_text("id,x,y\n1,500000,0\n")
    mapping = tmp_path / "maps" / "m.ttl"
    result = run("mapping", source, "-o", mapping, code=1)
    assert "--crs" in result.stderr
    result = run("mapping", source, "-o", mapping, "--crs", "EPSG:32632")
    assert "--source points.csv=" in result.stderr
    out = tmp_path / "out.nt"
    run("map", mapping, "-o", out, code=1)
    assert not out.exists()
    run("map", mapping, "-o", out, "--source", f"points.csv={source}")
    assert "EPSG/0/32632" in out.read_text()


def test_a_table_of_a_database_from_its_mapping_to_an_answer(run, tmp_path):
    url = f"sqlite:///{tmp_path / 'cadastre.db'}"
    with sqlite3.connect(tmp_path / "cadastre.db") as connection:
        connection.executescript(
            "CREATE TABLE fields (id INTEGER PRIMARY KEY, crop TEXT); INSERT INTO fields VALUES (1, 'rye'), (2, 'oat')"
        )
    connection.close()
    mapping, store = tmp_path / "m.ttl", tmp_path / "graph"
    run("mapping", "fields", "--database", url, "-o", mapping)
    run("map", mapping, "-o", f"store:{store}", "--database", url)
    with open_graph(store) as graph:
        found = graph.query("SELECT ?f { ?f <https://example.org/def#crop> 'oat' }").rows
    assert [str(row[0]) for row in found] == ["<https://example.org/fields/2>"]
    assert "the table 'roads'" in run("mapping", "roads", "--database", url, code=1).stderr


def test_features_in_a_store_answer_where_they_are(run, fields, tmp_path):
    mapping, store = tmp_path / "m.ttl", tmp_path / "graph"
    run("mapping", fields, "-o", mapping, "--metrics")
    run("map", mapping, "-o", f"store:{store}", "--invalid", "repair")
    question = """PREFIX geo: <http://www.opengis.net/ont/geosparql#>
        PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
        SELECT ?f { ?f geo:hasDefaultGeometry/geo:asWKT ?w
        FILTER(geof:sfContains(?w, "POINT (11.05 48.05)"^^geo:wktLiteral)) }"""
    with open_graph(store) as graph:
        assert [str(row[0]) for row in graph.query(question).rows] == [
            "<https://example.org/fields/1>"
        ]


def test_a_damaged_source_is_told_in_one_sentence_or_counted(run, fields, tmp_path):
    mapping, out = tmp_path / "m.ttl", tmp_path / "out.nt"
    run("mapping", fields, "-o", mapping)
    data = fields.read_bytes()
    fields.write_bytes(data[:-20])
    said = run("map", mapping, "-o", out, code=1).stderr
    assert "feature 1 of fields.shp" in said
    assert "--skip-bad" in said
    assert not out.exists()
    told = json.loads(run("map", mapping, "-o", out, "--skip-bad", "--json").stdout)
    assert told["geometries"] == {"is a feature that cannot be read": 1}


def test_a_folder_and_a_file_of_no_kind_are_told(run, tmp_path):
    (tmp_path / "a.dat").write_text("x")
    assert "cannot be read" in run("mapping", tmp_path / "a.dat", code=1).stderr
    (tmp_path / "folder").mkdir()
    assert "name a file in it" in run("mapping", tmp_path / "folder", code=1).stderr


def test_a_mapping_goes_to_standard_output(run, fields, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("mapping", fields, "-o", "-").stdout.startswith("@prefix rml:")
    assert not (tmp_path / "-").exists()
    assert run("mapping", fields, "--base", "https://my.org/").stdout.startswith("@prefix rml:")
    assert set(json.loads(run("mapping", fields, "--json").stdout)) == {
        "mapping",
        "ontology",
        "path",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "horses"], "is no engine"),
        (["--source", "fields"], "does not name a source"),
        (["--crs", "EPSG:0"], "coordinate reference system"),
    ],
)
def test_wrong_words_are_told(run, fields, tmp_path, words, message):
    mapping = tmp_path / "m.ttl"
    run("mapping", fields, "-o", mapping)
    assert message in run("map", mapping, "-o", tmp_path / "out.nt", *words, code=1).stderr


def test_first_rows_are_shown_and_nothing_is_written(run, fields, tmp_path):
    mapping = tmp_path / "m.ttl"
    run("mapping", fields, "-o", mapping)
    before = sorted(tmp_path.iterdir())
    shown = run("map", mapping, "--preview", 1)
    assert "<https://example.org/fields/1> a ont:Fields, geo:Feature" in shown.stdout.replace(
        " ,", ","
    )
    assert "fields/2" not in shown.stdout
    assert "nothing was written" in shown.stderr
    told = json.loads(run("map", mapping, "--preview", 1, "--json").stdout)
    assert told["turtle"] == shown.stdout
    assert told["triples"] == 8
    assert sorted(tmp_path.iterdir()) == before
    assert "--preview 5" in run("map", mapping, code=2).stderr
    assert "leave one" in run("map", mapping, "--preview", 1, "-o", "x.nt", code=2).stderr


def test_a_mapping_is_checked_and_drawn(run, fields, tmp_path):
    mapping, picture = tmp_path / "m.ttl", tmp_path / "m.svg"
    run("mapping", fields, "-o", mapping)
    result = run("check", mapping, "--diagram", picture)
    assert "the mapping can run; 2 rows were tried" in result.stderr
    assert "fields.shp -> https://example.org/fields/{id}" in result.stdout
    assert picture.read_text().startswith("<svg")
    assert json.loads(run("check", mapping, "--json").stdout)["ok"] is True
    mapping.write_text(mapping.read_text().replace('rml:reference "crop"', 'rml:reference "corp"'))
    result = run("check", mapping, code=1)
    assert "error: " in result.stdout
    assert "Did you mean 'crop'?" in result.stdout
    assert json.loads(run("check", mapping, "--json", code=1).stdout)["ok"] is False
    run("check", mapping, "--diagram", tmp_path / "m.png", code=2)


def test_who_makes_a_mapping_is_told_what_names_the_rows(run, tmp_path):
    (tmp_path / "t.csv").write_text("nr,crop,wkt\n1,a,POINT (1 2)\n1,b,POINT (1 3)\n")
    told = run("mapping", tmp_path / "t.csv", "--crs", "EPSG:4326", "-o", tmp_path / "m.ttl").stderr
    assert "t.csv: 2 columns, shapes in EPSG:4326, rows named by crop" in told
    assert "does not tell all rows apart" not in told
    result = run("mapping", tmp_path / "t.csv", "--crs", "EPSG:4326", "--id", "nr")
    assert "nr does not tell all rows apart" in result.stderr
    assert result.stdout.startswith("@prefix")


def test_who_makes_a_mapping_says_what_rows_are(run, fields, tmp_path):
    result = run("mapping", fields, "--name", "Plot", "-o", tmp_path / "m.ttl")
    assert "rows named by id\n  and called https://example.org/plot/{id}" in result.stderr
    assert "ont:Plot" in (tmp_path / "m.ttl").read_text()
    frame = gpd.read_file(fields)
    for layer in ("roads", "plots"):
        frame.to_file(tmp_path / "f.gpkg", layer=layer)
    made = run(
        "mapping", tmp_path / "f.gpkg", "--name", "roads=Road", "--name", "plots=Plot"
    ).stdout
    assert "<Road>" in made
    assert "<Plot>" in made
    for words, message in (
        (["Road"], "--name roads=Road"), (["x=Road"], "no layer 'x'"),
        (["Road", "plots=Plot"], "of which layer 'Road'"),
    ):  # fmt: skip
        given = [word for name in words for word in ("--name", name)]
        assert message in run("mapping", tmp_path / "f.gpkg", *given, code=1).stderr


def test_the_url_of_a_database_is_a_source_as_of_links(run, tmp_path):
    url = f"sqlite:///{tmp_path / 'cadastre.db'}"
    with sqlite3.connect(tmp_path / "cadastre.db") as connection:
        connection.executescript(
            "CREATE TABLE fields (id INTEGER PRIMARY KEY); INSERT INTO fields VALUES (1)"
        )
    connection.close()
    asked = run("mapping", url, "--layer", "fields").stdout
    assert asked == run("mapping", "fields", "--database", url).stdout
    assert "--layer fields" in run("mapping", url, code=1).stderr


def test_a_check_takes_what_a_run_takes(run, fields, tmp_path):
    mapping = tmp_path / "m.ttl"
    run("mapping", fields, "-o", mapping)
    fields.write_bytes(fields.read_bytes()[:-20])
    run("check", mapping, code=1)
    run("check", mapping, "--skip-bad", "--base", "https://my.org/")
