"""Damaged files: a clear error that names file and place, or counted and left out; never less in silence."""

from __future__ import annotations

import gc
import io
import json
import sqlite3
import tempfile
import zipfile

import geopandas as gpd
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from extremeearth.core.errors import DataBrokenError, ExtremeEarthError
from extremeearth.core.progress import EventProgress
from extremeearth.knowledge.mapping import GeometryOptions, describe_source, map_to_rdf
from extremeearth.knowledge.mapping.sources.damage import text_bytes
from extremeearth.knowledge.mapping.sources.damage.mending import ENDS

ROWS = 300
BROKEN = 150
FEATURE = "is a feature that cannot be read"
GEOMETRY = "is a geometry that cannot be read"
MAPPING = """@prefix rml: <http://w3id.org/rml/> . @prefix geo: <http://www.opengis.net/ont/geosparql#> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" ] ] ; rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:name> ; rml:objectMap [ rml:reference "name" ] ],
        [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "geometry" ] ] ."""

RECORDS = """@prefix rml: <http://w3id.org/rml/> . @prefix geo: <http://www.opengis.net/ont/geosparql#> .
<urn:m> rml:logicalSource [ rml:source [ rml:path "t.%s" ] ; rml:iterator "%s" ; rml:referenceFormulation rml:%s ] ;
    rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:name> ; rml:objectMap [ rml:reference "name" ] ],
        [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "wkt" ] ] ."""
MAPPINGS = {
    "t.json": RECORDS % ("json", "$.fields[*]", "JSONPath"),
    "t.xml": RECORDS % ("xml", "/fields/field", "XPath"),
    "t.kml": MAPPING.replace("{id}", "{fid}").replace('"name"', '"Name"') % "t.kml",
}
RUNS = {"t.csv": {"geometry": GeometryOptions(crs=4326)}}


