"""What a mapping can read."""

from __future__ import annotations

import gzip
import json

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyoxigraph as ox
import pytest
import shapely

from extremeearth.core.errors import (
    CrsError,
    DataBrokenError,
    DataMissingError,
    ExtremeEarthError,
    InputError,
    LimitError,
    MappingError,
)
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.mapping.sources import json_records
from extremeearth.knowledge.rdf import GEO, XSD

SHAPE = """<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" ] ] ;
    rml:subjectMap [ rml:template "https://example.org/{id}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:name ; rml:objectMap [ rml:reference "name" ] ],
        [ rml:predicate geo:asWKT ; rml:objectMap [ rml:reference "geometry" ] ] ."""


@pytest.fixture
def places():
    return gpd.GeoDataFrame(
        {"id": [1, 2], "name": ["Süd", None]},
        geometry=[shapely.Point(11.5, 48.25), shapely.box(0, 0, 1, 1)], crs=4326,
    )  # fmt: skip


EXPECTED = {
    '<https://example.org/1> <https://example.org/name> "Süd"',
    f'<https://example.org/1> <{GEO.asWKT}> "POINT (11.5 48.25)"^^<{GEO.wktLiteral}>',
    f'<https://example.org/2> <{GEO.asWKT}> "POLYGON ((1 0, 1 1, 0 1, 0 0, 1 0))"^^<{GEO.wktLiteral}>',
}


def test_a_geodataframe(mapped, places):
    assert mapped(SHAPE % "t", sources={"t": places})[0] == EXPECTED


def test_an_arrow_table_with_a_geoarrow_column(mapped, places):
    table = pa.table(places.to_arrow(index=False, geometry_encoding="WKB"))
    assert mapped(SHAPE % "t", sources={"t": table})[0] == EXPECTED


@pytest.mark.parametrize("name", ["t.gpkg", "t.geojson", "t.fgb", "t.parquet"])
def test_files(mapped, places, tmp_path, name):
    path = tmp_path / name
    if name.endswith(".parquet"):
        places.to_parquet(path)
    else:
        places.to_file(path)
    found, report = mapped(SHAPE % name, folder=tmp_path)
    points = {line for line in found if "POLYGON" not in line}
    assert points == {line for line in EXPECTED if "POLYGON" not in line}
    assert len(found) == len(EXPECTED)  # a format may start a ring elsewhere
    assert report.rows == 2


def test_a_shapefile(mapped, places, tmp_path):
    places.iloc[:1].to_file(tmp_path / "t.shp")
    assert mapped(SHAPE % "t.shp", folder=tmp_path)[0] == {
        line for line in EXPECTED if "/1>" in line
    }


def test_another_system_is_named_in_the_literal(mapped, places):
    found, _ = mapped(SHAPE % "t", sources={"t": places.to_crs(3857)})
    assert any(
        "<http://www.opengis.net/def/crs/EPSG/0/3857> POINT (1280174" in line for line in found
    )


def test_real_parcels_from_a_geopackage(mapped, data_folder):
    mapping = SHAPE.replace("{id}", "{field_id}").replace('"name"', '"crop_name_de"')
    found, report = mapped(
        mapping % "lpis_test_area_2018.gpkg", folder=data_folder / "bavaria-fields"
    )
    assert report.rows == 301
    assert len(found) == 2 * 301


@pytest.mark.parametrize("kind", ["frame", "parquet", "geojson table"])
def test_a_geometry_without_a_system_is_an_error(mapped, places, tmp_path, kind):
    nowhere = gpd.GeoDataFrame(pd.DataFrame(places), crs=None).set_crs(None, allow_override=True)
    if kind == "frame":
        options = {"sources": {"t.parquet": nowhere}}
    elif kind == "parquet":
        nowhere.to_parquet(tmp_path / "t.parquet")
        options = {"folder": tmp_path}
    else:
        options = {
            "sources": {
                "t.parquet": pa.table(nowhere.to_arrow(index=False, geometry_encoding="WKB"))
            }
        }
    with pytest.raises(CrsError, match="no reference system"):
        mapped(SHAPE % "t.parquet", **options)


CSV = """<urn:m> rml:logicalSource [ rml:source [ rml:path "t.csv" %s ] ; rml:referenceFormulation rml:CSV ] ;
    rml:subjectMap [ rml:template "https://example.org/{id}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:name ; rml:objectMap [ rml:reference "a name" ] ] ."""


def names(found):
    return {line.split()[0][-2]: line.split("> ", 2)[2] for line in found}


def test_csv_values_are_text_and_empty_ones_are_missing(mapped, tmp_path):
    (tmp_path / "t.csv").write_text(
        '\ufeffid,a name\n1,007\n2,\n3,""\n4,"two\nlines, ""quoted"""\n5,NULL\n'
    )
    found, report = mapped(CSV % "", folder=tmp_path)
    assert names(found) == {
        "1": '"007"',
        "3": '""',
        "4": r'"two\nlines, \"quoted\""',
        "5": '"NULL"',
    }
    assert report.rows == 5
    found, _ = mapped(CSV % '; rml:null "NULL"', folder=tmp_path)
    assert "5" not in names(found)


