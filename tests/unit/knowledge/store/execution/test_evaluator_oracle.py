"""Random queries over random data: the same solutions as pyoxigraph's evaluator."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.store.execution import Evaluator, PlanCache
from extremeearth.knowledge.store.loading import load_documents
from extremeearth.knowledge.store.storage import open_storage

ENTITIES = [f"<urn:e{n}>" for n in range(5)]
PREDICATES = [f"<urn:p{n}>" for n in range(3)]
GRAPHS = ["<urn:g0>", "<urn:g1>"]
VALUES = ["1", "2", '"a"', '"a"@en', "1.5", "true"]
# pyoxigraph makes one of equal alternatives and of both directions of !(a|^b), the algebra has both (section 18.4)
ALTERNATIVES = ["(<urn:p0>|<urn:p1>)", "(<urn:p2>|^<urn:p0>)", "(<urn:p1>|(<urn:p2>/<urn:p0>))"]
VARIABLES = ["?a", "?b", "?c", "?d"]

nodes = st.sampled_from(ENTITIES)
variables = st.sampled_from(VARIABLES)
terms = st.one_of(nodes, st.sampled_from(VALUES))
triples = st.tuples(nodes, st.sampled_from(PREDICATES), terms)
quads = st.lists(st.tuples(triples, st.sampled_from(["", *GRAPHS])), max_size=14)


@st.composite
def paths(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0:
        return draw(st.sampled_from(PREDICATES))
    inner = paths(depth - 1)
    return draw(
        st.one_of(
            st.sampled_from(PREDICATES),
            st.builds("({}/{})".format, inner, inner),
            st.sampled_from(ALTERNATIVES),
            st.builds("(^{})".format, inner),
            st.builds("({}{})".format, inner, st.sampled_from("*+?")),
            st.builds("!({}{})".format, st.sampled_from(["", "^"]), st.sampled_from(PREDICATES)),
        )
    )


expressions = st.one_of(
    st.builds(
        "{} {} {}".format,
        variables,
        st.sampled_from(["=", "!=", "<", ">="]),
        st.one_of(variables, terms),
    ),
    st.builds("BOUND({})".format, variables),
    st.builds("!BOUND({})".format, variables),
    st.builds("SAMETERM({}, {})".format, variables, variables),
    st.builds("{} IN ({}, {})".format, variables, terms, terms),
    st.builds("ISIRI({}) || {} > 1".format, variables, variables),
    st.builds("COALESCE({}, {}) = {}".format, variables, variables, terms),
)
matches = st.one_of(
    st.builds(
        "{} {} {} .".format,
        st.one_of(variables, nodes),
        st.sampled_from([*PREDICATES, "?p"]),
        st.one_of(variables, terms),
    ),
    st.builds(
        "{} {} {} .".format, st.one_of(variables, nodes), paths(), st.one_of(variables, nodes)
    ),
)


@st.composite
def groups(draw: st.DrawFn, depth: int = 2) -> str:
    text = " ".join(draw(st.lists(matches, min_size=1, max_size=2)))
    if depth == 0:
        return text
    inner = groups(depth - 1)
    for kind in draw(st.lists(st.integers(0, 12), max_size=2)):
        if kind == 0:
            text += f" OPTIONAL {{ {draw(inner)} }}"
        elif kind == 1:
            text += f" OPTIONAL {{ {draw(inner)} FILTER({draw(expressions)}) }}"
        elif kind == 2:
            text += f" {{ {draw(inner)} }} UNION {{ {draw(inner)} }}"
        elif kind == 3:
            text += f" MINUS {{ {draw(inner)} }}"
        elif kind == 4:
            text += f" FILTER({draw(expressions)})"
        elif kind == 5:
            text += f" FILTER {draw(st.sampled_from(['', 'NOT ']))}EXISTS {{ {draw(inner)} }}"
        elif kind == 6:
            text += f" GRAPH {draw(st.sampled_from(['?g', *GRAPHS]))} {{ {draw(inner)} }}"
        elif kind == 7:
            rows = draw(
                st.lists(
                    st.builds("({} {})".format, st.one_of(terms, st.just("UNDEF")), terms),
                    max_size=3,
                )
            )
            text += f" VALUES (?a ?b) {{ {' '.join(rows)} }}"
        elif kind == 8:
            either = f"{draw(expressions)} || EXISTS {{ {draw(inner)} }}"
            text += f" OPTIONAL {{ {draw(inner)} FILTER({either}) }}"
        elif kind == 9:
            distinct = draw(st.sampled_from(["", "DISTINCT "]))
            kept = draw(st.sampled_from(["?a ?b", "?b", "?c ?a"]))
            text += f" {{ SELECT {distinct}{kept} {{ {draw(inner)} }} }}"
        elif kind == 10:
            text += f" BIND({draw(expressions)} || EXISTS {{ {draw(inner)} }} AS ?e{len(text)})"
        elif kind == 11:
            counted = f"SUM(IF(EXISTS {{ {draw(inner)} }}, 1, 0))"
            text += f" {{ SELECT ?a ({counted} AS ?n{depth}) {{ {draw(inner)} }} GROUP BY ?a }}"
        else:
            text += f" {{ SELECT ?a (COUNT(?b) AS ?n{depth}) {{ {draw(inner)} }} GROUP BY ?a }}"
    return text


def _document(found: list[Any]) -> bytes:
    """Write TriG; every entity is in every graph, for the oracle lets a path of no step end at nodes only."""
    everywhere = [
        ((entity, "<urn:all>", "<urn:hub>"), graph)
        for entity in ENTITIES
        for graph in ["", *GRAPHS]
    ]
    found = [*found, *everywhere]
    return "\n".join(
        f"{graph} {{ {' '.join(triple)} . }}" if graph else f"{' '.join(triple)} ."
        for triple, graph in found
    ).encode()


def _answer(evaluator: Evaluator, text: str) -> Counter[tuple[str | None, ...]]:
    rows = evaluator.rows(translate(parse_query(text)))
    if not rows.variables:
        return Counter({(): len(rows)})
    columns = [
        [None if t is None else str(t) for t in rows.column(v).terms()] for v in rows.variables
    ]
    return Counter(zip(*columns, strict=True))


def _expected(
    store: ox.Store, text: str
) -> tuple[tuple[str, ...], Counter[tuple[str | None, ...]]]:
    found = store.query(text)
    names = tuple(v.value for v in found.variables)
    return names, Counter(tuple(None if t is None else str(t) for t in row) for row in found)


@settings(
    max_examples=120,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(quads, groups())
def test_the_same_solutions_as_the_oracle(found: list[Any], group: str) -> None:
    document = _document(found)
    text = f"SELECT ?a ?b ?c ?d ?g ?n1 ?n2 {{ {group} }}"
    oracle = ox.Store()
    oracle.load(document, format=ox.RdfFormat.TRIG)
    storage = open_storage(None)
    load_documents(storage, [document], format="trig")
    plans = PlanCache()
    names, expected = _expected(oracle, text)
    assert names == ("a", "b", "c", "d", "g", "n1", "n2")
    for _ in range(2):  # the second time from the cache of plans
        answer = _answer(Evaluator(storage.snapshot(), plans=plans), text)
        assert answer == expected, (
            f"{document.decode()}\n{text}\n+ {answer - expected}\n- {expected - answer}"
        )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { { ?a <urn:p> ?b BIND(EXISTS { ?a <urn:q> ?c } AS ?e) } UNION { ?c <urn:q> ?d } }",
        "SELECT * { ?a <urn:p> ?b BIND(EXISTS { ?a <urn:q> ?c } AS ?e) OPTIONAL { ?b <urn:q> ?d } }",
        "SELECT (SUM(IF(EXISTS { ?a <urn:q> ?c }, ?b, 10)) AS ?s) { ?a <urn:p> ?b }",
        "SELECT ?b (COUNT(EXISTS { ?a <urn:q> ?c }) AS ?s) { ?a <urn:p> ?b } GROUP BY ?b",
        "SELECT * { ?a <urn:p> ?b FILTER EXISTS { { SELECT ?c { ?a <urn:q> ?c } } } }",
        "SELECT * { ?a <urn:p> ?b FILTER EXISTS { { SELECT ?a { ?a <urn:q> ?b } } } }",
        "SELECT * { ?a <urn:p> ?b FILTER(?b = 9 || EXISTS { { SELECT ?b { ?c <urn:p> ?b FILTER(?a != ?c) } } }) }",
        "SELECT * { ?c <urn:p> ?b FILTER EXISTS { { SELECT (COUNT(?c) AS ?n) { ?c <urn:p> ?b } } FILTER(?n = 3) } }",
        "SELECT * { ?a <urn:q> ?b FILTER EXISTS { <urn:a> <urn:p>* <urn:a> OPTIONAL { ?d ?p ?a FILTER(?d = 1) } } }",
        "SELECT * { FILTER EXISTS { <urn:a> <urn:p>* <urn:a> OPTIONAL { ?d ?p ?a FILTER(?d = 1) } } }",
        "SELECT ?e (MAX(?b) AS ?m) { ?a <urn:p> ?b } GROUP BY (EXISTS { ?a <urn:q> ?c } AS ?e)",
        "SELECT * { ?a <urn:p> ?b BIND(1 AS ?e) FILTER EXISTS { ?a <urn:q> ?c OPTIONAL { ?a <urn:p> ?d "
        "BIND(?d = 1 || EXISTS { ?b <urn:q> ?k } AS ?e) } } }",
    ],
)
def test_exists_as_a_value_and_around_subqueries(text: str) -> None:
    document = b"<urn:a> <urn:p> 1, 2 ; <urn:q> <urn:b> . <urn:b> <urn:p> 3 ."
    oracle = ox.Store()
    oracle.load(document, format=ox.RdfFormat.TURTLE)
    storage = open_storage(None)
    load_documents(storage, [document], format="ttl")
    rows = Evaluator(storage.snapshot()).rows(translate(parse_query(text)))
    names, expected = _expected(oracle, text)
    assert sum(expected.values()) == len(rows)
    columns = [[None if t is None else str(t) for t in rows.column(v).terms()] for v in names]
    assert not names or Counter(zip(*columns, strict=True)) == expected


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_compiled_plan_serves_queries_of_its_shape(limit: int) -> None:
    storage = open_storage(None)
    load_documents(storage, [b"<urn:a> <urn:p> 1, 2 . <urn:b> <urn:p> 3 ."], format="ttl")
    plans = PlanCache()
    answers = [
        _answer(
            Evaluator(storage.snapshot(), plans=plans),
            f"SELECT ?o {{ <urn:{name}> <urn:p> ?o }} LIMIT {limit}",
        )
        for name in ("a", "b", "nothing")
    ]
    assert [sum(answer.values()) for answer in answers] == [min(limit, 2), min(limit, 1), 0]
    assert plans.hits == 2


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?a <urn:p> ?b FILTER(?b > 1 && ?b != 7) }",
        "SELECT * { ?a <urn:p> ?b FILTER(?b != 7) FILTER(?b > 1) FILTER(?a != <urn:b>) }",
        "SELECT * { ?a <urn:p> ?c OPTIONAL { ?a <urn:q> ?b } OPTIONAL { ?a <urn:r> ?b } FILTER(?b > 1) }",
    ],
)
def test_conditions_are_asked_where_they_are_decided_and_none_is_lost(text: str) -> None:
    document = b"<urn:a> <urn:p> 1, 2, 7 ; <urn:r> 5 . <urn:b> <urn:p> 3, 7 ; <urn:q> 4 ."
    oracle = ox.Store()
    oracle.load(document, format=ox.RdfFormat.TURTLE)
    names, expected = _expected(oracle, text)
    assert expected
    storage = open_storage(None)
    load_documents(storage, [document], format="ttl")
    rows = Evaluator(storage.snapshot()).rows(translate(parse_query(text)))
    columns = [[None if t is None else str(t) for t in rows.column(v).terms()] for v in names]
    assert Counter(zip(*columns, strict=True)) == expected
