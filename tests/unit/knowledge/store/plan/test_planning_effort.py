"""What planning a query costs: counted in calls, which grow with the query and not with its square or worse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from extremeearth.core.errors import CancelledError, TimeoutExceededError
from extremeearth.core.progress import CancelToken
from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.sparql.algebra import Algebra
from extremeearth.knowledge.store import open_graph
from extremeearth.knowledge.store.compilation import compile_plan
from extremeearth.knowledge.store.execution import Evaluator
from extremeearth.knowledge.store.execution.run import Dataset
from extremeearth.knowledge.store.plan import build
from extremeearth.knowledge.store.plan.facts import Facts
from extremeearth.knowledge.store.plan.rules import RULES


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


class CancelledAfter(CancelToken):
    """Cancels itself when it has been asked so many times; counts on."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.asked > self.most:
            self.cancel()
        super().check()


def chain(triples: int) -> str:
    return f"SELECT * {{ {' '.join(f'?v{n} <urn:p> ?v{n + 1} .' for n in range(triples))} }}"


def test_each_stage_of_planning_stops_when_the_query_is_cancelled() -> None:
    graph = open_graph()
    algebra = translate(parse_query(chain(20)))
    cancelled = CancelToken()
    cancelled.cancel()
    snapshot = graph.storage.snapshot()
    shape = build(algebra)
    with pytest.raises(CancelledError):
        build(algebra, token=cancelled)
    for rule in RULES:
        with pytest.raises(CancelledError):
            rule(shape.plan, Facts(snapshot, shape.constants, Dataset(), cancelled))
    with pytest.raises(CancelledError):
        compile_plan(shape.plan, token=cancelled)


@pytest.mark.parametrize("most", [0, 1, 30, 100, 150])
def test_planning_stops_at_the_next_look_at_the_token(most: int) -> None:
    whole, token = CancelledAfter(10_000), CancelledAfter(most)
    algebra = translate(parse_query(chain(20)))
    snapshot = open_graph().storage.snapshot()
    Evaluator(snapshot, token=whole).program(algebra)
    with pytest.raises(CancelledError):
        Evaluator(snapshot, token=token).program(algebra)
    assert whole.asked > 150
    assert token.asked == most + 1


def test_a_query_whose_time_is_over_is_not_planned() -> None:
    graph = open_graph()
    with pytest.raises(TimeoutExceededError):
        graph.query(chain(20), timeout_s=1e-9)


def calls_of(work: Callable[[], object]) -> int:
    """Count the calls of functions of the store that some work makes."""
    count = 0
    store = str(Path(open_graph.__code__.co_filename).parent)

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(store)

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def star(triples: int) -> str:
    return f"SELECT * {{ {' '.join(f'?v <urn:p> ?v{n} .' for n in range(triples))} }}"


def path(steps: int) -> str:
    return f"SELECT * {{ ?a {'/'.join(['<urn:p>'] * steps)} ?b }}"


def optionals(count: int) -> str:
    inner = (f"OPTIONAL {{ ?v <urn:p> ?v{n} FILTER(?v{n} != 3) }}" for n in range(count))
    return f"SELECT * {{ ?v <urn:q> ?w {' '.join(inner)} }}"


def optionals_with_exists(count: int) -> str:
    inner = (
        f"OPTIONAL {{ ?v <urn:p> ?v{n} FILTER EXISTS {{ ?v{n} <urn:p> ?w }} }}"
        for n in range(count)
    )
    return f"SELECT * {{ ?v <urn:p> ?w {' '.join(inner)} }}"


def unions(count: int) -> str:
    branches = (f"{{ ?a{n} <urn:p> ?b{n} }}" for n in range(count))
    return f"SELECT * {{ {' UNION '.join(branches)} }}"


@pytest.mark.parametrize("text", [chain, star, path, optionals, optionals_with_exists, unions])
def test_planning_twice_as_much_takes_at_most_four_times_the_calls(
    text: Callable[[int], str],
) -> None:
    graph = open_graph()
    snapshot = graph.storage.snapshot()
    graph.query("ASK { ?a ?b ?c }")  # what is imported on first use is not planning

    def planned(size: int) -> int:
        algebra = translate(parse_query(text(size)))
        return calls_of(lambda: Evaluator(snapshot).program(algebra))

    assert planned(60) <= 4.2 * planned(30)


def filters(count: int) -> str:
    return f"SELECT * {{ ?v <urn:p> ?w {' '.join(f'FILTER(?w != {n})' for n in range(count))} }}"


def filters_beside_an_optional(count: int) -> str:
    asked = (f"FILTER(?w != {n} || ?x = {n})" for n in range(count))
    return f"SELECT * {{ ?v <urn:p> ?w OPTIONAL {{ ?v <urn:q> ?x }} {' '.join(asked)} }}"


def filters_on_a_union(count: int) -> str:
    asked = " ".join(f"FILTER(?w != {n})" for n in range(count))
    return f"SELECT * {{ {{ ?v <urn:p> ?w }} UNION {{ ?w <urn:q> ?v }} {asked} }}"


@pytest.mark.parametrize("text", [filters, filters_beside_an_optional, filters_on_a_union])
def test_planning_grows_with_the_number_of_filters(text: Callable[[int], str]) -> None:
    graph = open_graph()
    snapshot = graph.storage.snapshot()
    graph.query("ASK { ?a ?b ?c }")
    calls = []
    for count in (100, 200):
        algebra = translate(parse_query(text(count)))
        calls.append(calls_of(lambda given=algebra: Evaluator(snapshot).program(given)))
    few, many = calls
    assert many <= 2.1 * few


@pytest.mark.parametrize("text", [chain, star, path, optionals, optionals_with_exists, unions])
def test_wide_queries_are_planned_however_deep_their_plan(text: Callable[[int], str]) -> None:
    program, _ = Evaluator(open_graph().storage.snapshot()).program(
        translate(parse_query(text(200)))
    )
    assert program.steps


def test_many_optionals_with_exists_are_answered() -> None:
    graph = open_graph()
    graph.load(
        b"<urn:a> <urn:p> <urn:a> . <urn:a> <urn:p> <urn:b> . <urn:c> <urn:p> <urn:d> .", "ttl"
    )
    found = graph.query(optionals_with_exists(5))
    bound = {
        (str(row[0]), str(row[1])): [str(v) if v is not None else None for v in row[2:]]
        for row in found.rows
    }
    # only of a, which has itself and b, does something lead on to what stands first
    assert bound == {
        ("<urn:a>", "<urn:a>"): ["<urn:a>"] * 5,
        ("<urn:a>", "<urn:b>"): ["<urn:a>"] * 5,
        ("<urn:c>", "<urn:d>"): [None] * 5,
    }
    assert len(found.rows) == 3


def test_the_plan_of_a_large_query_is_found_again() -> None:
    evaluator = Evaluator(open_graph().storage.snapshot())
    first, _ = evaluator.program(translate(parse_query(chain(400))))
    again, _ = evaluator.program(translate(parse_query(chain(400))))
    assert again is first
    other, _ = evaluator.program(translate(parse_query(chain(399))))
    assert other is not first
