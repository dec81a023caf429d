"""What a mapping's author is told: the line, what was meant perhaps, what to do next."""

from __future__ import annotations

import pyarrow as pa
import pytest

from extremeearth.core.errors import DataBrokenError, DataMissingError, InputError, MappingError
from extremeearth.knowledge.interlinking import LinkOptions, LinkReport, read_features
from extremeearth.knowledge.mapping import (
    describe_source,
    list_layers,
    map_to_rdf,
    preview_mapping,
    read_mapping,
)

HEAD = "@prefix rml: <http://w3id.org/rml/> .\n"
BODY = """<urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
    rml:subjectMap [ rml:template "urn:{id}" ] ;
    rml:predicateObjectMap [ rml:predicate <urn:p> ; rml:objectMap [ rml:reference "id" ] ] .
"""


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (HEAD + BODY.replace("urn:{id}", "urn:{id"), "is not closed. It is in line 3.", "as {name}"),
        (HEAD + BODY.replace("rml:predicate <", "rml:predicade <"), "what stands in [ ] is not known here. "
         "It is in line 4.", "Did you mean predicate?"),
        (HEAD + BODY.replace("rml:template", "rr:template"), "line 3", "@prefix rr: <http://www.w3.org/ns/r2rml#> ."),
        (HEAD + BODY.replace("rml:template", "geo:template"), "line 3", "@prefix geo: <http://www.opengis.net/"),
        (HEAD + BODY.replace('{id}"', "{id}"), "line 3", "A quote is not closed"),
        (HEAD + BODY.replace('{id}" ] ;', '{id}" ]'), "line 4", "a semicolon"),
        ("id,crop\n1,wheat\n", "is not Turtle", "rdf mapping FILE"),
        ("\ufeff \n<!DOCTYPE html><html>", "is an HTML page", "download"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_read(text, message, hint):
    with pytest.raises(MappingError) as caught:
        read_mapping(text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_data_in_place_of_a_mapping_is_told(tmp_path):
    (tmp_path / "parcels.gpkg").write_bytes(b"SQLite format 3\x00\xa0")
    with pytest.raises(MappingError, match=r"parcels\.gpkg is no text in UTF-8") as caught:
        read_mapping(tmp_path / "parcels.gpkg")
    assert "rdf mapping FILE" in caught.value.hint
    with pytest.raises(
        DataMissingError, match=r"no\.ttl cannot be read: No such file or directory\."
    ):
        read_mapping(tmp_path / "no.ttl")


def test_no_line_is_named_where_it_could_be_another():
    text = HEAD + BODY.replace(
        'rml:reference "id"', 'rml:template "{id" ; rml:termType rml:Literal'
    )
    twice = text + BODY.replace("urn:m", "urn:n").replace("urn:{id}", "{id")
    with pytest.raises(MappingError) as caught:
        read_mapping(twice)
    assert "line" not in caught.value.message


def test_a_formulation_is_suggested(tmp_path):
    text = HEAD + BODY.replace('"t" ]', '"t" ] ; rml:referenceFormulation rml:CVS')
    (tmp_path / "t").write_text("id\n1\n")
    with pytest.raises(MappingError) as caught:
        preview_mapping(text, folder=tmp_path)
    assert caught.value.hint.startswith("Did you mean CSV?")


@pytest.mark.parametrize("name", ["t.gpkg", "t.csv", "t.geojson", "t.json", "t.parquet", "t.shp"])
def test_a_page_of_the_web_is_no_data(tmp_path, name):
    path = tmp_path / name
    path.write_text("\n <!doctype HTML><html><body>404 Not Found")
    for read in (
        list_layers,
        describe_source,
        lambda p: read_features(p, crs=4326),
        lambda p: map_to_rdf(HEAD + BODY, sources={"t": p}, target=tmp_path / "out.nt"),
    ):
        with pytest.raises(DataBrokenError, match="is an HTML page, not data"):
            read(path)
    assert not (tmp_path / "out.nt").exists()


def test_what_only_looks_like_a_page_is_read(tmp_path):
    (tmp_path / "t.csv").write_text("id,text\n1,<html>\n")
    assert describe_source(tmp_path / "t.csv").key == ("id",)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("intersect", "intersects"), ("Within", "within"), ("coveredby", "coveredBy"), ("sfTouches", "touches")],
)  # fmt: skip
def test_a_relation_is_suggested(said, meant):
    with pytest.raises(InputError) as caught:
        LinkOptions(relations=(said,))
    assert caught.value.hint.startswith(f"Did you mean {meant}? Use some of equals")
    with pytest.raises(InputError) as caught:
        LinkOptions(relations=("zzz",))
    assert caught.value.hint.startswith("Use some of")


@pytest.mark.parametrize(
    ("key", "unique"), [(("id",), False), (("nr",), True), (("id", "crop"), True), (("id", "gap"), False)]
)  # fmt: skip
def test_a_key_that_is_given_is_looked_at(key, unique):
    table = pa.table(
        {"id": [1, 1, 2], "nr": [1, 2, 3], "crop": ["a", "b", "a"], "gap": ["a", "b", None]}
    )
    assert describe_source(table, key=key).key_is_unique is unique


def test_a_notebook_shows_the_links_of_each_relation():
    report = LinkReport(
        candidates=3, related=1, links={"within": 1200}, invalid=(0, 0), empty=(0, 0), features=(5, 6), verified=3
    )  # fmt: skip
    shown = report._repr_html_()
    assert "1,200 links of 3 verified pairs, 5 and 6 features" in shown
    assert '<td>within</td><td style="text-align:right">1,200</td>' in shown
