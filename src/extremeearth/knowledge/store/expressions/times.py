"""Columns of points in time: ``xsd:dateTime``, ``xsd:date``, ``xsd:time`` and parts of dates such as ``xsd:gYear``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql.terms import XSD
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import (
    number_texts,
    scatter,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ATTO",
    "DAY",
    "FIELDS",
    "MAX_YEAR",
    "NO_ZONE",
    "Times",
    "civil",
    "days",
    "month_length",
    "order_times",
    "time_codes",
]

NO_ZONE = -32_768
"""Time zone of a value that has none."""
DAY = 86_400
ATTO = 10**18
"""Parts of a second that `Times.fractions` counts."""
MAX_YEAR = 10_000_000
_UNZONED_SPAN = 14 * 3_600

_GREGORIAN = {
    name: types.datatype_code(XSD + name)
    for name in ("gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay")
}
FIELDS = {
    types.DATE_TIME: "ymdh",
    types.DATE: "ymd",
    types.TIME: "h",
    _GREGORIAN["gYear"]: "y",
    _GREGORIAN["gYearMonth"]: "ym",
    _GREGORIAN["gMonth"]: "m",
    _GREGORIAN["gMonthDay"]: "md",
    _GREGORIAN["gDay"]: "d",
}
"""Type codes of points in time, and what each has of year, month, day and hour (with minute and second)."""


def time_codes() -> tuple[int, ...]:
    """Give the type codes of all points in time."""
    return tuple(FIELDS)


@dataclass(frozen=True, slots=True)
class Times:
    """Points in time as arrays of one length; a length of one goes with every other.

    Attributes
    ----------
    codes
        Type codes, -1 where there is no (well-formed) value.
    seconds
        Seconds of the local clock since 1970; a time of day is on 1972-12-31 (the reference of XPath).
    fractions
        Fraction of the second in units of 1e-18; further digits are cut off.
    zones
        Minutes ahead of UTC, or `NO_ZONE`.
    """

    codes: NDArray[np.int32]
    seconds: NDArray[np.int64]
    fractions: NDArray[np.int64]
    zones: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def blank(cls, length: int) -> Times:
        """Make rows without a value, in arrays that may be filled."""
        return cls(
            np.full(length, types.NONE, np.int32), np.zeros(length, np.int64),
            np.zeros(length, np.int64), np.full(length, NO_ZONE, np.int32),
        )  # fmt: skip

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a value."""
        return np.asarray(self.codes >= 0)

    @property
    def zoned(self) -> NDArray[np.bool_]:
        """Where there is a time zone."""
        return np.asarray(self.zones != NO_ZONE)

    @property
    def instants(self) -> NDArray[np.int64]:
        """Seconds since 1970 in UTC; a value without a zone counts as UTC."""
        return self.seconds - 60 * np.where(self.zoned, self.zones, 0).astype(np.int64)

    def take(self, rows: NDArray[Any]) -> Times:
        """Give some rows."""
        return Times(self.codes[rows], self.seconds[rows], self.fractions[rows], self.zones[rows])

    def widened(self, length: int) -> Times:
        """Repeat a single row."""
        return self if len(self) == length else self.take(np.zeros(length, np.int64))

    def column(self) -> TermColumn:
        """Write the values as terms in canonical form, the zone as it is (``Z`` for UTC)."""
        parts = []
        for code in np.unique(self.codes[self.present]).tolist():
            mask = self.codes == code
            parts.append((mask, _written(code, self.take(np.flatnonzero(mask)))))
        return TermColumn(self.codes, scatter(len(self), parts))


