"""One case for each evaluation test, named after it."""

from __future__ import annotations

import pytest
from tests.conformance.w3c_evaluation.manifests import MISSING, evaluation_cases, suites_root
from tests.conformance.w3c_evaluation.scope import out_of_scope


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the test its cases; those out of scope are skipped with the reason."""
    if "w3c_case" not in metafunc.fixturenames:
        return
    root = suites_root()
    if root is None:
        metafunc.parametrize(
            "w3c_case", [pytest.param(None, marks=pytest.mark.skip(reason=MISSING))]
        )
        return
    cases = []
    for case in evaluation_cases(root):
        reason = out_of_scope(case)
        marks = [pytest.mark.skip(reason=reason)] if reason else []
        cases.append(pytest.param(case, id=case.name, marks=marks))
    metafunc.parametrize("w3c_case", cases)
