"""Keeps the counts of a run for the page about conformance: ``pytest tests/conformance --record-conformance``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECORD = Path(__file__).parent / "last_run.json"
BY_FOLDER = frozenset({"test_evaluation", "test_syntax"})
"""Tests whose cases are counted by the folder of the suite that they come from."""
OUTCOMES = ("passed", "failed", "error", "xfailed", "skipped")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that keeps the counts."""
    parser.addoption(
        "--record-conformance", action="store_true", help=f"write the counts to {RECORD.name}"
    )


def group_of(nodeid: str) -> tuple[str, str, str]:
    """Give suite, group and name of a case: its function, and the folder that its parameter names."""
    path, _, rest = nodeid.partition("::")
    suite = path.partition("tests/conformance/")[2].partition("/")[0]
    function, _, parameter = rest.removesuffix("]").partition("[")
    folder = parameter.rpartition("/")[0] if function in BY_FOLDER else ""
    words = function.removeprefix("test_").replace("_", " ")
    return suite, f"{words}: {folder}" if folder else words, parameter or words


def reason_of(report: pytest.TestReport) -> str:
    """Give why a case was skipped or is known to fail."""
    if hasattr(report, "wasxfail"):
        return report.wasxfail.removeprefix("reason: ")
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the counts of each group, and each case that did not simply pass."""
    if not terminalreporter.config.getoption("--record-conformance", default=False):
        return
    counts: dict[str, dict[str, dict[str, int]]] = {}
    exceptions: dict[str, dict[str, dict[str, str]]] = {}
    for outcome in OUTCOMES:
        for report in terminalreporter.stats.get(outcome, ()):
            suite, group, name = group_of(report.nodeid)
            if suite.endswith(".py"):
                continue
            found = counts.setdefault(suite, {}).setdefault(group, {})
            found[outcome] = found.get(outcome, 0) + 1
            if outcome in ("xfailed", "skipped"):
                exceptions.setdefault(suite, {})[name] = {outcome: reason_of(report)}
    record = {"counts": counts, "exceptions": exceptions}
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    terminalreporter.write_line(f"conformance: written to {RECORD}")
