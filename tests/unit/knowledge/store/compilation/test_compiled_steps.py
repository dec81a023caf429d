"""What queries are compiled to, pinned: each file holds a query, an empty line, and its steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlglot import exp

from extremeearth.knowledge.sparql import parse_query, translate
from extremeearth.knowledge.store import open_graph
from extremeearth.knowledge.store.compilation import compile_plan
from extremeearth.knowledge.store.plan import build

FILES = sorted((Path(__file__).parent / "steps").glob("*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_query_is_compiled_to_the_same_steps(file: Path) -> None:
    text, expected = file.read_text().split("\n\n", 1)
    algebra = translate(parse_query(text))
    for _ in range(2):  # names inside statements begin anew each time
        program = compile_plan(build(algebra).plan)
        assert "\n".join(f"{step.name} {step}" for step in program.steps) == expected.strip()


def test_tables_that_a_step_reads_are_made_before_it() -> None:
    for file in FILES:
        program = compile_plan(
            build(translate(parse_query(file.read_text().split("\n\n", 1)[0]))).plan
        )
        made: set[str] = set()
        for step in program.steps:
            assert made.issuperset(step.inputs)
            made.add(step.name)
        assert program.result in made


NESTED = {
    "minus": " ".join(f"MINUS {{ ?s <urn:q> {n + 7} }}" for n in range(40)),
    "not exists": " ".join(f"FILTER NOT EXISTS {{ ?s <urn:q> {n + 7} }}" for n in range(40)),
    "optionals": "OPTIONAL { ?s <urn:q> ?o " * 30 + "}" * 30,
    "parts": " ".join(f"{{ ?s <urn:q> ?a{n} OPTIONAL {{ ?s <urn:p> ?b{n} }} }}" for n in range(20)),
}


@pytest.mark.parametrize("kind", NESTED)
def test_statements_do_not_nest_deeper_than_the_engine_allows(kind: str) -> None:
    graph = open_graph()
    graph.load(b"<urn:a> <urn:p> 1 ; <urn:q> 1 . <urn:b> <urn:p> 2 ; <urn:q> 7 .", "ttl")
    found = graph.query(f"SELECT ?s {{ ?s <urn:p> ?o {NESTED[kind]} }}").serialize("csv")
    both = kind in {"optionals", "parts"}
    assert found.split() == [b"s", b"urn:a", *([b"urn:b"] if both else [])]


def test_statements_are_composed_with_few_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = 0
    copy = exp.Expression.copy

    def counted(self: exp.Expression) -> exp.Expression:
        nonlocal copied
        copied += 1
        return copy(self)

    branches = " UNION ".join(
        f"{{ ?a{n} <urn:p> ?b{n} OPTIONAL {{ ?a{n} <urn:q> ?c }} }}" for n in range(20)
    )
    shape = build(translate(parse_query(f"SELECT * {{ {branches} }}")))
    monkeypatch.setattr(exp.Expression, "copy", counted)
    compile_plan(shape.plan)
    assert 0 < copied < 20 * 41  # each branch has a column for each of 41 variables
