"""The parser, the printer and the algebra against the rules of the recommendation and another parser."""

from __future__ import annotations

import contextlib
from collections import Counter

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.core.errors import QuerySyntaxError
from extremeearth.knowledge.sparql import (
    BlankNode,
    Iri,
    Literal,
    Variable,
    algebra_text,
    parse_query,
    parse_update,
    to_text,
    translate,
)
from extremeearth.knowledge.sparql._cursor import MAX_CHAIN, MAX_DEPTH
from extremeearth.knowledge.sparql.iris import resolve
from extremeearth.knowledge.sparql.syntax import GroupPattern, InlineData, TriplesBlock

P = "PREFIX : <http://e/> "


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("SELECT ?s { ?s ?p }", "Line 1, column 19", "expected a variable, an IRI"),
        ("SELECT ?s\nWHERE { ?s ?p ?o", "Line 2, column 17", "found the end"),
        ("SELECT { ?s ?p ?o }", "Line 1, column 8", r"expected a variable, '\(' or '\*'"),
        ("ASK { :a :b :c }", "Line 1, column 7", "prefix ':' is not declared"),
        ("ASK { <a> <b> <c> }", "Line 1, column 7", "relative"),
        ('ASK { ?s ?p "open }', "Line 1, column 13", "string that does not end"),
        ("ASK { ?s ?p ?o FILTER(?o > ) }", "Line 1, column 28", "expected an expression"),
        ("ASK { VALUES (?a ?b) { (1) } }", "Line 1, column 24", "2 variables, but a row of 1"),
        ("ASK { ?a ?b ?c BIND(1 AS ?c) }", "Line 1, column 26", "already used"),
        ("SELECT (1 AS ?a) (2 AS ?a) {}", "Line 1, column 1", "already used"),
        ("SELECT ?a { ?a ?b ?c } GROUP BY ?b", "Line 1, column 1", "neither grouped by nor aggregated"),
        ("SELECT * { ?a ?b ?c } GROUP BY ?b", "Line 1, column 1", r"SELECT \*"),
        ("ASK { FILTER(COUNT(?a) > 1) }", "Line 1, column 14", "may not stand here"),
        ("SELECT (SUM(COUNT(?a)) AS ?b) { ?a ?b ?c }", "Line 1, column 13", "inside another"),
        ("ASK { _:a ?p ?o OPTIONAL { _:a ?p ?o } }", "Line 1, column 28", "two places"),
        ("ASK { FILTER(STRLEN('a', 'b') > 1) }", "Line 1, column 14", "takes 1 arguments, not 2"),
        ("ASK { ?a <urn:p> '\\uD800' }", "Line 1, column 19", "not a character"),
        ("ASK { } ASK { }", "Line 1, column 9", "end of the query"),
    ],
)  # fmt: skip
def test_errors_say_where_and_what(text: str, place: str, what: str) -> None:
    with pytest.raises(QuerySyntaxError, match=what) as caught:
        parse_query(text)
    assert str(caught.value).startswith(place + ": ")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("INSERT DATA { ?a <urn:p> 1 }", "may not stand in data"),
        ("DELETE DATA { _:a <urn:p> 1 }", "blank node"),
        ("DELETE WHERE { [] <urn:p> 1 }", "blank node"),
        ("INSERT DATA { _:a <urn:p> 1 } ; INSERT DATA { _:a <urn:p> 1 }", "two places"),
        ("WITH <urn:g> SELECT * {}", "expected DELETE or INSERT"),
        ("CLEAR <urn:g>", "expected GRAPH, DEFAULT, NAMED or ALL"),
        ("LOAD <urn:a> ; ; LOAD <urn:b>", "expected an update operation"),
    ],
)
def test_updates_that_are_refused(text: str, what: str) -> None:
    with pytest.raises(QuerySyntaxError, match=what):
        parse_update(text)


