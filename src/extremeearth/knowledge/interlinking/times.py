"""When features hold: columns of times to seconds; a date, a month and a year last to their end."""

from __future__ import annotations

from typing import Any

import numpy as np

from extremeearth.core.errors import InputError

__all__ = ["seconds_of"]

_DAY = r"^([+-]?\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)?$"
_MONTH = r"^([+-]?\d{4}-\d\d)(Z|[+-]\d\d:\d\d)?$"
_YEAR = r"^([+-]?\d{4})(Z|[+-]\d\d:\d\d)?$"
_LAST = 1e-6
"""Seconds by which a day ends before the next one, as in `as_time_range`."""


def seconds_of(column: Any, *, ends: bool = False) -> Any:
    """Give times as seconds since 1970 UTC, NaN where there is none.

    Parameters
    ----------
    column
        A pandas series of times, or of texts in ISO 8601. A text without an offset is in UTC. Dates are texts of a
        day, a month or a year, as ``xsd:date``, ``xsd:gYearMonth`` and ``xsd:gYear`` are, and `datetime.date`.
    ends
        Give the end of dates, and not their start.

    Raises
    ------
    InputError
        A time cannot be read; the first one is named.

    Examples
    --------
    >>> import pandas as pd
    >>> seconds_of(pd.Series(["1970-01-01", "1970-01-01T00:00:05+00:00", None]))
    array([ 0.,  5., nan])
    >>> seconds_of(pd.Series(["1970-01-01", "1970-01-01T00:00:05"]), ends=True).round(3)
    array([8.64e+04, 5.00e+00])
    """
    import pandas as pd

    if column.dtype.kind == "M":
        return _since_1970(pd.to_datetime(column, utc=True))
    texts = column.where(column.isna(), column.astype(str)).astype(object)
    seconds = np.full(len(texts), np.nan)
    rest = texts.notna().to_numpy()
    for pattern, start, unit in ((_DAY, "", "D"), (_MONTH, "-01", "M"), (_YEAR, "-01-01", "Y")):
        parts = texts.where(rest).astype("string").str.extract(pattern)
        here = parts[0].notna().to_numpy()
        if here.any():
            offsets = parts.loc[here, 1].fillna("Z")
            whole = parts.loc[here, 0] + start + "T00:00:00" + offsets
            seconds[here] = _parsed(whole, texts[here])
            if ends:
                seconds[here] += _lengths(parts.loc[here, 0], unit) - _LAST
            rest &= ~here
    seconds[rest] = _parsed(texts[rest], texts[rest])
    return seconds


def _lengths(dates: Any, unit: str) -> Any:
    """Give how many seconds each date lasts."""
    first = np.array(dates.to_numpy(dtype=str), dtype=f"datetime64[{unit}]")
    return ((first + 1).astype("datetime64[s]") - first.astype("datetime64[s]")).astype(float)


def _parsed(texts: Any, said: Any) -> Any:
    import pandas as pd

    if not len(texts):
        return np.empty(0)
    try:
        return _since_1970(pd.to_datetime(texts, utc=True, format="ISO8601"))
    except (ValueError, TypeError) as err:
        bad = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").isna().to_numpy()
        first = str(said[bad].iloc[0]) if bad.any() else str(err)
        raise InputError(
            f"'{first[:80]}' is no time that can be read.",
            hint="Write ISO 8601 between the years 1678 and 2261, e.g. 2018-05-01 or 2018-05-01T10:00:00Z.",
        ) from err


def _since_1970(moments: Any) -> Any:
    import pandas as pd

    return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(dtype=float)