def days(
    years: NDArray[np.int64], months: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count days since 1970 in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible date algorithms")."""
    shifted = years - (months <= 2)
    era, year_of_era = np.divmod(shifted, 400)
    day_of_year = (153 * ((months + 9) % 12) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return np.asarray(era * 146_097 + day_of_era - 719_468)


def civil(
    count: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give year, month and day of days since 1970; the inverse of `days`."""
    era, day_of_era = np.divmod(count + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = np.where(shifted < 10, shifted + 3, shifted - 9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def month_length(years: NDArray[np.int64], months: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the days of months."""
    lengths = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[months - 1]
    leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    return np.asarray(lengths + (leap & (months == 2)))


# ----------------------------------------------------------------------------------------- writing


def _written(code: int, times: Times) -> pa.LargeStringArray:
    import pyarrow.compute as pc

    fields = FIELDS[code]
    year, month, day = civil(times.seconds // DAY)
    pieces: list[pa.LargeStringArray] = []
    if "y" in fields:
        pieces.append(year_texts(year))
    else:
        pieces.append(constant("-" if code != types.TIME else "", len(times)))
    for name, values, lead in (("m", month, "-"), ("d", day, "-")):
        if name in fields:
            pieces += [constant(lead, len(times)), number_texts(values, 2)]
        elif fields == "d":
            pieces.append(constant("-", len(times)))
    if "h" in fields:
        clock = times.seconds % DAY
        if code == types.DATE_TIME:
            pieces.append(constant("T", len(times)))
        colon = constant(":", len(times))
        pieces += [number_texts(clock // 3_600, 2), colon, number_texts(clock // 60 % 60, 2), colon]
        pieces += [number_texts(clock % 60, 2), fraction_texts(times.fractions)]
    pieces.append(zone_texts(times.zones))
    return pc.binary_join_element_wise(*pieces, constant("", 1)[0])


def constant(text: str, length: int) -> pa.LargeStringArray:
    """Repeat a text."""
    import pyarrow as pa

    return pa.repeat(pa.scalar(text, pa.large_string()), length)


def year_texts(years: NDArray[np.int64]) -> pa.LargeStringArray:
    """Write years with four digits at least."""
    import pyarrow as pa
    import pyarrow.compute as pc

    signs = pa.array(np.where(years < 0, "-", ""), pa.large_string())
    return pc.binary_join_element_wise(signs, number_texts(np.abs(years), 4), constant("", 1)[0])


def fraction_texts(fractions: NDArray[np.int64]) -> pa.LargeStringArray:
    """Write fractions of a second with their point; nothing where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not fractions.any():
        return constant("", len(fractions))
    digits = pc.utf8_rtrim(number_texts(fractions, 18), characters="0")
    point = pa.array(np.where(fractions > 0, ".", ""), pa.large_string())
    return pc.binary_join_element_wise(point, digits, constant("", 1)[0])


def zone_texts(zones: NDArray[np.int32]) -> pa.LargeStringArray:
    """Write time zones: ``Z``, ``+02:00``, nothing where there is none."""
    import pyarrow as pa

    found, back = np.unique(zones, return_inverse=True)
    texts = []
    for zone in found.tolist():
        sign, (hour, minute) = "-" if zone < 0 else "+", divmod(abs(zone), 60)
        written = "Z" if zone == 0 else f"{sign}{hour:02}:{minute:02}"
        texts.append("" if zone == NO_ZONE else written)
    return pa.array(texts, pa.large_string()).take(pa.array(back.astype(np.int64)))


# ------------------------------------------------------------------------------------------- order


def order_times(left: Times, right: Times) -> NDArray[np.int8]:
    """Compare values of one type row by row: -1, 0, 1, or 2 where neither is known to be first.

    Where one side alone has a time zone, the other may be up to 14 hours off to either side (XML Schema 1.1 part 2,
    section D.2.2; SPARQL 1.1 leaves the implicit time zone open).
    """
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    a, b = left.instants, right.instants
    signs = (a > b).astype(np.int8) - (a < b).astype(np.int8)
    same = signs == 0
    signs[same] = np.sign(left.fractions - right.fractions)[same].astype(np.int8)
    mixed = left.zoned != right.zoned
    signs[mixed & (np.abs(a - b) <= _UNZONED_SPAN)] = 2
    signs[(left.codes != right.codes) | (left.codes < 0)] = 2
    return signs
