"""The W3C SPARQL tests, found by their manifests, one test for each case and named after it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import pytest

MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
BASE = "http://example.org/suite/"
MISSING = "no suites here: EXTREMEEARTH_SUITES is not set and ../shared/suites does not exist"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest file and the folder it lies in."""

    store: ox.Store
    folder: Path

    def cases(self) -> Iterator[tuple[ox.NamedNode, str]]:
        """Each test with the local name of its type."""
        kinds = self.store.quads_for_pattern(None, ox.NamedNode(RDF + "type"), None, None)
        for quad in sorted(kinds, key=str):
            kind = quad.object.value.partition("#")[2]
            if kind.endswith(("Test", "Test11")):
                yield quad.subject, kind

    def one(self, subject: object, name: str) -> object | None:
        """The only object of a property, or nothing."""
        predicate = ox.NamedNode(name if "://" in name else MF + name)
        found = [q.object for q in self.store.quads_for_pattern(subject, predicate, None, None)]
        return found[0] if found else None

    def all(self, subject: object, name: str) -> list[object]:
        """Every object of a property."""
        predicate = ox.NamedNode(name if "://" in name else MF + name)
        return [q.object for q in self.store.quads_for_pattern(subject, predicate, None, None)]

    def items(self, head: object) -> list[object]:
        """The items of a list."""
        found = []
        while head is not None and head != ox.NamedNode(RDF + "nil"):
            found.append(self.one(head, RDF + "first"))
            head = self.one(head, RDF + "rest")
        return found

    def path(self, node: object) -> Path:
        """The file that an IRI of the manifest stands for."""
        return self.folder / str(getattr(node, "value", node)).removeprefix(BASE)


def _suites() -> Path | None:
    named = os.environ.get("EXTREMEEARTH_SUITES")
    root = Path(__file__).resolve().parents[3]
    folder = Path(named) if named else root.parent / "shared" / "suites"
    return folder / "w3c-sparql" if (folder / "w3c-sparql").is_dir() else None


def _open(file: Path) -> Manifest:
    store = ox.Store()
    store.load(path=str(file), format=ox.RdfFormat.TURTLE, base_iri=BASE)
    return Manifest(store, file.parent)


def _syntax_cases(suites: Path) -> Iterator[object]:
    for file in sorted(suites.glob("sparql1*/*/manifest.ttl")):
        manifest = _open(file)
        for subject, kind in manifest.cases():
            if "Syntax" in kind:
                path = manifest.path(manifest.one(subject, "action"))
                yield pytest.param((path, kind), id=path.relative_to(suites).as_posix())


def _evaluation_cases(suites: Path) -> Iterator[object]:
    """Every query that is evaluated somewhere: it must parse and print, too."""
    query = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#query"
    for file in sorted(suites.glob("sparql1*/*/manifest.ttl")):
        manifest = _open(file)
        for subject, kind in manifest.cases():
            action = manifest.one(subject, "action")
            named = None if action is None else manifest.one(action, query)
            if kind == "QueryEvaluationTest" and named is not None:
                path = manifest.path(named)
                yield pytest.param(path, id=f"{path.relative_to(suites).as_posix()}")


def _http_cases(suites: Path, file: str) -> Iterator[object]:
    manifest = _open(suites / "sparql11" / file)
    for subject, _ in manifest.cases():
        name = str(getattr(manifest.one(subject, "name"), "value", subject))
        yield pytest.param((manifest, subject), id=name.replace(" ", "-"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test function its cases."""
    makers = {
        "syntax_case": _syntax_cases,
        "evaluated_query": _evaluation_cases,
        "protocol_case": lambda s: _http_cases(s, "protocol/manifest.ttl"),
        "direct_case": lambda s: _http_cases(s, "graph-store-protocol/manifest-direct.ttl"),
        "indirect_case": lambda s: _http_cases(s, "graph-store-protocol/manifest-indirect.ttl"),
    }
    suites = _suites()
    for name, make in makers.items():
        if name in metafunc.fixturenames:
            cases = [pytest.param(None, marks=pytest.mark.skip(reason=MISSING))]
            metafunc.parametrize(
                name, cases if suites is None else list(dict.fromkeys(make(suites)))
            )