def test_a_ragged_csv_file_is_broken(mapped, tmp_path):
    (tmp_path / "t.csv").write_text("id,a name\n1,a,b\n")
    with pytest.raises(DataBrokenError, match=r"t\.csv"):
        mapped(CSV % "", folder=tmp_path)


def test_wkt_in_a_csv_column(mapped, tmp_path):
    (tmp_path / "t.csv").write_text('id,wkt\n1,"POINT (500000 0)"\n')
    (tmp_path / "u.csv").write_text(
        'id,wkt\n1,"<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (500000 0)"\n'
    )
    call = """<urn:m> rml:logicalSource [ rml:source [ rml:path "%s" ] ] ;
        rml:subjectMap [ rml:template "https://example.org/{id}" ] ;
        rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:functionExecution [ rml:function ee:asWKT ;
            rml:input [ rml:parameter ee:geometry ; rml:inputValueMap [ rml:reference "wkt" ] ],
                [ rml:parameter ee:crs ; rml:inputValue "EPSG:3857" ] ] ] ] ."""
    found, _ = mapped(call % "u.csv", folder=tmp_path)
    (line,) = found
    assert "EPSG/0/3857> POINT (1001875." in line


JSON = """<urn:m> rml:logicalSource [ rml:source [ rml:path "t.json" ] ; rml:referenceFormulation rml:JSONPath ;
        rml:iterator "$.fields[*]" ] ;
    rml:subjectMap [ rml:template "https://example.org/{$.id}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:reference "%s" ] ] ."""


def test_json_values_keep_their_own_datatypes(mapped, tmp_path):
    fields = [{"id": i, "v": v} for i, v in enumerate([1, 2.5, True, "x", None])] + [{"id": 9}]
    (tmp_path / "t.json").write_text(json.dumps({"fields": fields}))
    found, report = mapped(JSON % "$.v", folder=tmp_path)
    assert names(found) == {
        "0": f'"1"^^<{XSD.integer}>', "1": f'"2.5"^^<{XSD.double}>', "2": f'"true"^^<{XSD.boolean}>', "3": '"x"',
    }  # fmt: skip
    assert report.rows == 6


def test_json_paths_into_lists_and_records(mapped, tmp_path):
    (tmp_path / "t.json").write_text(
        json.dumps({"fields": [{"id": 1, "a": [{"b c": "x"}, {"b c": "y"}]}]})
    )
    assert {line[-3:] for line in mapped(JSON % "$.a[*]['b c']", folder=tmp_path)[0]} == {
        '"x"',
        '"y"',
    }
    assert len(mapped(JSON % "$.a[-1]['b c']", folder=tmp_path)[0]) == 1


def test_broken_or_huge_json_is_refused(mapped, tmp_path, monkeypatch):
    (tmp_path / "t.json").write_text('{"fields": [')
    with pytest.raises(DataBrokenError, match="not JSON"):
        mapped(JSON % "$.v", folder=tmp_path)
    (tmp_path / "t.json").write_text("[" * 100_000)
    with pytest.raises(DataBrokenError):
        mapped(JSON % "$.v", folder=tmp_path)
    monkeypatch.setattr(json_records, "MAX_JSON_BYTES", 3)
    with pytest.raises(LimitError):
        mapped(JSON % "$.v", folder=tmp_path)


@pytest.mark.parametrize("kind", ["table", "csv", "parquet", "gpkg"])
def test_a_missing_column_is_found_before_the_first_row(tmp_path, places, kind, mapped):
    mapping = """<urn:a> rml:logicalSource [ rml:source [ rml:path "fine" ] ] ;
        rml:subjectMap [ rml:template "{id}" ; rml:class ex:C ] .
    <urn:b> rml:logicalSource [ rml:source [ rml:path "bad.KIND" ] ] ;
        rml:subjectMap [ rml:template "{id}" ] ;
        rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:reference "nme" ] ] ."""
    mapping = mapping.replace("KIND", kind)
    path = tmp_path / f"bad.{kind}"
    given = {"fine": pa.table({"id": [1]})}
    if kind == "table":
        given["bad.table"] = pd.DataFrame(places.drop(columns="geometry"))
    elif kind == "csv":
        path.write_text("id,name\n1,a\n")
    elif kind == "parquet":
        pq.write_table(pa.table({"id": [1], "name": ["a"]}), path)
    else:
        places.to_file(path)
    from extremeearth.knowledge.mapping.running.execution import map_to_rdf as run

    target = tmp_path / "out.nt"
    text = "@prefix rml: <http://w3id.org/rml/> . @prefix ex: <https://example.org/> ." + mapping
    with pytest.raises(MappingError, match=r"'nme'.*It has: .*name"):
        run(text, sources=given, folder=tmp_path, target=target)
    assert not target.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../secret.csv",
        "/etc/passwd",
        "/vsicurl/http://example.org/a.csv",
        "http://example.org/a.csv",
        "link.csv",
    ],
)
def test_files_outside_of_the_folder_are_never_read(mapped, tmp_path, name):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.csv").write_text("id,name,geometry\n1,a,b\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(MappingError, match="not a file inside"):
        mapped(SHAPE % name, folder=folder)


