"""Fixtures for all tests: where real data and suites are, and a clean environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.servers.plugin"]

# The same examples in every run, so that a failure is the change's; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).resolve().parent.parent


def _beside(variable: str, name: str) -> Path:
    named = os.environ.get(variable)
    folder = Path(named) if named else ROOT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"no {name} here: {variable} is not set and ../shared/{name} does not exist")
    return folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of real example data; skips, saying why, where there is none."""
    return _beside("EXTREMEEARTH_DATA", "data")


@pytest.fixture(scope="session")
def suites_folder() -> Path:
    """Folder of conformance suites; skips, saying why, where there is none."""
    return _beside("EXTREMEEARTH_SUITES", "suites")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests must not steer them."""
    for name in list(os.environ):
        if name.startswith("EXTREMEEARTH_") and name not in {
            "EXTREMEEARTH_DATA",
            "EXTREMEEARTH_SUITES",
        }:
            monkeypatch.delenv(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the cases of each conformance suite: what passed, failed, was skipped."""
    counts: dict[str, dict[str, int]] = {}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.stats.get(outcome, ()):
            folder, _, rest = report.nodeid.partition("tests/conformance/")
            if not folder and rest:
                suite = counts.setdefault(rest.split("/", 1)[0], {})
                suite[outcome] = suite.get(outcome, 0) + 1
    if counts:
        terminalreporter.section("conformance")
    for suite, outcomes in sorted(counts.items()):
        said = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
        terminalreporter.write_line(f"{suite}: {said}")
