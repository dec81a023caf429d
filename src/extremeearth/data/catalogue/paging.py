"""Keyset paging: the token holds the sort keys of the last item, so nothing is lost or repeated under ties."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any

import shapely
from odc.geo.crs import CRS
from sqlalchemy import ColumnElement, and_, case, func, or_

from extremeearth.core.errors import FilterError, InputError
from extremeearth.core.times import TimeRange, as_instant
from extremeearth.data.catalogue.compiler import TIMES, Compiler
from extremeearth.data.catalogue.facets import moment_text
from extremeearth.data.catalogue.filter_values import plain_text
from extremeearth.data.catalogue.queries import ItemQuery, SortKey
from extremeearth.data.catalogue.tables import ItemRow

__all__ = ["Key", "after", "fingerprint", "read_token", "sort_keys", "write_token"]

MAX_TOKEN = 40_000
NUMBER, WHOLE, TEXT, MOMENT = "number", "whole", "text", "moment"
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Key:
    """One expression to sort by; never NULL."""

    expression: ColumnElement[Any]
    kind: str
    descending: bool = False

    def order(self) -> ColumnElement[Any]:
        """Give the ORDER BY term."""
        return self.expression.desc() if self.descending else self.expression.asc()


def sort_keys(compiler: Compiler, sort: Sequence[SortKey]) -> list[Key]:
    """Work out what to sort by; the row number comes last, so that no two items tie.

    Raises
    ------
    FilterError
        No visible item has the property.
    """
    keys: list[Key] = []
    for part in sort or (SortKey(name="datetime", descending=True),):
        if part.name in TIMES:
            keys.append(Key(TIMES[part.name], MOMENT, part.descending))
        elif part.name in {"id", "collection"}:
            keys.append(Key(compiler.text(part.name), TEXT, part.descending))
        else:
            text, number = compiler.text(part.name), compiler.number(part.name)
            rank = case((number.is_not(None), 0), (text.is_not(None), 1), else_=2)
            keys.append(Key(rank, WHOLE))
            keys.append(Key(func.coalesce(number, 0.0), NUMBER, part.descending))
            keys.append(Key(func.coalesce(text, ""), TEXT, part.descending))
    keys.append(Key(ItemRow.number, WHOLE))  # type: ignore[arg-type]  # an attribute is an expression
    return keys


def after(keys: Sequence[Key], values: Sequence[Any]) -> ColumnElement[bool]:
    """Compile "comes after these values in this order"."""
    alternatives = []
    for position, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [k.expression == v for k, v in zip(keys[:position], values, strict=False)]
        further = key.expression < value if key.descending else key.expression > value
        alternatives.append(and_(*same, further))
    return or_(*alternatives)


def fingerprint(query: ItemQuery) -> str:
    """Name a query, so that a token is used with no other; limit and token do not count."""
    parts = [
        query.collections, query.ids, query.box, query.intersects, query.time, query.filter, query.sort,
    ]  # fmt: skip
    return hashlib.sha256(repr([_canonical(part) for part in parts]).encode()).hexdigest()[:24]


def _canonical(value: Any) -> Any:
    if isinstance(value, shapely.Geometry):
        return shapely.to_wkb(value, hex=True)
    if isinstance(value, CRS | TimeRange):
        return str(value)
    if isinstance(value, tuple):
        return [_canonical(part) for part in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(_canonical(getattr(value, f.name)) for f in fields(value))]
    return value


def write_token(query: ItemQuery, values: Sequence[Any]) -> str:
    """Write the token of the page after the item with these sort values."""
    plain = [moment_text(v) if isinstance(v, datetime) else v for v in values]
    text = json.dumps([fingerprint(query), plain], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_token(token: str, query: ItemQuery, keys: Sequence[Key]) -> list[Any]:
    """Read a token back into sort values.

    A token holds values only, and they enter the query as parameters: one that is forged can start a page
    elsewhere in the same result, and do nothing else.

    Raises
    ------
    InputError
        It was not made for this query, or is no token.
    """
    wrong = InputError(
        "The paging token does not belong to this search.", hint="Follow the link to the next page."
    )
    if len(token) > MAX_TOKEN:
        raise wrong
    try:
        padded = token + "=" * (-len(token) % 4)
        content = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        made_for, values = content
        if made_for != fingerprint(query) or len(values) != len(keys):
            raise wrong
        return [_value(key.kind, value) for key, value in zip(keys, values, strict=True)]
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as err:
        raise wrong from err
    except (FilterError, InputError) as err:
        raise wrong from err


def _value(kind: str, value: Any) -> Any:
    if kind == WHOLE and type(value) is int and abs(value) <= LARGEST:
        return value
    if kind == NUMBER and type(value) in {int, float} and math.isfinite(value):
        return float(value)
    if kind == TEXT and isinstance(value, str):
        return plain_text(value, what="The token", longest=MAX_TOKEN)
    if kind == MOMENT and isinstance(value, str):
        return as_instant(value)
    raise ValueError("a token value of another type")
