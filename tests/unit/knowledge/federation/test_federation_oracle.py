"""Federated rows equal the rows of the same query over the union of all graphs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.federation import Endpoint, Federation
from extremeearth.knowledge.store import Graph, Solutions, Triples, open_graph

E = "http://example.org/"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/4326"
GEO = "http://www.opengis.net/ont/geosparql#"
PREFIXES = f"""
PREFIX : <{E}>
PREFIX geo: <{GEO}>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""

SHAPES = {
    "star": "SELECT * { ?f :crop ?c ; :area ?a }",
    "chain": "SELECT * { ?f :crop ?c . ?c :broader ?d . ?d :name ?n }",
    "constant": "SELECT * { :f1 ?p ?o }",
    "everything": "SELECT * { ?s ?p ?o }",
    "predicate-count": "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p",
    "filter": "SELECT * { ?f :area ?a ; :crop ?c FILTER(?a > 4 && ?c != :c2) }",
    "filter-error": "SELECT * { ?f :area ?a FILTER(?a + 1 > 4 || BOUND(?a)) }",
    "optional": "SELECT * { ?f :crop ?c OPTIONAL { ?c :name ?n FILTER(STRLEN(?n) > 2) } }",
    "optional-nested": "SELECT * { ?f :crop ?c OPTIONAL { ?c :broader ?d OPTIONAL { ?d :name ?n } } }",
    "optional-then-join": "SELECT * { ?f :crop ?c OPTIONAL { ?f :near ?x } ?x :crop ?c }",
    "optional-before": "SELECT * { OPTIONAL { ?f :near ?x } ?x :crop ?c }",
    "optional-inside-group": "SELECT * { ?f :crop ?c { ?c :broader ?d OPTIONAL { ?d :near ?f } } }",
    "optional-outer-filter": "SELECT * { ?f :area ?a OPTIONAL { ?f :near ?g . ?g :area ?b FILTER(?b < ?a) } }",
    "not-bound": "SELECT * { ?f :crop ?c OPTIONAL { ?f :near ?g } FILTER(!BOUND(?g)) }",
    "union": "SELECT * { ?f :crop ?c { ?f :near ?x } UNION { ?c :broader ?x } UNION { ?x :near ?f } }",
    "minus": "SELECT * { ?f :crop ?c MINUS { ?f :near ?g . ?g :crop ?c } }",
    "minus-disjoint": "SELECT * { ?f :crop ?c MINUS { ?x :near ?y } }",
    "exists": "SELECT * { ?f :crop ?c FILTER EXISTS { ?f :near ?g . ?g :crop ?c } }",
    "not-exists": "SELECT * { ?f :crop ?c FILTER NOT EXISTS { ?c :broader ?d FILTER(?d = :d1) } }",
    "exists-in-bind": "SELECT * { ?f :crop ?c BIND(EXISTS { ?f :near ?g } AS ?e) }",
    "exists-in-select": "SELECT ?f (EXISTS { ?f :near ?g } AS ?e) { ?f :area ?a }",
    "not-exists-nested": """SELECT * { ?f :crop ?c
        FILTER NOT EXISTS { ?f :near ?g FILTER NOT EXISTS { ?g :crop ?c } } }""",
    "values": "SELECT * { VALUES (?f ?a) { (:f1 UNDEF) (:f2 3) (:f9 1) } ?f :area ?a ; :crop ?c }",
    "values-after": "SELECT * { ?f :crop ?c } VALUES ?c { :c1 :c2 }",
    "values-grouped": "SELECT ?c (COUNT(*) AS ?n) { ?f :crop ?c } GROUP BY ?c VALUES ?c { :c1 :c7 }",
    "bind": "SELECT * { ?f :area ?a BIND(?a * 2 AS ?b) ?g :area ?b }",
    "aggregate": "SELECT ?c (SUM(?a) AS ?s) (COUNT(DISTINCT ?f) AS ?n) { ?f :crop ?c ; :area ?a } GROUP BY ?c",
    "having": "SELECT ?c { ?f :crop ?c } GROUP BY ?c HAVING(COUNT(?f) > 1)",
    "average-of-all": "SELECT (AVG(?a) AS ?m) (MAX(?a) AS ?x) { ?f :area ?a }",
    "sub-select": "SELECT * { { SELECT ?c (COUNT(?f) AS ?n) { ?f :crop ?c } GROUP BY ?c } ?c :name ?l }",
    "sub-select-limited": "SELECT * { { SELECT ?f ?a { ?f :area ?a } ORDER BY DESC(?a) ?f LIMIT 3 } ?f :crop ?c }",
    "sub-select-hidden": "SELECT * { ?x :near ?y { SELECT ?f { ?f :crop ?x } } }",
    "distinct": "SELECT DISTINCT ?c { ?f :near ?g . ?g :crop ?c }",
    "order": "SELECT ?f ?a { ?f :area ?a } ORDER BY DESC(?a) ?f LIMIT 5 OFFSET 1",
    "ask": "ASK { ?f :crop/:broader :d1 }",
    "construct": "CONSTRUCT { ?d :has ?f } { ?f :crop/:broader ?d }",
    "path-sequence": "SELECT * { ?f :crop/:broader/:name ?n }",
    "path-alternative": "SELECT * { ?f (:crop|:near|^:near) ?x . ?x :area ?a }",
    "path-star": "SELECT * { ?f :crop/:broader* ?d . ?d :name ?n }",
    "path-star-loose": "SELECT * { ?x :near* ?y }",
    "path-star-constant": "SELECT * { :f1 :near* ?y }",
    "path-plus": "SELECT * { ?f :near+ ?g . ?g :crop :c1 }",
    "path-optional": "SELECT * { ?f :near? ?g }",
    "path-optional-values": "SELECT * { VALUES ?f { :f1 :nowhere } ?f :near? ?g }",
    "path-nested": "SELECT * { ?f (:near/:crop)* ?g . ?f :area ?a }",
    "path-negated": "SELECT * { ?f !(:area|:near|geo:asWKT) ?x }",
    "path-negated-inverse": "SELECT * { ?c !(^:crop|:name) ?x }",
    "blank": "SELECT ?n { ?f :crop [ :name ?n ] }",
    "blank-geometry": "SELECT ?f ?w { ?f geo:hasGeometry ?g . ?g geo:asWKT ?w }",
    "blank-geometry-optional": """SELECT ?f ?w { ?f :crop ?c
        OPTIONAL { ?f geo:hasGeometry ?g . ?g geo:asWKT ?w } }""",
    "blank-count": """SELECT ?f (COUNT(DISTINCT ?g) AS ?n) (COUNT(*) AS ?m) {
        ?f geo:hasGeometry ?g . ?g ?p ?o } GROUP BY ?f""",
    "spatial-constant": """SELECT ?f { ?f geo:hasGeometry/geo:asWKT ?w
        FILTER(geof:sfIntersects(?w, "POLYGON((0 0,5 0,5 5,0 5,0 0))"^^geo:wktLiteral)) }""",
    "spatial-join": """SELECT ?r ?f { ?r :regionWKT ?rw . ?f geo:hasGeometry/geo:asWKT ?w
        FILTER(geof:sfIntersects(?w, ?rw)) }""",
    "spatial-named": """SELECT ?f ?c {
        ?r :label "region 1" ; :regionWKT ?rw . ?f geo:hasGeometry/geo:asWKT ?w ; :crop ?c
        FILTER(geof:sfWithin(?w, ?rw)) }""",
    "spatial-disjoint": """SELECT ?r (COUNT(?f) AS ?n) { ?r :regionWKT ?rw . ?f geo:hasGeometry/geo:asWKT ?w
        FILTER(geof:sfDisjoint(?w, ?rw)) } GROUP BY ?r""",
    "spatial-distance": """SELECT ?f ?g { ?f geo:hasGeometry/geo:asWKT ?w . ?g geo:hasGeometry/geo:asWKT ?v
        BIND(geof:distance(?w, ?v, uom:metre) AS ?d) FILTER(?d < 50000 && STR(?f) < STR(?g)) }""",
    "area-by-group": """SELECT ?d (COUNT(?f) AS ?n) (ROUND(SUM(geof:metricArea(?w))) AS ?m) {
        ?r :label "region 0" ; :regionWKT ?rw . ?f :crop ?c ; geo:hasGeometry/geo:asWKT ?w . ?c :broader ?d
        FILTER(geof:sfIntersects(?w, ?rw)) FILTER(?c != :c0) } GROUP BY ?d HAVING(COUNT(?f) > 0) ORDER BY ?d""",
    "not-exists-spatial": """SELECT ?r { ?r :regionWKT ?rw FILTER NOT EXISTS {
        ?f geo:hasGeometry/geo:asWKT ?w FILTER(geof:sfIntersects(?w, ?rw)) } }""",
    "named-graph": "SELECT * { GRAPH :g1 { ?f :note ?t } ?f :crop ?c }",
    "named-graph-variable": "SELECT * { ?f :crop ?c GRAPH ?g { ?f :note ?t } }",
    "named-graph-optional": "SELECT * { GRAPH ?g { OPTIONAL { ?f :note ?t FILTER(?t > 3) } } }",
    "from": "SELECT DISTINCT * FROM :g1 FROM :g2 { ?f :note ?t }",
    "from-named": "SELECT * FROM NAMED :g2 { GRAPH ?g { ?f :note ?t } }",
}  # fmt: skip


