"""The R2RML test cases of the W3C, as the knowledge-graph construction group keeps them, on two databases."""

from __future__ import annotations

import os
from pathlib import Path

import pyoxigraph as ox
import pytest

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.knowledge.mapping import map_to_rdf

BASE_IRI = "http://example.com/base/"
CASES = 62
ROOT = Path(__file__).resolve().parents[3]


def case_names() -> list[str]:
    named = os.environ.get("EXTREMEEARTH_SUITES")
    folder = (Path(named) if named else ROOT.parent / "shared" / "suites") / "r2rml"
    return sorted(path.name for path in folder.glob("R2RMLTC*")) or ["no suite"]


def canonical(data: bytes) -> ox.Dataset:
    found = ox.Dataset(ox.parse(data, format=ox.RdfFormat.N_QUADS, lenient=True))
    found.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return found


@pytest.fixture
def check(suites_folder, tmp_path):
    """Run a case on a database: the same quads, or an error and no file."""

    def run(case: str, database: str) -> None:
        folder = suites_folder / "r2rml" / case
        (mapping,) = [path for path in folder.glob("r2rml*.ttl") if "mysql" not in path.name]
        expected = next(iter(folder.glob("mapped*.nq")), None)
        target = tmp_path / "out.nq"
        if expected is None:
            with pytest.raises(ExtremeEarthError):
                map_to_rdf(mapping, database=database, target=target, base_iri=BASE_IRI)
            assert not target.exists()
            return
        map_to_rdf(mapping, database=database, target=target, base_iri=BASE_IRI)
        assert canonical(target.read_bytes()) == canonical(expected.read_bytes())

    return run


def test_the_suite_is_whole(suites_folder):
    assert len(case_names()) == CASES


@pytest.mark.parametrize("case", case_names())
def test_sqlite(case, check, scripts, sqlite_database):
    check(case, sqlite_database(scripts[case]))


@pytest.mark.parametrize("case", case_names())
def test_postgresql(case, check, scripts, postgresql_database):
    check(case, postgresql_database(scripts[case]))
