"""The generated pages are up to date, and name everything that there is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    ["reference/command-line.md", "reference/settings.md", "reference/errors.md", "reference/routes.md",
     "decisions/index.md", "bench.md", "conformance.md"],
)  # fmt: skip
def test_page_is_what_the_code_says(generate, name: str) -> None:
    assert (DOCS / name).read_text() == generate.PAGES[name](), (
        f"run 'make docs' to renew docs/{name}"
    )


def test_every_page_of_the_navigation_exists_and_none_is_lost() -> None:
    text = (DOCS.parent / "mkdocs.yml").read_text()
    named = {word for line in text.splitlines() for word in line.split() if word.endswith(".md")}
    there = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md")}
    assert named <= there
    assert {p for p in there if not p.startswith("decisions/")} <= named