SEEDS = (0, 1)


def make_graph(seed: int) -> list[ox.Quad]:
    """A small world of fields, crops and regions; every subject's triples lie anywhere."""
    dice = random.Random(seed)
    iri = lambda name: ox.NamedNode(E + name)  # noqa: E731 - one word for many lines
    quads: list[ox.Quad] = []

    def add(s: ox.NamedNode | ox.BlankNode, p: str, o: object, g: str | None = None) -> None:
        predicate = ox.NamedNode(p if "://" in p else E + p)
        graph = ox.DefaultGraph() if g is None else iri(g)
        quads.append(ox.Quad(s, predicate, o, graph))

    wkt = ox.NamedNode(GEO + "wktLiteral")
    for i in range(12):
        field = iri(f"f{i}")
        if dice.random() < 0.9:
            add(field, "crop", iri(f"c{dice.randrange(4)}"))
        for _ in range(dice.choice((0, 1, 1, 2))):
            add(field, "area", ox.Literal(dice.randrange(8)))
        if dice.random() < 0.5:
            add(field, "near", iri(f"f{dice.randrange(12)}"))
        for _ in range(dice.choice((1, 1, 2))):
            node = ox.BlankNode()
            x, y = dice.uniform(0, 10), dice.uniform(0, 10)
            text = f"POLYGON(({x} {y},{x + 1} {y},{x + 1} {y + 1},{x} {y + 1},{x} {y}))"
            if dice.random() < 0.3:
                text = f"<{EPSG}> POLYGON(({y} {x},{y + 1} {x},{y} {x + 1},{y} {x}))"
            add(field, GEO + "hasGeometry", node)
            add(node, GEO + "asWKT", ox.Literal(text, datatype=wkt))
        for g in ("g1", "g2"):
            if dice.random() < 0.4:
                add(field, "note", ox.Literal(dice.randrange(6)), g)
    for i in range(4):
        add(iri(f"c{i}"), "broader", iri(f"d{dice.randrange(2)}"))
        add(iri(f"c{i}"), "name", ox.Literal(f"crop {i}", language=dice.choice(("en", "de"))))
    for i in range(2):
        add(iri(f"d{i}"), "broader", iri("top"))
        add(iri(f"d{i}"), "name", ox.Literal(f"group {i}"))
    for i in range(3):
        x, y = dice.uniform(0, 7) + 20 * (i == 2 and seed % 2), dice.uniform(0, 7)
        text = f"POLYGON(({x} {y},{x + 4} {y},{x + 4} {y + 4},{x} {y + 4},{x} {y}))"
        add(iri(f"r{i}"), "regionWKT", ox.Literal(text, datatype=wkt))
        add(iri(f"r{i}"), "label", ox.Literal(f"region {i}"))
    return quads


