"""The RML core test cases of the knowledge-graph construction group (kg-construct/rml-core, CC-BY 4.0)."""

from __future__ import annotations

import os
from pathlib import Path

import pyoxigraph as ox
import pytest

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.knowledge.mapping import map_to_rdf

BASE_IRI = "http://example.com/"
CASES = 76
NOT_TURTLE = frozenset({"RMLTC0023b-JSON", "RMLTC0023c-JSON", "RMLTC0023e-JSON"})
ROOT = Path(__file__).resolve().parents[3]


def dataset(data: bytes) -> ox.Dataset:
    # Case 0027b wants an IRI with a space in it, which is why the reading is lenient.
    found = ox.Dataset(ox.parse(data, format=ox.RdfFormat.N_QUADS, lenient=True))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


def case_names() -> list[str]:
    named = os.environ.get("EXTREMEEARTH_SUITES")
    folder = Path(named) if named else ROOT.parent / "shared" / "suites"
    return sorted(p.name for p in folder.glob("rml-core/test-cases/*") if p.is_dir()) or [
        "no suite"
    ]


@pytest.fixture
def check(suites_folder: Path, tmp_path: Path):
    """Run a case: the same quads, or an error and no file."""

    def run(name: str, translate=None) -> None:
        case, target = suites_folder / "rml-core" / "test-cases" / name, tmp_path / "out.nq"
        mapping = case / "mapping.ttl"
        given = mapping if translate is None else translate(mapping)
        if not (case / "output.nq").exists():
            with pytest.raises(ExtremeEarthError):
                map_to_rdf(given, target=target, base_iri=BASE_IRI, folder=case)
            assert not target.exists()
            return
        map_to_rdf(given, target=target, base_iri=BASE_IRI, folder=case)
        assert dataset(target.read_bytes()) == dataset((case / "output.nq").read_bytes())

    return run


def test_the_suite_is_whole(suites_folder: Path) -> None:
    assert len(case_names()) == CASES


@pytest.mark.parametrize("case", case_names())
def test_core(case, check) -> None:
    check(case)


@pytest.fixture
def old_vocabulary():
    r2rml, old_rml, ql = (
        "http://www.w3.org/ns/r2rml#", "http://semweb.mmlab.be/ns/rml#", "http://semweb.mmlab.be/ns/ql#",
    )  # fmt: skip
    own = {
        "logicalSource",
        "source",
        "iterator",
        "referenceFormulation",
        "reference",
        "languageMap",
    }

    def older(node):
        if not isinstance(node, ox.NamedNode) or not node.value.startswith("http://w3id.org/rml/"):
            return node
        name = node.value.removeprefix("http://w3id.org/rml/")
        if name in {"JSONPath", "CSV"}:
            return ox.NamedNode(ql + name)
        return ox.NamedNode((old_rml if name in own else r2rml) + name)

    def translate(mapping: Path) -> str:
        quads = list(
            ox.parse(mapping.read_bytes(), format=ox.RdfFormat.TURTLE, base_iri="http://m.org/")
        )
        path = "http://w3id.org/rml/path"
        files = {q.subject: q.object for q in quads if q.predicate.value == path}
        triples = [
            ox.Triple(q.subject, older(q.predicate), files.get(q.object, older(q.object)))
            for q in quads
            if q.subject not in files
        ]
        return ox.serialize(triples, format=ox.RdfFormat.TURTLE).decode()

    return translate


@pytest.mark.parametrize("case", case_names())
def test_older_vocabulary(case, check, old_vocabulary) -> None:
    if case in NOT_TURTLE:
        pytest.skip(
            "the mapping is no Turtle, which is what it tests, so there is nothing to translate"
        )
    check(case, old_vocabulary)
