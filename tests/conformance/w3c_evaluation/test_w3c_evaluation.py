"""All W3C SPARQL 1.0 and 1.1 evaluation tests: queries, updates, CSV and TSV, federated queries."""

from __future__ import annotations

import pytest
from tests.conformance.w3c_evaluation.manifests import Case
from tests.conformance.w3c_evaluation.running import failure_of
from tests.conformance.w3c_evaluation.scope import KNOWN_FAILURES


def test_evaluation(w3c_case: Case) -> None:
    told = None
    try:
        told = failure_of(w3c_case)
    except Exception as err:
        if w3c_case.name not in KNOWN_FAILURES:
            raise
        told = repr(err)
    reason = KNOWN_FAILURES.get(w3c_case.name)
    if reason is not None:
        assert told is not None, f"{w3c_case.name} passes now: take it out of KNOWN_FAILURES"
        pytest.xfail(reason)
    assert told is None, f"{w3c_case.title}: {told}"