def split(quads: list[ox.Quad], parts: int, seed: int, *, mode: str) -> list[Graph]:
    """Deal the triples out; those of a blank node stay together, as they must."""
    dice = random.Random(seed)
    stores = [ox.Store() for _ in range(parts)]
    homes: dict[object, int] = {}
    for quad in quads:
        key: object = quad
        if isinstance(quad.subject, ox.BlankNode):
            key = quad.subject
        elif isinstance(quad.object, ox.BlankNode):
            key = quad.object
        elif mode == "predicate":
            key = quad.predicate
        home = homes.setdefault(key, dice.randrange(parts))
        stores[home].add(quad)
        if mode == "overlap" and not isinstance(key, ox.BlankNode) and dice.random() < 0.3:
            stores[dice.randrange(parts)].add(quad)
    return [graph_of(store) for store in stores]


def graph_of(quads: Iterable[ox.Quad]) -> Graph:
    graph = open_graph()
    graph.load(ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b"", "nq")
    return graph


def bag(answer: object) -> object:
    """Rows without their order and without the labels of blank nodes."""
    if isinstance(answer, Solutions):
        place = {name: at for at, name in enumerate(answer.variables)}
        names = sorted(place)
        return names, Counter(
            tuple(
                "_:" if str(row[place[n]]).startswith("_:") else str(row[place[n]]) for n in names
            )
            for row in answer
        )
    if isinstance(answer, Triples):
        return Counter(
            tuple("_:" if str(t).startswith("_:") else str(t) for t in row) for row in answer
        )
    return answer


@pytest.mark.parametrize("mode", ["triple", "predicate", "overlap"])
@pytest.mark.parametrize("name", SHAPES)
def test_rows_equal_those_over_the_union(name: str, mode: str) -> None:
    for seed in SEEDS:
        quads = make_graph(seed)
        union = graph_of(quads)
        parts = split(quads, 2 + seed % 2, seed + 100, mode=mode)
        federation = Federation([Endpoint(name=f"part {i}", graph=g) for i, g in enumerate(parts)])
        text = PREFIXES + SHAPES[name]
        expected, found = union.query(text), federation.query(text)
        assert bag(found) == bag(expected), federation.explain(text)
        if (
            "ORDER BY" in SHAPES[name]
            and isinstance(expected, Solutions)
            and isinstance(found, Solutions)
        ):
            assert [list(map(str, r)) for r in found] == [list(map(str, r)) for r in expected]


def test_the_shapes_have_rows() -> None:
    """An oracle of empty answers would prove nothing."""
    empty = []
    for name, shape in SHAPES.items():
        sizes = []
        for seed in SEEDS:
            union = graph_of(make_graph(seed))
            answer = union.query(PREFIXES + shape)
            sizes.append(int(answer) if isinstance(answer, bool) else len(answer))
        if not any(sizes):
            empty.append(name)
    assert not empty
