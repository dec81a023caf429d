"""Many readers while a writer commits: every answer must be that of one moment."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyoxigraph as ox

from bench._graphs import OURS, OXIGRAPH, solutions
from bench.form import Benchmark, Case, Outcome
from extremeearth.knowledge.sparql import Literal, Term
from extremeearth.knowledge.store import GraphStore, open_graph

E = "http://example.org/"
ACCOUNTS, EACH = 1_000, 100
COMMITS_A_SECOND = 2.0
SEED = 20_260_103
CLOCK = f"SELECT ?t {{ <{E}clock> <{E}says> ?t }}"
BOTH = f"SELECT (SUM(?v) AS ?sum) (COUNT(?v) AS ?n) (MAX(?c) AS ?t) {{ ?a <{E}holds> ?v . <{E}clock> <{E}says> ?c }}"


@dataclass(slots=True)
class Tally:
    """What the readers saw, counted under a lock."""

    reads: int = 0
    wrong: int = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, reads: int, wrong: int, errors: list[str]) -> None:
        """Add the counts of one reader."""
        with self.lock:
            self.reads += reads
            self.wrong += wrong
            self.errors += errors


class Ours:
    """The graph store of the project, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.graph: GraphStore = open_graph(folder / "ours")

    def update(self, text: str) -> None:
        self.graph.update(text)

    def rows(self, text: str) -> list[tuple[int, ...]]:
        return [tuple(map(_number, row)) for row in solutions(self.graph, text)]


class Oxigraph:
    """The rival, in a folder too."""

    def __init__(self, folder: Path) -> None:
        self.store = ox.Store(str(folder / "theirs"))

    def update(self, text: str) -> None:
        self.store.update(text)

    def rows(self, text: str) -> list[tuple[int, ...]]:
        return [tuple(int(term.value) for term in row) for row in self.store.query(text)]


def _number(term: Term | None) -> int:
    if not isinstance(term, Literal):
        raise TypeError(f"not a number: {term}")
    return int(term.lexical)


def move(commit: int, generator: np.random.Generator) -> str:
    """Give the update that moves something between two accounts, and sets the clock on: one transaction."""
    giver, taker = generator.choice(ACCOUNTS, 2, replace=False)
    amount = int(generator.integers(1, 20))
    return (
        f"DELETE {{ <{E}a/{giver}> <{E}holds> ?x . <{E}a/{taker}> <{E}holds> ?y . <{E}clock> <{E}says> ?t }} "
        f"INSERT {{ <{E}a/{giver}> <{E}holds> ?u . <{E}a/{taker}> <{E}holds> ?w . <{E}clock> <{E}says> {commit} }} "
        f"WHERE {{ <{E}a/{giver}> <{E}holds> ?x . <{E}a/{taker}> <{E}holds> ?y . <{E}clock> <{E}says> ?t "
        f"BIND(?x - {amount} AS ?u) BIND(?y + {amount} AS ?w) }}"
    )


def read(store: Ours | Oxigraph, until: threading.Event, tally: Tally) -> None:
    """Ask until the end: the sum never changes, the clock never goes back, and both are of one moment."""
    reads = wrong = latest = 0
    errors: list[str] = []
    while not until.is_set():
        try:
            ((total, count, clock),) = store.rows(BOTH)
            ((seen,),) = store.rows(CLOCK)
        except Exception as err:
            errors.append(f"{type(err).__name__}: {err}")
            continue
        reads += 2
        wrong += (total, count) != (ACCOUNTS * EACH, ACCOUNTS) or not latest <= clock <= seen
        latest = seen
    tally.add(reads, wrong, errors)


def run(kind: type[Ours | Oxigraph], readers: int, seconds: float) -> Outcome:
    """Let the readers read and the writer write for some seconds."""
    with tempfile.TemporaryDirectory() as folder:
        store = kind(Path(folder))
        held = " ".join(f"<{E}a/{n}> <{E}holds> {EACH} ." for n in range(ACCOUNTS))
        store.update(f"INSERT DATA {{ {held} <{E}clock> <{E}says> 0 }}")
        tally, until = Tally(), threading.Event()
        threads = [
            threading.Thread(target=read, args=(store, until, tally)) for _ in range(readers)
        ]
        generator = np.random.default_rng(SEED)
        for thread in threads:
            thread.start()
        begun, commits, failed = time.perf_counter(), 0, []
        try:
            while (now := time.perf_counter() - begun) < seconds:
                try:
                    store.update(move(commits + 1, generator))
                    commits += 1
                except Exception as err:
                    failed.append(f"{type(err).__name__}: {err}")
                due = (commits + len(failed)) / COMMITS_A_SECOND
                until.wait(max(0.0, min(due, seconds) - (time.perf_counter() - begun)))
        finally:
            until.set()
            for thread in threads:
                thread.join()
        ((last,),) = store.rows(CLOCK)
        lost = commits - last
        problems = tally.errors + failed
        return Outcome(
            answer=(tally.wrong, lost, problems[:5]),
            metrics={
                "reads_per_s": tally.reads / now,
                "commits_per_s": commits / now,
                "wrong_answers": tally.wrong,
                "errors": len(problems),
            },
        )


def cases(quick: bool) -> Iterator[Case]:
    """Sixteen readers for a minute."""
    readers, seconds = (4, 2.0) if quick else (16, 60.0)
    yield Case(
        label=f"{readers} readers, {seconds:g} s",
        data=f"{ACCOUNTS} accounts in a folder; {readers} threads ask for the sum and the number of all, which never "
        f"change, and a clock; one writer moves amounts and sets the clock on {COMMITS_A_SECOND:g} times a second",
        rivals={
            OURS: lambda: run(Ours, readers, seconds),
            OXIGRAPH: lambda: run(Oxigraph, readers, seconds),
        },
        ours=OURS,
        check=faultless,
        metric="reads_per_s",
        higher_is_better=True,
        rounds=1,
        warm_up=False,
    )


def faultless(answers: Mapping[str, Any]) -> None:
    """Stop where ours answered wrong, lost a commit or failed."""
    wrong, lost, problems = answers[OURS]
    if wrong or lost or problems:
        raise AssertionError(f"{wrong} wrong answers, {lost} commits lost, errors: {problems}")


BENCHMARK = Benchmark(
    name="graph_concurrency",
    title="Readers while a writer commits: against pyoxigraph",
    cases=cases,
)
