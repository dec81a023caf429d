"""Mapping documents: joins, functions, and what is refused."""

from __future__ import annotations

import geopandas as gpd
import pyarrow as pa
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import DataMissingError, MappingError
from extremeearth.core.geodesy import area_m2, length_m
from extremeearth.knowledge.mapping import (
    Argument,
    MapFunction,
    geometries_of,
    map_to_rdf,
    read_mapping,
)
from extremeearth.knowledge.mapping.rules.templates import parse_template
from extremeearth.knowledge.rdf import XSD

HEAD = """@prefix rml: <http://w3id.org/rml/> . @prefix ex: <https://example.org/> . """
SUBJECT = 'rml:subjectMap [ rml:template "urn:{id}" ]'
SOURCE = 'rml:logicalSource [ rml:source "t" ]'


def joined_by(conditions: str) -> str:
    return f"""<urn:child> rml:logicalSource [ rml:source "child" ] ; rml:subjectMap [ rml:template "urn:c:{{id}}" ] ;
        rml:predicateObjectMap [ rml:predicate <urn:p> ;
            rml:objectMap [ rml:parentTriplesMap <urn:parent> ; {conditions} ] ] .
    <urn:parent> rml:logicalSource [ rml:source "parent" ] ; rml:subjectMap [ rml:template "urn:p:{{id}}" ] ."""


keys = st.lists(st.none() | st.sampled_from(["a", "b", "c"]), max_size=8)


@settings(deadline=None)
@given(keys, keys, st.integers(1, 4))
def test_joins_equal_nested_loops(child, parent, batch_rows):
    import io

    import pyoxigraph as ox

    tables = {
        name: pa.table({"id": pa.array(range(len(v)), pa.int32()), "k": pa.array(v, pa.string())})
        for name, v in (("child", child), ("parent", parent))
    }
    text = HEAD + joined_by('rml:joinCondition [ rml:child "k" ; rml:parent "k" ]')
    out = io.BytesIO()
    map_to_rdf(text, sources=tables, target=out, batch_rows=batch_rows)
    found = [
        (q.subject.value, q.object.value)
        for q in ox.parse(out.getvalue(), format=ox.RdfFormat.N_TRIPLES)
    ]
    expected = {
        (f"urn:c:{i}", f"urn:p:{j}")
        for i, a in enumerate(child) for j, b in enumerate(parent) if a is not None and a == b
    }  # fmt: skip
    assert sorted(found) == sorted(expected)


def test_joins_over_two_columns_of_different_types(mapped):
    conditions = """rml:joinCondition [ rml:child "a" ; rml:parent "x" ], [ rml:child "b" ; rml:parent "y" ]"""
    tables = {
        "child": pa.table({"id": [1, 2], "a": [1, 1], "b": ["m", "n"]}),
        "parent": pa.table({"id": [7, 8], "x": ["1", "2"], "y": ["n", "n"]}),
    }
    assert mapped(joined_by(conditions), sources=tables)[0] == {"<urn:c:2> <urn:p> <urn:p:7>"}


def call(function: str, more: str = "") -> str:
    return f"""<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [
        rml:functionExecution [ rml:function ee:{function} ;
            rml:input [ rml:parameter ee:geometry ; rml:inputValueMap [ rml:reference "geometry" ] ] {more} ] ] ] ."""


@pytest.fixture
def field():
    return gpd.GeoDataFrame(
        {"id": [1, 2]}, geometry=[shapely.box(11.6, 48.3, 11.7, 48.4), None], crs=4326
    )


def test_measures_are_on_the_ellipsoid(mapped, field):
    square = field.geometry.iloc[0]
    for function, measure in (("areaM2", area_m2), ("lengthM", length_m)):
        (line,) = mapped(call(function), sources={"t": field.to_crs(32632)})[0]
        assert line.endswith(f"^^<{XSD.double}>")
        # the sides of a square in UTM are not quite those in longitude and latitude
        assert float(line.split('"')[1]) == pytest.approx(
            float(measure(square, crs=4326)), rel=1e-4
        )


def test_centroid_geojson_and_emptiness(mapped, field):
    (line,) = mapped(call("centroid"), sources={"t": field})[0]
    assert '"POINT (11.6499' in line
    (line,) = mapped(call("asGeoJSON"), sources={"t": field})[0]
    assert "geoJSONLiteral" in line
    assert mapped(call("isEmpty"), sources={"t": field})[0] == {
        f'<urn:1> <urn:p> "false"^^<{XSD.boolean}>'
    }


def test_a_function_of_ones_own(mapped, field):
    def corners(arguments):
        shapes, _ = geometries_of(arguments["https://w3id.org/extremeearth/def/function#geometry"])
        return pa.array(shapely.get_num_coordinates(shapes))

    own = MapFunction(
        call=corners, parameters=("https://w3id.org/extremeearth/def/function#geometry",)
    )
    found, _ = mapped(call("corners").replace("ee:corners", "<urn:corners>"), sources={"t": field},
                      functions={"urn:corners": own})  # fmt: skip
    assert f'<urn:1> <urn:p> "5"^^<{XSD.integer}>' in found


