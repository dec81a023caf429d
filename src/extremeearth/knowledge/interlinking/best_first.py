"""Pairs in the order of their promise: weighed cell by cell, verified until the budget is used up, and judged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from extremeearth.knowledge.interlinking.cells import (
    CellTask,
    Found,
    PairTask,
    candidates,
    count_meeting,
    pair_task,
    verified,
)
from extremeearth.knowledge.interlinking.options import Budget
from extremeearth.knowledge.interlinking.plane import Plane
from extremeearth.knowledge.interlinking.progressive import (
    MOST_KEPT,
    PAIRS_PER_STEP,
    ProgressiveReport,
    TopPairs,
    budgeted,
    geometry_recall,
)
from extremeearth.knowledge.interlinking.weighting import Extent, Grid, Weighting, read_weighting

__all__ = ["BestFirst", "CellWeigher"]


@dataclass(frozen=True, slots=True)
class CellWeigher:
    """Weighs the candidates of a cell; the cell's task has what a side's features are, no shapes."""

    weighting: Weighting
    grid: Grid
    most: int

    def __call__(self, work: tuple[CellTask, Extent, Extent]) -> tuple[Any, ...]:
        """Give rows, columns, weights and ties of the heaviest pairs of a cell, and how many it has."""
        task, ours, theirs = work
        top = TopPairs(self.most)
        for first, second in candidates(task):
            weights = self.weighting.weigh(ours.take(first), theirs.take(second), self.grid)
            top.add(task.pairs.left_rows[first], task.pairs.right_rows[second], *weights)
        return *top.kept(), top.seen


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFirst:
    """Candidates by their promise: positions on both sides, the best first; `seen` is how many there were in all.

    Those that earlier runs verified, `before` of which they found that many to share a point, are left out.
    """

    plane: Plane
    budget: Budget
    rows: Any
    columns: Any
    seen: int
    cells: int
    before: tuple[int, int] = (0, 0)

    @classmethod
    def weigh(cls, plane: Plane, *, before: tuple[int, int] = (0, 0)) -> BestFirst:
        """Weigh all candidates, and keep as many of the heaviest as the budget may need."""
        budget = plane.options.budget
        assert budget is not None
        top, cells = TopPairs(before[0] + min(budget.pairs or MOST_KEPT, MOST_KEPT)), 0
        left, right = plane.left, plane.right
        if len(left.rows) and len(right.rows):
            weighting = read_weighting(plane.options.weighting)
            weigher = CellWeigher(weighting, Grid.of(left, right), top.most)
            by_points = weighting.by_points
            tasks = (
                (
                    task,
                    Extent.of(left, task.pairs.left_rows, by_points=by_points),
                    Extent.of(right, task.pairs.right_rows, by_points=by_points),
                )
                for task in plane.tasks(shapes=False)
            )
            for *pairs, seen in plane.crew.map(weigher, tasks, label="cells weighed"):
                top.add(*pairs, seen=seen)
                cells += 1
        rows, columns = top.ordered()
        return cls(
            plane=plane, budget=budget, rows=rows[before[0]:], columns=columns[before[0]:], seen=top.seen,
            cells=cells, before=before,
        )  # fmt: skip

    def verify(self, *, since: float) -> Iterator[Found]:
        """Verify pairs in their order until the budget is used up; `since` is a `time.monotonic`."""
        if not self.plane.crew.far:
            for step in budgeted(len(self.rows), self.budget, since=since):
                yield verified(self._task(step))
            return
        most = min(self.budget.pairs or len(self.rows), len(self.rows))
        size = max(1, min(PAIRS_PER_STEP, -(-most // (4 * self.plane.crew.size))))
        steps = (self._task(slice(at, min(at + size, most))) for at in range(0, most, size))
        done = self.plane.crew.map(verified, steps, label="pairs")
        with contextlib.ExitStack() as stack:
            if hasattr(done, "close"):
                stack.callback(done.close)  # what is still under way when time is up is left
            for found in done:
                yield found
                if (
                    self.budget.seconds is not None
                    and time.monotonic() - since > self.budget.seconds
                ):
                    return

    def _task(self, step: slice) -> PairTask:
        ours, first = np.unique(self.rows[step], return_inverse=True)
        theirs, second = np.unique(self.columns[step], return_inverse=True)
        plane = self.plane
        task = pair_task(
            plane.left, plane.right, ours, theirs, relations=plane.relations,
            vocabulary=plane.options.vocabulary, both_ways=plane.self_join, keep_meets=False,
            form="packed" if plane.crew.far else "shapes", threads=1 if plane.crew.far else plane.crew.threads,
        )  # fmt: skip
        return replace(task, first=first, second=second)

    def judge(self, hits: list[Any]) -> ProgressiveReport:
        """Say how good the order was, of what each step hit."""
        curve = np.concatenate([np.empty(0, dtype=bool), *hits])
        qualifying = int(np.count_nonzero(curve))
        verified_before, found_before = self.before
        everything = verified_before + len(curve) >= self.seen
        found = found_before + qualifying
        whole: int | None = found if everything else None
        if self.plane.options.measure:
            whole = sum(self.plane.over(count_meeting))
        stopped = "" if everything else "pairs" if len(curve) == len(self.rows) else "seconds"
        return ProgressiveReport(
            verified=len(curve), qualifying=qualifying,
            precision=qualifying / len(curve) if len(curve) else 0.0, all_qualifying=whole,
            recall=None if whole is None else found / whole if whole else 1.0,
            progressive_geometry_recall=geometry_recall(
                curve, qualifying if whole is None else whole - found_before
            ),
            stopped_by=stopped, verified_before=verified_before, qualifying_before=found_before,
        )  # fmt: skip
