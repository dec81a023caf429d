"""Every word that a ready mapping or an ontology uses is there: own words are defined, those of others spelt right."""

from __future__ import annotations

import re
from collections import defaultdict

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.mapping import GEOMETRY_FUNCTIONS
from extremeearth.knowledge.semantics import (
    catalogue_mapping,
    catalogue_ontology,
    food_security_mapping,
    food_security_ontology,
    food_security_shapes,
    sea_ice_mapping,
    sea_ice_ontology,
)
from extremeearth.knowledge.semantics._resources import read_resource
from extremeearth.knowledge.semantics.sea_ice import _KINDS

OWN = "https://w3id.org/extremeearth/def/"
OWL = "http://www.w3.org/2002/07/owl#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
PROPERTY_KINDS = {f"{OWL}ObjectProperty", f"{OWL}DatatypeProperty"}

ONTOLOGIES = {
    "food-security": food_security_ontology,
    "sea-ice": sea_ice_ontology,
    "catalogue": catalogue_ontology,
}
DOCUMENTS = {
    "food security": food_security_mapping,
    "sea ice": sea_ice_mapping,
    "catalogue": catalogue_mapping,
    "reference": lambda: read_resource("reference.rml.ttl"),
    "shapes": food_security_shapes,
    **{f"ontology of {name}": text for name, text in ONTOLOGIES.items()},
}

# What the vocabularies of others have, as far as it is of use here; written down from their own documents.
KNOWN = {
    "http://purl.org/dc/terms/": """PeriodOfTime date description identifier isPartOf issued license source temporal
        title""",
    "http://qudt.org/schema/qudt/": "hasUnit",
    "http://qudt.org/vocab/unit/": "MilliM UNITLESS",
    "http://www.opengis.net/ont/geosparql#": """Feature Geometry SpatialObject asWKT asGML asGeoJSON hasDefaultGeometry
        hasGeometry hasMetricArea hasMetricLength wktLiteral""",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "type first rest nil langString",
    RDFS: "comment domain label range seeAlso subClassOf subPropertyOf",
    "http://www.w3.org/2001/XMLSchema#": "boolean date dateTime decimal double gYear integer string",
    OWL: "Class DatatypeProperty ObjectProperty Ontology",
    "http://www.w3.org/2004/02/skos/core#": """Concept ConceptScheme broader broaderTransitive closeMatch exactMatch
        hiddenLabel inScheme notation prefLabel topConceptOf""",
    "http://www.w3.org/2006/time#": "Instant Interval hasBeginning hasEnd inXSDDate inXSDDateTimeStamp",
    "http://www.w3.org/ns/dcat#": "Dataset Distribution distribution downloadURL endDate mediaType startDate",
    "http://www.w3.org/ns/prov#": "Activity Entity wasDerivedFrom wasGeneratedBy",
    "http://www.w3.org/ns/sosa/": """ObservableProperty Observation hasFeatureOfInterest hasResult hasSimpleResult
        observedProperty phenomenonTime resultTime""",
}  # fmt: skip


def quads(text):
    return list(ox.parse(text, format=ox.RdfFormat.TURTLE, base_iri="http://mapping.invalid/"))


def iris(text):
    """Give all IRIs of a document, and those that its templates make of a column of words."""
    for quad in quads(text):
        for term in (quad.subject, quad.predicate, quad.object):
            if isinstance(term, ox.NamedNode):
                yield term.value
            elif isinstance(term, ox.Literal):
                yield term.datatype.value
                if term.value == f"{OWN}sea-ice#{{kind}}":
                    yield from (f"{OWN}sea-ice#{kind}" for kind in _KINDS.values())


def described(text):
    """Give what is said of each subject: its properties and their values."""
    said = defaultdict(lambda: defaultdict(set))
    for quad in quads(text):
        said[quad.subject.value][quad.predicate.value].add(quad.object)
    return said


@pytest.fixture(scope="module")
def defined():
    return {
        subject: said
        for text in ONTOLOGIES.values()
        for subject, said in described(text()).items()
        if subject.startswith(OWN) and "#" in subject
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_word_is_known(defined, name):
    for iri in iris(DOCUMENTS[name]()):
        start, _, word = re.fullmatch(r"(.*?(#|/))([^#/]*)", iri).groups()
        if start.startswith(OWN) and start.endswith("#"):
            if start == f"{OWN}function#":
                parameters = {
                    p for f in GEOMETRY_FUNCTIONS.values() for p in (*f.parameters, *f.optional)
                }
                assert iri in {*GEOMETRY_FUNCTIONS, *parameters}, iri
            else:
                assert iri in defined, iri
        elif start in KNOWN and word:
            assert word in KNOWN[start].split(), iri


@pytest.mark.parametrize("name", ONTOLOGIES)
def test_own_words_have_a_label_a_comment_and_a_kind(defined, name):
    text = ONTOLOGIES[name]()
    own = {term: said for term, said in described(text).items() if f"{name}#" in term}
    assert own
    head = described(text)[f"{OWN}{name}"]
    assert ox.NamedNode(f"{OWL}Ontology") in head[TYPE]
    for term, said in own.items():
        assert {value.language for value in said[f"{RDFS}label"]} == {"en"}, term
        assert {value.language for value in said[f"{RDFS}comment"]} == {"en"}, term
        kinds = {kind.value for kind in said[TYPE]}
        assert len(kinds) == 1, term
        first = term.rpartition("#")[2][0]
        assert first.isupper() == (kinds == {f"{OWL}Class"}), term
        if kinds & PROPERTY_KINDS:
            (span,) = said[f"{RDFS}range"]
            is_data = span.value.startswith("http://www.w3.org/2001/XMLSchema#")
            assert kinds == {f"{OWL}{'Datatype' if is_data else 'Object'}Property"}, term
        for place in (f"{RDFS}domain", f"{RDFS}range", f"{RDFS}subClassOf"):
            for used in said[place]:
                if used.value.startswith(OWN):
                    assert ox.NamedNode(f"{OWL}Class") in defined[used.value][TYPE], term


@pytest.mark.parametrize("name", ["sea ice", "catalogue", "food security"])
def test_datatypes_are_those_of_the_ontology(defined, name):
    rml = "http://w3id.org/rml/"
    said = described_nodes(DOCUMENTS[name]())
    checked = 0
    for node in said.values():
        for predicate in node.get(f"{rml}predicate", ()):
            ranges = defined.get(predicate.value, {}).get(f"{RDFS}range", set())
            for objects in node.get(f"{rml}objectMap", ()):
                for datatype in said[objects].get(f"{rml}datatype", ()):
                    if ranges:
                        assert datatype in ranges, predicate
                        checked += 1
    assert checked > 3


def described_nodes(text):
    said = defaultdict(lambda: defaultdict(set))
    for quad in quads(text):
        said[quad.subject][quad.predicate.value].add(quad.object)
    return said
