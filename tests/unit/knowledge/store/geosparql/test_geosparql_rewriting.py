"""What a query is rewritten to, in words; and that a naive evaluator finds in it what the standard's rules say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from extremeearth.knowledge.rdf import GEO, RDF, SF, GeometryColumn
from extremeearth.knowledge.sparql import algebra as a
from extremeearth.knowledge.sparql import algebra_text, parse_query, translate
from extremeearth.knowledge.sparql.terms import XSD, BlankNode, Iri, Literal, Variable
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import Bindings, evaluate, truth
from extremeearth.knowledge.store.geosparql import (
    FUNCTIONS,
    RELATION_PROPERTIES,
    RELATIONS,
    Entailment,
    Schema,
    read_geometries,
    read_schema,
    relate_columns,
    rewrite,
)

EX = "http://example.org/"
PREFIXES = f"PREFIX geo: <{GEO}> PREFIX sf: <{SF}> PREFIX gml: <http://www.opengis.net/ont/gml#> PREFIX : <{EX}> "
ONLY_WKT = Schema.of(present=[GEO.asWKT, GEO.hasDefaultGeometry, GEO.Feature])


def algebra(text: str) -> a.Algebra:
    return translate(parse_query(PREFIXES + text))


def short(node: a.Algebra) -> str:
    text = algebra_text(node)
    for name, space in (
        ("geo:", GEO),
        ("geof:", "http://www.opengis.net/def/function/geosparql/"),
        (":", EX),
    ):
        text = text.replace(f"<{space}", name)
    return text.replace(f"<{RDF.type}>", "a").replace(">", "")


# ------------------------------------------------------------------------------------- in words


def test_a_topological_property_becomes_its_triples_and_a_spatial_join():
    found = rewrite(
        algebra("SELECT ?x ?y { ?x :p ?y . ?x geo:sfWithin :b }"),
        entailment=Entailment(schema=ONLY_WKT),
    )
    assert short(found) == (
        "Project ?x ?y\n"
        "  Join\n"
        "    Bgp ?x :p ?y\n"
        "    Distinct\n"
        "      Project ?x\n"
        "        UnionOf\n"
        "          Bgp ?x geo:sfWithin :b\n"
        "          FilterOf geof:sfWithin(?.literal1, ?.literal2)\n"
        "            Join\n"
        "              UnionOf\n"
        "                Bgp ?x geo:hasDefaultGeometry ?.geometry1 ?.geometry1 geo:asWKT ?.literal1\n"
        "                Bgp ?x geo:asWKT ?.literal1\n"
        "              UnionOf\n"
        "                Bgp :b geo:hasDefaultGeometry ?.geometry2 ?.geometry2 geo:asWKT ?.literal2\n"
        "                Bgp :b geo:asWKT ?.literal2"
    )


def test_a_class_is_asserted_below_or_implied_by_properties():
    found = rewrite(
        algebra("SELECT * { ?x a geo:Feature }"),
        entailment=Entailment(
            schema=Schema.of(present=[GEO.hasGeometry], classes=[(f"{EX}Park", GEO.Feature)])
        ),
    )
    assert short(found) == (
        "Project ?x\n  Distinct\n    Project ?x\n      UnionOf\n        Bgp ?x a geo:Feature\n"
        "        Bgp ?x geo:hasGeometry ?.other"
    )


def test_a_stated_size_goes_before_a_computed_one():
    found = rewrite(
        algebra("SELECT ?x ?m { ?x geo:hasMetricArea ?m }"),
        entailment=Entailment(
            vocabulary=False, schema=Schema.of(present=[GEO.asWKT, GEO.hasMetricArea])
        ),
    )
    assert short(found) == (
        "Project ?x ?m\n  Distinct\n    Project ?x ?m\n      UnionOf\n        Bgp ?x geo:hasMetricArea ?m\n"
        "        FilterOf !BOUND(?.stated)\n          LeftJoin\n            FilterOf BOUND(?m)\n"
        "              Extend ?m geof:metricArea(?.literal1)\n                Bgp ?x geo:asWKT ?.literal1\n"
        "            Bgp ?x geo:hasMetricArea ?.stated"
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?x a :Park ; :name ?n ; geo:asWKT ?w }",
        "SELECT * { ?x ?p ?y . ?x a ?c }",
        "SELECT * { ?x geo:hasLength ?y OPTIONAL { ?x geo:hasVolume ?v } FILTER(?y > 1) }",
        "SELECT * { SERVICE :other { ?x geo:sfWithin ?y } }",
        "SELECT * { ?x (:p|^:q)+ ?y . ?x geo:sfWithin* ?y }",
        "SELECT (COUNT(*) AS ?n) { ?x :p ?y } GROUP BY ?x ORDER BY ?n LIMIT 3",
    ],
)
def test_other_queries_stay_the_same_object(text):
    given = algebra(text)
    assert rewrite(given) is given


@pytest.mark.parametrize("prop", sorted(RELATION_PROPERTIES))
def test_nothing_is_rewritten_when_nothing_is_entailed(prop):
    given = algebra(
        f"SELECT * {{ ?x <{prop}> ?y ; a geo:Geometry ; geo:dimension ?d ; geo:hasGeometry ?g }}"
    )
    off = Entailment(topology=False, vocabulary=False, measures=False)
    assert rewrite(given, entailment=off) is given
    assert rewrite(given) != given


QUERIES = [
    "SELECT * { ?x geo:sfWithin ?y }", "SELECT * { ?x geo:sfEquals ?x }", "ASK { :fa geo:sfOverlaps :fb }",
    "SELECT * { ?x geo:sfContains|geo:ehCovers|^geo:sfWithin ?y }",
    "SELECT * { ?x a geo:SpatialObject OPTIONAL { ?x geo:rcc8po ?y } }",
    "SELECT * { { ?x a sf:Geometry } UNION { ?x geo:hasSerialization ?w } MINUS { ?x geo:isEmpty true } }",
    "SELECT * { GRAPH ?g { ?x geo:hasMetricSize ?m ; geo:dimension 2 } }",
    "SELECT * { ?x geo:hasGeometry [ geo:dimension ?d ] ; geo:hasMetricLength ?l } ORDER BY ?l LIMIT 2",
]  # fmt: skip


@pytest.mark.parametrize("schema", [Schema.of(), ONLY_WKT, Schema.of(present=[])])
@pytest.mark.parametrize("text", QUERIES)
def test_rewriting_twice_changes_nothing_more(text, schema):
    entailment = Entailment(schema=schema)
    once = rewrite(algebra(text), entailment=entailment)
    assert rewrite(once, entailment=entailment) is once


# ---------------------------------------------------------------------------------- by evaluation


def wkt(text: str) -> Literal:
    return Literal(text, Iri(GEO.wktLiteral))


def gml(x: int, y: int) -> Literal:
    text = f'<g:Point xmlns:g="http://www.opengis.net/gml/3.2"><g:pos>{x} {y}</g:pos></g:Point>'
    return Literal(text, Iri(GEO.gmlLiteral))


def square(x: float, y: float, side: float) -> str:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return f"POLYGON (({', '.join(f'{a} {b}' for a, b in corners)}))"


def triples(*rows) -> list[tuple]:
    def node(value):
        return (
            value
            if isinstance(value, Literal | Iri)
            else Iri(value if "://" in value else EX + value)
        )

    return [tuple(map(node, row)) for row in rows]


DATA = triples(
    ("fa", RDF.type, "Park"), ("fa", GEO.hasDefaultGeometry, "ga"), ("ga", GEO.asWKT, wkt(square(0, 0, 4))),
    ("ga", RDF.type, SF.Polygon), ("fb", GEO.hasDefaultGeometry, "gb"), ("gb", GEO.asWKT, wkt(square(2, 2, 4))),
    ("fc", GEO.hasGeometry, "gc"), ("gc", GEO.asGML, gml(1, 1)), ("fd", f"{EX}exact", "gd"),
    ("gd", GEO.asWKT, wkt("POINT (3 3)")), ("gd", GEO.asGML, gml(3, 3)), ("fx", GEO.sfWithin, "fa"),
    ("fb", GEO.sfOverlaps, "fa"), ("fa", GEO.hasMetricArea, Literal("7", Iri(f"{XSD}double"))),
    ("bad", GEO.asWKT, wkt("POINT (")), ("ge", GEO.asWKT, wkt("")), ("old", GEO.defaultGeometry, "ga"),
    ("col", RDF.type, "http://www.opengis.net/ont/gml#MultiCurve"),
)  # fmt: skip
DECLARED = {
    "classes": [(f"{EX}Park", GEO.Feature)],
    "properties": [(f"{EX}exact", GEO.hasDefaultGeometry)],
}


class Naive:
    """Evaluates algebra by the book, row by row: an oracle, slow and plain."""

    def __init__(self, data, context):
        self.data, self.context = data, context

    def rows(self, node) -> list[dict]:
        return getattr(self, type(node).__name__)(node)

    def Bgp(self, node):
        found = [{}]
        for triple in node.triples:
            pattern = (triple.subject, triple.predicate, triple.object)
            found = [
                new
                for row in found
                for t in self.data
                if (new := self.match(pattern, t, row)) is not None
            ]
        return found

    @staticmethod
    def match(pattern, triple, row):
        row = dict(row)
        for want, have in zip(pattern, triple, strict=True):
            if isinstance(want, Variable | BlankNode):
                if row.setdefault(want, have) != have:
                    return None
            elif want != have:
                return None
        return row

    def Table(self, node):
        return [
            {v: t for v, t in zip(node.variables, row, strict=True) if t is not None}
            for row in node.rows
        ]

    @staticmethod
    def merged(one, two):
        return {**one, **two} if all(one[k] == two[k] for k in one.keys() & two.keys()) else None

    def Join(self, node):
        pairs = itertools.product(self.rows(node.left), self.rows(node.right))
        return [m for one, two in pairs if (m := self.merged(one, two)) is not None]

    def LeftJoin(self, node):
        right = self.rows(node.right)
        out = []
        for row in self.rows(node.left):
            met = [m for other in right if (m := self.merged(row, other)) is not None]
            out += met or [row]
        return out

    def UnionOf(self, node):
        return [row for branch in node.branches for row in self.rows(branch)]

    def bindings(self, row):
        return Bindings(
            {v.name: TermColumn.of([t]) for v, t in row.items() if isinstance(v, Variable)}, 1
        )

    def FilterOf(self, node):
        return [
            r
            for r in self.rows(node.pattern)
            if truth(node.condition, self.bindings(r), self.context)[0] == 1
        ]

    def Extend(self, node):
        out = []
        for row in self.rows(node.pattern):
            term = evaluate(node.expression, self.bindings(row), self.context).terms()[0]
            out.append(row if term is None else {**row, node.variable: term})
        return out

    def Project(self, node):
        return [{v: row[v] for v in node.variables if v in row} for row in self.rows(node.pattern)]

    def Distinct(self, node):
        return [
            dict(row)
            for row in dict.fromkeys(
                tuple(sorted(r.items(), key=str)) for r in self.rows(node.pattern)
            )
        ]


@pytest.fixture(scope="module")
def answers(context):
    from dataclasses import replace

    evaluator = Naive(DATA, replace(context, functions=FUNCTIONS))

    def ask(text: str, **options) -> list[tuple[str, ...]]:
        schema = options.pop("schema", Schema.of(**DECLARED))
        rows = evaluator.rows(
            rewrite(algebra(text), entailment=Entailment(schema=schema, **options))
        )
        return sorted(
            tuple(
                getattr(row[v], "value", getattr(row[v], "lexical", "")).removeprefix(EX)
                for v in sorted(row, key=str)
            )
            for row in rows
        )

    return ask


GEOMETRIES = {
    "ga": square(0, 0, 4), "gb": square(2, 2, 4), "gc": "POINT (1 1)", "gd": "POINT (3 3)", "ge": "",
}  # fmt: skip
OWNERS = {"fa": "ga", "fb": "gb", "fd": "gd", "old": "ga"}


@pytest.mark.parametrize("prop", sorted(RELATION_PROPERTIES))
def test_features_and_geometries_relate_as_their_literals_do(answers, prop):
    things = {name: name for name in GEOMETRIES} | OWNERS
    pairs = list(itertools.product(sorted(things), repeat=2))
    column = read_geometries(TermColumn.of([wkt(GEOMETRIES[name]) for name in sorted(GEOMETRIES)]))
    places = {name: i for i, name in enumerate(sorted(GEOMETRIES))}

    def side(index):
        rows = np.array([places[things[pair[index]]] for pair in pairs])
        return GeometryColumn(column.shapes[rows], column.systems[rows])

    held = relate_columns(RELATION_PROPERTIES[prop], side(0), side(1))
    expected = {pair for pair, yes in zip(pairs, held, strict=True) if yes == 1}
    expected |= {
        (x.value.removeprefix(EX), y.value.removeprefix(EX)) for x, p, y in DATA if p.value == prop
    }
    found = answers(f"SELECT * {{ ?x <{prop}> ?y }}")
    assert found == sorted(expected)  # a list: each pair once
    assert RELATIONS[RELATION_PROPERTIES[prop]].name in prop


def test_constant_ends_are_looked_up(answers):
    assert answers("SELECT * { ?x geo:sfWithin :fa }") == [
        ("fa",),
        ("fd",),
        ("fx",),
        ("ga",),
        ("gc",),
        ("gd",),
        ("old",),
    ]
    assert answers("SELECT * { :fa geo:sfOverlaps ?y }") == [("fb",), ("gb",)]
    assert answers("SELECT * { :fa geo:sfOverlaps :fb }") == [()]
    assert answers("SELECT * { :fa geo:sfDisjoint :fb }") == []


def test_only_the_default_geometry_of_a_feature_counts(answers):
    assert ("fc",) not in answers("SELECT * { ?x geo:sfWithin :fa }")
    assert ("fd",) not in answers("SELECT * { ?x geo:sfWithin :fa }", schema=Schema.of())
    plain = answers("SELECT * { ?x geo:sfWithin :fa }", vocabulary=False)
    assert ("old",) not in plain
    assert ("fa",) in plain


def test_instances_of_classes_are_found_by_hierarchy_domain_and_range(answers):
    assert answers("SELECT * { ?x a geo:Feature }") == [
        ("fa",),
        ("fb",),
        ("fc",),
        ("fd",),
        ("old",),
    ]
    assert answers("SELECT * { ?x a geo:Feature }", schema=Schema.of()) == [
        ("fa",),
        ("fb",),
        ("fc",),
        ("old",),
    ]
    assert answers("SELECT * { ?x a geo:Geometry }") == [
        ("bad",),
        ("col",),
        ("ga",),
        ("gb",),
        ("gc",),
        ("gd",),
        ("ge",),
    ]
    assert answers("SELECT * { ?x a sf:Surface }") == [("ga",)]
    assert answers("SELECT * { ?x a gml:AbstractGeometry }") == [("col",)]
    assert ("fx",) in answers("SELECT * { ?x a geo:SpatialObject }")
    assert answers("SELECT * { ?x a sf:Surface }", vocabulary=False) == []


def test_properties_are_implied_by_those_below_them(answers):
    assert answers("SELECT * { ?x geo:hasGeometry ?g }") == [
        ("ga", "fa"), ("ga", "old"), ("gb", "fb"), ("gc", "fc"), ("gd", "fd"),
    ]  # fmt: skip
    assert ("ga", "old") in answers("SELECT * { ?x geo:hasDefaultGeometry ?g }")
    assert len(answers("SELECT * { ?x geo:hasSerialization ?w }")) == 7


def test_measures_are_computed_once_and_stated_ones_kept(answers):
    assert answers("SELECT ?d { :ga geo:dimension ?d }") == [("2",)]
    assert answers("SELECT ?d { :gd geo:dimension ?d }") == [("0",)]  # two literals, one answer
    assert answers("SELECT * { ?x geo:isEmpty true }") == [("ge",)]
    assert answers("SELECT * { ?x geo:dimension 2 }") == [("ga",), ("gb",)]
    assert answers("SELECT * { ?x geo:coordinateDimension ?x }") == []
    assert answers("SELECT ?m { :fa geo:hasMetricArea ?m }") == [("7",)]
    area = float(answers("SELECT ?m { :fb geo:hasMetricArea ?m }")[0][0])
    assert area == pytest.approx(1.963e11, rel=1e-2)
    assert answers("SELECT ?m { :bad geo:hasMetricArea ?m }") == []
    assert answers("SELECT ?m { :fb geo:hasMetricArea ?m }", measures=False) == []
    assert ("7",) in answers("SELECT ?m { :fa geo:hasMetricSize ?m }")


def test_knowing_the_store_changes_no_answer(answers):
    terms = {t.value for row in DATA for t in row if isinstance(t, Iri)}
    known = Schema.of(**DECLARED, present=terms)
    for text in (
        "SELECT * { ?x geo:sfWithin ?y }", "SELECT * { ?x a geo:SpatialObject }",
        "SELECT * { ?x geo:hasMetricSize ?m }",
        "SELECT * { ?x geo:hasSerialization ?m }", "SELECT * { ?x geo:spatialDimension ?m }",
    ):  # fmt: skip
        assert answers(text, schema=known) == answers(text)


def test_blank_nodes_stay_one_node_when_their_pattern_is_cut(answers):
    assert answers("SELECT ?x { ?x geo:hasGeometry [ geo:dimension 2 ] }") == [
        ("fa",),
        ("fb",),
        ("old",),
    ]


def test_a_store_is_asked_for_its_declarations():
    import pyarrow as pa

    terms = sorted({t for row in DATA for t in row}, key=str)
    terms += triples(("Park", "http://www.w3.org/2000/01/rdf-schema#subClassOf", GEO.Feature))[0]
    numbers = {term: i for i, term in enumerate(dict.fromkeys(terms), start=1)}
    column = TermColumn.of(list(numbers))
    rows = [
        *DATA,
        triples(("Park", "http://www.w3.org/2000/01/rdf-schema#subClassOf", GEO.Feature))[0],
    ]

    class Terms:
        def find(self, wanted):
            return np.array([numbers.get(term, -1) for term in wanted.terms()])

        def take(self, ids):
            return column.take(ids - 1)

    class Store:
        terms = Terms()

        def scan(self, *, predicate):
            kept = [r for r in rows if numbers[r[1]] == predicate]
            return pa.table(
                {
                    k: pa.array([numbers[r[i]] for r in kept], pa.int64())
                    for i, k in enumerate("spo")
                }
            )

    schema = read_schema(Store())
    assert schema.classes_below(GEO.Feature) == (f"{EX}Park", GEO.Feature)
    assert GEO.asKML not in schema.present
    assert GEO.asGML in schema.present
