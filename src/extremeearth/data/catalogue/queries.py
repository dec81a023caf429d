"""What one asks the catalogue, and what comes back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pystac
import shapely

from extremeearth.core.boxes import Box
from extremeearth.core.errors import InputError
from extremeearth.core.reference_systems import LONLAT
from extremeearth.core.times import TimeRange
from extremeearth.data.catalogue.filters import FilterNode

__all__ = ["MAX_LIMIT", "ItemPage", "ItemQuery", "SortKey", "parse_sort"]

MAX_LIMIT = 1_000
"""Most items of one page; who asks for more gets this many and a token for the rest."""
MAX_SORT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """A property to sort by; items without it come last either way."""

    name: str
    descending: bool = False


def parse_sort(text: str) -> tuple[SortKey, ...]:
    """Read the STAC form of a sort order.

    Examples
    --------
    >>> parse_sort("-properties.datetime,+id")
    (SortKey(name='datetime', descending=True), SortKey(name='id', descending=False))
    """
    keys = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([+-]?)\s*([^\s,+-][^\s,]*)\s*", part)
        if match is None:
            raise InputError(f"'{part[:50]}' is nothing to sort by.", hint="Write -datetime,+id.")
        keys.append(SortKey(name=match[2].removeprefix("properties."), descending=match[1] == "-"))
    return tuple(keys)


@dataclass(frozen=True, kw_only=True)
class ItemQuery:
    """A search; every condition that is given must hold.

    Attributes
    ----------
    collections, ids
        Names; empty for any.
    box
        Region, in any reference system.
    intersects
        Shape in longitude and latitude; not together with `box`.
    time
        Time frame that the item's own must overlap.
    filter
        Condition on properties, place and time.
    sort
        Order of the result; by default the newest first.
    limit
        Items of a page, at least 1; more than `MAX_LIMIT` are cut to it.
    token
        From the page before, with the same query.

    Raises
    ------
    InputError
        Box and shape are both given, or the limit is below 1.

    Examples
    --------
    >>> ItemQuery(limit=0)
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: A page of 0 items is none. Give a limit of at least 1.
    """

    collections: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    box: Box | None = None
    intersects: shapely.Geometry | None = None
    time: TimeRange | None = None
    filter: FilterNode | None = None
    sort: tuple[SortKey, ...] = ()
    limit: int = 100
    token: str | None = None

    def __post_init__(self) -> None:
        if self.box is not None and self.intersects is not None:
            raise InputError("A search takes a box or a shape, not both.", hint="Leave one out.")
        if self.limit < 1:
            raise InputError(
                f"A page of {self.limit} items is none.", hint="Give a limit of at least 1."
            )
        if len(self.sort) > MAX_SORT:
            raise InputError(f"More than {MAX_SORT} sort keys.", hint="Give fewer.")

    @property
    def page_size(self) -> int:
        """The limit in force."""
        return min(self.limit, MAX_LIMIT)

    @property
    def lonlat_box(self) -> Box | None:
        """The region in longitude and latitude."""
        return None if self.box is None else self.box.to_crs(LONLAT)


@dataclass(frozen=True)
class ItemPage:
    """One page of a search.

    Attributes
    ----------
    bodies
        The items as JSON objects.
    next_token
        For the page after; `None` on the last one.
    matched
        How many items the whole search finds; `None` where nobody asked.
    """

    bodies: tuple[dict[str, Any], ...]
    next_token: str | None = None
    matched: int | None = field(default=None)

    @cached_property
    def items(self) -> tuple[pystac.Item, ...]:
        """The items."""
        return tuple(pystac.Item.from_dict(body) for body in self.bodies)
