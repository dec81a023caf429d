"""What the tests of mappings share: running one and reading what came out."""

from __future__ import annotations

import io

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.mapping import map_to_rdf

PREFIXES = """
@prefix rml: <http://w3id.org/rml/> .
@prefix ex: <https://example.org/> .
@prefix ee: <https://w3id.org/extremeearth/def/function#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


@pytest.fixture
def mapped():
    """Run a mapping; give the set of its triples as text, and the report."""

    def run(mapping, **options):
        out = io.BytesIO()
        report = map_to_rdf(
            PREFIXES + mapping, target=out, base_iri="https://example.org/", **options
        )
        quads = [str(q) for q in ox.parse(out.getvalue(), format=ox.RdfFormat.N_QUADS)]
        assert report.triples == len(quads)
        return set(quads), report

    return run


@pytest.fixture
def objects(mapped):
    """Map one column of a table `t`, with its subject from `id`; give the objects as N-Triples terms, by subject."""

    def run(object_map, table, **options):
        out = io.BytesIO()
        text = f"""{PREFIXES} <urn:m> rml:logicalSource [ rml:source [ rml:path "t" ] ] ;
            rml:subjectMap [ rml:template "https://example.org/{{id}}" ] ;
            rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ {object_map} ] ] ."""
        map_to_rdf(text, sources={"t": table}, target=out, **options)
        found = ox.parse(out.getvalue(), format=ox.RdfFormat.N_TRIPLES)
        return {q.subject.value.rpartition("/")[2]: str(q.object) for q in found}

    return run
