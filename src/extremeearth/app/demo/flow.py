"""A flow of steps: each is timed, recorded when it ends, and kept when it need not run again.

What a step made lives in the platform (objects, catalogue, graph) and in the output folder; the flow only
remembers which steps ended well, for which input. A killed run therefore goes on where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from extremeearth.core.errors import ExtremeEarthError
from extremeearth.core.files import write_atomic
from extremeearth.core.progress import Progress

__all__ = ["Flow", "Step", "StepOutcome"]

StepFunction = Callable[[Progress], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event of the flow.

    Attributes
    ----------
    event
        Number of the event in the paper, 1 to 8.
    name
        What the step does, as people read it in the table.
    run
        Does the work, tells its progress, gives a small result that JSON can hold.
    tell
        What came out, as people read it: a template that `str.format` fills from the result.
    keep
        Whether a step that ended well may be skipped by the next run on the same input.
    """

    event: int
    name: str
    run: StepFunction
    tell: str
    keep: bool = True

    def told(self, result: dict[str, Any]) -> str:
        """Say what came out."""
        return self.tell.format(**result)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How one step ended."""

    event: int
    name: str
    ok: bool
    seconds: float
    result: dict[str, Any] = field(default_factory=dict)
    kept: bool = False


class Flow:
    """Runs steps in order and remembers those that ended well.

    Parameters
    ----------
    record
        File that remembers; it is written after each step.
    fingerprint
        Says what the input was; steps kept from another input are forgotten.

    Examples
    --------
    >>> import tempfile
    >>> from extremeearth.core.progress import SILENT
    >>> record = Path(tempfile.mkdtemp()) / "steps.json"
    >>> step = Step(event=1, name="count", run=lambda progress: {"n": 3}, tell="{n} things")
    >>> [outcome.result for outcome in Flow(record, fingerprint="a").run([step], SILENT)]
    [{'n': 3}]
    >>> [outcome.kept for outcome in Flow(record, fingerprint="a").run([step], SILENT)]
    [True]
    >>> [outcome.kept for outcome in Flow(record, fingerprint="b").run([step], SILENT)]
    [False]
    """

    def __init__(self, record: Path, *, fingerprint: str) -> None:
        self.record = record
        self.fingerprint = fingerprint
        self._kept: dict[str, StepOutcome] = self._read()

    def run(self, steps: Sequence[Step], progress: Progress) -> list[StepOutcome]:
        """Run every step that is not kept; an error ends the flow and is raised.

        A step that runs makes the later ones run too, as they build on what it made; steps that always
        run are no reason for that.
        """
        outcomes: list[StepOutcome] = []
        stale = False
        for step in steps:
            before = self._kept.get(step.name)
            if before is not None and step.keep and not stale:
                outcomes.append(before)
                continue
            stale = stale or step.keep
            outcomes.append(self._run(step, progress))
        return outcomes

    def _run(self, step: Step, progress: Progress) -> StepOutcome:
        self._kept.pop(step.name, None)
        self._write()
        started = time.perf_counter()
        result = step.run(progress)
        outcome = StepOutcome(
            event=step.event,
            name=step.name,
            ok=bool(result.pop("ok", True)),
            seconds=round(time.perf_counter() - started, 2),
            result=result,
        )
        if outcome.ok and step.keep:
            self._kept[step.name] = outcome
            self._write()
        return outcome

    def _read(self) -> dict[str, StepOutcome]:
        try:
            stored = json.loads(self.record.read_text())
            if stored["fingerprint"] != self.fingerprint:
                return {}
            return {row["name"]: StepOutcome(**(row | {"kept": True})) for row in stored["steps"]}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return {}  # no record, or one that cannot be read: every step runs again

    def _write(self) -> None:
        rows = [asdict(outcome) | {"kept": False} for outcome in self._kept.values()]
        write_atomic(
            self.record, json.dumps({"fingerprint": self.fingerprint, "steps": rows}, indent=1)
        )


def print_table(
    steps: Sequence[Step], outcomes: Sequence[StepOutcome], *, console: Console, title: str
) -> None:
    """Print the table that a flow ends with: step, what came out, seconds."""
    table = Table("", "step", "what came out", "seconds", title=title, title_justify="left")
    table.columns[3].justify = "right"
    for step, outcome in zip(steps, outcomes, strict=True):
        mark = "[green]✓[/]" if outcome.ok else "[red]✗[/]"
        seconds = f"{outcome.seconds:.1f}" + (" (kept)" if outcome.kept else "")
        table.add_row(f"{mark} {step.event}", step.name, step.told(outcome.result), seconds)
    console.print(table)


def first_failure(outcomes: Sequence[StepOutcome]) -> ExtremeEarthError | None:
    """Make an error of the first step that did not hold what it promises."""
    for outcome in outcomes:
        if not outcome.ok:
            return ExtremeEarthError(
                f"Step {outcome.event} ({outcome.name}) ended, but not as it should.",
                hint="Its row and the report say what differs.",
            )
    return None
