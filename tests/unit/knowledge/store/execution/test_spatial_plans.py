"""What the index and the engine find is what asking every pair finds, for every relation, type and reference system."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.store.execution import Evaluator, spatial
from extremeearth.knowledge.store.geosparql import RELATIONS
from extremeearth.knowledge.store.loading import load_documents
from extremeearth.knowledge.store.storage import Storage, open_storage

PREFIXES = """
PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
"""
NAMES = sorted(iri.rsplit("/", 1)[-1] for iri in RELATIONS if not iri.endswith("relate"))
BOX = '"POLYGON ((10 49, 10.4 49, 10.4 49.3, 10 49.3, 10 49))"^^geo:wktLiteral'
POINT = '"POINT (10.2 49.1)"^^geo:wktLiteral'


def _shapes() -> list[str]:
    """Make points, lines, polygons and collections on a coarse grid, so that they touch, and lie over each other."""
    rng = np.random.default_rng(7)
    made: list[str] = []
    for n in range(60):
        x, y = 10 + rng.integers(0, 8, 2) * 0.1 * np.array([1, 0.5]) + np.array([0, 39])
        w, h = rng.integers(1, 4, 2) * 0.1
        box = shapely.box(x, y, x + w, y + h)
        shape = [
            shapely.Point(x, y), shapely.LineString([(x, y), (x + w, y + h)]), box, box.boundary,
            shapely.MultiPoint([(x, y), (x + w, y)]), shapely.GeometryCollection([box, shapely.Point(x - 0.1, y)]),
        ][n % 6]  # fmt: skip
        text = shape.wkt
        if n % 7 == 3:
            swapped = shapely.transform(shape, lambda c: c[:, ::-1])
            text = f"<http://www.opengis.net/def/crs/EPSG/0/4326> {swapped.wkt}"
        made.append(text)
    return made


@pytest.fixture(scope="module")
def storage() -> Storage:
    found = open_storage(None)
    lines = [
        f"<urn:{'a' if n % 2 else 'b'}> <urn:has> <urn:g{n}> . "
        f'<urn:g{n}> geo:asWKT "{text}"^^geo:wktLiteral .'
        for n, text in enumerate(_shapes())
    ]
    load_documents(found, [(PREFIXES + "\n".join(lines)).encode()], format="ttl")
    return found


def _answer(storage: Storage, text: str) -> tuple[list[tuple[str, ...]], str]:
    evaluator = Evaluator(storage.snapshot())
    rows = evaluator.rows(translate(parse_query(PREFIXES + text)))
    columns = [[str(t) for t in rows.column(v).terms()] for v in rows.variables]
    return sorted(zip(*columns, strict=True)), "\n".join(step.text for step in evaluator.measured)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("few", [0, 500])
def test_joins_find_what_every_pair_says(
    storage: Storage, name: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spatial, "FEW", few)
    pattern = "<urn:a> <urn:has> ?g . ?g geo:asWKT ?v . <urn:b> <urn:has> ?h . ?h geo:asWKT ?w"
    fast, steps = _answer(storage, f"SELECT ?g ?h {{ {pattern} FILTER(geof:{name}(?v, ?w)) }}")
    slow, plain = _answer(
        storage, f"SELECT ?g ?h {{ {pattern} FILTER(IF(geof:{name}(?v, ?w), true, false)) }}"
    )
    assert fast == slow
    assert "spatial join" not in plain
    assert ("spatial join" in steps) == (
        RELATIONS[f"http://www.opengis.net/def/function/geosparql/{name}"].candidates is not None
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("call", ["geof:{}(?w, {})", "geof:{}({}, ?w)"])
def test_matches_find_what_every_geometry_says(storage: Storage, name: str, call: str) -> None:
    condition = call.format(name, BOX)
    fast, _ = _answer(storage, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER({condition}) }}")
    slow, _ = _answer(
        storage, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER(IF({condition}, true, false)) }}"
    )
    assert fast == slow


@pytest.mark.parametrize("operator", ["<", "<="])
@pytest.mark.parametrize("distance", [0, 5_000, 30_000])
def test_distances_find_what_every_pair_says(
    storage: Storage, operator: str, distance: int
) -> None:
    condition = f"geof:distance(?v, ?w, uom:metre) {operator} {distance}"
    pattern = "<urn:a> <urn:has> ?g . ?g geo:asWKT ?v . <urn:b> <urn:has> ?h . ?h geo:asWKT ?w"
    fast, steps = _answer(storage, f"SELECT ?g ?h {{ {pattern} FILTER({condition}) }}")
    slow, _ = _answer(storage, f"SELECT ?g ?h {{ {pattern} FILTER(IF({condition}, true, false)) }}")
    assert fast == slow
    assert "spatial join" in steps
    constant = f"geof:distance(?w, {POINT}, uom:kilometre) {operator} {distance / 1000}"
    fast, steps = _answer(storage, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER({constant}) }}")
    assert "match" in steps
    slow, _ = _answer(
        storage, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER(IF({constant}, true, false)) }}"
    )
    assert fast == slow


@pytest.mark.parametrize("limit", [1, 5, 59])
def test_nearest_are_the_first_of_the_whole_order(storage: Storage, limit: int) -> None:
    text = f"SELECT ?d {{ ?g geo:asWKT ?w BIND(geof:distance(?w, {POINT}, uom:metre) AS ?d) }} ORDER BY ?d"
    fast, steps = _answer(storage, f"{text} LIMIT {limit}")
    assert "nearest" in steps
    slow, _ = _answer(storage, text)
    values = sorted(float(d.split('"')[1]) for (d,) in slow)
    assert sorted(float(d.split('"')[1]) for (d,) in fast) == values[:limit]


def test_a_topological_property_is_computed(storage: Storage) -> None:
    fast, _ = _answer(storage, "SELECT ?g ?h { <urn:a> <urn:has> ?g . ?g geo:sfTouches ?h }")
    pattern = "<urn:a> <urn:has> ?g . ?g geo:asWKT ?v . ?h geo:asWKT ?w"
    slow, _ = _answer(
        storage, f"SELECT DISTINCT ?g ?h {{ {pattern} FILTER(geof:sfTouches(?v, ?w)) }}"
    )
    assert fast == slow
    assert fast
