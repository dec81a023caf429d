"""What planning a query costs: counted in calls, which grow with the query and not with its square or worse."""

from __future__ import annotations

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.sparql.algebra import Algebra
from extremeearth.knowledge.store import open_graph
from extremeearth.knowledge.store.plan import build


def nested_exists(levels: int, word: str = "NOT EXISTS") -> str:
    opened = "".join(f"FILTER {word} {{ ?v{n} <urn:p> ?v{n + 1} " for n in range(1, levels + 1))
    return f"SELECT * {{ ?v0 <urn:p> ?v1 {opened}{'}' * levels} }}"


def test_each_level_of_exists_is_made_once_or_tried_and_made() -> None:
    made: list[Algebra] = []

    def seen(pattern: Algebra) -> Algebra:
        made.append(pattern)
        return pattern

    build(translate(parse_query(nested_exists(12))), rewrite=seen)
    assert 12 <= len(made) <= 24


def test_deeply_nested_exists_are_answered() -> None:
    graph = open_graph()
    graph.load(b"\n".join(b"<urn:%d> <urn:p> <urn:%d> ." % (n, n + 1) for n in range(10)), "nt")
    found = graph.query(nested_exists(6, "EXISTS"))
    assert [str(row[0]) for row in found.rows] == [f"<urn:{n}>" for n in range(4)]
    # not followed by one that is not followed ... : of the chain's end every second
    found = graph.query(nested_exists(11))
    assert sorted(str(row[0]) for row in found.rows) == [f"<urn:{n}>" for n in (1, 3, 5, 7, 9)]
