"""What a benchmark is made of; `README.md` shows how to write one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Benchmark", "Case", "Outcome", "Skip"]

SECONDS = "seconds"


class Skip(Exception):
    """A benchmark cannot run here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run of one rival gave: an answer to compare, and numbers that it measured itself."""

    answer: Any = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task that every rival does on the same data.

    Attributes
    ----------
    label
        Short name.
    data
        The recipe of the data, so that somebody else can make it again.
    rivals
        Name of each rival and the function that does the task once.
    ours
        Which of them is the project's.
    check
        Gets the answer of every rival and raises where they differ.
    metric
        "seconds" (measured by the runner), or the name of a number in `Outcome.metrics`.
    higher_is_better
        Whether more of `metric` is better.
    rounds
        How often each rival runs; rivals take turns, the median counts.
    warm_up
        Whether one more round goes first and is thrown away.
    """

    label: str
    data: str
    rivals: Mapping[str, Callable[[], Outcome]]
    ours: str
    check: Callable[[Mapping[str, Any]], None] | None = None
    metric: str = SECONDS
    higher_is_better: bool = False
    rounds: int = 5
    warm_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A question, and the cases that answer it; `cases` gets True where a quick look is enough."""

    name: str
    title: str
    cases: Callable[[bool], Iterable[Case]]
