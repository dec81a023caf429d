"""Looking at a mapping before it runs: everything that is wrong, what it makes of a few rows, a picture."""

from __future__ import annotations

import re
import sqlite3
import xml.etree.ElementTree as ET

import pyarrow as pa
import pyoxigraph as ox
import pytest

from extremeearth.core.errors import InputError, MappingError
from extremeearth.knowledge.mapping import (
    check_mapping,
    map_to_rdf,
    mapping_diagram,
    preview_mapping,
    read_mapping,
)

HEAD = """
@prefix rml: <http://w3id.org/rml/> .
@prefix ex: <https://example.org/> .
@prefix ee: <https://w3id.org/extremeearth/def/function#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
"""
FIELDS = (
    HEAD
    + """
<urn:fields> rml:logicalSource [ rml:source [ rml:path "fields" ] ] ;
    rml:subjectMap [ rml:template "https://example.org/field/{id}" ; rml:class ex:Field ] ;
    rml:predicateObjectMap
        [ rml:predicate ex:crop ; rml:objectMap [ rml:reference "crop" ] ],
        [ rml:predicate ex:holding ; rml:objectMap [ rml:parentTriplesMap <urn:holdings> ;
            rml:joinCondition [ rml:child "farm" ; rml:parent "nr" ] ] ] .
<urn:holdings> rml:logicalSource [ rml:source [ rml:path "farms" ] ] ;
    rml:subjectMap [ rml:template "https://example.org/holding/{nr}" ] ;
    rml:predicateObjectMap [ rml:predicate ex:name ; rml:objectMap [ rml:reference "name" ] ] .
"""
)


@pytest.fixture
def tables():
    return {
        "fields": pa.table(
            {"id": [1, 2, 3], "crop": ["wheat", "maize", None], "farm": ["a", "b", "a"]}
        ),
        "farms": pa.table({"nr": ["b", "a"], "name": ["Nord", "Süd"]}),
    }


def levels(found):
    return [(f.level, f.where) for f in found.findings]


def test_a_preview_says_of_the_first_rows_what_a_run_says(tables, tmp_path):
    shown = preview_mapping(FIELDS, rows=1, sources=tables)
    said = set(ox.parse(shown.turtle, format=ox.RdfFormat.TURTLE))
    map_to_rdf(FIELDS, sources=tables, target=tmp_path / "all.nt")
    whole = set(ox.parse(path=tmp_path / "all.nt"))
    first = {q for q in whole if q.subject.value.endswith(("field/1", "holding/b"))}
    assert said == first
    assert (shown.triples, shown.rows) == (len(first), 2)
    # the parent of a join is read whole: farm a is the second row
    assert "    ex:holding <https://example.org/holding/a> ." in shown.turtle


def test_a_preview_reads_no_more_than_it_shows(tmp_path):
    lines = ["id,crop", *(f"{n},wheat" for n in range(50)), '50,"never closed']
    (tmp_path / "fields").write_text("\n".join(lines))
    text = (
        FIELDS.split("<urn:holdings>")[0].split(",\n        [ rml:predicate ex:holding")[0] + " ."
    )
    (tmp_path / "m.ttl").write_text(
        text.replace(
            'rml:path "fields" ]', 'rml:path "fields" ] ; rml:referenceFormulation rml:CSV'
        )
    )
    shown = preview_mapping(tmp_path / "m.ttl", rows=3)
    assert shown.rows == 3
    assert shown.turtle.count("a ex:Field") == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fields", "m.ttl"]


def test_a_preview_is_readable(tables):
    text = FIELDS.replace('rml:reference "name"', 'rml:reference "name" ; rml:language "de"')
    long = tables | {"farms": pa.table({"nr": ["a"], "name": ["ü" * 500]})}
    shown = preview_mapping(text, rows=2, sources=long)
    assert "@prefix geo:" not in shown.turtle, "only prefixes that are used"
    assert "@prefix rdf:" not in shown.turtle
    assert f'"{"ü" * 120} ... and 380 characters more"@de' in shown.turtle
    assert f'"{"ü" * 500}"@de' in preview_mapping(text, sources=long, longest=None).turtle
    assert shown.turtle.index("a ex:Field") < shown.turtle.index("ex:crop")
    assert "&quot;wheat&quot;" in shown._repr_html_()
    assert str(shown) == shown.turtle


