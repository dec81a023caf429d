"""The work on one cell or on one list of pairs: here, or in another process where shapes go as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import shapely

from extremeearth.knowledge.interlinking.features import Side
from extremeearth.knowledge.interlinking.filtering import PAIRS_AT_ONCE, choose_filter, filter_pairs
from extremeearth.knowledge.interlinking.packing import PackedShapes
from extremeearth.knowledge.interlinking.partitioning import Cell, in_cell
from extremeearth.knowledge.interlinking.relations import Relation, Vocabulary, choose_relations
from extremeearth.knowledge.interlinking.verification import verify

__all__ = [
    "CellTask", "Found", "PairTask", "candidates", "cell_task", "count_meeting", "found_in_cell", "pair_task",
    "unpacked", "verified", "work",
]  # fmt: skip

Form = Literal["shapes", "packed", "none"]
"""How a task holds its shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Links among pairs: positions of the features on both sides, and of the relation.

    `rows`, `columns`, `kinds` are the links; `meets` the pairs that share a point, as two arrays, where asked for;
    `hits` tells for each verified pair, in its order, whether it meets.
    """

    rows: Any
    columns: Any
    kinds: Any
    candidates: int
    related: int
    hits: Any
    meets: tuple[Any, Any] | None = None
    filter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTask:
    """Pairs to verify: shapes of both sides (packed or not), and which go together.

    `left_rows` and `right_rows` are the positions of the shapes in their sides; `names` are of `vocabulary`. `threads`
    share the pairs; `beside` tells that other threads work on other pairs at the same time.
    """

    left: Any
    right: Any
    left_rows: Any
    right_rows: Any
    names: tuple[str, ...]
    vocabulary: Vocabulary
    both_ways: bool
    keep_meets: bool
    first: Any = None
    second: Any = None
    threads: int = 1
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """A cell to filter and to verify; `pairs` has its shapes and no pairs yet."""

    pairs: PairTask
    left_bounds: Any
    right_bounds: Any
    left_spans: Any
    right_spans: Any
    low: tuple[float, float]
    high: tuple[float, float]
    filter: str
    self_join: bool


def pair_task(
    left: Side, right: Side, left_rows: Any, right_rows: Any, *, relations: tuple[Relation, ...],
    vocabulary: Vocabulary, both_ways: bool, keep_meets: bool, form: Form = "shapes", threads: int = 1,
    beside: bool = False, copied: tuple[Any, Any] | None = None,
) -> PairTask:  # fmt: skip
    """Make a task of some features.

    Parameters
    ----------
    left, right, left_rows, right_rows
        Both sides, and the positions of the features.
    relations, vocabulary
        What to look for.
    both_ways, keep_meets, threads, beside
        As in `PairTask`.
    form
        ``"packed"`` for another process, ``"none"`` where no shape is needed.
    copied
        Which shapes of each side must be copies.
    """
    ours, theirs = (
        _in_form(side.shapes, rows, form, None if copied is None else copied[place])
        for place, (side, rows) in enumerate(((left, left_rows), (right, right_rows)))
    )
    return PairTask(
        left=ours, right=theirs, left_rows=left_rows, right_rows=right_rows,
        names=tuple(relation.name for relation in relations), vocabulary=vocabulary,
        both_ways=both_ways, keep_meets=keep_meets, threads=threads, beside=beside,
    )  # fmt: skip


def _in_form(shapes: Any, rows: Any, form: Form, copied: Any) -> Any:
    if form == "none":
        return None
    some = shapes[rows]
    if form == "packed":
        return PackedShapes.of(some)
    if copied is not None and copied.any():
        twice = some[copied]
        some[copied] = shapely.set_srid(twice, shapely.get_srid(twice))  # gives copies
    return some


def cell_task(
    left: Side, right: Side, cell: Cell, pairs: PairTask, *, filter_name: str, self_join: bool
) -> CellTask:
    """Make a task of a cell whose rows are positions in the sides."""
    return CellTask(
        pairs=pairs, left_bounds=left.bounds[cell.left], right_bounds=right.bounds[cell.right],
        left_spans=None if left.spans is None else left.spans[cell.left],
        right_spans=None if right.spans is None else right.spans[cell.right],
        low=cell.low, high=cell.high, filter=filter_name, self_join=self_join,
    )  # fmt: skip


def candidates(task: CellTask) -> Iterator[tuple[Any, Any]]:
    """Give the pairs of a cell, in blocks, as positions within the cell."""
    name = task.filter
    for first, second in filter_pairs(task.left_bounds, task.right_bounds, name=name):
        good = in_cell(task.left_bounds[first], task.right_bounds[second], task.low, task.high)
        if task.self_join:
            good &= task.pairs.left_rows[first] < task.pairs.right_rows[second]
        if task.left_spans is not None and task.right_spans is not None:
            ours, theirs = task.left_spans[first], task.right_spans[second]
            good &= (ours[:, 0] <= theirs[:, 1]) & (theirs[:, 0] <= ours[:, 1])
        yield first[good], second[good]


def found_in_cell(task: CellTask) -> Iterator[Found]:
    """Filter and verify a cell, in blocks of bounded size."""
    if task.filter == "auto":
        task = replace(task, filter=choose_filter(task.left_bounds, task.right_bounds))
    ours, theirs = unpacked(task.pairs.left), unpacked(task.pairs.right)
    pairs = replace(task.pairs, left=ours, right=theirs)
    waiting: list[tuple[Any, Any]] = []
    size = 0
    try:
        for block in candidates(task):
            waiting.append(block)
            size += len(block[0])
            if size >= PAIRS_AT_ONCE // 4:
                yield replace(_verified(pairs, waiting), filter=task.filter)
                waiting, size = [], 0
        yield replace(_verified(pairs, waiting), filter=task.filter)
    finally:
        for side in (ours, theirs):
            shapely.destroy_prepared(side)


def _verified(pairs: PairTask, blocks: list[tuple[Any, Any]]) -> Found:
    """Verify pairs in an order in which one side's neighbours come together."""
    nothing = np.empty(0, dtype=np.int64)
    first, second = (
        np.concatenate([nothing, *(block[side] for block in blocks)]) for side in (0, 1)
    )
    order = np.lexsort((second, first))
    return verified(replace(pairs, first=first[order], second=second[order]))