def test_nesting_and_chains_are_bounded() -> None:
    for text in (
        "ASK " + "{" * (MAX_DEPTH + 9) + "}" * (MAX_DEPTH + 9),
        "ASK { FILTER(" + "(" * 500 + "1" + ")" * 500 + ") }",
        "ASK { FILTER(" + "!" * 5000 + "true) }",
        "ASK { ?a " + "(" * 500 + "<urn:p>" + ")" * 500 + " ?b }",
        "ASK { ?a ?b " + "[ ?p " * 500 + "1" + "]" * 500 + " }",
        "ASK { ?a ?b " + "(" * 500 + "1" + ")" * 500 + " }",
        "ASK { FILTER(" + "+".join(["1"] * (MAX_CHAIN + 9)) + ") }",
        "ASK { FILTER(" + " || ".join(["true"] * (MAX_CHAIN + 9)) + ") }",
        "ASK { " + "OPTIONAL {} " * (MAX_CHAIN + 9) + " }",
    ):
        with pytest.raises(QuerySyntaxError, match=r"nests deeper|in one chain"):
            parse_query(text)


def test_deepest_allowed_text_survives_every_step() -> None:
    depth = MAX_DEPTH - 5
    for text in (
        "ASK " + "{" * depth + "}" * depth,
        "ASK { FILTER(" + "(" * (depth - 1) + "1" + ")" * (depth - 1) + ") }",
        "ASK { FILTER(" + "STR(" * (depth // 2) + "1" + ")" * (depth // 2) + ") }",
        "ASK { " + "FILTER EXISTS { " * (depth // 2) + "}" * (depth // 2) + " }",
        "ASK { FILTER(" + "!(" * (depth // 2 - 1) + "1" + ")" * (depth // 2 - 1) + ") }",
    ):
        tree = parse_query(text)
        assert parse_query(to_text(tree)) == tree
        translate(tree)


def test_terms_are_read_exactly() -> None:
    query = parse_query(
        P + r"""ASK { :a :b 1, -2.5, 1e3, true, 'x\n\u00e9', "y"@en-GB, '''a'b''', "5"^^:t, <b\u0063>, :l\,m }""",
        base="http://base/x/",
    )  # fmt: skip
    assert isinstance(query.where, GroupPattern)
    (block,) = query.where.elements
    assert isinstance(block, TriplesBlock)
    xsd = "http://www.w3.org/2001/XMLSchema#"
    assert [t.object for t in block.triples] == [
        Literal("1", Iri(xsd + "integer")), Literal("-2.5", Iri(xsd + "decimal")), Literal("1e3", Iri(xsd + "double")),
        Literal("true", Iri(xsd + "boolean")), Literal("x\né"), Literal("y", language="en-GB"), Literal("a'b"),
        Literal("5", Iri("http://e/t")), Iri("http://base/x/bc"), Iri("http://e/l,m"),
    ]  # fmt: skip


def test_fresh_blank_nodes_never_meet_named_ones() -> None:
    query = parse_query(P + "ASK { [] :p _:g0 . [] :p _:g1 }")
    assert isinstance(query.where, GroupPattern)
    (block,) = query.where.elements
    assert isinstance(block, TriplesBlock)
    labels = Counter(
        n.label for t in block.triples for n in (t.subject, t.object) if isinstance(n, BlankNode)
    )
    assert len(labels) == 4


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        # RFC 3986, sections 5.4.1 and 5.4.2
        ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"), ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"), ("g#s", "http://a/b/c/g#s"), (";x", "http://a/b/c/;x"),
        ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"),
        ("../", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"),
        ("../../../g", "http://a/g"), ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."),
        ("..g", "http://a/b/c/..g"), ("./../g", "http://a/b/g"), ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"), ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"),
    ],
)  # fmt: skip
def test_relative_iris_resolve_as_in_rfc_3986(iri: str, expected: str) -> None:
    assert resolve(iri, "http://a/b/c/d;p?q") == expected


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        # section 18.2.3 of the recommendation, in its order
        ("{ ?s ?p ?o }", "Bgp ?s ?p ?o"),
        ("{ ?s :p1 ?v1 ; :p2 ?v2 }", "Bgp ?s <http://e/p1> ?v1 ?s <http://e/p2> ?v2"),
        ("{ { ?s :p1 ?v1 } UNION { ?s :p2 ?v2 } }",
         "UnionOf\n  Bgp ?s <http://e/p1> ?v1\n  Bgp ?s <http://e/p2> ?v2"),
        ("{ ?s :p1 ?v1 OPTIONAL { ?s :p2 ?v2 } }",
         "LeftJoin\n  Bgp ?s <http://e/p1> ?v1\n  Bgp ?s <http://e/p2> ?v2"),
        ("{ ?s :p1 ?v1 OPTIONAL { ?s :p2 ?v2 FILTER(?v1 < 3) } }",
         "LeftJoin ?v1 < 3\n  Bgp ?s <http://e/p1> ?v1\n  Bgp ?s <http://e/p2> ?v2"),
        ("{ ?s :p1 ?v1 FILTER(?v1 < 3) OPTIONAL { ?s :p3 ?v3 } }",
         "FilterOf ?v1 < 3\n  LeftJoin\n    Bgp ?s <http://e/p1> ?v1\n    Bgp ?s <http://e/p3> ?v3"),
        ("{ ?s :p ?v . BIND(2 * ?v AS ?v2) ?s :p1 ?v2 }",
         "Join\n  Extend ?v2 2 * ?v\n    Bgp ?s <http://e/p> ?v\n  Bgp ?s <http://e/p1> ?v2"),
        ("{ ?s :p ?v . MINUS { ?s :p1 ?v2 } }",
         "MinusOf\n  Bgp ?s <http://e/p> ?v\n  Bgp ?s <http://e/p1> ?v2"),
        ("{ ?s :p ?v FILTER(?v > 1) ?s :q ?w }", "FilterOf ?v > 1\n  Bgp ?s <http://e/p> ?v ?s <http://e/q> ?w"),
        ("{ ?s :p/^:q ?v }", "Bgp ?s <http://e/p> ?.stop0 ?v <http://e/q> ?.stop0"),
        ("{ ?s :p* ?v ; :q 1 }", "Join\n  Bgp ?s <http://e/q> 1\n  PathMatch ?s <http://e/p>* ?v"),
    ],
)  # fmt: skip
def test_algebra_of_the_recommendation(text: str, tree: str) -> None:
    assert algebra_text(translate(parse_query(f"{P}ASK {text}"))) == tree


