"""The R2RML test cases of the W3C, as the knowledge-graph construction group keeps them, on two databases."""

from __future__ import annotations

import os
from pathlib import Path

import pyoxigraph as ox
import pytest

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.knowledge.mapping import map_to_rdf

BASE_IRI = "http://example.com/base/"
ROOT = Path(__file__).resolve().parents[3]


def suite() -> Path:
    named = os.environ.get("EXTREMEEARTH_SUITES")
    return (Path(named) if named else ROOT.parent / "shared" / "suites") / "r2rml"


def case_names() -> list[str]:
    folder = suite()
    return sorted(p.name for p in folder.glob("R2RMLTC*")) if folder.is_dir() else []


def canonical(data: bytes) -> ox.Dataset:
    found = ox.Dataset(ox.parse(data, format=ox.RdfFormat.N_QUADS, lenient=True))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


@pytest.mark.parametrize("system", ["sqlite", "postgresql"])
@pytest.mark.parametrize("case", case_names() or ["no suite"])
def test_case(system, case, suites_folder, scripts, request, tmp_path):  # noqa: PLR0917 - fixtures
    database = request.getfixturevalue(f"{system}_database")(scripts[case])
    folder = suites_folder / "r2rml" / case
    (mapping,) = [p for p in folder.glob("r2rml*.ttl") if "mysql" not in p.name]
    target = tmp_path / "out.nq"
    expected = next(iter(folder.glob("mapped*.nq")), None)
    if expected is None:
        with pytest.raises(ExtremeEarthError):
            map_to_rdf(mapping, database=database, target=target, base_iri=BASE_IRI)
        assert not target.exists()
        return
    map_to_rdf(mapping, database=database, target=target, base_iri=BASE_IRI)
    assert canonical(target.read_bytes()) == canonical(expected.read_bytes())
