"""Topological relations of GeoSPARQL, decoded from DE-9IM codes.

A code is the nine dimensions of the meetings of interior, boundary and exterior of two shapes, row by row
(``2FF1FF212``: the first lies properly inside the second). The patterns are those of GeoSPARQL 1.1 (OGC 22-047r1,
tables 2 to 4) and of OGC Simple Features (06-103r4, 6.1.15.3), where crosses and overlaps depend on the dimensions.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from extremeearth.core.errors import InputError
from extremeearth.knowledge.rdf import GEO

__all__ = ["ON_REQUEST", "Relation", "Vocabulary", "choose_relations", "holds", "transposed"]

Vocabulary = Literal["sf", "eh", "rcc8"]
"""Family of property names: Simple Features, Egenhofer, region connection calculus."""

Patterns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation: its short name, the IRI of its property, and its patterns for two dimensions (0, 1 or 2).

    Examples
    --------
    >>> crosses = choose_relations(["crosses"], vocabulary="sf")[0]
    >>> crosses.patterns(1, 2), crosses.patterns(2, 2)
    (('T*T******',), ())
    """

    name: str
    iri: str
    patterns: Callable[[int, int], Patterns]


def _always(*patterns: str) -> Callable[[int, int], Patterns]:
    return lambda _left, _right: patterns


def _crosses(left: int, right: int) -> Patterns:
    if left < right:
        return ("T*T******",)
    if left > right:
        return ("T*****T**",)
    return ("0********",) if left == 1 else ()


def _overlaps(left: int, right: int) -> Patterns:
    if left != right:
        return ()
    return ("1*T***T**",) if left == 1 else ("T*T***T**",)


def _touches(left: int, right: int) -> Patterns:
    # two points have no boundary, so they cannot touch
    return () if left == right == 0 else ("FT*******", "F**T*****", "F***T****")


_EH_COVERS = Relation("covers", GEO.ehCovers, _always("T*TFT*FF*"))
_EH_COVERED_BY = Relation("coveredBy", GEO.ehCoveredBy, _always("TFF*TFT**"))

FAMILIES: dict[str, tuple[Relation, ...]] = {
    "sf": (
        Relation("equals", GEO.sfEquals, _always("T*F**FFF*")),
        Relation("intersects", GEO.sfIntersects, _always("T********", "*T*******", "***T*****", "****T****")),
        Relation("touches", GEO.sfTouches, _touches),
        Relation("within", GEO.sfWithin, _always("T*F**F***")),
        Relation("contains", GEO.sfContains, _always("T*****FF*")),
        Relation("overlaps", GEO.sfOverlaps, _overlaps),
        Relation("crosses", GEO.sfCrosses, _crosses),
        # Simple Features has no property for these two; Egenhofer's are the only ones in GeoSPARQL.
        _EH_COVERS,
        _EH_COVERED_BY,
        Relation("disjoint", GEO.sfDisjoint, _always("FF*FF****")),
    ),
    "eh": (
        Relation("equals", GEO.ehEquals, _always("TFFFTFFFT")),
        Relation("meet", GEO.ehMeet, _always("FT*******", "F**T*****", "F***T****")),
        Relation("overlap", GEO.ehOverlap, _always("T*T***T**")),
        _EH_COVERS,
        _EH_COVERED_BY,
        Relation("inside", GEO.ehInside, _always("TFF*FFT**")),
        Relation("contains", GEO.ehContains, _always("T*TFF*FF*")),
        Relation("disjoint", GEO.ehDisjoint, _always("FF*FF****")),
    ),
    "rcc8": (
        Relation("eq", GEO.rcc8eq, _always("TFFFTFFFT")),
        Relation("ec", GEO.rcc8ec, _always("FFTFTTTTT")),
        Relation("po", GEO.rcc8po, _always("TTTTTTTTT")),
        Relation("tppi", GEO.rcc8tppi, _always("TTTFTTFFT")),
        Relation("tpp", GEO.rcc8tpp, _always("TFFTTFTTT")),
        Relation("ntpp", GEO.rcc8ntpp, _always("TFFTFFTTT")),
        Relation("ntppi", GEO.rcc8ntppi, _always("TTTFFTFFT")),
        Relation("dc", GEO.rcc8dc, _always("FFTFFTTTT")),
    ),
}  # fmt: skip
"""The relations of each family."""

ON_REQUEST = frozenset({"disjoint", "dc"})
"""Relations that hold for nearly all pairs: stated only where they are named."""


def matches(code: str, pattern: str) -> bool:
    """Tell whether a code has a pattern: ``T`` is any dimension, ``F`` none, ``*`` anything.

    Examples
    --------
    >>> matches("2FF1FF212", "T*F**F***")
    True
    """
    return all(
        wanted in {"*", found} or (wanted == "T" and found != "F")
        for found, wanted in zip(code, pattern, strict=True)
    )


def holds(relation: Relation, code: str, *, left: int, right: int) -> bool:
    """Tell whether a relation holds between shapes of these dimensions with this code.

    Examples
    --------
    >>> within = choose_relations(["within"], vocabulary="sf")[0]
    >>> holds(within, "2FF1FF212", left=2, right=2)
    True
    """
    return any(matches(code, pattern) for pattern in relation.patterns(left, right))


def transposed(code: str) -> str:
    """Give the code of the same two shapes in the other order.

    Examples
    --------
    >>> transposed("2FF1FF212")
    '212FF1FF2'
    """
    return "".join(code[i] for i in (0, 3, 6, 1, 4, 7, 2, 5, 8))


def choose_relations(
    names: Iterable[str] | Literal["all"], *, vocabulary: Vocabulary
) -> tuple[Relation, ...]:
    """Look relations up by their short names.

    ``"all"`` leaves out disjoint (``dc`` in RCC8), which nearly all pairs are: name it to have it.

    Raises
    ------
    InputError
        The family or a name is not known.

    Examples
    --------
    >>> [r.iri.rpartition("#")[2] for r in choose_relations(["within", "covers"], vocabulary="sf")]
    ['sfWithin', 'ehCovers']
    """
    if vocabulary not in FAMILIES:
        raise InputError(
            f"'{vocabulary}' is no family of relations.", hint=f"Use one of {', '.join(FAMILIES)}."
        )
    family = {relation.name: relation for relation in FAMILIES[vocabulary]}
    if names == "all":
        return tuple(r for name, r in family.items() if name not in ON_REQUEST)
    wanted = [names] if isinstance(names, str) else list(names)
    for name in wanted:
        if name not in family:
            close = difflib.get_close_matches(name.lower(), {n.lower(): n for n in family}, n=1)
            meant = next((f"Did you mean {n}? " for n in family if n.lower() in close), "")
            raise InputError(
                f"'{name}' is no relation that can be linked by.",
                hint=f"{meant}Use some of {', '.join(family)}.",
            )
    return tuple(family[name] for name in dict.fromkeys(wanted))
