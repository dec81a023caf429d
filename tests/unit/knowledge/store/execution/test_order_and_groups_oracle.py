"""Random orders, slices and groups over mixed terms: what SPARQL settles is as in pyoxigraph, the rest is left open."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from itertools import combinations

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.store import open_graph
from extremeearth.knowledge.store.graph import Graph

XSD = "http://www.w3.org/2001/XMLSchema#"
Row = tuple[str | None, ...]


def typed(datatype: str, *values: str) -> list[str]:
    return [f'"{value}"^^<{XSD}{datatype}>' for value in values]


# in the canonical form of pyoxigraph, which stores values
NUMBERS = [
    *typed("integer", "1", "2", "10", "-3"), *typed("decimal", "1.5", "0.25"),
    *typed("double", "2.5E0", "INF"), *typed("float", "-0.5", "2"),
]  # fmt: skip
BOOLEANS = typed("boolean", "true", "false", "maybe")
STRINGS = ['"a"', '"b"', '""', '"é"', '"a"@en', '"b"@de']
TIMES = [
    *typed("dateTime", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "2020-01-02T05:00:00+05:00"),
    *typed("date", "2020-01-01", "2020-01-02Z"),
]
OTHERS = ['"x"^^<urn:t>', '"y"^^<urn:t>', *typed("integer", "many")]
IRIS = [f"<urn:e{n}>" for n in range(5)]
POOLS = [
    NUMBERS, BOOLEANS, STRINGS, TIMES, [*NUMBERS, *BOOLEANS], [*BOOLEANS, *STRINGS],
    [*NUMBERS, *BOOLEANS, *STRINGS, *TIMES, *OTHERS, *IRIS],
]  # fmt: skip
PATTERNS = [
    "?a <urn:p> ?b", "?a <urn:p> ?b OPTIONAL { ?a <urn:q> ?c }", "?a <urn:q>* ?c . ?c <urn:p> ?b",
    "{ ?a <urn:p> ?b } UNION { ?c <urn:q>+ ?a }", "?a <urn:q> ?c MINUS { ?a <urn:p> ?b FILTER(?b > 1) }",
    "?a ?p ?b VALUES (?a ?c) { (UNDEF <urn:e0>) (<urn:e1> UNDEF) (<urn:e1> <urn:e2>) }",
    "?a <urn:p> ?b FILTER(?b != 2 || EXISTS { ?a <urn:q> ?c })", "?a <urn:p> ?b BIND(?b + 1 AS ?c)",
]  # fmt: skip
KEYS = [
    "?a", "?b", "?b", "?c", "?nothing", "-?b", "STR(?a)", "?b > 1", "COALESCE(?b + 1, ?c)", "DATATYPE(?b)",
]  # fmt: skip
AGGREGATES = [
    "COUNT(*)", "COUNT(DISTINCT *)", "COUNT(?b)", "COUNT(DISTINCT ?b)", "COUNT(?nothing)", "SUM(?b)",
    "SUM(DISTINCT ?b)", "AVG(?b)", "AVG(?c)", "SUM(?b) + COUNT(?c)",
]  # fmt: skip
ENDS = ["MIN(?b)", "MAX(?b)", "MIN(?c)", "MAX(STR(?a))"]


def made(seed: int) -> tuple[random.Random, Graph, ox.Store]:
    """Give the same graph in both stores."""
    draw = random.Random(seed)
    pool = draw.choice(POOLS)
    lines = {
        *(f"{draw.choice(IRIS)} <urn:p> {draw.choice(pool)} ." for _ in range(draw.randrange(12))),
        *(f"{draw.choice(IRIS)} <urn:q> {draw.choice(IRIS)} ." for _ in range(draw.randrange(8))),
        *(f"{iri} <urn:all> <urn:hub> ." for iri in IRIS),  # a path of no step ends at nodes
    }
    document = "\n".join(sorted(lines)).encode()
    graph, oracle = open_graph(), ox.Store()
    graph.load(document, "ttl")
    oracle.load(document, format=ox.RdfFormat.TURTLE)
    return draw, graph, oracle


def answered(graph: Graph, text: str) -> list[Row]:
    return [tuple(None if t is None else str(t) for t in row) for row in graph.query(text).rows]


def expected(oracle: ox.Store, text: str) -> list[Row]:
    found = oracle.query(text)
    assert isinstance(found, ox.QuerySolutions)
    return [tuple(None if t is None else str(t) for t in row) for row in found]


@cache
def value(text: str | None) -> str | None:
    """Give numbers of one type and value one text."""
    if text is None or '"^^<' + XSD not in text:
        return text
    lexical, datatype = text[1:].split('"^^<' + XSD)
    try:
        number = Decimal(lexical).normalize() + 0
    except ArithmeticError:
        return text
    return f"{datatype} {round(number, 12) if number.is_finite() else number}"


def counted(rows: Sequence[Row]) -> Counter[Row]:
    return Counter(tuple(map(value, row)) for row in rows)


@cache
def is_less(left: str | None, right: str | None) -> bool:
    """Tell whether SPARQL puts a term before another: unbound, IRIs, literals by their operator (section 15.1)."""

    def kind(text: str | None) -> int:
        return 0 if text is None else 1 if text.startswith("<") else 2

    if kind(left) != kind(right) or kind(left) < 2:
        return (kind(left), left or "") < (kind(right), right or "")
    ((found,),) = expected(ox.Store(), f"SELECT ({left} < {right} AS ?less) {{}}")
    return found is not None and found.startswith('"true"')


def wrongly_ordered(rows: Sequence[Row], descending: Sequence[bool]) -> Iterator[tuple[Row, Row]]:
    """Give the pairs of rows, keys last, that stand the other way round than SPARQL says."""
    for first, second in combinations([row[-len(descending) :] for row in rows], 2):
        for one, two, down in zip(first, second, descending, strict=True):
            before, after = (two, one) if down else (one, two)
            if is_less(after, before):
                yield first, second
            if one != two:
                break


@pytest.mark.parametrize("seed", range(20))
def test_rows_are_in_an_order_that_sparql_allows(seed: int) -> None:
    draw, graph, oracle = made(seed)
    for _ in range(4):
        keys = [draw.choice(KEYS) for _ in range(draw.randint(1, 3))]
        down = [draw.random() < 0.4 for _ in keys]
        order = " ".join(f"{'DESC' if d else 'ASC'}({k})" for k, d in zip(keys, down, strict=True))
        shown = " ".join(f"({key} AS ?key{n})" for n, key in enumerate(keys))
        distinct = draw.choice(["", "DISTINCT "])
        text = f"SELECT {distinct}?a ?b ?c {shown} {{ {draw.choice(PATTERNS)} }} ORDER BY {order}"
        rows = answered(graph, text)
        assert counted(rows) == counted(expected(oracle, text)), text
        assert not list(wrongly_ordered(rows, down)), text
        limit, offset = draw.randrange(6), draw.randrange(4)
        part = answered(graph, f"{text} LIMIT {limit} OFFSET {offset}")
        whole = [row[-len(keys) :] for row in rows[offset : offset + limit]]
        assert not counted(part) - counted(rows), text
        assert len(part) == len(whole), text
        for one, two in zip(part, whole, strict=True):
            first = one[-len(keys)]
            assert not is_less(first, two[0]), text
            assert not is_less(two[0], first), text


def split(rows: Sequence[Row], soft: int) -> list[tuple[Row, Row]]:
    """Give rows as what is settled, and what the order of terms decides; sorted by the first."""
    found = [(tuple(map(value, row[: len(row) - soft])), row[len(row) - soft :]) for row in rows]
    return sorted(found, key=lambda pair: str(pair[0]))


@pytest.mark.parametrize("seed", range(100, 120))
def test_groups_are_those_of_the_oracle(seed: int) -> None:
    draw, graph, oracle = made(seed)
    for _ in range(4):
        keys = draw.choice([["?a"], ["?a", "?c"], ["?nothing", "?a"], []])
        calls = [draw.choice(AGGREGATES) for _ in range(2)]
        ends = [draw.choice(ENDS)]
        shown = " ".join(f"({call} AS ?n{n})" for n, call in enumerate([*calls, *ends]))
        grouped = f"GROUP BY {' '.join(keys)}" if keys else ""
        having = draw.choice(["", "", "HAVING(COUNT(?b) > 1)", "HAVING(SUM(?b) != 2)"])
        text = f"SELECT {' '.join(keys)} {shown} {{ {draw.choice(PATTERNS)} }} {grouped} {having}"
        ours, theirs = split(answered(graph, text), 1), split(expected(oracle, text), 1)
        assert [row for row, _ in ours] == [row for row, _ in theirs], text
        for (_, (one,)), (_, (two,)) in zip(ours, theirs, strict=True):
            assert (one is None) == (two is None), text
            assert not is_less(one, two), text
            assert not is_less(two, one), text


@pytest.mark.parametrize(
    ("order", "kinds"),
    [("?o", "number false false true true string other"), ("DESC(?o)", "other string true true false false number")],
)  # fmt: skip
def test_booleans_stand_together_false_first(order: str, kinds: str) -> None:
    graph = open_graph()
    named = {
        "2": "number", '"a"': "string", "true": "true", f'"1"^^<{XSD}boolean>': "true", "false": "false",
        f'"0"^^<{XSD}boolean>': "false", f'"maybe"^^<{XSD}boolean>': "other",
    }  # fmt: skip
    graph.load(f"<urn:s> <urn:p> {', '.join(named)} .".encode(), "ttl")
    rows = graph.query(f"SELECT ?o {{ ?s ?p ?o }} ORDER BY {order}").rows
    lexical = {
        text.split('"')[1] if text.startswith('"') else text: kind for text, kind in named.items()
    }
    assert [lexical[row[0].lexical] for row in rows] == kinds.split()