@pytest.fixture(scope="module")
def frame():
    at = np.arange(ROWS) / 100
    shapes = shapely.box(at, at, at + 0.005, at + 0.005)
    return gpd.GeoDataFrame(
        {"id": range(ROWS), "name": [f"field é {n}" for n in range(ROWS)]}, geometry=shapes, crs=4326
    )  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Map a file; a run that fails leaves no output."""

    def call(name, **options):
        target = tmp_path / "out.nt"
        target.unlink(missing_ok=True)
        try:
            text = MAPPINGS.get(name, MAPPING % name)
            return map_to_rdf(text, target=target, folder=tmp_path, batch_rows=40, **options)
        except ExtremeEarthError:
            assert not target.exists()
            assert [p for p in tmp_path.iterdir() if p.name.startswith("out")] == []
            raise

    return call


def halve(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def change_line(path, number, text):
    lines = path.read_text().splitlines()
    lines[number] = text
    path.write_text("\n".join(lines) + "\n")


def change_table(path, statement, *values):
    with sqlite3.connect(path) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(statement, values)
    connection.close()


def write(frame, path):
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        frame.assign(wkt=frame.to_wkt().geometry).drop(columns="geometry").to_csv(path, index=False)
    elif path.suffix == ".geojsonl":
        frame.to_file(path, driver="GeoJSONSeq")
    elif path.suffix == ".kml":
        frame.to_file(path, driver="KML")
    elif path.suffix in {".json", ".xml"}:
        write_records(frame, path)
    else:
        frame.to_file(path)


def write_records(frame, path):
    rows = list(zip(frame["id"], frame["name"], frame.to_wkt()["geometry"], strict=True))
    if path.suffix == ".json":
        fields = [{"id": int(i), "name": name, "wkt": wkt} for i, name, wkt in rows]
        path.write_text(json.dumps({"fields": fields}, ensure_ascii=False))
        return
    texts = [
        f"<field><id>{i}</id><name>{name}</name><wkt>{wkt}</wkt></field>" for i, name, wkt in rows
    ]
    path.write_text(f"<fields>{''.join(texts)}</fields>")


CUT = ["t.gpkg", "t.geojson", "t.parquet", "t.gml", "t.kml", "t.xml", "t.json", "t.fgb", "t.csv"]


@pytest.mark.parametrize("name", CUT)
def test_a_file_that_breaks_off_is_an_error_that_names_it_and_a_way(frame, run, tmp_path, name):
    write(frame, tmp_path / name)
    halve(tmp_path / name)
    with pytest.raises(DataBrokenError) as caught:
        run(name, **RUNS.get(name, {}))
    assert name in caught.value.message or name == "t.csv"
    assert caught.value.hint


@pytest.mark.parametrize("name", ["t.geojson", "t.gml", "t.kml", "t.xml", "t.json"])
def test_what_is_whole_before_a_break_is_read_and_the_rest_is_told(frame, run, tmp_path, name):
    write(frame, tmp_path / name)
    halve(tmp_path / name)
    report = run(name, on_error="skip", **RUNS.get(name, {}))
    assert ROWS // 2 - 10 < report.rows < ROWS // 2 + 10
    assert report.triples == 2 * report.rows
    assert sum(report.geometries.values()) == 2
    assert report.geometries[ENDS] == 1
    assert all(name in report.places[reason] for reason in report.geometries)


@pytest.mark.parametrize("name", ["t.parquet"])
def test_what_says_nothing_without_its_end_is_an_error_that_says_so(frame, run, tmp_path, name):
    write(frame, tmp_path / name)
    halve(tmp_path / name)
    with pytest.raises(DataBrokenError, match="what is in it is said at the end"):
        run(name, on_error="skip")


@pytest.mark.parametrize("name", ["t.geojson", "t.gml", "t.kml", "t.xml", "t.json", "t.csv"])
def test_one_broken_record_in_the_middle_is_left_out_alone(frame, run, tmp_path, name):
    path = tmp_path / name
    write(frame, path)
    data = path.read_bytes()
    at = data.index(f"field é {BROKEN}".encode())
    path.write_bytes(data[:at] + (b'"<,' if name != "t.csv" else b",") + data[at:])
    options = RUNS.get(name, {})
    with pytest.raises(DataBrokenError, match=name):
        run(name, **options)
    report = run(name, on_error="skip", **options)
    assert (report.rows, report.triples) == (ROWS - 1, 2 * ROWS - 2)
    assert list(report.geometries.values()) == [1]
    out = (tmp_path / "out.nt").read_text()
    assert f'field \u00e9 {BROKEN}"' not in out
    assert f'field \u00e9 {BROKEN + 1}"' in out


@pytest.mark.parametrize("name", ["t.geojson", "t.gml", "t.kml", "t.xml", "t.json", "t.csv"])
def test_garbage_in_the_middle_costs_what_it_covers(frame, run, tmp_path, name):
    path = tmp_path / name
    write(frame, path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 150] = np.random.default_rng(7).bytes(150)
    path.write_bytes(data)
    report = run(name, on_error="skip", **RUNS.get(name, {}))
    assert ROWS - 5 <= report.rows < ROWS
    assert sum(report.geometries.values()) >= 1


@pytest.mark.parametrize("name", ["t.xml", "t.gml"])
def test_another_encoding_than_is_said_is_an_error_that_says_how_to_say_it(
    frame, run, tmp_path, name
):
    write(frame, tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_text().encode("latin-1"))
    with pytest.raises(DataBrokenError, match=name) as caught:
        run(name, on_error="skip", **RUNS.get(name, {}))
    assert "ISO-8859-1" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["t.json", "t.csv", "t.geojson"])
def test_texts_in_another_encoding_are_left_out_and_counted(frame, run, tmp_path, name):
    path = tmp_path / name
    write(frame, path)
    data = path.read_bytes().replace("é".encode(), b"\xe9", BROKEN)
    path.write_bytes(data)
    with pytest.raises(DataBrokenError, match=name):
        run(name, **RUNS.get(name, {}))
    report = run(name, on_error="skip", **RUNS.get(name, {}))
    assert (report.rows, report.triples) == (ROWS, 2 * ROWS - BROKEN)
    assert report.geometries == {"is not UTF-8": BROKEN}


def test_half_a_character_that_json_writes_out_is_no_text(run, tmp_path):
    (tmp_path / "t.json").write_text(
        '{"fields": [{"id": 1, "name": "\\ud800", "wkt": "POINT (1 2)"}]}'
    )
    with pytest.raises(DataBrokenError, match=r"record 0 of t\.json"):
        run("t.json")
    assert run("t.json", on_error="skip").triples == 1


def test_a_broken_row_group_is_left_out_alone(frame, run, tmp_path):
    path = tmp_path / "t.parquet"
    frame.to_parquet(path, row_group_size=50)
    with pq.ParquetFile(path) as file:
        at = file.metadata.row_group(2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(DataBrokenError, match="in its rows 100 to 149"):
        run("t.parquet")
    report = run("t.parquet", on_error="skip")
    assert report.rows == ROWS - 50
    assert list(report.geometries.values()) == [50]
    assert "rows 100 to 149 of t.parquet" in report.places.values()


def test_a_broken_page_of_a_geopackage_is_read_around(frame, run, tmp_path):
    path = tmp_path / "t.gpkg"
    write(frame, path)
    data = bytearray(path.read_bytes())
    at = data.index(f"field é {BROKEN}".encode()) // 4096 * 4096
    data[at : at + 100] = b"\xff" * 100
    path.write_bytes(data)
    with pytest.raises(DataBrokenError, match=r"t\.gpkg"):
        run("t.gpkg")
    report = run("t.gpkg", on_error="skip")
    lost = report.geometries[FEATURE]
    assert 0 < lost < 60
    assert (report.rows, report.triples) == (ROWS - lost, 2 * (ROWS - lost))


@pytest.mark.parametrize("size", [50, 100, 4096, 60_000])
def test_a_geopackage_without_its_list_of_tables_is_told_in_a_sentence(frame, run, tmp_path, size):
    path = tmp_path / "t.gpkg"
    write(frame, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataBrokenError, match=rf"t\.gpkg .*breaks off: (only )?{size} .*bytes are"):
        run("t.gpkg")
    with pytest.raises(DataBrokenError, match=rf"not even in part: .* {size} .*is lost") as caught:
        run("t.gpkg", on_error="skip")
    assert caught.value.hint == "Get the whole file again."


def test_a_geopackage_that_lost_the_end_of_its_list_of_tables_is_read(frame, run, tmp_path):
    """GDAL puts what belongs to a layer besides, such as its index, last into the list and so at the file's end."""
    path = tmp_path / "t.gpkg"
    write(frame, path)
    path.write_bytes(path.read_bytes()[:-4096])
    report = run("t.gpkg", on_error="skip")
    assert (report.rows, report.triples, report.geometries) == (ROWS, 2 * ROWS, {})


