"""The index and the engine find what asking every pair finds, where geometries are empty or not on the Earth."""

from __future__ import annotations

import pytest

from extremeearth.knowledge.store import Graph, open_graph
from extremeearth.knowledge.store.execution import spatial

PREFIXES = """
PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/>
PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
"""
UTM = "<http://www.opengis.net/def/crs/EPSG/0/32633> "
TEXTS = [
    "POINT (1 1)", "LINESTRING (0 0, 0 0)", "POINT (0 95)", "LINESTRING (500000 4500000, 501000 4500000)",
    "POINT (1e308 1e308)", "POINT EMPTY", "POLYGON EMPTY", UTM + "POINT (500000 100000)", UTM + "POINT EMPTY",
    UTM + "LINESTRING (1e9 1e9, 2e9 2e9)", "POLYGON ((0 0, 9 0, 9 9, 0 0))", "",
]  # fmt: skip
DISTANCE = "geof:distance({}, {}, uom:metre) <= 200000"
CONDITIONS = [
    DISTANCE,
    *(f"geof:{name}({{}}, {{}})" for name in ("sfEquals", "sfIntersects", "sfWithin")),
]


@pytest.fixture(scope="module")
def graph() -> Graph:
    found = open_graph()
    lines = [f'<urn:g{n}> geo:asWKT "{text}"^^geo:wktLiteral .' for n, text in enumerate(TEXTS)]
    found.load((PREFIXES + "\n".join(lines)).encode(), "ttl")
    return found


def answer(graph: Graph, text: str) -> list[bytes]:
    return sorted(graph.query(PREFIXES + text).serialize("csv").split()[1:])


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("text", TEXTS)
def test_matches_find_them(graph: Graph, condition: str, text: str) -> None:
    asked = condition.format("?w", f'"{text}"^^geo:wktLiteral')
    fast = answer(graph, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER({asked}) }}")
    assert fast == answer(
        graph, f"SELECT ?g {{ ?g geo:asWKT ?w FILTER(IF({asked}, true, false)) }}"
    )


@pytest.mark.parametrize("few", [0, 500])
@pytest.mark.parametrize("condition", CONDITIONS[:2])
def test_joins_find_them(
    graph: Graph, condition: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spatial, "FEW", few)
    asked = condition.format("?v", "?w")
    if few == 0:  # the engine knows longitude and latitude alone
        asked += f' && !geof:sfEquals(?v, "{TEXTS[9]}"^^geo:wktLiteral)'
    pattern = "?g geo:asWKT ?v . ?h geo:asWKT ?w"
    fast = answer(graph, f"SELECT ?g ?h {{ {pattern} FILTER({asked}) }}")
    assert fast == answer(graph, f"SELECT ?g ?h {{ {pattern} FILTER(IF({asked}, true, false)) }}")


@pytest.mark.parametrize("text", TEXTS)
def test_the_nearest_begin_with_those_without_a_distance(graph: Graph, text: str) -> None:
    order = f'geof:metricDistance(?w, "{text}"^^geo:wktLiteral)'
    fast = answer(graph, f"SELECT ?g {{ ?g geo:asWKT ?w }} ORDER BY {order} ?g LIMIT 8")
    slow = answer(
        graph, f"SELECT ?g {{ ?g geo:asWKT ?w BIND({order} + 0 AS ?d) }} ORDER BY ?d ?g LIMIT 8"
    )
    assert fast == slow


@pytest.mark.parametrize(
    ("limit", "count"),
    [('"200000"', 0), ('"200000"^^<urn:metres>', 0), ('"2e5"^^xsd:integer', 0), ('"2e5"^^xsd:float', 3)],
)  # fmt: skip
def test_a_distance_is_compared_with_numbers_alone(graph: Graph, limit: str, count: int) -> None:
    condition = f'geof:distance(?w, "POINT (1 1)"^^geo:wktLiteral, uom:metre) <= {limit}'
    text = "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#> SELECT ?g { ?g geo:asWKT ?w "
    assert len(answer(graph, f"{text} FILTER({condition}) }}")) == count
    assert len(answer(graph, f"{text} FILTER(IF({condition}, true, false)) }}")) == count
