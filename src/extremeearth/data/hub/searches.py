"""From the parameters of a request, GET or POST, to one query; what is wrong is told, never guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams

from extremeearth.core.boxes import Box, as_box
from extremeearth.core.errors import BoxError, InputError, TimeRangeError
from extremeearth.core.times import TimeRange, as_time_range
from extremeearth.data.catalogue import (
    And,
    FilterNode,
    ItemQuery,
    SortKey,
    parse_cql2,
    parse_sort,
    parse_stac_query,
    read_shape,
)

__all__ = ["DEFAULT_LIMIT", "query_of", "text_parameters"]

DEFAULT_LIMIT = 10
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
KNOWN = frozenset(
    {
        "bbox", "intersects", "datetime", "collections", "ids", "limit", "token", "filter", "filter-lang",
        "filter-crs", "query", "sortby",
    }
)  # fmt: skip
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def text_parameters(parameters: QueryParams) -> dict[str, Any]:
    """Read the parameters of a GET request into what a POST body would hold.

    Raises
    ------
    InputError
        A parameter is there twice, or cannot be read.
    """
    found: dict[str, Any] = {}
    for name, text in parameters.multi_items():
        if name in found:
            raise InputError(f"The parameter '{name[:50]}' is there twice.", hint="Give it once.")
        found[name] = text
    for name in ("collections", "ids"):
        if name in found:
            found[name] = [part for part in found[name].split(",") if part]
    if "bbox" in found:
        found["bbox"] = found["bbox"].split(",")
    if "limit" in found:
        try:
            found["limit"] = int(found["limit"])
        except ValueError as err:
            raise InputError("The limit is no whole number.", hint="Give e.g. limit=100.") from err
    for name in ("intersects", "query"):
        if name in found:
            try:
                found[name] = json.loads(found[name])
            except (ValueError, RecursionError) as err:
                raise InputError(f"'{name}' is no JSON.", hint="Write a JSON object.") from err
    if "filter" in found:
        found.setdefault("filter-lang", "cql2-text")
    return found


def query_of(parameters: Mapping[str, Any], *, collection: str | None = None) -> ItemQuery:
    """Read a search.

    Parameters
    ----------
    parameters
        Members of a STAC item search.
    collection
        The collection that the path names.

    Raises
    ------
    InputError
        A parameter is unknown, is of the wrong type, contradicts another, or cannot be read.

    Examples
    --------
    >>> query_of({"bbox": [11.6, 48.3, 11.7, 48.4], "limit": 5}).box.bounds
    (11.6, 48.3, 11.7, 48.4)
    >>> query_of({"bbx": 1})
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: There is no parameter 'bbx'. There are: bbox, collections, ...
    """
    unknown = sorted(set(parameters) - KNOWN)
    if unknown:
        raise InputError(
            f"There is no parameter '{unknown[0][:50]}'.",
            hint=f"There are: {', '.join(sorted(KNOWN))}.",
        )
    given = {name: value for name, value in parameters.items() if value is not None}
    if "bbox" in given and "intersects" in given:
        raise InputError("bbox and intersects are both given.", hint="Leave one out.")
    names = _names(given, "collections")
    if collection is not None:
        if names and collection not in names:
            raise InputError("The path names another collection.", hint="Use /stac/search.")
        names = (collection,)
    limit = given.get("limit", DEFAULT_LIMIT)
    token = given.get("token")
    if type(limit) is not int or not (token is None or isinstance(token, str)):
        raise InputError(
            "limit is no whole number, or token no text.", hint="Give e.g. limit: 100."
        )
    return ItemQuery(
        collections=names,
        ids=_names(given, "ids"),
        box=_box(given["bbox"]) if "bbox" in given else None,
        intersects=_shape(given["intersects"]) if "intersects" in given else None,
        time=_time(given["datetime"]) if "datetime" in given else None,
        filter=_filter(given),
        sort=_sort(given["sortby"]) if "sortby" in given else (),
        limit=limit,
        token=token,
    )


def _names(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = given.get(name, [])
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise InputError(f"'{name}' is no list of texts.", hint="Give a list of names.")
    return tuple(value)


def _box(value: Any) -> Box:
    if not isinstance(value, list) or len(value) not in {4, 6}:
        raise BoxError("A bbox has four numbers, or six.", hint="Give west, south, east, north.")
    numbers = value if len(value) == 4 else [value[0], value[1], value[3], value[4]]
    return as_box(numbers)


def _shape(value: Any) -> Any:
    if not isinstance(value, dict) or ("coordinates" not in value and "geometries" not in value):
        raise InputError("'intersects' is no GeoJSON geometry.", hint="Give type and coordinates.")
    return read_shape(value)


def _time(value: Any) -> TimeRange:
    """Read a time frame strictly as STAC has it: RFC 3339 with an offset, `..` or nothing for open."""
    hint = "Write RFC 3339, e.g. 2018-03-01T00:00:00Z, or start/end with '..' for open."
    parts = value.split("/") if isinstance(value, str) else []
    open_ends = ("", "..") if len(parts) == 2 else ()
    if not parts or not all(part in open_ends or RFC3339.fullmatch(part) for part in parts):
        raise TimeRangeError(f"'{str(value)[:100]}' is not a time frame.", hint=hint)
    return as_time_range("/".join(part.upper() for part in parts))


def _filter(given: Mapping[str, Any]) -> FilterNode | None:
    parts: list[FilterNode] = []
    if "filter" in given:
        language = given.get("filter-lang", "cql2-json")
        if language not in {"cql2-text", "cql2-json"}:
            raise InputError(
                f"The filter language '{str(language)[:50]}' is not known.",
                hint="It is cql2-text or cql2-json.",
            )
        if given.get("filter-crs", CRS84) != CRS84:
            raise InputError(
                "Filters are in CRS84 only.", hint=f"Leave filter-crs out, or {CRS84}."
            )
        if not isinstance(given["filter"], str | dict):
            raise InputError("The filter is no CQL2.", hint="Give a text, or an object.")
        parts.append(parse_cql2(given["filter"]))
    if "query" in given:
        parts.append(parse_stac_query(given["query"]))
    return And(tuple(parts)) if len(parts) > 1 else parts[0] if parts else None


def _sort(value: Any) -> tuple[SortKey, ...]:
    if isinstance(value, str):
        return parse_sort(value)
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise InputError("'sortby' is no list of fields.", hint="Give [{field, direction}].")
    keys = []
    for part in value:
        field, direction = part.get("field"), part.get("direction", "asc")
        if not isinstance(field, str) or not field or direction not in {"asc", "desc"}:
            raise InputError("'sortby' has a wrong part.", hint="Give field, and asc or desc.")
        keys.append(SortKey(name=field.removeprefix("properties."), descending=direction == "desc"))
    return tuple(keys)
