"""How the W3C evaluation tests compare answers, and that the recorded run is one of the tests as they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.w3c_evaluation.answers import Table, difference, same_in_order, same_rows
from tests.conformance.w3c_evaluation.manifests import evaluation_cases, suites_root
from tests.conformance.w3c_evaluation.scope import ENTAILED, KNOWN_FAILURES, out_of_scope

from extremeearth.knowledge.sparql import XSD, BlankNode, Iri, Literal

RECORD = Path(__file__).parents[3] / "conformance" / "last_run.json"
HINT = "run 'pytest tests/conformance --record-conformance', then 'make docs'"


@pytest.fixture(scope="module")
def record() -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    return json.loads(RECORD.read_text())


def test_nothing_failed(record) -> None:
    for groups in record["counts"].values():
        for counts in groups.values():
            assert not counts.keys() & {"failed", "error"}, HINT


def test_each_evaluation_test_was_counted(record) -> None:
    root = suites_root()
    if root is None:
        pytest.skip("no suites here")
    cases = list(evaluation_cases(root))
    counted = {
        group.removeprefix("evaluation: "): sum(counts.values())
        for group, counts in record["counts"]["w3c_evaluation"].items()
        if group.startswith("evaluation: ")
    }
    assert counted == Counter(case.group for case in cases), HINT
    expected = {case.name: {"skipped": out_of_scope(case)} for case in cases if out_of_scope(case)}
    expected |= {name: {"xfailed": reason} for name, reason in KNOWN_FAILURES.items()}
    assert record["exceptions"].get("w3c_evaluation", {}) == expected, HINT


def test_each_exception_names_a_test() -> None:
    root = suites_root()
    if root is None:
        pytest.skip("no suites here")
    cases = {case.name: case for case in evaluation_cases(root)}
    assert set(KNOWN_FAILURES) <= set(cases)
    assert set(ENTAILED) <= set(cases)
    assert {name for name, case in cases.items() if out_of_scope(case)} == ENTAILED


A, B, C, D = (BlankNode(label) for label in "abcd")
P, Q = Iri("urn:p"), Iri("urn:q")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([(A, P), (B, Q)], [(D, Q), (C, P)], True),
        ([(A, P), (A, Q)], [(C, P), (D, Q)], False),
        ([(A, P), (B, Q)], [(C, P), (C, Q)], False),
        ([(A, B), (B, A)], [(C, D), (D, C)], True),
        ([(A, B), (B, C), (C, A)], [(A, C), (C, B), (B, A)], True),
        ([(A, B), (B, A), (C, D), (D, C)], [(A, B), (B, C), (C, D), (D, A)], False),
        ([(A, A)], [(C, D)], False),
        ([(P, None)], [(P, Q)], False),
        ([(P,), (P,)], [(P,)], False),
        ([(A,), (A,)], [(B,), (B,)], True),
        ([(A,), (A,)], [(B,), (C,)], False),
        ([(Literal("1.0", Iri(XSD + "decimal")),)], [(Literal("1", Iri(XSD + "decimal")),)], True),
        ([(Literal("1", Iri(XSD + "decimal")),)], [(Literal("1", Iri(XSD + "integer")),)], False),
        ([(Literal("x", language="en"),)], [(Literal("x", language="EN"),)], True),
        ([(Literal("x"),)], [(Literal("x", language="en"),)], False),
    ],
)
def test_rows_are_the_same_up_to_names_of_blank_nodes(left: Any, right: Any, same: bool) -> None:
    assert same_rows(left, right) is same
    assert same_rows(right, left) is same


def test_order_counts_where_it_is_expected() -> None:
    rows = ((P,), (Q,))
    assert same_in_order(rows, rows)
    assert not same_in_order(rows, rows[::-1])
    ordered, turned = Table(("a",), rows, ordered=True), Table(("a",), rows[::-1])
    assert difference(ordered, turned, lax=False)
    assert difference(turned, Table(("a",), rows), lax=False) is None


def test_lax_cardinality_allows_fewer_duplicates_and_no_others() -> None:
    whole = Table(("a",), ((P,), (P,), (Q,)))
    assert difference(whole, Table(("a",), ((P,), (Q,))), lax=True) is None
    assert difference(whole, Table(("a",), ((P,), (Q,))), lax=False)
    assert difference(whole, Table(("a",), ((P,), (P,))), lax=True)
    assert difference(whole, Table(("a",), ((P,), (P,), (P,), (Q,))), lax=True)
