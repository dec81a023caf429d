"""Groups of integers and doubles in SQL; everything else over columns; the same answers either way."""

from __future__ import annotations

from typing import Any

import pyoxigraph as ox
import pytest

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.store.execution import Evaluator, solutions
from extremeearth.knowledge.store.loading import load_documents
from extremeearth.knowledge.store.storage import open_storage

INTEGERS = "\n".join(f"<urn:{n % 7}> <urn:p> {n * 3 - 40} ." for n in range(60))
DOUBLES = "\n".join(f"<urn:{n % 7}> <urn:p> {n / 4}e0 ." for n in range(60))
MIXED = f"{INTEGERS}\n<urn:1> <urn:p> 0.1, 0.2, 7e0 . <urn:2> <urn:p> 'x' ."
HUGE = "<urn:a> <urn:p> 9007199254740993, 1 ."
QUERY = """SELECT ?s (SUM(?v) AS ?sum) (AVG(?v) AS ?avg) (COUNT(*) AS ?n) (COUNT(?v) AS ?m)
           { ?s <urn:p> ?v } GROUP BY ?s ORDER BY ?s"""
ENDS = "SELECT (MIN(?v) AS ?low) (MAX(?v) AS ?high) { ?s <urn:p> ?v }"

NEVER_BOUND = """SELECT ?t (SUM(?v) AS ?sum) (COUNT(?nothing) AS ?n) { ?s <urn:p> ?v }
                 GROUP BY (STR(?s) AS ?t) ORDER BY ?t"""


def _values(evaluator: Evaluator, text: str) -> list[tuple[Any, ...]]:
    rows = evaluator.rows(translate(parse_query(text)))
    columns = [
        [None if t is None else str(t) for t in rows.column(v).terms()] for v in rows.variables
    ]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(
    ("document", "in_sql"), [(INTEGERS, True), (DOUBLES, True), (MIXED, False), (HUGE, False)]
)
@pytest.mark.parametrize("text", [QUERY, ENDS, NEVER_BOUND])
def test_groups_are_those_of_the_oracle(
    document: str, in_sql: bool, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle = ox.Store()
    oracle.load(document.encode(), format=ox.RdfFormat.TURTLE)
    found = oracle.query(text)
    assert isinstance(found, ox.QuerySolutions)
    expected = [tuple(None if t is None else str(t) for t in row) for row in found]
    storage = open_storage(None)
    load_documents(storage, [document.encode()], format="ttl")
    taken: list[bool] = []
    grouped = solutions.grouped_in_sql

    def noted(*arguments: Any) -> Any:
        table = grouped(*arguments)
        taken.append(table is not None)
        return table

    monkeypatch.setattr(solutions, "grouped_in_sql", noted)
    answer = _values(Evaluator(storage.snapshot()), text)
    assert taken == [in_sql]
    if (
        document is DOUBLES
    ):  # MIN and MAX give the term as it is stored, the oracle its canonical form
        answer, expected = (
            [
                tuple(t if t is None else t.replace("e0", "").replace('.0"', '"') for t in row)
                for row in rows
            ]
            for rows in (answer, expected)
        )
    assert answer == expected
