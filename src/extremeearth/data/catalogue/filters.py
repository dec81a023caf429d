"""The one filter tree that every query language is read into; immutable, and without any SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import shapely

from extremeearth.core.times import TimeRange

__all__ = [
    "COMPARISONS",
    "SPATIAL_RELATIONS",
    "TEMPORAL_RELATIONS",
    "And",
    "Between",
    "Compare",
    "Constant",
    "FilterNode",
    "In",
    "IsNull",
    "Like",
    "Not",
    "Or",
    "Property",
    "Scalar",
    "Spatial",
    "Temporal",
]

Scalar = str | float | bool | datetime
"""A literal; numbers are always floats."""

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
SPATIAL_RELATIONS = (
    "contains",
    "crosses",
    "disjoint",
    "equals",
    "intersects",
    "overlaps",
    "touches",
    "within",
)
TEMPORAL_RELATIONS = (
    "after",
    "before",
    "contains",
    "disjoint",
    "during",
    "equals",
    "finishedby",
    "finishes",
    "intersects",
    "meets",
    "metby",
    "overlappedby",
    "overlaps",
    "startedby",
    "starts",
)


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an item by its name, e.g. ``eo:cloud_cover`` or ``datetime``."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """True or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[FilterNode, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[FilterNode, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; where a property is missing, neither it nor its negation does."""

    part: FilterNode


@dataclass(frozen=True, slots=True)
class Compare:
    """A property against a literal or another property, by one of `COMPARISONS`."""

    left: Property
    operator: str
    right: Scalar | Property


@dataclass(frozen=True, slots=True)
class Between:
    """Low and high are included."""

    subject: Property
    low: Scalar
    high: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """Equal to one of the values."""

    subject: Property
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Like:
    r"""A text against a pattern: ``%`` any run, ``_`` one character, ``\`` takes the next as it is."""

    subject: Property
    pattern: str


@dataclass(frozen=True, slots=True)
class IsNull:
    """The property is missing or null."""

    subject: Property


@dataclass(frozen=True, slots=True)
class Spatial:
    """The item's footprint against a shape in longitude and latitude, by one of `SPATIAL_RELATIONS`."""

    relation: str
    shape: shapely.Geometry


@dataclass(frozen=True, slots=True)
class Temporal:
    """The item's time frame, or one of its times, against a frame, by one of `TEMPORAL_RELATIONS`."""

    relation: str
    subject: Property
    frame: TimeRange


FilterNode = Constant | And | Or | Not | Compare | Between | In | Like | IsNull | Spatial | Temporal
"""Any node that is true or false for an item."""
