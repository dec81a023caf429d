"""Verification: one DE-9IM code per pair, and all relations from it.

Pairs that do not meet and pairs where one shape lies properly inside the other are settled by prepared geometries;
only the rest is related in full (holistic verification as in JedAI-spatial, arXiv:2205.01905). A code becomes a number
of nine base-4 digits, and each distinct number is decoded once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from extremeearth.knowledge.interlinking.questions import question_for
from extremeearth.knowledge.interlinking.relations import Relation, holds, transposed

__all__ = ["Verified", "has_boundary", "verify"]

_SIGNS = "F012"
_PLACES = 4 ** np.arange(8, -1, -1, dtype=np.int32)
_DIGIT = np.zeros(128, dtype=np.int32)
_DIGIT[[ord(sign) for sign in _SIGNS]] = np.arange(4)
_APART = 0
"""Number of a pair that does not meet; its true code is never needed."""
_COLLECTION = 7
FEW_PAIRS = 2_000
"""Up to so many pairs one thread is enough."""
SAMPLE = 50
MOST_ASKED = 3
"""Codes asked for by their pattern, where threads work side by side."""
WORTH_ASKING = 0.4
"""Share of the pairs left that a code must have in the sample."""
WORTH_A_QUESTION = 0.5
"""Share of the pairs left that a question must settle in the sample."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of pairs.

    Attributes
    ----------
    pairs, kinds
        Positions of pairs and of relations that hold for them, ordered by pair.
    back_pairs, back_kinds
        The same for the pairs turned round, where that was asked for.
    meets
        For each pair, whether the shapes share a point.
    related
        How many pairs needed more than to be met or found properly inside.
    """

    pairs: Any
    kinds: Any
    back_pairs: Any
    back_kinds: Any
    meets: Any
    related: int


@dataclass(frozen=True, slots=True)
class _Pairs:
    left: Any
    right: Any
    left_groups: Any
    right_groups: Any


def verify(
    left: Any,
    right: Any,
    relations: tuple[Relation, ...],
    *,
    both_ways: bool = False,
    threads: int = 1,
    groups: tuple[Any, Any] | None = None,
    beside: bool = False,
) -> Verified:
    """Find which relations hold between pairs of shapes; a pair that does not meet has none.

    Parameters
    ----------
    left, right
        Shapes of the pairs, one row a pair; the same object where the same shape comes again.
    relations
        What to look for.
    both_ways
        Also tell the relations from right to left, from the same codes.
    threads
        How many work side by side; more than one needs `groups`.
    groups
        For each pair, numbers of its left and its right shape: equal for the same shape.
    beside
        Whether other threads verify at the same time: then the usual codes are asked for by their patterns.

    Examples
    --------
    >>> from extremeearth.knowledge.interlinking.relations import choose_relations
    >>> relations = choose_relations(["within", "contains"], vocabulary="sf")
    >>> found = verify(
    ...     shapely.points([[1, 1], [9, 9]]),
    ...     shapely.box([0, 0], 0, 2, 2),
    ...     relations,
    ...     both_ways=True,
    ... )
    >>> found.pairs.tolist(), found.kinds.tolist(), found.back_kinds.tolist()
    ([0], [0], [1])
    """
    alone = groups is None
    numbers, flipped, related = _codes(
        _Pairs(left, right, *(groups or (None, None))),
        threads=1 if alone else threads,
        relations=relations,
        asked=MOST_ASKED if beside else 0,
    )
    meets = numbers != _APART
    dimensions = shapely.get_dimensions(left) * 3 + shapely.get_dimensions(right)
    keys = numbers.astype(np.int64) * 9 + dimensions
    distinct, back = np.unique(keys, return_inverse=True)
    forth_table = np.zeros((len(distinct), len(relations)), dtype=bool)
    back_table = np.zeros_like(forth_table)
    for row, key in enumerate(distinct.tolist()):
        number, dims = divmod(key, 9)
        if number == _APART:
            continue
        ours, theirs = divmod(dims, 3)
        code = _text(number)
        code = code if flipped else transposed(code)
        forth_table[row] = [holds(r, code, left=ours, right=theirs) for r in relations]
        if both_ways:
            turned = transposed(code)
            back_table[row] = [holds(r, turned, left=theirs, right=ours) for r in relations]
    pairs, kinds = np.nonzero(forth_table[back])
    back_pairs, back_kinds = np.nonzero(back_table[back])
    return Verified(pairs, kinds, back_pairs, back_kinds, meets, related)


def _codes(
    pairs: _Pairs, *, threads: int, relations: tuple[Relation, ...], asked: int
) -> tuple[Any, bool, int]:
    """Give the code of each pair as a number, whether it is the one from left to right, and how many were related.

    Codes are those from the shape with more vertices, which is prepared, to the other one: GEOS is faster that way.
    """
    left, right = pairs.left, pairs.right
    flipped = bool(
        shapely.get_num_coordinates(left).sum() > shapely.get_num_coordinates(right).sum()
    )
    inner, outer = (right, left) if flipped else (left, right)
    if threads == 1 or len(left) < FEW_PAIRS:
        numbers, related = _settled(inner, outer, relations, asked=asked)
        return numbers, flipped, related
    # a shape is prepared at its first use, which must not happen in two threads: each has its own outer shapes
    groups = pairs.left_groups if flipped else pairs.right_groups
    order = np.argsort(groups, kind="stable")
    steps = np.searchsorted(
        groups[order], groups[order[np.arange(1, threads) * len(order) // threads]]
    )
    parts = [part for part in np.split(order, np.unique(steps)) if len(part)]
    numbers = np.empty(len(left), dtype=np.int32)
    related = 0
    with ThreadPoolExecutor(len(parts)) as pool:
        done = pool.map(
            lambda part: _settled(inner[part], outer[part], relations, asked=MOST_ASKED), parts
        )
        for part, (found, count) in zip(parts, done, strict=True):
            numbers[part] = found
            related += count
    return numbers, flipped, related


def _settled(
    inner: Any, outer: Any, relations: tuple[Relation, ...], *, asked: int
) -> tuple[Any, int]:
    """Give the codes from outer to inner, and how many pairs were not settled by preparation."""
    shapely.prepare(outer)
    numbers = np.full(len(inner), _APART, dtype=np.int32)
    meets = shapely.intersects(outer, inner)
    types = shapely.get_type_id(inner)
    settled = meets & np.isin(shapely.get_type_id(outer), (3, 6)) & (types != _COLLECTION)
    if any(
        "rcc8" in relation.iri for relation in relations
    ):  # a closed line has no boundary that could lie inside
        settled &= ~np.isin(types, (1, 2, 5))
    inside = np.zeros(len(inner), dtype=bool)
    inside[settled] = shapely.contains_properly(outer[settled], inner[settled])
    numbers[inside] = _INSIDE[shapely.get_dimensions(inner[inside])]
    rest = np.flatnonzero(meets & ~inside)
    numbers[rest] = _related(inner[rest], outer[rest], relations, asked=asked)
    return numbers, len(rest)


def _related(inner: Any, outer: Any, relations: tuple[Relation, ...], *, asked: int) -> Any:
    """Give the codes from outer to inner, or of a pair that was settled by a question one with the same relations.

    Of many pairs nearly all have one of very few codes: a sample tells what is to be asked. `relate` lets no other
    thread work, while asking for one code by its pattern does: so where others do, at most `asked` codes are.
    """
    numbers = np.full(len(inner), _APART, dtype=np.int32)
    waiting = [np.empty(0, dtype=np.int64)]
    dimensions = shapely.get_dimensions(outer) * 3 + shapely.get_dimensions(inner)
    for dims in np.unique(dimensions).tolist():
        rows = np.flatnonzero(dimensions == dims)
        if len(rows) > 8 * SAMPLE:
            rows = _asked(inner, outer, rows, numbers, dims=divmod(dims, 3), relations=relations,
                          most=asked)  # fmt: skip
        waiting.append(rows)
    rest = np.concatenate(waiting)
    if len(rest):
        numbers[rest] = _numbers(shapely.relate(outer[rest], inner[rest]))
    return numbers


def _asked(
    inner: Any, outer: Any, rows: Any, numbers: Any, *, dims: tuple[int, int],
    relations: tuple[Relation, ...], most: int,
) -> Any:  # fmt: skip
    """Ask what the codes of a sample suggest, note the answers, and give the rows that are left."""
    sample = rows[:: len(rows) // SAMPLE]
    codes = np.asarray(shapely.relate(outer[sample], inner[sample]), dtype="U9")
    while len(codes):
        kinds, counts = np.unique(codes, return_counts=True)
        questions = [
            question_for(code, relations, first=dims[0], second=dims[1]) for code in kinds.tolist()
        ]
        shares = [
            0 if one is None else sum(counts[[other == one for other in questions]])
            for one in questions
        ]
        best = int(np.argmax(shares))
        chosen = questions[best]
        if chosen is not None and shares[best] >= WORTH_A_QUESTION * len(codes):
            gone = np.isin(codes, kinds[[other == chosen for other in questions]])
            yes = chosen.ask(outer[rows], inner[rows])
        elif most and counts.max() >= WORTH_ASKING * len(codes):
            best, most = int(np.argmax(counts)), most - 1
            gone = codes == kinds[best]
            yes = shapely.relate_pattern(outer[rows], inner[rows], str(kinds[best]))
        else:
            break
        numbers[rows[yes]] = _numbers(kinds[best : best + 1])[0]
        rows, codes = rows[~yes], codes[~gone]
    return rows


def _numbers(codes: Any) -> Any:
    """Read codes as numbers of nine base-4 digits."""
    letters = np.asarray(codes, dtype="U9").view(np.uint32).reshape(-1, 9)
    return _DIGIT[letters] @ _PLACES


def _text(number: int) -> str:
    return "".join(_SIGNS[number // int(place) % 4] for place in _PLACES)


_INSIDE = _numbers(np.array(["0F2FF1FF2", "102FF1FF2", "212FF1FF2"]))
"""Codes of a polygon with a point, a line and a polygon properly inside it."""


def has_boundary(shapes: Any) -> Any:
    """Tell which shapes have a boundary: points and closed lines have none.

    Examples
    --------
    >>> has_boundary(
    ...     np.array([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], dtype=object)
    ... ).tolist()
    [False, True]
    """
    result = shapely.get_dimensions(shapes) == 2
    lines = np.flatnonzero(np.isin(shapely.get_type_id(shapes), (1, 2, 5)))
    result[lines] = ~shapely.is_empty(shapely.boundary(shapes[lines]))
    return result
