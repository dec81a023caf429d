"""The plane of a run: its cells, and work on each of them, side by side where there is a crew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from extremeearth.knowledge.interlinking.cells import CellTask, cell_task, pair_task
from extremeearth.knowledge.interlinking.crew import Crew
from extremeearth.knowledge.interlinking.features import Side
from extremeearth.knowledge.interlinking.options import LinkOptions
from extremeearth.knowledge.interlinking.partitioning import Cell, cut
from extremeearth.knowledge.interlinking.relations import Relation

__all__ = ["Plane"]

CELLS_PER_WORKER = 8
"""So many cells for each one who works, so that none waits long for the last."""
FEWEST_ROWS = 2_000
"""Cells are not made smaller than this for the crew's sake."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Two sides to be joined, and how.

    Attributes
    ----------
    left, right
        The sides.
    options
        Filter, size of cells, vocabulary.
    crew
        Who works.
    self_join
        Whether both sides are the same features.
    relations
        What to look for.
    keep_meets
        Whether the pairs that share a point are wanted too.
    """

    left: Side
    right: Side
    options: LinkOptions
    crew: Crew
    self_join: bool
    relations: tuple[Relation, ...] = ()
    keep_meets: bool = False

    def cells(self) -> Iterator[Cell]:
        """Cut the plane; rows are positions in the sides."""
        left, right = self.left, self.right
        most = self.options.rows_per_cell
        if not self.crew.alone:
            rows = len(left.rows) + len(right.rows)
            most = min(most, max(rows // (CELLS_PER_WORKER * self.crew.size), FEWEST_ROWS))
        for cell in cut(left.bounds[left.rows], right.bounds[right.rows], most_rows=most):
            yield replace(cell, left=left.rows[cell.left], right=right.rows[cell.right])

    def over(self, function: Callable[[CellTask], Result]) -> Iterator[Result]:
        """Give what a function makes of each cell, in the order of the cells."""
        return self.crew.map(function, self.tasks(), label="cells")

    def tasks(self, *, shapes: bool = True) -> Iterator[CellTask]:
        """Give a task for each cell, ready for the crew; without `shapes` where only boxes are looked at.

        Shapes are prepared, and that not in two threads at once: where threads work side by side, no two tasks hold the
        same shape. What several cells hold is copied for each of them; the same shape in other places has the same box.
        """
        private = shapes and self.crew.threads > 1 and not self.crew.far
        for cell in self.cells():
            copied = (
                (
                    cell.shared(self.left.bounds, cell.left),
                    cell.shared(self.right.bounds, cell.right),
                )
                if private
                else None
            )
            yield self._task(cell, shapes=shapes, copied=copied)

    def _task(self, cell: Cell, *, shapes: bool, copied: tuple[Any, Any] | None = None) -> CellTask:
        pairs = pair_task(
            self.left, self.right, cell.left, cell.right, relations=self.relations,
            vocabulary=self.options.vocabulary, both_ways=self.self_join, keep_meets=self.keep_meets,
            form="none" if not shapes else "packed" if self.crew.far else "shapes",
            beside=self.crew.threads > 1 and not self.crew.far, copied=copied,
        )  # fmt: skip
        return cell_task(
            self.left, self.right, cell, pairs, filter_name=self.options.filter, self_join=self.self_join
        )  # fmt: skip
