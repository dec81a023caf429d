"""From an item to what the catalogue keeps of it: body, columns to search, properties to ask for."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import pystac
import shapely

from extremeearth.core.errors import InputError, TimeRangeError
from extremeearth.core.times import as_instant
from extremeearth.data.products.footprints import footprint_of_stac
from extremeearth.infrastructure.objects import check_key, key_of

__all__ = ["STAC_HREF", "body_of", "check_name", "flattened", "moment_text", "row_of"]

STAC_HREF = "stac:"
"""Scheme of a link to another item of the catalogue: ``stac:<collection>/<id>``."""

OWN_LINKS = {"self", "root", "parent", "collection", "items", "next", "prev"}
OBJECT = "object:"
MAX_BODY = 4 * 1024**2
MAX_FACETS = 2_000
MAX_FACET_TEXT = 4_000
MAX_NESTING = 4
MAX_LISTED = 100
FACET_NAME = re.compile(r'[^"\\\x00-\x1f@]{1,200}')
INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*")


def check_name(name: Any, *, what: str) -> str:
    """Give the name of a collection or item back if it can be a part of an object's key.

    Raises
    ------
    InputError
        It cannot.

    Examples
    --------
    >>> check_name("S2A_T32UPU_2018", what="An item")
    'S2A_T32UPU_2018'
    >>> check_name("a/b", what="An item")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.InputError: An item cannot be named 'a/b'. Use letters, digits, '-', '_' and '.'.
    """
    hint = "Use letters, digits, '-', '_' and '.'."
    if not isinstance(name, str) or "/" in name:
        raise InputError(f"{what} cannot be named {str(name)[:100]!r}.", hint=hint)
    try:
        return check_key(name)
    except InputError as err:
        raise InputError(f"{what} cannot be named {name[:100]!r}.", hint=hint) from err


def body_of(item: pystac.Item) -> dict[str, Any]:
    """Write an item as the JSON object that is kept: without the links that the hub makes.

    Links to other items of the catalogue become ``stac:<collection>/<id>``.

    Raises
    ------
    InputError
        The item cannot be kept: its name, its size, a number that is not finite, text that is no text, or an
        asset in the object store that is not below ``<collection>/<id>/``.
    """
    collection = check_name(item.collection_id, what="A collection")
    item_id = check_name(item.id, what="An item")
    links = []
    for link in item.links:
        if link.rel in OWN_LINKS:
            continue
        if isinstance(link.target, pystac.Item):
            href = f"{STAC_HREF}{link.target.collection_id}/{link.target.id}"
        else:
            href = str(link.target)
        extra = {"type": link.media_type, "title": link.title} | (link.extra_fields or {})
        kept = {key: value for key, value in extra.items() if value is not None}
        links.append({"rel": str(link.rel), "href": href} | kept)
    bare = item.clone()
    bare.clear_links()
    body = bare.to_dict(include_self_link=False, transform_hrefs=False)
    body["links"], body["collection"] = links, collection
    for name, asset in body.get("assets", {}).items():
        if str(asset["href"]).startswith(OBJECT):
            key = key_of(asset["href"])
            if not key.startswith(f"{collection}/{item_id}/"):
                raise InputError(
                    f"The asset '{name}' of item '{item_id}' is at '{key}'.",
                    hint=f"Put it below '{collection}/{item_id}/'.",
                )
    try:
        text = json.dumps(body, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as err:  # a lone surrogate is a ValueError too
        raise InputError(
            f"The item '{item_id}' cannot be written as JSON: {str(err)[:200]}.",
            hint="Use texts, finite numbers, lists and objects.",
        ) from err
    if size > MAX_BODY or "\\u0000" in text:
        raise InputError(
            f"The item '{item_id}' is larger than {MAX_BODY} bytes, or has a NUL character.",
            hint="Put large content into an asset.",
        )
    plain: dict[str, Any] = json.loads(text)
    return plain


def row_of(body: dict[str, Any]) -> dict[str, Any]:
    """Work out the columns of an item from its body.

    Raises
    ------
    InputError
        The item has no time, or a geometry that is none.
    """
    properties = body["properties"]
    start, end, instant = _times(body["id"], properties)
    place = footprint_of_stac(body.get("geometry"), body.get("bbox"))
    west, south, east, north = place.bbox if place else (None, None, None, None)
    boxy = False
    if place is not None and place.bbox[0] <= place.bbox[2]:
        boxy = bool(shapely.equals(place.geometry, shapely.box(*place.bbox)))
    return {
        "collection": body["collection"],
        "id": body["id"],
        "instant": instant,
        "start": start,
        "end": end,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "boxy": boxy,
        "footprint": None if place is None else shapely.to_wkb(place.geometry),
        "facets": flattened(properties),
        "body": body,
        "changed": datetime.now(UTC),
    }


def _times(item_id: str, properties: dict[str, Any]) -> tuple[datetime, datetime, datetime]:
    texts = {name: properties.get(name) for name in ("datetime", "start_datetime", "end_datetime")}
    try:
        times = {name: as_instant(text) for name, text in texts.items() if text is not None}
    except (TimeRangeError, TypeError, AttributeError) as err:
        raise InputError(f"The item '{item_id}' has a time that is none.", hint=str(err)) from err
    instant = times.get("datetime")
    start = times.get("start_datetime", instant)
    end = times.get("end_datetime", instant)
    if start is None or end is None:
        raise InputError(
            f"The item '{item_id}' has no time.",
            hint="Give datetime, or start_datetime and end_datetime.",
        )
    if end < start:
        raise InputError(f"The item '{item_id}' ends before it starts.", hint="Swap the two.")
    return start, end, instant or start


def moment_text(instant: datetime) -> str:
    """Write an instant so that texts sort as times do: always UTC, always microseconds.

    Examples
    --------
    >>> moment_text(as_instant("2018-03-08T12:00:00+02:00"))
    '2018-03-08T10:00:00.000000Z'
    """
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


def flattened(properties: dict[str, Any]) -> dict[str, Any]:
    """Flatten properties to dotted names with values that a filter can compare.

    Of lists only the texts are kept; texts that are times come a second time under ``name@``.

    Examples
    --------
    >>> flattened({"a": {"b": 1}, "t": "2018-01-01T00:00:00Z"})
    {'a.b': 1.0, 't': '2018-01-01T00:00:00Z', 't@': '2018-01-01T00:00:00.000000Z'}
    """
    found: dict[str, Any] = {}
    _flatten(properties, "", found, 0)
    return found


def _flatten(source: dict[str, Any], before: str, found: dict[str, Any], depth: int) -> None:
    for key, value in source.items():
        name = before + str(key)
        if len(found) >= MAX_FACETS or FACET_NAME.fullmatch(name) is None:
            continue
        if not isinstance(value, dict):
            found.update(_comparable(name, value))
        elif depth < MAX_NESTING:
            _flatten(value, f"{name}.", found, depth + 1)


def _comparable(name: str, value: Any) -> dict[str, Any]:
    """Give what a filter can compare of one value, by name; nothing where there is none."""
    if isinstance(value, bool):
        return {name: value}
    if isinstance(value, int | float):
        number = _finite(value)
        return {} if number is None else {name: number}
    if isinstance(value, list):
        return {name: [part for part in value if isinstance(part, str)][:MAX_LISTED]}
    if isinstance(value, str) and len(value) <= MAX_FACET_TEXT:
        moment = _moment(value)
        return {name: value} if moment is None else {name: value, f"{name}@": moment}
    return {}


def _finite(value: float) -> float | None:
    try:
        number = float(value)
    except OverflowError:  # an integer beyond all floats
        return None
    return number if math.isfinite(number) else None


def _moment(text: str) -> str | None:
    if INSTANT.fullmatch(text) is None:
        return None
    try:
        return moment_text(as_instant(text))
    except (TimeRangeError, OverflowError):
        return None