def test_a_mapping_given_as_text_reads_no_files(mapped):
    with pytest.raises(DataMissingError, match="not among the sources"):
        mapped(SHAPE % "t.csv")


def test_a_file_that_is_no_vector_file(mapped, tmp_path):
    (tmp_path / "t.gpkg").write_text("nonsense")
    with pytest.raises(DataBrokenError, match=r"t\.gpkg"):
        mapped(SHAPE % "t.gpkg", folder=tmp_path)
    (tmp_path / "t.parquet").write_text("nonsense")
    with pytest.raises(DataBrokenError, match=r"t\.parquet"):
        mapped(SHAPE % "t.parquet", folder=tmp_path)


def test_a_broken_geometry_leaves_no_file(tmp_path):
    table = pa.table(
        {
            "id": [1, 2],
            "name": ["a", "b"],
            "geometry": pa.array([shapely.to_wkb(shapely.Point(0, 0)), b"xx"]),
        },
    )
    field = pa.field("geometry", pa.binary(), metadata={
        b"ARROW:extension:name": b"geoarrow.wkb", b"ARROW:extension:metadata": b'{"crs": "EPSG:4326"}'})  # fmt: skip
    table = table.cast(pa.schema([table.schema.field("id"), table.schema.field("name"), field]))
    target = tmp_path / "out.nt"
    prefixes = f"@prefix rml: <http://w3id.org/rml/> . @prefix ex: <urn:> . @prefix geo: <{GEO}> ."
    with pytest.raises(DataBrokenError, match="geometry"):
        map_to_rdf(prefixes + SHAPE % "t", sources={"t": table}, target=target)
    assert list(tmp_path.iterdir()) == []


def test_targets(tmp_path, places):
    mapping = tmp_path / "m.ttl"
    mapping.write_text("""@prefix rml: <http://w3id.org/rml/> . <urn:m> rml:logicalSource [ rml:source "t" ] ;
        rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:C> ; rml:graph <urn:g> ] .""")
    for name in ("a.nq", "a.nq.gz"):
        map_to_rdf(mapping, sources={"t": places}, target=tmp_path / name)
    plain = (tmp_path / "a.nq").read_bytes()
    assert gzip.decompress((tmp_path / "a.nq.gz").read_bytes()) == plain
    assert {q.graph_name.value for q in ox.parse(plain, format=ox.RdfFormat.N_QUADS)} == {"urn:g"}
    with pytest.raises(MappingError, match="named graphs"):
        map_to_rdf(mapping, sources={"t": places}, target=tmp_path / "a.nt")
    with pytest.raises(InputError, match="neither"):
        map_to_rdf(mapping, sources={"t": places}, target=tmp_path / "a.rdf")
    for wrong in ({"batch_rows": 0}, {"base_iri": "no iri"}):
        with pytest.raises(ExtremeEarthError):
            map_to_rdf(mapping, sources={"t": places}, target=tmp_path / "b.nq", **wrong)
    assert not (tmp_path / "b.nq").exists()


def test_progress_counts_rows_and_stops_when_asked(tmp_path, places):
    from extremeearth.core.errors import CancelledError
    from extremeearth.core.progress import CancelToken, EventProgress

    events, token = [], CancelToken()
    text = """@prefix rml: <http://w3id.org/rml/> . <urn:m> rml:logicalSource [ rml:source "t" ] ;
        rml:subjectMap [ rml:template "urn:{id}" ; rml:class <urn:C> ] ."""
    map_to_rdf(
        text, sources={"t": places}, target=tmp_path / "a.nt", progress=EventProgress(events.append)
    )
    assert events[-1].done == 2
    stop = EventProgress(lambda event: token.cancel(), token=token)
    with pytest.raises(CancelledError):
        map_to_rdf(text, sources={"t": places}, target=tmp_path / "b.nt", progress=stop)
    assert not (tmp_path / "b.nt").exists()


@pytest.mark.parametrize("name", ["t", "t.csv", "t.parquet", "t.gpkg"])
def test_constants_alone_need_rows_but_no_columns(mapped, places, tmp_path, name):
    plain = pd.DataFrame(places.drop(columns="geometry"))
    plain.to_csv(tmp_path / "t.csv", index=False)
    plain.to_parquet(tmp_path / "t.parquet")
    places.to_file(tmp_path / "t.gpkg")
    text = f"""<urn:m> rml:logicalSource [ rml:source "{name}" ] ; rml:subject ex:all ;
        rml:predicateObjectMap [ rml:predicate ex:p ; rml:object 1 ] ."""
    found, report = mapped(text, sources={"t": plain}, folder=tmp_path)
    assert report.rows == 2
    assert len(found) == 1
    empty, report = mapped(text.replace(f'"{name}"', '"none"'), sources={"none": plain.head(0)})
    assert (empty, report.rows) == (set(), 0)