def test_functions_that_cannot_be_called_are_named(mapped, field):
    for mapping, message in (
        (call("nothing"), "not known"),
        (call("asWKT", ", [ rml:parameter ee:srid ; rml:inputValue 4326 ]"), "no parameter"),
        (call("asWKT").replace("ee:geometry", "ee:crs"), "lacks the parameter"),
        (call("areaM2").replace('"geometry"', '"id"'), "holds no geometry"),
        (
            call("asWKT", ', [ rml:parameter ee:crs ; rml:inputValueMap [ rml:reference "id" ] ]'),
            "not a constant",
        ),
    ):
        with pytest.raises(MappingError, match=message):
            mapped(mapping, sources={"t": field})


def test_mixed_systems_in_a_text_column_are_an_error():
    texts = pa.array(
        ["POINT (1 2)", "<http://www.opengis.net/def/crs/EPSG/0/32632> POINT (1 2)", None]
    )
    with pytest.raises(MappingError, match="different reference systems"):
        geometries_of(Argument(texts, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "not Turtle"),
        ("<urn:a> <urn:b> <urn:c> .", "no triples map"),
        (f"<urn:m> {SUBJECT} .", "no rml:logicalSource"),
        (f"<urn:m> {SOURCE} .", "0 subject maps"),
        (f"<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate <urn:p> ] .", "no object"),
        (f"<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:object <urn:p> ] .", "no predicate"),
        (f'<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate "p" ; rml:object 1 ] .', "not an IRI"),
        (f'<urn:m> {SOURCE} ; rml:subjectMap [ rml:tmplate "urn:{{id}}" ] .', "rml:tmplate"),
        (f'<urn:m> {SOURCE} ; rml:subjectMap [ rml:template "urn:{{id}}" ; rml:reference "a" ] .', "has both"),
        (f'<urn:m> {SOURCE} ; rml:subjectMap [ rml:reference "a" ; rml:termType rml:Nothing ] .', "not a term type"),
        (f'<urn:m> {SOURCE} ; rml:subjectMap [ rml:reference "a" ; rml:datatype <urn:d> ] .', "makes no literal"),
        (f'<urn:m> {SOURCE} ; {SUBJECT} ; rml:baseIRI <nowhere> ; rml:predicateObjectMap [ rml:predicate <urn:p> ; '
         'rml:objectMap [ rml:reference "a" ; rml:datatype <urn:d> ; rml:language "en" ] ] .', "and a language"),
        (f'<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate <urn:p> ; '
         "rml:objectMap [ rml:parentTriplesMap <urn:none> ] ] .", "not there"),
        (f'<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate <urn:p> ; '
         'rml:objectMap [ rml:parentTriplesMap <urn:o> ] ] . '
         f'<urn:o> rml:logicalSource [ rml:source "u" ] ; {SUBJECT} .', "without a join condition"),
        (f'<urn:m> {SOURCE} ; {SUBJECT} ; rml:predicateObjectMap [ rml:predicate <urn:p> ; '
         'rml:objectMap [ rml:parentTriplesMap <urn:m> ; rml:joinCondition [ rml:child "a" ] ] ] .', "rml:parent"),
        (f"<urn:m> rml:logicalSource [ rml:iterator \"$\" ] ; {SUBJECT} .", "no rml:source"),
        (f"<urn:m> rml:logicalSource [ rml:source [ rml:root rml:MappingDirectory ] ] ; {SUBJECT} .", "names neither"),
        (f'<urn:m> {SOURCE}, [ rml:source "u" ] ; {SUBJECT} .', "2 values of rml:logicalSource"),
    ],
)  # fmt: skip
def test_documents_that_say_what_rml_does_not_allow(text, message):
    with pytest.raises(MappingError, match=message):
        read_mapping(HEAD + text)


def test_a_mapping_file_that_is_not_there(tmp_path):
    with pytest.raises(DataMissingError):
        read_mapping(tmp_path / "m.ttl")


def test_an_unsupported_formulation_is_named(mapped, tmp_path):
    (tmp_path / "t").write_text("<a/>")
    with pytest.raises(MappingError, match="Nothing"):
        mapped(f'<urn:m> rml:logicalSource [ rml:source "t" ; rml:referenceFormulation rml:Nothing ] ; {SUBJECT} .',
               folder=tmp_path)  # fmt: skip


def test_r2rml_words_for_named_tables(mapped):
    found, _ = mapped(
        """@prefix rr: <http://www.w3.org/ns/r2rml#> . <urn:m> rr:logicalTable [ rr:tableName "t" ] ;
        rr:subjectMap [ rr:template "urn:{id}" ] ;
        rr:predicateObjectMap [ rr:predicate <urn:p> ; rr:objectMap [ rr:column "id" ] ] .""",
        sources={"t": pa.table({"id": ["a"]})},
    )
    assert found == {'<urn:a> <urn:p> "a"'}


@settings(deadline=None)
@given(st.text("ab{}\\ ", max_size=12))
def test_templates_read_or_say_why_not(text):
    try:
        parts = parse_template(text).parts
    except MappingError:
        return
    written = "".join(
        p.translate({ord(c): f"\\{c}" for c in "{}\\"}) if isinstance(p, str)
        else "{" + p.name.translate({ord(c): f"\\{c}" for c in "{}\\"}) + "}"
        for p in parts
    )  # fmt: skip
    assert written == text