# ------------------------------------------------------------------------- property tests

names = st.sampled_from(["a", "b", "c"])
variables = names.map(lambda n: f"?{n}")
iris = names.map(lambda n: f"<http://e/{n}>")
strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(
    lambda t: str(Literal(t))
)
literals = st.one_of(
    st.integers(-5, 5).map(str), st.sampled_from(["1.5", "-0.5", "1e2", "true", '"x"@en', '"1"^^<urn:t>']), strings
)  # fmt: skip
terms = st.one_of(variables, iris, literals)
operators = st.sampled_from(["+", "-", "*", "/", "=", "!=", "<", ">=", "&&", "||"])


atoms = st.one_of(variables, st.integers(-5, 5).map(str), st.sampled_from(["1.5", "-.5"]))
signs = st.sampled_from("+-*/")


def bigger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        # without brackets, so that precedence and signed numbers are tried
        st.tuples(atoms, signs, atoms, signs, atoms).map(lambda t: f"({''.join(t)})"),
        st.tuples(atoms, signs, atoms, st.sampled_from(["<", "="]), atoms).map(
            lambda t: f"({' '.join(t)})"
        ),
        inner.map(lambda e: f"!({e})"),
        inner.map(lambda e: f"-({e})"),
        st.tuples(inner, inner).map(lambda t: f"COALESCE({t[0]}, {t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"IF({t[0]}, {t[1]}, {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) IN ({t[1]}, 1)"),
        inner.map(lambda e: f"CONCAT(STR({e}), 'x')"),
    )


expressions = st.recursive(st.one_of(variables, iris, literals), bigger, max_leaves=8)
paths = st.recursive(
    iris,
    lambda p: st.one_of(
        p.map(lambda x: f"^({x})"),
        st.tuples(p, st.sampled_from("*+?")).map(lambda t: f"({t[0]}){t[1]}"),
        st.tuples(p, st.sampled_from("/|"), p).map(lambda t: f"({t[0]}){t[1]}({t[2]})"),
        st.just("!(<http://e/a>|^<http://e/b>)"),
    ),
    max_leaves=4,
)
triples = st.tuples(st.one_of(variables, iris), st.one_of(variables, paths), terms).map(
    lambda t: " ".join(t) + " ."
)


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        inner.map(lambda g: f"OPTIONAL {{ {g} }}"),
        inner.map(lambda g: f"MINUS {{ {g} }}"),
        inner.map(lambda g: f"GRAPH ?g {{ {g} }}"),
        inner.map(lambda g: f"FILTER NOT EXISTS {{ {g} }}"),
        inner.map(lambda g: f"{{ SELECT DISTINCT * {{ {g} }} }}"),
        st.tuples(inner, inner).map(lambda t: f"{{ {t[0]} }} UNION {{ {t[1]} }}"),
        expressions.map(lambda e: f"FILTER({e})"),
        expressions.map(lambda e: f"{{ SELECT (({e}) AS ?z) {{ }} }}"),
        st.just("VALUES (?a ?b) { (1 UNDEF) (<http://e/a> 'x') }"),
    )


