"""What is to be linked, and how: one value with every choice."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

from extremeearth.core.errors import InputError
from extremeearth.knowledge.interlinking.filtering import FILTERS
from extremeearth.knowledge.interlinking.partitioning import ROWS_PER_CELL
from extremeearth.knowledge.interlinking.relations import (
    ON_REQUEST,
    Relation,
    Vocabulary,
    choose_relations,
)
from extremeearth.knowledge.interlinking.weighting import read_weighting
from extremeearth.knowledge.rdf import BASE, check_iri

__all__ = ["Budget", "LinkOptions", "Names"]

Names = Iterable[str] | Literal["all"]
"""Short names of relations."""

_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h)?")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be verified: pairs, seconds, or whichever ends first.

    Examples
    --------
    >>> Budget.read("50000"), Budget.read("30s")
    (Budget(pairs=50000, seconds=None), Budget(pairs=None, seconds=30.0))
    """

    pairs: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.pairs is None and self.seconds is None:
            raise InputError("A budget without a limit is none.", hint="Give pairs or seconds.")
        for value in (self.pairs, self.seconds):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"A budget of {value} allows nothing.", hint="Give more than 0.")

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``50000`` (pairs), ``30s``, ``5min`` or ``1h``."""
        found = _BUDGET.fullmatch(text.strip())
        if found is None or (not found[2] and "." in found[1]):
            raise InputError(
                f"'{text}' is no budget.", hint="Write pairs as 50000, or time as 30s, 5min, 1h."
            )
        if found[2]:
            return cls(seconds=float(found[1]) * _SECONDS[found[2]])
        return cls(pairs=int(found[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Every choice of a run.

    Attributes
    ----------
    relations
        ``"all"``, or some names of the vocabulary; disjoint only by its name. Empty where only distances are wanted.
    vocabulary
        Family of the properties: ``"sf"``, ``"eh"`` or ``"rcc8"``.
    filter
        ``"auto"``, or one of ``rtree``, ``giant``, ``radon``, ``sweep``.
    rows_per_cell
        Features of both sides in one cell of the plane: less is less memory.
    threads
        How many verify side by side in this process.
    within_m
        Also link features at most so many metres apart, on the ellipsoid.
    nearest
        Also link each left feature with so many nearest right ones.
    within_property, nearest_property
        Properties of those links; GeoSPARQL has none.
    budget
        Verify the most promising pairs first, and no more than this.
    weighting
        What makes a pair promising; see `read_weighting`.
    measure
        With a budget: also count all pairs that meet, so that recall is known. It costs a full run.
    """

    relations: Names = "all"
    vocabulary: Vocabulary = "sf"
    filter: str = "auto"
    rows_per_cell: int = ROWS_PER_CELL
    threads: int = 1
    within_m: float | None = None
    nearest: int | None = None
    within_property: str = f"{BASE}def/interlinking#withinDistance"
    nearest_property: str = f"{BASE}def/interlinking#nearest"
    budget: Budget | None = None
    weighting: str = "mbro+js"
    measure: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.relations, str):
            object.__setattr__(self, "relations", tuple(self.relations))
        chosen = self.chosen()
        if self.filter != "auto" and self.filter not in FILTERS:
            raise InputError(
                f"'{self.filter}' is no filter.", hint=f"Use auto or one of {', '.join(FILTERS)}."
            )
        if self.rows_per_cell < 2:
            raise InputError(
                "A cell holds at least 2 features.", hint="Give rows_per_cell of 2 or more."
            )
        if self.threads < 1:
            raise InputError(f"{self.threads} threads can do nothing.", hint="Give 1 or more.")
        if self.within_m is not None and not (math.isfinite(self.within_m) and self.within_m >= 0):
            raise InputError(
                f"A distance of {self.within_m} m is not possible.", hint="Give 0 or more."
            )
        if self.nearest is not None and self.nearest < 1:
            raise InputError(f"{self.nearest} nearest features are none.", hint="Give 1 or more.")
        if not chosen and self.within_m is None and self.nearest is None:
            raise InputError("No relation is asked for.", hint="Name some, or say 'all'.")
        if self.budget is not None and any(relation.name in ON_REQUEST for relation in chosen):
            raise InputError(
                "Disjoint cannot be found within a budget: it needs every pair.",
                hint="Leave out one of the two.",
            )
        read_weighting(self.weighting)
        check_iri(self.within_property)
        check_iri(self.nearest_property)

    def chosen(self) -> tuple[Relation, ...]:
        """Give the topological relations."""
        return choose_relations(self.relations, vocabulary=self.vocabulary)