def test_the_feature_before_a_broken_page_is_read(frame, run, tmp_path):
    path = tmp_path / "t.gpkg"
    write(frame, path)
    data = bytearray(path.read_bytes())
    at = data.index(f"field é {BROKEN}".encode()) // 4096 * 4096
    page = bytes(data[at : at + 4096])
    there = [n for n in range(ROWS) if f"field é {n}".encode() in page]
    data[at : at + 100] = b"\xff" * 100
    path.write_bytes(data)
    run("t.gpkg", on_error="skip")
    said = (tmp_path / "out.nt").read_text()
    lost = [n for n in range(ROWS) if f"<urn:{n}> " not in said]
    assert set(lost) <= set(there)


def test_a_layer_that_is_lost_is_counted(frame, run, tmp_path):
    path = tmp_path / "t.gpkg"
    write(frame, path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "INSERT INTO gpkg_contents (table_name, data_type) VALUES ('u', 'features')"
        )
        connection.execute("UPDATE sqlite_master SET sql = 'no' WHERE name = 'gpkg_extensions'")
    connection.close()
    report = run("t.gpkg", on_error="skip")
    assert report.geometries == {"is a layer of which nothing can be read": 1}
    assert report.places == {"is a layer of which nothing can be read": "layer u of t.gpkg"}


