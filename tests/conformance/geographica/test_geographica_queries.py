"""Geographica's synthetic data and queries: answers against a join of every pair, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from bench._geographica import (
    DECIMALS,
    GENERATOR,
    KINDS,
    SELECTIVITIES,
    Geographica,
    Kind,
    join_query,
    selection_query,
)
from tests.oracles.spatial import SIMPLE_FEATURES, joined, related

from extremeearth.knowledge.store import Graph

DATA = Geographica(12, seed=7)
FUNCTIONS = [*SIMPLE_FEATURES, "sfCrosses", "sfOverlaps"]
PAIRS: list[tuple[Kind, Kind]] = [
    ("landOwnership", "state"), ("state", "state"), ("pointOfInterest", "state"), ("road", "landOwnership"),
    ("road", "road"), ("state", "road"),
]  # fmt: skip


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    file = tmp_path_factory.mktemp("geographica") / "data.nt"
    count = DATA.write(file)
    loaded = Graph.open()
    assert loaded.load(file).triples == count
    return loaded


def features(kind: Kind, tag: int) -> list[tuple[str, shapely.Geometry]]:
    written = shapely.from_wkt(shapely.to_wkt(DATA.shapes(kind), rounding_precision=DECIMALS))
    numbered = [(f"{GENERATOR}{kind}/{n}", shape) for n, shape in enumerate(written, start=1)]
    return numbered[tag - 1 :: tag]


def rows(graph: Graph, query: str) -> list[tuple[str, ...]]:
    return [tuple(term.value for term in row) for row in graph.query(query)]


@pytest.mark.parametrize("tag", [1, 4, DATA.top_tag])
@pytest.mark.parametrize("selectivity", SELECTIVITIES)
@pytest.mark.parametrize(
    ("kind", "function"),
    [("landOwnership", "sfIntersects"), ("pointOfInterest", "sfWithin"), ("road", "sfCrosses")],
)
def test_selection(graph: Graph, kind: Kind, function: str, selectivity: float, tag: int) -> None:
    window = DATA.window(kind, selectivity)
    found = rows(graph, selection_query(kind, function, window, tag=tag))
    expected = [(name,) for name, shape in features(kind, tag) if related(function, shape, window)]
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("tags", [(1, 1), (1, 4), (4, 1), (DATA.top_tag, DATA.top_tag)])
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_join(graph: Graph, function: str, pair: tuple[Kind, Kind], tags: tuple[int, int]) -> None:
    query = join_query(*pair, function, left_tag=tags[0], right_tag=tags[1])
    found = rows(graph, query)
    assert len(found) == len(set(found))
    assert set(found) == joined(function, features(pair[0], tags[0]), features(pair[1], tags[1]))


def test_data_is_as_the_paper_says(tmp_path: Path) -> None:
    land, states = DATA.shapes("landOwnership"), DATA.shapes("state")
    assert [len(DATA.shapes(kind)) for kind in KINDS] == [144, 16, 12, 144]
    assert shapely.is_valid(land).all()
    assert not shapely.STRtree(land).query(land, "overlaps").size
    touching = shapely.STRtree(land).query(land, "touches")
    assert 4 * len(land) < len(touching[0]) < 6 * len(land)
    assert shapely.area(states[0]) == pytest.approx(9 * shapely.area(land[0]), rel=1e-5)
    _, keys = DATA.tags(144)
    assert [(keys == key).sum() for key in (1, 2, 4, 8)] == [144, 72, 36, 18]
    for seed, name in ((7, "a"), (7, "b"), (8, "c")):
        Geographica(12, seed=seed).write(tmp_path / name)
    texts = [(tmp_path / name).read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]
    assert sorted(texts[0].splitlines()) == sorted(texts[2].splitlines())


@pytest.mark.parametrize("selectivity", SELECTIVITIES)
def test_windows_hold_what_they_promise(selectivity: float) -> None:
    data = Geographica(60)
    for kind, function in (
        ("landOwnership", shapely.intersects),
        ("pointOfInterest", shapely.within),
    ):
        held = function(data.shapes(kind), data.window(kind, selectivity)).mean()
        assert held == pytest.approx(selectivity, abs=0.03)