def verified(task: PairTask) -> Found:
    """Verify the pairs of a task."""
    relations = choose_relations(task.names, vocabulary=task.vocabulary)
    ours, theirs = unpacked(task.left), unpacked(task.right)
    result = verify(
        ours[task.first], theirs[task.second], relations, both_ways=task.both_ways,
        threads=task.threads, groups=(task.first, task.second), beside=task.beside,
    )  # fmt: skip
    rows, columns = task.left_rows[task.first], task.right_rows[task.second]
    return Found(
        rows=np.concatenate([rows[result.pairs], columns[result.back_pairs]]),
        columns=np.concatenate([columns[result.pairs], rows[result.back_pairs]]),
        kinds=np.concatenate([result.kinds, result.back_kinds]).astype(np.uint8),
        candidates=len(rows), related=result.related, hits=result.meets,
        meets=(rows[result.meets], columns[result.meets]) if task.keep_meets else None,
    )  # fmt: skip


def work(task: CellTask | PairTask) -> Found:
    """Do a task as a whole: what another process runs."""
    if isinstance(task, PairTask):
        return verified(task)
    parts = list(found_in_cell(task))
    kept = [part.meets for part in parts if part.meets is not None]
    return Found(
        rows=np.concatenate([part.rows for part in parts]),
        columns=np.concatenate([part.columns for part in parts]),
        kinds=np.concatenate([part.kinds for part in parts]),
        candidates=sum(part.candidates for part in parts),
        related=sum(part.related for part in parts),
        hits=np.concatenate([part.hits for part in parts]),
        meets=(
            (np.concatenate([a for a, _ in kept]), np.concatenate([b for _, b in kept]))
            if kept
            else None
        ),
        filter=parts[0].filter,
    )


def count_meeting(task: CellTask) -> int:
    """Count the pairs of a cell that share a point."""
    ours, theirs = unpacked(task.pairs.left), unpacked(task.pairs.right)
    total = 0
    try:
        for first, second in candidates(task):
            shapely.prepare(ours[first])
            total += int(np.count_nonzero(shapely.intersects(ours[first], theirs[second])))
    finally:
        shapely.destroy_prepared(ours)
    return total


def unpacked(side: Any) -> Any:
    """Give shapes of what a task holds."""
    return side.shapes() if isinstance(side, PackedShapes) else side
