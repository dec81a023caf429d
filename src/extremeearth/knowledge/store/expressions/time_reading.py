"""Lexical forms of points in time read into columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array, matches
from extremeearth.knowledge.store.expressions.times import (
    DAY,
    FIELDS,
    MAX_YEAR,
    NO_ZONE,
    Times,
    days,
    month_length,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_time_texts", "read_times"]

_ZONE = r"(?P<z>Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$"
_YEAR = r"(?P<y>-?(?:[1-9][0-9]{3,}|0[0-9]{3}))"
_MONTH, _DAY_OF_MONTH = r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?P<h>[01][0-9]|2[0-4]):(?P<i>[0-5][0-9]):(?P<s>[0-5][0-9])(?:\.(?P<f>[0-9]+))?"
_FORM_OF_FIELDS = {
    "ymdh": f"^{_YEAR}-{_MONTH}-{_DAY_OF_MONTH}T{_CLOCK}{_ZONE}",
    "ymd": f"^{_YEAR}-{_MONTH}-{_DAY_OF_MONTH}{_ZONE}",
    "h": f"^{_CLOCK}{_ZONE}",
    "y": f"^{_YEAR}{_ZONE}",
    "ym": f"^{_YEAR}-{_MONTH}{_ZONE}",
    "m": f"^--{_MONTH}{_ZONE}",
    "md": f"^--{_MONTH}-{_DAY_OF_MONTH}{_ZONE}",
    "d": f"^---{_DAY_OF_MONTH}{_ZONE}",
}
_FORMS = {code: _FORM_OF_FIELDS[fields] for code, fields in FIELDS.items()}
_LAYOUTS = {types.DATE_TIME: "0000-00-00T00:00:00", types.DATE: "0000-00-00"}
"""Form of a value of the usual length: ``0`` stands for a digit."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a lexical form says; a part that its type lacks has the reference value."""

    year: NDArray[np.int64]
    month: NDArray[np.int64]
    day: NDArray[np.int64]
    hour: NDArray[np.int64]
    minute: NDArray[np.int64]
    second: NDArray[np.int64]
    fractions: NDArray[np.int64]
    zones: NDArray[np.int32]


def read_times(column: TermColumn) -> Times:
    """Read the points in time of a column; other and ill-typed terms give no value.

    Examples
    --------
    >>> column = TermColumn.of_values(types.DATE, ["2000-02-29Z", "2001-02-29"])
    >>> read_times(column).column().values.to_pylist()
    ['2000-02-29Z', '']
    """
    made = Times.blank(len(column))
    for code in np.unique(column.types).tolist():
        if code in _FORMS:
            _read_into(made, np.flatnonzero(column.types == code), code, column.values)
    return made


def read_time_texts(code: int, texts: pa.LargeStringArray) -> Times:
    """Read lexical forms as values of one type."""
    made = Times.blank(len(texts))
    _read_into(made, np.arange(len(texts)), code, texts)
    return made


def _read_into(made: Times, rows: NDArray[np.int64], code: int, texts: pa.LargeStringArray) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    if code not in _LAYOUTS:
        _read_any(made, rows, code, texts.take(pa.array(rows)))
        return
    some = texts if len(rows) == len(texts) else texts.take(pa.array(rows))
    lengths = as_array(pc.binary_length(some))
    for length in np.unique(lengths).tolist():
        mask = lengths == length
        part = some if mask.all() else some.filter(pa.array(mask))
        places = rows[mask]
        parts, good = _by_layout(code, part, length)
        if parts is not None:
            _fill(made, places[good], code, parts)
            places, part = places[~good], part.filter(pa.array(~good))
        _read_any(made, places, code, part)


def _fill(made: Times, rows: NDArray[np.int64], code: int, parts: _Parts) -> None:
    valid = (np.abs(parts.year) <= MAX_YEAR) & (parts.day >= 1) & (parts.month >= 1)
    month = np.clip(parts.month, 1, 12)
    valid &= (parts.month == month) & (parts.day <= month_length(parts.year, month))
    whole_day = (parts.hour == 24) & (parts.minute == 0) & (parts.second == 0)
    valid &= (parts.hour < 24) | (whole_day & (parts.fractions == 0))
    valid &= (parts.minute < 60) & (parts.second < 60)
    hour = parts.hour % 24 if code == types.TIME else parts.hour
    clock = hour * 3_600 + parts.minute * 60 + parts.second
    made.codes[rows] = np.where(valid, code, types.NONE)
    made.seconds[rows] = days(parts.year, month, parts.day) * DAY + clock
    made.fractions[rows] = parts.fractions
    made.zones[rows] = parts.zones


# -------------------------------------------------------------------------------- the usual layout


