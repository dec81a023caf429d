"""Questions that settle a pair without its whole code: a predicate whose yes tells every relation that was asked for.

Of many pairs nearly all stand in one relation. A line that crosses a polygon does nothing else with it but intersect;
`crosses` stops as soon as that is known, and lets other threads work, while `relate` does neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import shapely

from extremeearth.knowledge.interlinking.relations import (
    Relation,
    choose_relations,
    holds,
    transposed,
)

__all__ = ["Question", "question_for"]

_ASKED = ("crosses", "overlaps", "touches")


@dataclass(frozen=True, slots=True)
class Question:
    """A relation and GEOS' predicate for it, from the first shape to the second."""

    relation: Relation
    ask: Callable[[Any, Any], Any]


@lru_cache(maxsize=4096)
def question_for(
    code: str, relations: tuple[Relation, ...], *, first: int, second: int
) -> Question | None:
    """Find a question that pairs with this code answer with yes, and no pair for which other relations hold.

    Parameters
    ----------
    code
        DE-9IM code from the first to the second shape.
    relations
        Those that are looked for, in both directions.
    first, second
        Dimensions of the shapes. One must be 2: relations of two lines depend on more than which parts meet.

    Examples
    --------
    >>> relations = choose_relations("all", vocabulary="sf")
    >>> question_for("1020F1102", relations, first=2, second=1).relation.name
    'crosses'
    >>> question_for("212FF1FF2", relations, first=2, second=2) is None
    True
    """
    if 2 not in (first, second):
        return None
    said = _answers(code, relations, first, second)
    for relation in choose_relations(_ASKED, vocabulary="sf"):
        if holds(relation, code, left=first, right=second) and all(
            _answers(other, relations, first, second) == said
            for other in _possible(first, second)
            if holds(relation, other, left=first, right=second)
        ):
            return Question(relation, getattr(shapely, relation.name))
    return None


def _possible(first: int, second: int) -> Iterator[str]:
    """Give the codes of two shapes of these dimensions as far as patterns tell them apart, and some more.

    What is outside of both is never empty, and no shape covers one of a higher dimension.
    """
    choices = ["F2"] * 9
    choices[8] = "2"
    if first > second:
        choices[2] = "2"
    if second > first:
        choices[6] = "2"
    return map("".join, product(*choices))


@lru_cache(maxsize=65_536)
def _answers(
    code: str, relations: tuple[Relation, ...], first: int, second: int
) -> tuple[bool, ...]:
    """Tell which relations hold in both directions."""
    back = transposed(code)
    return (
        *(holds(relation, code, left=first, right=second) for relation in relations),
        *(holds(relation, back, left=second, right=first) for relation in relations),
    )
