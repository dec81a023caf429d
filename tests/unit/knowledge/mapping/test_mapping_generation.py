"""Mappings that are made of a source run, and make what the source holds."""

from __future__ import annotations

import io

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyoxigraph as ox
import pytest
import shapely

from extremeearth.core.errors import CrsError, DataMissingError, InputError, MappingError
from extremeearth.knowledge.mapping import (
    GeometryOptions,
    describe_source,
    draft_mapping,
    list_layers,
    map_to_rdf,
)
from extremeearth.knowledge.rdf import GEO, OWL, RDF, RDFS, XSD

BASE = "https://example.org/"


def graph(data, form=ox.RdfFormat.N_TRIPLES):
    return {(q.subject, q.predicate.value, q.object) for q in ox.parse(data, format=form)}


def run(draft, sources):
    out = io.BytesIO()
    report = map_to_rdf(draft.mapping, sources=sources, target=out)
    return graph(out.getvalue()), report


@pytest.fixture
def fields():
    return gpd.GeoDataFrame(
        {
            "Field ID": [7, 8], "crop {type}": ['win"ter', None], "area_ha": [1.5, 2.5], "area ha": [True, False],
            "name": ["Süd", "Nord"], "sown": pd.to_datetime(["2018-03-01", None]),
        },
        geometry=[shapely.box(11, 48, 11.1, 48.1), shapely.Point(1, 2)], crs=4326,
    )  # fmt: skip


def test_a_draft_maps_every_column_and_the_geometry(fields):
    described = describe_source(fields, name="my fields.gpkg")
    draft = draft_mapping(described, base_iri=BASE, metrics=True)
    found, report = run(draft, {"my fields.gpkg": fields})
    assert report.rows == 4
    subject = ox.NamedNode(f"{BASE}my-fields/7")
    geometry = ox.NamedNode(f"{BASE}my-fields/7/geometry")
    about = {(p, o) for s, p, o in found if s == subject}
    ont = f"{BASE}def#"
    assert (RDF["type"], ox.NamedNode(f"{ont}MyFields")) in about
    assert (RDF["type"], ox.NamedNode(GEO.Feature)) in about
    assert (GEO.hasDefaultGeometry, geometry) in about
    assert (f"{ont}cropType", ox.Literal('win"ter')) in about
    assert (f"{ont}areaHa", ox.Literal("1.5", datatype=ox.NamedNode(XSD.double))) in about
    assert (f"{ont}areaHa2", ox.Literal("true", datatype=ox.NamedNode(XSD.boolean))) in about
    assert (RDFS.label, ox.Literal("Süd")) in about
    shape = {p: o for s, p, o in found if s == geometry}
    assert shape[GEO.asWKT].datatype.value == GEO.wktLiteral
    assert float(shape[GEO.hasMetricArea].value) > 8e7
    assert shape[GEO.isEmpty].value == "false"


def test_the_ontology_tells_classes_and_datatypes(fields):
    draft = draft_mapping(describe_source(fields, name="fields"), base_iri=BASE)
    said = graph(draft.ontology.encode(), ox.RdfFormat.TURTLE)
    ont = f"{BASE}def#"
    kind = ox.NamedNode(f"{ont}Fields")
    assert (kind, RDFS.subClassOf, ox.NamedNode(GEO.Feature)) in said
    for name, datatype in (
        ("areaHa", XSD.double),
        ("sown", XSD.dateTime),
        ("name", XSD.string),
        ("fieldId", XSD.integer),
    ):
        node = ox.NamedNode(ont + name)
        assert (node, RDF["type"], ox.NamedNode(OWL.DatatypeProperty)) in said
        assert (node, RDFS.range, ox.NamedNode(datatype)) in said
        assert (node, RDFS.domain, kind) in said


