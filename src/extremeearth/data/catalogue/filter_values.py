"""Names and values of a filter, whatever language it is written in: read, and kept within bounds."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from extremeearth.core.errors import FilterError, TimeRangeError
from extremeearth.core.times import as_instant
from extremeearth.data.catalogue.filters import Property, Scalar

__all__ = ["LONGEST_TEXT", "MOST_PARTS", "plain_text", "property_of", "scalar_of"]

LONGEST_TEXT = 8 * 1024
"""Characters of CQL2 text, and of a text in a filter."""
MOST_PARTS = 1_000
"""Parts of a filter, and of a list in it."""


def plain_text(text: str, *, what: str, longest: int) -> str:
    """Give a text back that a database can take: not too long, no NUL, no lone surrogate.

    Raises
    ------
    FilterError
        It is not so.

    Examples
    --------
    >>> plain_text("abc", what="A name", longest=10)
    'abc'
    """
    if len(text) > longest:
        raise FilterError(f"{what} is longer than {longest} characters.", hint="Shorten it.")
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise FilterError(
            f"{what} has a character that is no text.", hint="Send UTF-8 without NUL."
        )
    return text


def property_of(value: Any) -> Property:
    """Read the name of a property, as ``{"property": name}``.

    Raises
    ------
    FilterError
        It is none.

    Examples
    --------
    >>> property_of({"property": "properties.crop"})
    Property(name='crop')
    """
    name = value.get("property") if isinstance(value, dict) else None
    if not isinstance(name, str) or not name:
        raise FilterError("The filter needs a property here.", hint="Name one of the queryables.")
    plain_text(name, what="A property name", longest=200)
    return Property(name.removeprefix("properties."))


def scalar_of(value: Any) -> Scalar:
    """Read a text, a number, a truth value or a time.

    Raises
    ------
    FilterError
        It is none, or no finite number.

    Examples
    --------
    >>> scalar_of(3), scalar_of({"date": "2018-05-01"}).isoformat()
    (3.0, '2018-05-01T00:00:00+00:00')
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise FilterError("A number in the filter is not finite.", hint="Give a number.")
        return number
    if isinstance(value, str):
        return plain_text(value, what="A text in the filter", longest=LONGEST_TEXT)
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), str):
        if "timestamp" in value:
            return _instant(value["timestamp"])
        if "date" in value:
            return _instant(value["date"])
    raise FilterError(
        "The filter needs a literal here.", hint="A text, number, true, false or time."
    )


def _instant(text: str) -> datetime:
    try:
        return as_instant(text)
    except TimeRangeError as err:
        raise FilterError(f"'{text[:50]}' is not a time.", hint=err.hint) from err
