"""Comparisons that SQL makes over typed columns, against the same ones made term by term."""

from __future__ import annotations

import pytest

from extremeearth.knowledge.sparql.terms import XSD
from extremeearth.knowledge.store import open_graph

NUMBERS = (
    '"5.0000000000000000001"^^xsd:decimal', '"4.99999999999999999999"^^xsd:decimal', "5", "5.0", "5e0",
    '"5"^^xsd:float', "0.1", '"0.1"^^xsd:float', '"0.10000000001"^^xsd:float', "1e-1", "-0e0", "0",
    '"9007199254740993"^^xsd:integer', "9007199254740992", '"9007199254740992.5"^^xsd:decimal', "1e300",
    '"INF"^^xsd:double', '"-INF"^^xsd:float', '"NaN"^^xsd:double', '"x"', '"abc"^^xsd:integer', "true",
)  # fmt: skip
INSTANTS = (
    '"2018-07-01T00:00:00Z"^^xsd:dateTime', '"2018-07-01T00:00:00.0000001Z"^^xsd:dateTime',
    '"2018-07-01T02:00:00+02:00"^^xsd:dateTime', '"2018-07-01T00:00:00"^^xsd:dateTime',
    '"2018-07-02T12:00:00"^^xsd:dateTime', '"2018-06-29T12:00:00"^^xsd:dateTime',
    '"2018-07-01T13:59:59"^^xsd:dateTime', '"2018-07-01"^^xsd:date', '"no"^^xsd:dateTime', '"2018"', "5",
)  # fmt: skip


@pytest.fixture(scope="module")
def graph():
    graph = open_graph()
    said = (f"<urn:{at}> <urn:p> {value} ." for at, value in enumerate((*NUMBERS, *INSTANTS)))
    graph.load(f"@prefix xsd: <{XSD}> .\n{chr(10).join(said)}".encode(), "ttl")
    return graph


@pytest.mark.parametrize("operator", ["<", "<=", "=", ">=", ">"])
@pytest.mark.parametrize("bound", [*NUMBERS, *INSTANTS])
def test_sql_decides_as_the_operators_do(graph, bound, operator):
    comparison = f"?v {operator} {bound}"
    ask = f"PREFIX xsd: <{XSD}> SELECT ?s {{ ?s <urn:p> ?v FILTER(%s) }}"
    by_sql, by_term = (
        {row[0] for row in graph.query(ask % condition).rows}
        for condition in (comparison, f"IF({comparison}, true, false)")
    )
    assert by_sql == by_term


def test_a_bound_is_part_of_a_longer_condition(graph):
    query = f"""PREFIX xsd: <{XSD}> SELECT (COUNT(*) AS ?n) {{ ?s <urn:p> ?v
        FILTER(?v > "4.99999999999999999999"^^xsd:decimal && 9007199254740993 > ?v || ?v = 0) }}"""
    # 5.0000000000000000001, 5, 5.0 and the other 5, 9007199254740992 and a half more, 0 and -0e0; not 5e0 nor the
    # float, as the bound is rounded to 5 for these
    assert [row[0].lexical for row in graph.query(query).rows] == ["8"]
