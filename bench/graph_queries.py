"""Joins, paths and aggregates without geometry, and look-ups of one subject: against pyoxigraph."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench._farms import HEAD, LOOK_UPS, QUERIES, farm_graph
from bench._graphs import OURS, OXIGRAPH, ask, ask_oxigraph, filled, same_answer, written
from bench.form import Benchmark, Case, Outcome

SEED = 20_260_102


def cases(quick: bool) -> Iterator[Case]:
    """The set of queries, then look-ups."""
    fields = 2_000 if quick else 145_000
    with written(farm_graph(fields, seed=SEED)) as file:
        ours, theirs = filled(file)
    recipe = f"{len(ours)} statements of {fields} fields, their farms and crops, seed {SEED}; in memory, warm"
    queries = {name: HEAD + text for name, text in QUERIES.items()}
    for text in queries.values():
        same_answer(ours, theirs, text)
    chosen = np.random.default_rng(SEED).integers(0, fields, LOOK_UPS)
    texts = {str(n): f"SELECT ?p ?o {{ <http://example.org/field/{n}> ?p ?o }}" for n in chosen}
    same_answer(ours, theirs, next(iter(texts.values())))
    sets: Sequence[tuple[str, Mapping[str, str], bool]] = (
        (f"median of {len(queries)} queries", queries, True),
        ("look-up of one subject", texts, False),
    )
    for label, chosen_texts, named in sets:
        yield Case(
            label=label,
            data=recipe + (f"; {', '.join(queries)}" if named else f"; {LOOK_UPS} subjects"),
            rivals={
                OURS: times(chosen_texts, lambda text: ask(ours, text).num_rows, named),
                OXIGRAPH: times(chosen_texts, lambda text: ask_oxigraph(theirs, text), named),
            },
            ours=OURS,
            check=equal,
            metric="median_ms",
        )


def times(
    texts: Mapping[str, str], run: Callable[[str], int], named: bool
) -> Callable[[], Outcome]:
    """Give the function that asks each query once, and times each."""

    def once() -> Outcome:
        milliseconds, rows = {}, []
        for name, text in texts.items():
            begun = time.perf_counter()
            rows.append(run(text))
            milliseconds[name] = 1e3 * (time.perf_counter() - begun)
        metrics = {"median_ms": statistics.median(milliseconds.values())}
        if named:
            metrics |= {f"{name}, ms": taken for name, taken in milliseconds.items()}
        return Outcome(answer=rows, metrics=metrics)

    return once


def equal(answers: Mapping[str, Any]) -> None:
    """Stop where the rivals found different numbers of rows."""
    ours, theirs = answers[OURS], answers[OXIGRAPH]
    if ours != theirs or not any(ours):
        raise AssertionError(f"the answers differ: {dict(answers)}")


BENCHMARK = Benchmark(
    name="graph_queries", title="SPARQL without geometry: against pyoxigraph", cases=cases
)
