"""Values of literals as numbers: what comparisons, orders and aggregates work on.

Lexical forms are those of XML Schema 1.1 part 2; white space around them is folded, as its ``whiteSpace`` facet says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NO_INSTANT", "instants", "numbers"]

NO_INSTANT = np.iinfo(np.int64).min
"""Where there is no moment in time."""
DAY_US = 86_400_000_000

_INTEGER = r"^[+-]?[0-9]+$"
_DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$"
_DOUBLE = r"^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN)$"
_RANGES = {
    "long": (-(2**63), 2**63 - 1), "int": (-(2**31), 2**31 - 1), "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127), "nonNegativeInteger": (0, None), "positiveInteger": (1, None),
    "nonPositiveInteger": (None, 0), "negativeInteger": (None, -1), "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1), "unsignedShort": (0, 2**16 - 1), "unsignedByte": (0, 255),
}  # fmt: skip
_DATE = r"(?P<year>-?(?:[1-9][0-9]{3,}|0[0-9]{3}))-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?"
_ZONE = r"(?:(?P<utc>Z)|(?P<sign>[+-])(?P<zone_hour>[0-9]{2}):(?P<zone_minute>[0-9]{2}))"
_DATE_TIME_FORM = f"^{_DATE}T{_TIME}{_ZONE}$"
_DATE_FORM = f"^{_DATE}{_ZONE}?$"
MAX_YEAR = 290_000
"""Further away, microseconds do not fit into 64 bits."""


def numbers(codes: NDArray[np.int32], values: pa.LargeStringArray) -> NDArray[np.float64]:
    """Give the value of numeric literals; NaN for all else, and for what is no number of its type.

    Parameters
    ----------
    codes
        Type codes.
    values
        Lexical forms, as many.

    Examples
    --------
    >>> import pyarrow as pa
    >>> codes = np.array([types.INTEGER, types.INTEGER, types.DOUBLE, types.STRING], np.int32)
    >>> numbers(codes, pa.array(["+7", "7.5", "1e3", "1"], pa.large_string())).tolist()
    [7.0, nan, 1000.0, nan]
    """
    out = np.full(len(codes), np.nan)
    for code in np.unique(codes[types.flags(codes, "numeric")]).tolist():
        rows = np.flatnonzero(codes == code)
        out[rows] = _numbers_of(code, _texts(values, rows))
    return out


def _numbers_of(code: int, texts: Any) -> NDArray[np.float64]:
    import polars as pl

    name = re.split(r"[#/]", types.describe(code).datatype)[-1]
    form = {"decimal": _DECIMAL, "double": _DOUBLE, "float": _DOUBLE}.get(name, _INTEGER)
    valid = texts.str.contains(form).to_numpy()
    plain = texts.str.replace("^\\+", "").str.replace("INF$", "inf")
    found = plain.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy().copy()
    found[~valid] = np.nan
    low, high = _RANGES.get(name, (None, None))
    with np.errstate(over="ignore", invalid="ignore"):
        if low is not None:
            found[found < low] = np.nan
        if high is not None:
            found[found > high] = np.nan
        if name == "float":
            found = found.astype(np.float32).astype(np.float64)
    values: NDArray[np.float64] = found
    return values


def _texts(values: pa.LargeStringArray, rows: NDArray[np.intp]) -> Any:
    import polars as pl
    import pyarrow as pa

    taken = pl.from_arrow(values.take(pa.array(rows)))
    assert isinstance(taken, pl.Series)
    return taken.str.strip_chars(" \t\r\n")


def instants(codes: NDArray[np.int32], values: pa.LargeStringArray) -> NDArray[np.int64]:
    """Give the microseconds since 1970 in UTC of moments in time; `NO_INSTANT` for all else.

    A ``xsd:dateTime`` needs a time zone. A ``xsd:date`` is its first moment, in UTC where it has no time zone.
    Digits below a microsecond are cut off. Days are counted in the proleptic Gregorian calendar.

    Examples
    --------
    >>> import pyarrow as pa
    >>> codes = np.array([types.DATE, types.DATE_TIME], np.int32)
    >>> texts = pa.array(["1970-01-02", "1970-01-01T01:00:00.5+01:00"], pa.large_string())
    >>> instants(codes, texts).tolist()
    [86400000000, 500000]
    """
    out = np.full(len(codes), NO_INSTANT, np.int64)
    for code, form in ((types.DATE_TIME, _DATE_TIME_FORM), (types.DATE, _DATE_FORM)):
        rows = np.flatnonzero(codes == code)
        if len(rows):
            out[rows] = _instants_of(form, _texts(values, rows))
    return out


def _instants_of(form: str, texts: Any) -> NDArray[np.int64]:
    import polars as pl

    parts = texts.str.extract_groups(form).struct.unnest()

    def number(name: str) -> NDArray[np.int64]:
        if name not in parts.columns:
            return np.zeros(len(parts), np.int64)
        column = parts[name].cast(pl.Int64, strict=False).fill_null(0)
        return np.asarray(column.to_numpy(), np.int64)

    year, month, day = number("year"), number("month"), number("day")
    hour, minute, second = number("hour"), number("minute"), number("second")
    zone = number("zone_hour") * 60 + number("zone_minute")
    valid = parts["day"].is_not_null().to_numpy() & _is_day(year, month, day)
    valid &= (minute < 60) & (second < 60) & (zone <= 14 * 60) & (number("zone_minute") < 60)
    valid &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))
    fraction = np.zeros(len(parts), np.int64)
    if "fraction" in parts.columns:
        cut = parts["fraction"].fill_null("").str.pad_end(6, "0").str.slice(0, 6)
        fraction = np.asarray(cut.cast(pl.Int64).to_numpy(), np.int64)
    offset = np.where((parts["sign"] == "-").fill_null(False).to_numpy(), -zone, zone)
    year = np.where(valid, year, 1970)
    seconds = (hour * 60 + minute - offset) * 60 + second
    moment = _days(year, month, day) * DAY_US + seconds * 1_000_000 + fraction
    return np.where(valid, moment, NO_INSTANT)


def _is_day(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.bool_]:
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    inside = (month >= 1) & (month <= 12) & (np.abs(year) <= MAX_YEAR)
    length = lengths[np.where(inside, month, 0)] + (leap & (month == 2))
    right: NDArray[np.bool_] = inside & (day >= 1) & (day <= length)
    return right


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the days since 1970-01-01 (Fliegel and Van Flandern 1968, with years that start in March)."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days: NDArray[np.int64] = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100
    return days + of_year - 719_468