def test_a_preview_of_named_graphs_is_trig(tables):
    text = FIELDS.replace("rml:class ex:Field", "rml:class ex:Field ; rml:graph ex:g")
    shown = preview_mapping(text, rows=1, sources=tables)
    quads = list(ox.parse(shown.turtle, format=ox.RdfFormat.TRIG))
    assert {q.graph_name.value for q in quads if "field" in q.subject.value} == {
        "https://example.org/g"
    }


def test_a_preview_of_a_join_in_a_database(tmp_path):
    with sqlite3.connect(tmp_path / "d.sqlite") as made:
        made.execute("CREATE TABLE field (id INTEGER, farm TEXT)")
        made.execute("CREATE TABLE farm (nr TEXT)")
        made.executemany("INSERT INTO field VALUES (?, ?)", [(n, "ab"[n % 2]) for n in range(9)])
        made.executemany("INSERT INTO farm VALUES (?)", [("a",), ("b",)])
    text = """
    @prefix rr: <http://www.w3.org/ns/r2rml#> .
    <urn:m> rr:logicalTable [ rr:tableName "field" ] ; rr:subjectMap [ rr:template "urn:f:{id}" ] ;
        rr:predicateObjectMap [ rr:predicate <urn:p> ; rr:objectMap [ rr:parentTriplesMap <urn:n> ;
            rr:joinCondition [ rr:child "farm" ; rr:parent "nr" ] ] ] .
    <urn:n> rr:logicalTable [ rr:tableName "farm" ] ; rr:subjectMap [ rr:template "urn:n:{nr}" ] .
    """
    shown = preview_mapping(text, rows=2, database=f"sqlite:///{tmp_path / 'd.sqlite'}")
    assert shown.turtle.count("<urn:p>") == 2


def test_no_rows_are_no_preview(tables):
    with pytest.raises(InputError, match="0 rows"):
        preview_mapping(FIELDS, rows=0, sources=tables)
    with pytest.raises(InputError, match="0 rows"):
        check_mapping(FIELDS, rows=0, sources=tables)
    with pytest.raises(MappingError, match="'crop'"):
        preview_mapping(FIELDS, sources=tables | {"fields": tables["fields"].drop(["crop"])})


def test_a_sound_mapping(tables):
    found = check_mapping(FIELDS, sources=tables)
    assert found.ok
    assert found.findings == ()
    assert found.rows == 5
    assert [(m.name, m.subject, m.statements) for m in found.maps] == [
        ("<urn:fields>", "https://example.org/field/{id}", 3),
        ("<urn:holdings>", "https://example.org/holding/{nr}", 1),
    ]
    assert "can run" in found._repr_html_()


def test_all_errors_are_told_at_once(tables):
    text = FIELDS.replace('"crop"', '"corp"').replace('rml:parent "nr"', 'rml:parent "nrr"')
    text += """
    <urn:third> rml:logicalSource [ rml:source [ rml:path "nowhere" ] ] ; rml:subject ex:x ;
        rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:functionExecution [
            rml:function ee:asWTK ; rml:input [ rml:parameter ee:geometry ; rml:inputValue "POINT (1 2)" ] ] ] ] .
    """
    found = check_mapping(text, sources=tables)
    assert not found.ok
    errors = [f for f in found.findings if f.level == "error"]
    assert {f.where for f in errors} == {"<urn:fields>", "<urn:third>", "nowhere"}
    told = " ".join(f"{f.message} {f.hint}" for f in errors)
    assert "Did you mean 'crop'?" in told
    assert "Did you mean 'nr'?" in told
    assert re.search(r"asWTK, which is not known\. Did you mean \S+#asWKT\?", told)
    assert found.rows == 0, "what cannot run is not tried"
    assert "cannot run" in found._repr_html_()


def test_a_document_that_cannot_be_read_is_a_finding(tmp_path):
    (tmp_path / "m.ttl").write_text("@prefix rml: <http://w3id.org/rml/> \n nonsense")
    found = check_mapping(tmp_path / "m.ttl")
    assert (found.ok, found.maps, levels(found)) == (False, (), [("error", "the mapping")])


def test_what_is_probably_not_meant(tables):
    twice = tables["fields"].set_column(0, "id", pa.array([1, 1, 2]))
    empty = twice.set_column(1, "crop", pa.nulls(3, pa.string()))
    found = check_mapping(
        FIELDS, sources=tables | {"fields": empty.append_column("x", [[0, 0, 0]])}
    )
    assert found.ok
    assert levels(found) == [("warning", "fields"), ("warning", "<urn:fields>"), ("note", "fields")]
    nothing, shared, unused = found.findings
    assert nothing.message == "'crop' has no value in the first 3 rows."
    assert shared.message.startswith("2 rows share a subject with another row")
    assert "<https://example.org/field/1> stands for 2" in shared.message
    assert unused.message == "Not mapped: x."


def test_broken_terms_and_empty_sources_are_warnings(tables):
    text = FIELDS.replace(
        'rml:template "https://example.org/holding/{nr}"',
        'rml:reference "nr" ; rml:termType rml:IRI',
    )
    bad = tables | {"farms": pa.table({"nr": ["a b", "http://x y"], "name": ["n", "m"]})}
    found = check_mapping(text, sources=bad)
    assert any("of the first 2 rows" in f.message for f in found.findings), found.findings
    found = check_mapping(FIELDS, sources=tables | {"farms": tables["farms"].slice(0, 0)})
    assert ("warning", "farms") in levels(found)
    assert found.ok


def test_a_picture_shows_sources_properties_and_what_leads_where():
    picture = mapping_diagram(FIELDS)
    drawn = ET.fromstring(picture.svg)
    words = ["".join(e.itertext()) for e in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"fields", "farms", "crop", "{crop}", "where {farm} = {nr}", "Field (urn:fields)"} <= {
        w.replace("(fields)", "(urn:fields)") for w in words
    }
    assert picture.svg.count('marker-end="url(#tip)"') == 1, "one arrow, from a field to its farm"
    assert picture._repr_svg_() == mapping_diagram(read_mapping(FIELDS)).svg


def test_a_picture_of_what_others_wrote_is_no_markup(tmp_path):
    many = ", ".join(
        f"[ rml:predicate ex:p{n} ; rml:objectMap "
        f'[ rml:template "<b>{{id}}</b>{"x" * 90}" ; rml:termType rml:Literal ] ]'
        for n in range(50)
    )
    text = f"""{HEAD} <urn:fields> rml:logicalSource [ rml:source [ rml:path "a<script>" ] ] ;
        rml:subjectMap [ rml:template "https://example.org/{{id}}" ] ; rml:predicateObjectMap {many} ."""
    mapping_diagram(text).save(tmp_path / "m.svg")
    svg = (tmp_path / "m.svg").read_text()
    ET.fromstring(svg)
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "and 10 more" in svg
    assert "…" in svg, "what is too long is cut"


def test_a_geometry_is_led_to_by_its_template():
    text = (
        HEAD
        + """
    <urn:a> rml:logicalSource <urn:s> ; rml:subjectMap [ rml:template "urn:{id}" ] ;
        rml:predicateObjectMap [ rml:predicate geo:hasGeometry ; rml:objectMap [ rml:template "urn:{id}/g" ] ] .
    <urn:b> rml:logicalSource <urn:s> ; rml:subjectMap [ rml:template "urn:{id}/g" ; rml:class geo:Geometry ] .
    <urn:s> rml:source [ rml:path "t" ] .
    """
    )
    assert mapping_diagram(text).svg.count('marker-end="url(#tip)"') == 1
