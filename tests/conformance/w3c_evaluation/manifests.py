"""The evaluation tests of the W3C suites, read from their manifests into plain values."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyoxigraph as ox

__all__ = ["BASE", "MISSING", "Case", "Data", "evaluation_cases", "suites_root"]

BASE = "http://example.org/suite/"
"""What the suite's folder is called in IRIs, so that no path of a machine gets into an answer."""
MISSING = "no suites here: EXTREMEEARTH_SUITES is not set and ../shared/suites does not exist"
KINDS = ("QueryEvaluationTest", "CSVResultFormatTest", "UpdateEvaluationTest")

MF = "http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#"
QT = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
SD = "http://www.w3.org/ns/sparql-service-description#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
REGIME = "http://www.w3.org/ns/entailment/"


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset by its files: those of the default graph, and graphs with their names."""

    default: tuple[Path, ...] = ()
    named: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One evaluation test.

    Attributes
    ----------
    name
        Folder and local name: ``sparql11/aggregates/agg01``.
    title
        What the manifest calls it.
    kind
        Local name of its type.
    text
        File of the query or the update.
    before
        What the store holds first.
    after
        What it holds after an update.
    result
        File of the expected answer of a query.
    lax
        Whether duplicates may be missing (``mf:LaxCardinality``).
    regimes
        Entailment regimes that the test is made for; none for simple entailment.
    endpoints
        Data of each SPARQL endpoint that the query may ask.
    root
        Folder of the suite.
    """

    name: str
    title: str
    kind: str
    text: Path
    before: Data
    after: Data
    result: Path | None
    lax: bool
    regimes: frozenset[str]
    endpoints: Mapping[str, Data] = field(default_factory=dict)
    root: Path

    @property
    def group(self) -> str:
        """Folder of the suite that it is in."""
        return self.name.rpartition("/")[0]

    def iri(self, file: Path) -> str:
        """Give the IRI that a file of the suite goes by."""
        return BASE + file.relative_to(self.root).as_posix()

    def file(self, iri: str) -> Path:
        """Give the file that an IRI stands for."""
        return self.root / iri.removeprefix(BASE)


def suites_root() -> Path | None:
    """Find the folder of the suites as ``tests/conftest.py`` does."""
    named = os.environ.get("EXTREMEEARTH_SUITES")
    root = Path(__file__).resolve().parents[3]
    folder = Path(named) if named else root.parent / "shared" / "suites"
    return folder / "w3c-sparql" if (folder / "w3c-sparql").is_dir() else None


def evaluation_cases(root: Path) -> Iterator[Case]:
    """Give each evaluation test that a manifest lists, SPARQL 1.0 first, in the manifests' order."""
    for file in sorted(root.glob("sparql1*/*/manifest.ttl")):
        manifest = _Manifest(root, file)
        for subject in manifest.entries():
            kind = manifest.one(subject, RDF + "type").value.partition("#")[2]
            if kind in KINDS:
                yield manifest.case(subject, kind)


class _Manifest:
    def __init__(self, root: Path, file: Path) -> None:
        self.root = root
        self.folder = file.parent.relative_to(root).as_posix()
        self.store = ox.Store()
        base = f"{BASE}{self.folder}/manifest.ttl"
        self.store.load(path=str(file), format=ox.RdfFormat.TURTLE, base_iri=base)

    def all(self, subject: Any, name: str) -> list[Any]:
        found = self.store.quads_for_pattern(subject, ox.NamedNode(name), None, None)
        return sorted((q.object for q in found), key=str)

    def one(self, subject: Any, name: str) -> Any:
        return next(iter(self.all(subject, name)), None)

    def entries(self) -> Iterator[Any]:
        heads = self.store.quads_for_pattern(None, ox.NamedNode(MF + "entries"), None, None)
        for head in [quad.object for quad in heads]:
            yield from self.items(head)

    def path(self, node: Any) -> Path:
        return self.root / node.value.removeprefix(BASE)

    def data(self, node: Any, vocabulary: str) -> Data:
        if node is None or isinstance(node, ox.NamedNode):
            return Data()
        named = []
        for graph in self.all(node, vocabulary + "graphData"):
            file, name = self.one(graph, UT + "graph"), self.one(graph, LABEL)
            whole = graph if file is None else file
            named.append((whole.value if name is None else name.value, self.path(whole)))
        default = tuple(self.path(file) for file in self.all(node, vocabulary + "data"))
        return Data(default, tuple(named))

    def case(self, subject: Any, kind: str) -> Case:
        action, result = self.one(subject, MF + "action"), self.one(subject, MF + "result")
        update = kind == "UpdateEvaluationTest"
        text = self.one(action, UT + "request" if update else QT + "query")
        regimes = [
            item
            for head in self.all(action, SD + "entailmentRegime")
            for item in ([head] if isinstance(head, ox.NamedNode) else self.items(head))
        ]
        return Case(
            name=f"{self.folder}/{subject.value.rpartition('#')[2].rpartition('/')[2]}",
            title=self.one(subject, MF + "name").value,
            kind=kind,
            text=self.path(text),
            before=self.data(action, UT if update else QT),
            after=self.data(result, UT) if update else Data(),
            result=None if update else self.path(result),
            lax=self.one(subject, MF + "resultCardinality") is not None,
            regimes=frozenset(regime.value.removeprefix(REGIME) for regime in regimes),
            endpoints={
                self.one(service, QT + "endpoint").value: self.data(service, QT)
                for service in self.all(action, QT + "serviceData")
            },
            root=self.root,
        )

    def items(self, head: Any) -> Iterator[Any]:
        while head.value != RDF + "nil":
            yield self.one(head, RDF + "first")
            head = self.one(head, RDF + "rest")