def test_a_draft_of_a_table_of_texts(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("code,count,lon,lat\na,1,11,48\nb,2,12,49\n")
    with pytest.raises(CrsError, match="reference system"):
        describe_source(path)
    described = describe_source(path, geometry=GeometryOptions(crs="EPSG:4326"))
    assert described.key == ("code",)
    assert {c.name: c.datatype for c in described.columns} == {
        "code": XSD.string,
        "count": XSD.integer,
    }
    draft = draft_mapping(described, base_iri=BASE)
    assert 'ee:x "lon"' in draft.mapping
    found, _ = run(draft, {"points.csv": path})
    assert {o.value for _, p, o in found if p == GEO.asWKT} == {"POINT (11 48)", "POINT (12 49)"}
    assert sum(p == GEO.asWKT for _, p, _ in found) == 2


def test_what_tells_rows_apart():
    table = pa.table({"value": [1, 1], "zone": ["a", "b"]})
    assert describe_source(table).key == ("zone",)
    assert describe_source(pa.table({"x": [1, 2], "gid": [3, 4]})).key == ("gid",)
    same = pa.table({"a": [1, 1], "b": ["x", "x"]})
    with pytest.raises(MappingError, match="tells its rows apart") as caught:
        describe_source(same)
    assert "--id" in caught.value.hint
    assert describe_source(same, key=["a", "b"]).key == ("a", "b")
    with pytest.raises(MappingError, match="does not have"):
        describe_source(same, key=["c"])
    with pytest.raises(MappingError, match="no rows"):
        describe_source(table.slice(0, 0))


def test_layers_and_columns_without_a_form(tmp_path):
    frame = gpd.GeoDataFrame({"id": [1]}, geometry=[shapely.Point(1, 2)], crs=4326)
    for layer in ("one", "two"):
        frame.to_file(tmp_path / "a.gpkg", layer=layer)
    assert list_layers(tmp_path / "a.gpkg") == ("one", "two")
    described = [describe_source(tmp_path / "a.gpkg", layer=each) for each in ("one", "two")]
    found, report = run(draft_mapping(described, base_iri=BASE), {"a.gpkg": tmp_path / "a.gpkg"})
    assert report.rows == 4
    assert len({s for s, p, _ in found if p == GEO.asWKT}) == 2
    with pytest.raises(DataMissingError):
        list_layers(tmp_path / "b.gpkg")
    odd = describe_source(pa.table({"id": [1], "blob": [b"x"]}))
    assert odd.left_out == ("blob",)
    assert "# without a form in RDF: blob" in draft_mapping(odd, base_iri=BASE).mapping


def test_a_base_is_a_whole_iri():
    described = describe_source(pa.table({"id": [1]}))
    for base in ("example", "https://example.org"):
        with pytest.raises(InputError):
            draft_mapping(described, base_iri=base)


def test_real_sources(data_folder):
    for path in (
        data_folder / "admin-boundaries" / "ne_50m_admin_0_countries.shp",
        data_folder / "bavaria-fields" / "lpis_test_area_2018.gpkg",
        data_folder / "ice-chart-cis-eastern-arctic-20201102" / "cis_SGRDREA_20201102T.gpkg",
    ):
        described = [describe_source(path, layer=layer) for layer in list_layers(path)]
        found, report = run(draft_mapping(described, base_iri=BASE), {path.name: path})
        assert sum(p == GEO.asWKT for _, p, _ in found) == len(gpd.read_file(path))
        assert not report.skipped


def test_rows_are_called_as_the_caller_says(fields):
    described = describe_source(fields, name="CisSgrdrea20201102T1800Z")
    draft = draft_mapping(described, base_iri=BASE, name="IceChart")
    triples, _ = run(draft, {"CisSgrdrea20201102T1800Z": fields})
    kind = ox.NamedNode(f"{BASE}def#IceChart")
    subjects = {s.value for s, p, o in triples if p == RDF.type and o == kind}
    assert subjects
    assert all(subject.startswith(f"{BASE}ice-chart/") for subject in subjects)
    assert "ont:IceChart a owl:Class" in draft.ontology
    assert "Cis" not in draft.ontology.replace("What CisSgrdrea20201102T1800Z holds", "")


def test_of_several_layers_each_has_its_name(tmp_path, fields):
    for layer in ("a", "b"):
        fields.to_file(tmp_path / "f.gpkg", layer=layer)
    described = [describe_source(tmp_path / "f.gpkg", layer=layer) for layer in ("a", "b")]
    draft = draft_mapping(described, base_iri=BASE, name={"b": "Road"})
    assert "<Road>" in draft.mapping
    assert "<A>" in draft.mapping
    for name, message in (
        ("Road", "several layers: a, b"), ({"c": "Road"}, "no layer 'c'"), ({"a": "Ro ad"}, "no name of a class"),
        ({"a": "1st"}, "no name of a class"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            draft_mapping(described, base_iri=BASE, name=name)
