"""Disjoint: nearly all pairs, so only on request, and block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from extremeearth.knowledge.interlinking.features import Side
from extremeearth.knowledge.interlinking.relations import Relation
from extremeearth.knowledge.interlinking.verification import has_boundary

__all__ = ["disjoint_pairs"]

PAIRS_AT_ONCE = 200_000


def disjoint_pairs(
    left: Side, right: Side, meets: list[tuple[Any, Any]], relation: Relation, *, self_join: bool
) -> Iterator[tuple[Any, Any]]:
    """Give the pairs that share no point: all that did not meet.

    Parameters
    ----------
    left, right
        Both sides.
    meets
        Positions of the pairs that share a point; of a self-join those with the smaller position first.
    relation
        Disjoint of a family; RCC8's ``dc`` is for shapes that have a boundary.
    self_join
        Whether a feature stands on both sides: then no pair with itself.
    """
    ours, theirs = left.rows, right.rows
    if relation.name == "dc":
        ours, theirs = (
            rows[has_boundary(side.shapes[rows])] for side, rows in ((left, ours), (right, theirs))
        )
    width = np.int64(len(right.shapes))
    known = [a * width + b for a, b in meets]
    if self_join:
        known += [b * width + a for a, b in meets]
    touching = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *known]))
    step = max(1, PAIRS_AT_ONCE // max(len(theirs), 1))
    for start in range(0, len(ours), step):
        some = ours[start : start + step]
        rows, columns = np.repeat(some, len(theirs)), np.tile(theirs, len(some))
        keys = rows * width + columns
        place = np.searchsorted(touching, keys)
        apart = np.ones(len(keys), dtype=bool)
        inside = place < len(touching)
        apart[inside] = touching[place[inside]] != keys[inside]
        if self_join:
            apart &= rows != columns
        if left.spans is not None and right.spans is not None:
            a, b = left.spans[rows], right.spans[columns]
            apart &= (a[:, 0] <= b[:, 1]) & (b[:, 0] <= a[:, 1])
        yield rows[apart], columns[apart]