patterns = st.recursive(triples, groups, max_leaves=6)
TRIPLES = ["<http://e/a> <http://e/b> <http://e/c>", "<http://e/b> <http://e/a> 1", "<http://e/c> <http://e/c> 'x'@en",
           "<http://e/a> <http://e/a> <http://e/a>", "<http://e/c> <http://e/b> 1.5"]  # fmt: skip


def rows_of(store: ox.Store, text: str) -> Counter[tuple[str, ...]]:
    found = store.query(text)
    return Counter(tuple(sorted(f"{v}={row[v]}" for v in found.variables)) for row in found)


@given(pattern=patterns)
@settings(max_examples=150, deadline=None)
def test_a_printed_query_parses_and_evaluates_alike(pattern: str) -> None:
    text = f"SELECT * WHERE {{ {pattern} }}"
    tree = parse_query(text)
    printed = to_text(tree)
    assert parse_query(printed) == tree
    translate(tree)
    store = ox.Store()
    store.update("INSERT DATA { " + " . ".join(TRIPLES) + " GRAPH <urn:g> { " + TRIPLES[0] + " } }")
    assert rows_of(store, printed) == rows_of(store, text)


@given(expression=expressions)
@settings(max_examples=150, deadline=None)
def test_a_printed_expression_has_the_same_value(expression: str) -> None:
    text = f"SELECT (({expression}) AS ?value) {{ VALUES (?a ?b) {{ (1 2) (3 'x') }} }}"
    store = ox.Store()
    assert rows_of(store, to_text(parse_query(text))) == rows_of(store, text)


PIECES = [
    "SELECT",
    "*",
    "?a",
    "WHERE",
    "{",
    "}",
    "(",
    ")",
    "<urn:a>",
    "a",
    ":b",
    "'x'",
    "1",
    "-1",
    ".",
    ";",
    ",",
    "FILTER",
    "OPTIONAL",
    "UNION",
    "BIND",
    "AS",
    "VALUES",
    "COUNT",
    "GROUP",
    "BY",
    "ORDER",
    "LIMIT",
    "ASK",
    "CONSTRUCT",
    "DESCRIBE",
    "|",
    "/",
    "^",
    "+",
    "?",
    "!",
    "=",
    "<",
    "EXISTS",
    "NOT",
    "IN",
    "_:x",
    "[",
    "]",
    "INSERT",
    "DATA",
    "DELETE",
    "WITH",
    "USING",
    "GRAPH",
    "PREFIX",
    ":",
    "BASE",
    "@en",
    "^^",
    "UNDEF",
    "\\u00e9",
    "#c\n",
]


@given(
    text=st.one_of(
        st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join), st.text(max_size=60)
    )
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    for parse in (parse_query, parse_update):
        with contextlib.suppress(QuerySyntaxError):
            tree = parse(text)
            assert to_text(parse(to_text(tree))) == to_text(tree)


@given(text=patterns, cut=st.integers(0, 200), piece=st.sampled_from(PIECES))
@settings(max_examples=200, deadline=None)
def test_damaged_queries_are_read_or_refused(text: str, cut: int, piece: str) -> None:
    whole = f"SELECT * WHERE {{ {text} }}"
    broken = whole[:cut] + piece + whole[cut + 1 :]
    with contextlib.suppress(QuerySyntaxError):
        parse_query(broken)


def test_many_rows_of_values_are_kept() -> None:
    rows = "\n".join(f'(<http://e/{i}> "{i}" {i})' for i in range(1000))
    query = parse_query(f"SELECT * {{ VALUES (?a ?b ?c) {{ {rows} }} }}")
    assert isinstance(query.where, GroupPattern)
    (data,) = query.where.elements
    assert isinstance(data, InlineData)
    assert len(data.rows) == 1000
    assert data.rows[-1][:2] == (Iri("http://e/999"), Literal("999"))
    assert data.variables == (Variable("a"), Variable("b"), Variable("c"))
