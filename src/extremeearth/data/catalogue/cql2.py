"""CQL2 (OGC 21-065r2), text and JSON, read into the filter tree."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cql2
import shapely

from extremeearth.core.boxes import as_box
from extremeearth.core.errors import BoxError, FilterError, InputError, TimeRangeError
from extremeearth.core.times import TimeRange, as_time_range
from extremeearth.data.catalogue.filter_values import (
    LONGEST_TEXT,
    MOST_PARTS,
    plain_text,
    property_of,
    scalar_of,
)
from extremeearth.data.catalogue.filters import (
    COMPARISONS,
    SPATIAL_RELATIONS,
    TEMPORAL_RELATIONS,
    And,
    Between,
    Compare,
    Constant,
    FilterNode,
    In,
    IsNull,
    Like,
    Not,
    Or,
    Property,
    Spatial,
    Temporal,
)
from extremeearth.data.products.footprints import footprint_of_stac

__all__ = ["MAX_DEPTH", "MAX_TEXT", "MAX_VERTICES", "parse_cql2", "read_shape"]

MAX_TEXT = 64 * 1024  # characters of a filter, JSON with a polygon included
MAX_DEPTH = 32
MAX_VERTICES = 10_000
MAX_WILDCARDS = 8
FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
HINT = "Offered are and, or, not, comparisons, between, in, like, isNull, s_* and t_* functions."


def parse_cql2(source: str | dict[str, Any]) -> FilterNode:
    """Read a CQL2 filter, as text or as JSON (text of it, or the object).

    Parameters
    ----------
    source
        E.g. ``"eo:cloud_cover" <= 10 AND datetime > TIMESTAMP('2018-01-01T00:00:00Z')``.

    Returns
    -------
    FilterNode
        Immutable tree; property names are not checked here, but against the catalogue.

    Raises
    ------
    FilterError
        It cannot be parsed, is too long or nests too deep, or uses an operator that is not offered.

    Examples
    --------
    >>> parse_cql2("crop = 'winter wheat'")
    Compare(left=Property(name='crop'), operator='=', right='winter wheat')
    >>> parse_cql2({"op": "isNull", "args": [{"property": "crop"}]})
    IsNull(subject=Property(name='crop'))
    >>> parse_cql2("crop = ")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.FilterError: The filter cannot be parsed. ...
    """
    if isinstance(source, str):
        plain_text(source, what="The filter", longest=MAX_TEXT)
        source = _json_of(source) if source.lstrip().startswith("{") else _json_of_text(source)
    return _Reader().node(source, depth=0)


def _json_of(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise FilterError("The filter is no JSON.", hint="Write CQL2 text or CQL2 JSON.") from err


def _json_of_text(text: str) -> Any:
    plain_text(text, what="The filter", longest=LONGEST_TEXT)
    deepest = depth = 0
    for character in text:  # the parser recurses: it must not see what nests too deep
        depth += {"(": 1, ")": -1}.get(character, 0)
        deepest = max(deepest, depth)
    if (
        deepest > MAX_DEPTH
        or text.lower().count("not") > MOST_PARTS
        or text.count("-") > MOST_PARTS
    ):
        raise FilterError(f"The filter nests deeper than {MAX_DEPTH}.", hint="Make it simpler.")
    try:
        return cql2.parse_text(text).to_json()
    except cql2.ParseError as err:
        detail = " ".join(line.strip(" =") for line in str(err).splitlines()[-1:])
        raise FilterError(
            "The filter cannot be parsed.", hint=f"It is CQL2 text; {detail[:300]}."
        ) from err
    except (ValueError, RecursionError) as err:
        raise FilterError("The filter cannot be parsed.", hint="It is CQL2 text.") from err


class _Reader:
    """Reads one filter, and counts its nodes."""

    def __init__(self) -> None:
        self.nodes = 0

    def node(self, source: Any, *, depth: int) -> FilterNode:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MOST_PARTS:
            raise FilterError(
                "The filter is too large.", hint=f"At most {MAX_DEPTH} deep and {MOST_PARTS} parts."
            )
        if isinstance(source, bool):
            return Constant(source)
        if not isinstance(source, dict) or "op" not in source:
            raise FilterError("A part of the filter has no 'op'.", hint=HINT)
        operator, arguments = source["op"], source.get("args")
        if not isinstance(operator, str) or not isinstance(arguments, list):
            raise FilterError("A part of the filter has no list of 'args'.", hint=HINT)
        name = operator.lower()
        if name in {"and", "or"}:
            parts = tuple(self.node(part, depth=depth + 1) for part in arguments)
            if len(parts) < 2:
                raise FilterError(f"'{name}' needs two parts.", hint=HINT)
            return And(parts) if name == "and" else Or(parts)
        if name == "not":
            return Not(self.node(_only(arguments, 1, name)[0], depth=depth + 1))
        return _predicate(name, arguments)


def _predicate(name: str, arguments: list[Any]) -> FilterNode:
    if name in COMPARISONS:
        return _compare(name, arguments)
    if name in _PREDICATES:
        return _PREDICATES[name](arguments)
    if name.startswith("s_") and name[2:] in SPATIAL_RELATIONS:
        return _spatial(name[2:], arguments)
    if name.startswith("t_") and name[2:] in TEMPORAL_RELATIONS:
        return _temporal(name[2:], arguments)
    raise FilterError(f"The filter operator '{name[:50]}' is not offered.", hint=HINT)


def _only(arguments: list[Any], count: int, name: str) -> list[Any]:
    if len(arguments) != count:
        raise FilterError(f"'{name}' takes {count} arguments, not {len(arguments)}.", hint=HINT)
    return arguments


def _is_property(value: Any) -> bool:
    return isinstance(value, dict) and "property" in value


def _compare(operator: str, arguments: list[Any]) -> FilterNode:
    left, right = _only(arguments, 2, operator)
    if not _is_property(left) and _is_property(right):
        left, right, operator = right, left, FLIPPED[operator]
    return Compare(
        property_of(left), operator, property_of(right) if _is_property(right) else scalar_of(right)
    )


def _between(arguments: list[Any]) -> FilterNode:
    subject, low, high = _only(arguments, 3, "between")
    return Between(property_of(subject), scalar_of(low), scalar_of(high))


def _in(arguments: list[Any]) -> FilterNode:
    subject, values = _only(arguments, 2, "in")
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_PARTS:
        raise FilterError(f"'in' needs a list of 1 to {MOST_PARTS} values.", hint=HINT)
    return In(property_of(subject), tuple(scalar_of(value) for value in values))


def _like(arguments: list[Any]) -> FilterNode:
    subject, pattern = _only(arguments, 2, "like")
    if not isinstance(pattern, str):
        raise FilterError("'like' needs a text as pattern.", hint=HINT)
    plain_text(pattern, what="A pattern", longest=256)
    if pattern.count("%") > MAX_WILDCARDS:
        raise FilterError(f"A pattern has more than {MAX_WILDCARDS} '%'.", hint="Use fewer.")
    return Like(property_of(subject), pattern)


def _is_null(arguments: list[Any]) -> FilterNode:
    return IsNull(property_of(_only(arguments, 1, "isNull")[0]))


_PREDICATES: dict[str, Callable[[list[Any]], FilterNode]] = {
    "between": _between,
    "in": _in,
    "like": _like,
    "isnull": _is_null,
}


INVERSE = {"contains": "within", "within": "contains"}
"""What a relation becomes when its sides are swapped; the others are symmetric."""


def _spatial(relation: str, arguments: list[Any]) -> FilterNode:
    left, right = _only(arguments, 2, f"s_{relation}")
    if not _is_property(left):
        left, right, relation = right, left, INVERSE.get(relation, relation)
    if property_of(left).name not in {"geometry", "bbox"}:
        raise FilterError("Only 'geometry' has a place.", hint="Write s_intersects(geometry, ...).")
    return Spatial(relation, read_shape(right))


def read_shape(value: Any) -> shapely.Geometry:
    """Read the GeoJSON shape, or the ``bbox``, of a filter.

    Raises
    ------
    FilterError
        It is none, is broken, or has more than `MAX_VERTICES` points.

    Examples
    --------
    >>> read_shape({"type": "Point", "coordinates": [11.6, 48.4]})
    <POINT (11.6 48.4)>
    """
    try:
        if isinstance(value, dict) and set(value) == {"bbox"}:
            return as_box(value["bbox"]).polygon()
        if not isinstance(value, dict) or "type" not in value:
            raise FilterError("The filter needs a shape here.", hint="Give GeoJSON or WKT.")
        place = footprint_of_stac(value)
    except (BoxError, InputError) as err:
        raise FilterError(err.message, hint=err.hint) from err
    if place is None or shapely.get_num_coordinates(place.geometry) > MAX_VERTICES:
        raise FilterError(
            f"The shape has more than {MAX_VERTICES} points.", hint="Simplify it first."
        )
    return place.geometry


MIRRORED = {
    "after": "before", "before": "after", "contains": "during", "during": "contains",
    "finishedby": "finishes", "finishes": "finishedby", "meets": "metby", "metby": "meets",
    "overlappedby": "overlaps", "overlaps": "overlappedby", "startedby": "starts", "starts": "startedby",
}  # fmt: skip


def _temporal(relation: str, arguments: list[Any]) -> FilterNode:
    left, right = _only(arguments, 2, f"t_{relation}")
    if not _is_property(left):
        left, right, relation = right, left, MIRRORED.get(relation, relation)
    subject = _interval_property(left)
    return Temporal(relation, subject, _frame(right))


def _interval_property(value: Any) -> Property:
    interval = value.get("interval") if isinstance(value, dict) else None
    if interval is None:
        return property_of(value)
    # INTERVAL(start_datetime, end_datetime) is how CQL2 writes the frame of an item
    if not isinstance(interval, list):
        raise FilterError(
            "An interval is a list of two properties.", hint="Write [start_datetime, end_datetime]."
        )
    names = [part.get("property") if isinstance(part, dict) else None for part in interval]
    if names == ["start_datetime", "end_datetime"]:
        return Property("datetime")
    raise FilterError("Only start_datetime and end_datetime make an interval.", hint=HINT)


def _frame(value: Any) -> TimeRange:
    try:
        if isinstance(value, dict) and isinstance(value.get("interval"), list):
            ends = [
                next(iter(end.values())) if isinstance(end, dict) and end else end
                for end in value["interval"]
            ]
            if len(ends) == 2 and all(isinstance(end, str) for end in ends):
                return as_time_range("/".join(ends))
        instant = scalar_of(value)
        if isinstance(instant, str):
            return as_time_range(instant)
        if not isinstance(instant, bool | float):
            return TimeRange(start=instant, end=instant)
    except TimeRangeError as err:
        raise FilterError(err.message, hint=err.hint) from err
    raise FilterError(
        "The filter needs a time here.", hint="TIMESTAMP('...') or INTERVAL('...', '...')."
    )
