"""Who does the work of a run: this thread, several threads, or the processes of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from extremeearth.core.threads import in_order
from extremeearth.infrastructure.engine import Engine

__all__ = ["Crew"]

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Crew:
    """Threads of this process, or an engine.

    Attributes
    ----------
    engine
        Where tasks travel to; `None` for this process.
    threads
        How many work side by side in this process.

    Examples
    --------
    >>> list(Crew(threads=2).map(abs, [-1, 2, -3], label="numbers"))
    [1, 2, 3]
    """

    engine: Engine | None = None
    threads: int = 1

    @classmethod
    def of(cls, engine: Engine | None, threads: int) -> Self:
        """Make a crew; an engine of one worker is no other place than this one."""
        return cls(None if getattr(engine, "workers", 2) == 1 else engine, threads)

    @property
    def size(self) -> int:
        """How many work side by side."""
        return self.threads if self.engine is None else int(getattr(self.engine, "workers", 1))

    @property
    def alone(self) -> bool:
        """Whether this thread does everything."""
        return self.engine is None and self.threads == 1

    @property
    def far(self) -> bool:
        """Whether tasks leave this process."""
        return self.engine is not None

    def map(
        self, function: Callable[[Task], Result], tasks: Iterable[Task], *, label: str
    ) -> Iterator[Result]:
        """Work on tasks and give the results in their order; only a few tasks are taken ahead."""
        if self.engine is not None:
            return self.engine.map(function, tasks, label=label)
        return in_order(function, tasks, threads=self.threads)