def test_a_full_disk_under_the_copy_of_a_damaged_geopackage_is_told(
    frame, run, tmp_path, monkeypatch
):
    path = tmp_path / "t.gpkg"
    write(frame, path)
    path.write_bytes(path.read_bytes()[:-4096])
    connect = sqlite3.connect

    def small(name, **options):
        made = connect(name, **options)
        if "uri" not in options:
            made.execute("PRAGMA max_page_count = 20")
        return made

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(DataBrokenError, match=r"no copy of what can be read was made.*full"):
        run("t.gpkg", on_error="skip")


def test_what_a_damaged_geopackage_calls_a_table_is_not_run(frame, run, tmp_path):
    """A file from anywhere may have any statement in place of a table's: one that writes a file, for example."""
    path = tmp_path / "t.gpkg"
    write(frame, path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        change = "UPDATE sqlite_master SET sql = ? WHERE name = 'gpkg_ogr_contents'"
        assert connection.execute(change, (f"VACUUM INTO '{tmp_path / 'made'}'",)).rowcount == 1
    connection.close()
    assert run("t.gpkg", on_error="skip").rows == ROWS
    assert not (tmp_path / "made").exists()


def test_an_encoding_that_is_none_is_told(run, tmp_path):
    path = tmp_path / "t.kml"
    text = '<?xml version="1.0" encoding="undefined"?><kml><Placemark><name>a</name></Placemark><Pl'
    path.write_text(text)
    with pytest.raises(DataBrokenError, match=r"t\.kml"):
        run("t.kml", on_error="skip")


def test_a_shape_with_more_parts_than_it_has_is_told_or_counted(frame, run, tmp_path):
    write(frame, tmp_path / "t.shp")
    index = np.fromfile(tmp_path / "t.shx", ">i4", offset=100).reshape(-1, 2)
    data = bytearray((tmp_path / "t.shp").read_bytes())
    parts = int(index[BROKEN, 0]) * 2 + 8 + 36
    data[parts : parts + 8] = b"\xff" * 8
    (tmp_path / "t.shp").write_bytes(data)
    with pytest.raises(DataBrokenError, match=f"geometry of feature {BROKEN} of t"):
        run("t.shp")
    assert run("t.shp", on_error="skip").geometries == {GEOMETRY: 1}


@pytest.mark.parametrize("name", ["t.gpkg", "t.geojson", "t.fgb", "t.shp", "t.parquet", "t.gml"])
def test_an_empty_file_is_an_error_that_names_it(run, tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataBrokenError, match=name):
        run(name, on_error="skip")


@pytest.mark.parametrize(("name", "cut"), [("t.shp", ".shp"), ("t.shp", ".dbf"), ("t.fgb", ".fgb")])
def test_what_lies_beyond_the_end_of_a_file_is_missed(frame, run, tmp_path, name, cut):
    write(frame, tmp_path / name)
    whole = run(name)
    assert (whole.rows, whole.geometries) == (ROWS, {})
    halve(tmp_path / f"t{cut}")
    with pytest.raises(DataBrokenError, match=rf"feature \d+ of {name}' {FEATURE}"):
        run(name)
    report = run(name, on_error="skip")
    lost = report.geometries[FEATURE]
    assert 0 < lost < ROWS
    assert report.triples == 2 * ROWS - lost * (1 if cut == ".shp" else 2)


def test_a_feature_that_breaks_a_stream_is_found_and_those_before_it_are_kept(frame, run, tmp_path):
    path = tmp_path / "t.fgb"
    frame.to_file(path, SPATIAL_INDEX="NO")
    data = bytearray(path.read_bytes())
    at = data.index(f"field é {BROKEN}".encode())
    data[at - 250 : at] = b"\xff" * 250
    path.write_bytes(data)
    with pytest.raises(DataBrokenError, match=r"of t\.fgb"):
        run("t.fgb")
    report = run("t.fgb", on_error="skip")
    assert report.rows + report.geometries[FEATURE] == ROWS
    assert BROKEN - 5 < report.rows <= BROKEN + 1


def test_a_flatgeobuf_with_an_index_is_read_behind_broken_features(frame, run, tmp_path):
    path = tmp_path / "t.fgb"
    frame.to_file(path)
    data = bytearray(path.read_bytes())
    at = data.index(f"field é {BROKEN}".encode())
    data[at - 250 : at] = b"\xff" * 250
    path.write_bytes(data)
    report = run("t.fgb", on_error="skip")
    assert report.rows + report.geometries[FEATURE] == ROWS
    assert 1 <= report.geometries[FEATURE] <= 3
    out = (tmp_path / "out.nt").read_text()
    assert out.count("<urn:name>") == report.rows


def test_several_readings_of_a_copy_leave_out_the_same(frame, tmp_path):
    path = tmp_path / "t.fgb"
    frame.to_file(path)
    data = bytearray(path.read_bytes())
    at = data.index(f"field é {BROKEN}".encode())
    data[at - 250 : at] = b"\xff" * 250
    path.write_bytes(data)
    options = GeometryOptions(on_error="skip")
    described = describe_source(path, geometry=options)
    assert described.key == ("id",)
    assert 1 <= options.totals()[FEATURE] <= 3


def test_copies_of_what_is_whole_go_away(frame, run, tmp_path, monkeypatch):
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    for name in ("t.geojson", "t.xml"):
        write(frame, tmp_path / name)
        halve(tmp_path / name)
        run(name, on_error="skip", **RUNS.get(name, {}))
    gc.collect()
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize("line", ['{"type": "Feature", "properti', "\udcff\udcfe"])
def test_a_broken_line_is_counted_and_the_others_are_read(frame, run, tmp_path, line):
    path = tmp_path / "t.geojsonl"
    write(frame, path)
    lines = path.read_bytes().splitlines()
    lines[BROKEN] = line.encode(errors="surrogateescape")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(DataBrokenError, match=rf"line {BROKEN + 1} of t\.geojsonl' {FEATURE}"):
        run("t.geojsonl")
    report = run("t.geojsonl", on_error="skip")
    assert report.rows == ROWS - 1
    assert report.geometries == {FEATURE: 1}


@pytest.mark.parametrize(
    "shape",
    [
        '{"type": "Polygonn", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 0]]]}',
        '{"type": "Point", "coordinates": ["a", 3]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}',
        '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1]]]}',
    ],
)
@pytest.mark.parametrize("name", ["t.geojson", "t.geojsonl"])
def test_a_shape_that_is_none_is_told_or_counted(frame, run, tmp_path, name, shape):
    nothing = frame.copy()
    nothing.loc[3, "geometry"] = None  # no geometry is no mistake
    write(nothing, tmp_path / name)
    assert run(name).geometries == {}
    head = 5 if name == "t.geojson" else 0
    text = (
        f'{{"type": "Feature", "properties": {{"id": {BROKEN}, "name": "n"}}, "geometry": {shape}}}'
    )
    change_line(tmp_path / name, head + BROKEN, text + ("," if head else ""))
    with pytest.raises(DataBrokenError, match=f"{BROKEN} of {name}' {GEOMETRY}"):
        run(name)
    report = run(name, on_error="skip")
    assert report.geometries == {GEOMETRY: 1}
    assert report.triples == 2 * ROWS - 2


@pytest.mark.parametrize("value", [b"\x00\xff", "a text", b""])
def test_a_blob_that_is_no_geometry_is_told_or_counted(frame, run, tmp_path, value):
    write(frame, tmp_path / "t.gpkg")
    change_table(tmp_path / "t.gpkg", f"UPDATE t SET geom = ? WHERE fid = {BROKEN + 1}", value)
    with pytest.raises(DataBrokenError, match=rf"geometry of .* {BROKEN} of t\.gpkg' {GEOMETRY}"):
        run("t.gpkg")
    report = run("t.gpkg", on_error="skip")
    assert report.geometries == {GEOMETRY: 1}
    assert report.triples == 2 * ROWS - 1


def test_a_text_that_is_no_utf8_never_gets_into_the_output(frame, run, tmp_path):
    write(frame, tmp_path / "t.gpkg")
    change = f"UPDATE t SET name = CAST(x'FFFE41' AS TEXT) WHERE fid = {BROKEN + 1}"
    change_table(tmp_path / "t.gpkg", change)
    with pytest.raises(DataBrokenError, match=rf"name of row {BROKEN} of t\.gpkg' is not UTF-8"):
        run("t.gpkg")
    report = run("t.gpkg", on_error="skip")
    assert report.geometries == {"is not UTF-8": 1}
    assert (tmp_path / "out.nt").read_text(encoding="utf-8").count("\n") == 2 * ROWS - 1


def test_a_shapefile_without_its_parts_says_which_is_missing(frame, run, tmp_path):
    write(frame, tmp_path / "t.shp")
    (tmp_path / "t.prj").unlink()
    with pytest.raises(ExtremeEarthError, match="no reference system") as caught:
        run("t.shp")
    assert "--crs" in (caught.value.hint or "")
    assert run("t.shp", geometry=GeometryOptions(crs=4326)).rows == ROWS
    (tmp_path / "t.shx").unlink()
    with pytest.raises(DataBrokenError, match=r"its \.shx file is missing"):
        run("t.shp")


def test_types_of_geometry_may_be_mixed(run, tmp_path):
    shapes = [
        shapely.Point(1, 2),
        shapely.box(0, 0, 1, 1),
        shapely.LineString([(0, 0), (1, 1)]),
        None,
        shapely.GeometryCollection([shapely.Point(1, 1), shapely.box(2, 2, 3, 3)]),
    ]
    frame = gpd.GeoDataFrame({"id": range(5), "name": list("abcde")}, geometry=shapes, crs=4326)
    for name in ("t.gpkg", "t.geojson", "t.parquet", "t.csv"):
        write(frame, tmp_path / name)
        assert run(name, geometry=GeometryOptions(crs=4326)).triples == 9


def test_invalid_rings_that_are_kept_are_counted(run, tmp_path):
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    shapes = [bow, shapely.box(0, 0, 1, 1)]
    frame = gpd.GeoDataFrame({"id": [1, 2], "name": ["a", "b"]}, geometry=shapes, crs=4326)
    write(frame, tmp_path / "t.gpkg")
    report = run("t.gpkg")
    assert report.triples == 4
    assert report.geometries == {"invalid geometries kept": 1}


def test_a_csv_file_that_is_no_utf8_or_has_a_line_of_more_columns(frame, run, tmp_path):
    path, options = tmp_path / "t.csv", {"geometry": GeometryOptions(crs=4326)}
    write(frame, path)
    good = path.read_text()
    path.write_bytes(good.encode("latin-1"))
    with pytest.raises(DataBrokenError, match=r"t\.csv") as caught:
        run("t.csv", **options)
    assert "UTF-8" in (caught.value.hint or "")
    path.write_text(good)
    change_line(path, BROKEN, "1,a,POINT (1 2),too,many")
    change_line(path, BROKEN + 2, "few")
    with pytest.raises(DataBrokenError, match="Expected 3 columns, got 5") as caught:
        run("t.csv", **options)
    assert "--skip-bad" in (caught.value.hint or "")
    report = run("t.csv", on_error="skip", **options)
    assert (report.rows, report.triples) == (ROWS - 2, 2 * (ROWS - 2))
    assert report.geometries == {"is a row with too many or too few values": 2}


@pytest.mark.parametrize("name", ["t.geojson", "t.geojsonl", "t.gpkg", "t.shp"])
def test_a_packed_file_is_read_as_it_is(frame, run, tmp_path, name):
    nothing = frame.copy()
    nothing.loc[3, "geometry"] = None
    (tmp_path / "in").mkdir()
    write(nothing, tmp_path / "in" / name)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as packed:
        for file in (tmp_path / "in").iterdir():
            packed.write(file, file.name)
    report = run("t.zip")
    assert (report.triples, report.geometries) == (2 * ROWS - 1, {})


def test_records_that_begin_with_a_separator(frame, run, tmp_path):
    path = tmp_path / "t.geojsonl"
    frame.to_file(path, driver="GeoJSONSeq", RS="YES")
    assert run("t.geojsonl").rows == ROWS
    records = path.read_bytes().split(b"\x1e")
    records[BROKEN + 1] = b'{"type": "Feat\n'
    path.write_bytes(b"\x1e".join(records))
    with pytest.raises(DataBrokenError, match=rf"line {BROKEN + 1} of t\.geojsonl"):
        run("t.geojsonl")
    assert run("t.geojsonl", on_error="skip").geometries == {FEATURE: 1}


def test_a_row_that_is_longer_than_a_block_is_read(run, tmp_path):
    around = np.linspace(0, 2 * np.pi, 500_000, endpoint=False)
    large = shapely.Polygon(np.column_stack([np.cos(around), np.sin(around)]))
    shapes = [shapely.box(0, 0, 1, 1)] * ROWS
    shapes[BROKEN] = large
    frame = gpd.GeoDataFrame(
        {"id": range(ROWS), "name": ["n"] * ROWS}, geometry=shapes, crs=4326
    )  # fmt: skip
    write(frame, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").stat().st_size > 8 << 20
    for policy in ("raise", "skip"):
        report = run("t.csv", on_error=policy, **RUNS["t.csv"])
        assert (report.rows, report.triples, dict(report.geometries)) == (ROWS, 2 * ROWS, {})


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_no_more_than_some_lines_of_a_text_are_in_memory(end, monkeypatch):
    monkeypatch.setattr(text_bytes, "CHUNK", 100)
    file, left_out = io.BytesIO((b"a,\xe9" + end + b"\xff\x00" + end) * 1000), []
    lines = text_bytes.CleanLines(file, left_out.append)
    assert lines.read(4)
    assert file.tell() <= 200
    assert len(left_out) < 100
    lines.read()
    assert len(left_out) == 1000


def test_a_file_that_is_cut_while_it_is_read_is_said_to_have_changed(frame, run, tmp_path):
    path = tmp_path / "t.csv"
    write(frame, path)

    def cut(_event):
        if path.stat().st_size > 100:
            path.write_bytes(path.read_bytes()[:90])

    with pytest.raises(DataBrokenError, match="changed while it was read"):
        run("t.csv", progress=EventProgress(cut), **RUNS["t.csv"])


def test_control_characters_of_a_file_do_not_reach_a_terminal(run, tmp_path):
    (tmp_path / "t.csv").write_text("id,name,wkt\n1,\x1b[2J,POINT (1 2),\n")
    with pytest.raises(DataBrokenError) as caught:
        run("t.csv", **RUNS["t.csv"])
    assert "\x1b" not in caught.value.message


def test_a_row_of_many_lines_is_read_also_where_broken_ones_are_skipped(run, tmp_path, monkeypatch):
    monkeypatch.setattr(text_bytes, "CHUNK", 1_000)
    name = "line\n" * 2_000
    (tmp_path / "t.csv").write_text(f'id,name,wkt\n1,"{name}",POINT (1 2)\n2,b,POINT (1 2)\n')
    report = run("t.csv", on_error="skip", geometry=GeometryOptions(crs=4326))
    assert (report.rows, report.triples, report.geometries) == (2, 4, {})


def test_a_row_that_is_too_long_is_told_in_our_words(run, tmp_path, monkeypatch):
    from extremeearth.knowledge.mapping.sources import delimited

    monkeypatch.setattr(delimited, "MAX_BLOCK_BYTES", 4 << 20)
    rows = "".join(f"{n},b,POINT (1 2)\n" for n in range(1_000_000))
    (tmp_path / "t.csv").write_text(f'id,name,wkt\n1,"open,POINT (1 2)\n{rows}')
    with pytest.raises(DataBrokenError, match=r"a row is longer than 4 MiB") as caught:
        run("t.csv", geometry=GeometryOptions(crs=4326))
    assert "quote" in caught.value.hint
