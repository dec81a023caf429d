"""What queries are compiled to, pinned: each file holds a query, an empty line, and its steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from extremeearth.knowledge.sparql import parse_query, translate
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
