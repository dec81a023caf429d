"""Mappings in GeoTriples' own extension of RML."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from extremeearth.core.errors import MappingError
from extremeearth.knowledge.mapping import map_to_rdf
from extremeearth.knowledge.rdf import GEO, XSD

HEAD = """@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> . @prefix rrx: <http://www.w3.org/ns/r2rml-ext#> .
@prefix rrxf: <http://www.w3.org/ns/r2rml-ext/functions/def/> . @prefix ogc: <http://www.opengis.net/ont/geosparql#> .
"""
MAPPING = """<urn:m> rml:logicalSource [ rml:source "fields.shp" ; rml:referenceFormulation ql:SHP ] ;
    rr:subjectMap [ rr:template "http://example.org/{name}" ; rr:class ogc:Geometry ] ;
    rr:predicateObjectMap [ rr:predicate ogc:asWKT ; rr:objectMap [ rr:datatype ogc:wktLiteral ;
        rrx:function rrxf:asWKT ; rrx:argumentMap ( [ rml:reference "geometry" ] ) ] ] ;
    rr:predicateObjectMap [ rr:predicate ogc:is3D ; rr:objectMap [
        rrx:transformation [ rrx:function rrxf:is3D ; rrx:argumentMap ( [ rml:reference "geometry" ] ) ] ] ] ;
    rr:predicateObjectMap [ rr:predicate <urn:more> ; rr:objectMap [
        rrx:transformation [ rrx:function rrxf:add ;
            rrx:argumentMap ( [ rml:reference "rank" ] [ rr:constant "2" ] ) ] ] ] ."""


@pytest.fixture
def folder(tmp_path):
    frame = gpd.GeoDataFrame(
        {"name": ["a"], "rank": [3]}, geometry=[shapely.Point(11, 48)], crs=4326
    )
    frame.to_file(tmp_path / "fields.shp")
    return tmp_path


def lines(mapping, folder):
    map_to_rdf(HEAD + mapping, folder=folder, target=folder / "out.nt")
    return set((folder / "out.nt").read_text().splitlines())


def test_a_mapping_of_geotriples_runs(folder):
    subject = "<http://example.org/a>"
    assert {
        f'{subject} <{GEO.asWKT}> "POINT (11 48)"^^<{GEO.wktLiteral}> .',
        f'{subject} <{GEO.is3D}> "false"^^<{XSD.boolean}> .',
        f'{subject} <urn:more> "5"^^<{XSD.double}> .',
    } < lines(MAPPING, folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rrxf:is3D", "rrxf:volume", "not known"),
        ("rrxf:is3D", "<urn:is3D>", "not known"),
        ('[ rr:constant "2" ]', "", "1 arguments"),
    ],
)
def test_what_is_not_there_is_named(folder, old, new, message):
    with pytest.raises(MappingError, match=message):
        lines(MAPPING.replace(old, new), folder)