def _by_layout(
    code: int, texts: pa.LargeStringArray, length: int
) -> tuple[_Parts | None, NDArray[np.bool_]]:
    """Read texts of one length as bytes; the parts of those that have the usual layout, and which these are."""
    layout = _LAYOUTS[code]
    nothing = np.zeros(len(texts), bool)
    if not len(layout) <= length <= len(layout) + 15 or not len(texts):
        return None, nothing
    start, end = texts.offset, texts.offset + len(texts)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[start : end + 1]
    signs = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    table = signs.reshape(len(texts), length)
    if (table[:, -1] == ord("Z")).all():
        zone, body = "Z", length - 1
    elif length >= len(layout) + 6 and np.isin(table[:, -6], (ord("+"), ord("-"))).all():
        zone, body = "+00:00", length - 6
    else:
        zone, body = "", length
    if body > len(layout):
        if code == types.DATE or body < len(layout) + 2:
            return None, nothing
        layout += "." + "0" * (body - len(layout) - 1)
    if body != len(layout):
        return None, nothing
    return _bytes_read(table, layout, zone)


def _bytes_read(
    table: NDArray[np.uint8], layout: str, zone: str
) -> tuple[_Parts, NDArray[np.bool_]]:
    good = np.ones(len(table), bool)
    for place, sign in enumerate(layout + zone):
        column = table[:, place]
        if sign == "0":
            good &= (column >= ord("0")) & (column <= ord("9"))
        elif sign != "+":
            good &= column == ord(sign)
    digits = (table if good.all() else table[good]) - np.uint8(ord("0"))

    def number(first: int, count: int) -> NDArray[np.int64]:
        found = np.zeros(len(digits), np.int64)
        for place in range(first, min(first + count, len(layout))):
            found *= 10
            found += digits[:, place]
        return found

    fraction = len(layout) - 20
    # a date has no digits where its hours would be: zeros
    hour, minute, second = (number(place, 2) for place in (11, 14, 17))
    zones = np.full(len(digits), 0 if zone else NO_ZONE, np.int32)
    fractions = np.zeros(len(digits), np.int64)
    if fraction > 0:
        fractions = number(20, min(fraction, 18)) * 10 ** max(18 - fraction, 0)
    parts = _Parts(number(0, 4), number(5, 2), number(8, 2), hour, minute, second, fractions, zones)
    if zone != "+00:00":
        return parts, good
    at = len(layout)
    hours, minutes = (digits[:, at + k] * np.int64(10) + digits[:, at + k + 1] for k in (1, 4))
    ahead = hours * 60 + minutes
    signs = np.where(table[good, at] == ord("-"), -1, 1)
    usual = (ahead <= 14 * 60) & (minutes < 60)
    parts.zones[:] = signs * ahead
    if not usual.all():
        parts.day[~usual] = 0  # no such day: the value is refused
    return parts, good


# ------------------------------------------------------------------------------------ every layout


def _read_any(made: Times, rows: NDArray[np.int64], code: int, texts: pa.LargeStringArray) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    good = matches(texts, _FORMS[code])
    rows = rows[good]
    if not len(rows):
        return
    fields = pc.extract_regex(texts if good.all() else texts.filter(pa.array(good)), _FORMS[code])
    has = FIELDS[code]

    def number(name: str, otherwise: int) -> NDArray[np.int64]:
        if ("h" if name in "his" else name) not in has:
            return np.full(len(rows), otherwise, np.int64)
        # what is longer than any year that is taken becomes one that is not
        return as_array(pc.cast(pc.utf8_slice_codeunits(fields.field(name), 0, 12), pa.int64()))

    # 1972-12-31 is the day of a time without a date (XPath Functions and Operators, section 9.4)
    parts = _Parts(
        number("y", 1972),
        number("m", 1 if "y" in has else 12),
        number("d", 31 if has == "h" else 1),
        number("h", 0),
        number("i", 0),
        number("s", 0),
        _fractions(fields.field("f")) if "h" in has else np.zeros(len(rows), np.int64),
        _zones(fields.field("z")),
    )
    _fill(made, rows, code, parts)


def _fractions(texts: pa.Array) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(texts, 0, 18), width=18, padding="0")
    return as_array(pc.cast(digits, pa.int64()))


def _zones(texts: pa.Array) -> NDArray[np.int32]:
    encoded = texts.dictionary_encode()
    minutes = [_zone(text) for text in encoded.dictionary.to_pylist()]
    return np.asarray(np.array(minutes, np.int32)[as_array(encoded.indices)])


def _zone(text: str) -> int:
    if text in ("", "Z"):
        return 0 if text else NO_ZONE
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes
