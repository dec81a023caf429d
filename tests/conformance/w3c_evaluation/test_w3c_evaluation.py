"""All W3C SPARQL 1.0 and 1.1 evaluation tests: queries, updates, CSV and TSV, federated queries."""

from __future__ import annotations

import pytest
from tests.conformance.w3c_evaluation.answers import Table, difference, same_in_order, same_rows
from tests.conformance.w3c_evaluation.manifests import Case, evaluation_cases, suites_root
from tests.conformance.w3c_evaluation.running import failure_of
from tests.conformance.w3c_evaluation.scope import ENTAILED, KNOWN_FAILURES, out_of_scope
from tests.conformance.w3c_evaluation.stores import DEFAULT, new_store

from extremeearth.knowledge.sparql import XSD, BlankNode, Iri, Literal


def test_evaluation(w3c_case: Case) -> None:
    told = None
    try:
        told = failure_of(w3c_case, new_store)
    except Exception as err:
        if w3c_case.name not in KNOWN_FAILURES[DEFAULT]:
            raise
        told = repr(err)
    reason = KNOWN_FAILURES[DEFAULT].get(w3c_case.name)
    if reason is not None:
        assert told is not None, f"{w3c_case.name} passes now: take it out of KNOWN_FAILURES"
        pytest.xfail(reason)
    assert told is None, f"{w3c_case.title}: {told}"


def test_each_exception_names_a_test() -> None:
    root = suites_root()
    if root is None:
        pytest.skip("no suites here")
    cases = {case.name: case for case in evaluation_cases(root)}
    assert set(KNOWN_FAILURES[DEFAULT]) <= set(cases)
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
def test_rows_are_the_same_up_to_names_of_blank_nodes(left, right, same) -> None:  # type: ignore[no-untyped-def]
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
