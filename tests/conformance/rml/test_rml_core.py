"""The RML core test cases of the knowledge-graph construction group (kg-construct/rml-core, CC-BY 4.0)."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.knowledge.mapping import map_to_rdf

BASE_IRI = "http://example.com/"
CASES = 76


def dataset(data: bytes) -> ox.Dataset:
    # Case 0027b wants an IRI with a space in it, which is why the reading is lenient.
    found = ox.Dataset(ox.parse(data, format=ox.RdfFormat.N_QUADS, lenient=True))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


def run(case: Path, mapping: str | Path, target: Path) -> ox.Dataset:
    map_to_rdf(mapping, target=target, base_iri=BASE_IRI, folder=case)
    return dataset(target.read_bytes())


def cases(suites_folder: Path) -> list[Path]:
    return sorted(p for p in (suites_folder / "rml-core" / "test-cases").iterdir() if p.is_dir())


def passes(case: Path, mapping: str | Path, target: Path) -> bool:
    expected = case / "output.nq"
    if not expected.exists():
        try:
            run(case, mapping, target)
        except ExtremeEarthError:
            return not target.exists()
        return False
    return run(case, mapping, target) == dataset(expected.read_bytes())


def test_every_case_passes(suites_folder: Path, tmp_path: Path) -> None:
    found = cases(suites_folder)
    failed = [c.name for c in found if not passes(c, c / "mapping.ttl", tmp_path / f"{c.name}.nq")]
    print(f"RML core: {len(found) - len(failed)} of {len(found)} cases pass")
    assert len(found) == CASES
    assert failed == []


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


def test_every_case_that_can_be_said_in_the_older_vocabulary_passes(
    suites_folder: Path, tmp_path: Path, old_vocabulary
) -> None:
    # Cases whose mapping is no Turtle at all have nothing to translate.
    not_turtle = {"RMLTC0023b-JSON", "RMLTC0023c-JSON", "RMLTC0023e-JSON"}
    found = [c for c in cases(suites_folder) if c.name not in not_turtle]
    failed = [
        c.name
        for c in found
        if not passes(c, old_vocabulary(c / "mapping.ttl"), tmp_path / f"{c.name}.nq")
    ]
    print(
        f"RML core in the older vocabulary: {len(found) - len(failed)} of {len(found)} cases pass"
    )
    assert failed == []
