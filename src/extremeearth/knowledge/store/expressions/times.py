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
    as_array,
    matches,
    number_texts,
    scatter,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ATTO",
    "DAY",
    "NO_ZONE",
    "Times",
    "civil",
    "days",
    "month_length",
    "order_times",
    "read_time_texts",
    "read_times",
    "time_codes",
]

NO_ZONE = -32_768
"""Time zone of a value that has none."""
DAY = 86_400
ATTO = 10**18
"""Parts of a second that `Times.fractions` counts."""
MAX_YEAR = 10_000_000
_UNZONED_SPAN = 14 * 3_600

_ZONE = r"(?P<z>Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?$"
_YEAR = r"(?P<y>-?(?:[1-9][0-9]{3,}|0[0-9]{3}))"
_MONTH, _DAY_OF_MONTH = r"(?P<m>0[1-9]|1[0-2])", r"(?P<d>0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?P<h>[01][0-9]|2[0-4]):(?P<i>[0-5][0-9]):(?P<s>[0-5][0-9])(?:\.(?P<f>[0-9]+))?"
_GREGORIAN = {
    name: types.datatype_code(XSD + name)
    for name in ("gYear", "gYearMonth", "gMonth", "gMonthDay", "gDay")
}
_FORMS = {
    types.DATE_TIME: f"^{_YEAR}-{_MONTH}-{_DAY_OF_MONTH}T{_CLOCK}{_ZONE}",
    types.DATE: f"^{_YEAR}-{_MONTH}-{_DAY_OF_MONTH}{_ZONE}",
    types.TIME: f"^{_CLOCK}{_ZONE}",
    _GREGORIAN["gYear"]: f"^{_YEAR}{_ZONE}",
    _GREGORIAN["gYearMonth"]: f"^{_YEAR}-{_MONTH}{_ZONE}",
    _GREGORIAN["gMonth"]: f"^--{_MONTH}{_ZONE}",
    _GREGORIAN["gMonthDay"]: f"^--{_MONTH}-{_DAY_OF_MONTH}{_ZONE}",
    _GREGORIAN["gDay"]: f"^---{_DAY_OF_MONTH}{_ZONE}",
}


def time_codes() -> tuple[int, ...]:
    """Give the type codes of all points in time."""
    return tuple(_FORMS)


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
        return self.codes >= 0

    @property
    def zoned(self) -> NDArray[np.bool_]:
        """Where there is a time zone."""
        return self.zones != NO_ZONE

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


# ----------------------------------------------------------------------------------------- reading


def read_times(column: TermColumn) -> Times:
    """Read the points in time of a column; other and ill-typed terms give no value."""
    made = Times.blank(len(column))
    for code in np.unique(column.types).tolist():
        if code in _FORMS:
            mask = column.types == code
            _read_into(made, mask, code, column.values)
    return made


def read_time_texts(code: int, texts: pa.LargeStringArray) -> Times:
    """Read lexical forms as values of one type."""
    made = Times.blank(len(texts))
    _read_into(made, np.ones(len(texts), bool), code, texts)
    return made


def _read_into(
    made: Times, mask: NDArray[np.bool_], code: int, texts: pa.LargeStringArray
) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    some = texts if mask.all() else texts.filter(pa.array(mask))
    good = matches(some, _FORMS[code])
    rows = np.flatnonzero(mask)[good]
    if not len(rows):
        return
    fields = pc.extract_regex(some if good.all() else some.filter(pa.array(good)), _FORMS[code])
    names = {field.name for field in fields.type}

    def number(name: str, otherwise: int) -> NDArray[np.int64]:
        if name not in names:
            return np.full(len(rows), otherwise, np.int64)
        return _clipped(fields.field(name))

    year, month, day = number("y", 1972), number("m", 1 if "y" in names else 12), number("d", 1)
    if code == types.TIME:
        day = np.full(len(rows), 31, np.int64)
    if code == _GREGORIAN["gDay"]:
        month = np.full(len(rows), 12, np.int64)
    hour, minute, second = number("h", 0), number("i", 0), number("s", 0)
    fractions = _fractions(fields.field("f")) if "f" in names else np.zeros(len(rows), np.int64)
    valid = (np.abs(year) <= MAX_YEAR) & (day <= month_length(year, month))
    valid &= (hour < 24) | ((minute == 0) & (second == 0) & (fractions == 0))
    date = days(year, month, day)
    if code == types.TIME:
        hour = hour % 24
    made.codes[rows] = np.where(valid, code, types.NONE)
    made.seconds[rows] = date * DAY + hour * 3_600 + minute * 60 + second
    made.fractions[rows] = fractions
    made.zones[rows] = _zones(fields.field("z"))


def _clipped(texts: pa.Array) -> NDArray[np.int64]:
    """Read digits; what is longer than any year that is taken becomes one that is not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return as_array(pc.cast(pc.utf8_slice_codeunits(texts, 0, 12), pa.int64()))


def _fractions(texts: pa.Array) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(texts, 0, 18), width=18, padding="0")
    return as_array(pc.cast(digits, pa.int64()))


def _zones(texts: pa.Array) -> NDArray[np.int32]:
    encoded = texts.dictionary_encode()
    minutes = [_zone(text) for text in encoded.dictionary.to_pylist()]
    return np.array(minutes, np.int32)[as_array(encoded.indices)]


def _zone(text: str) -> int:
    if text in ("", "Z"):
        return 0 if text else NO_ZONE
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


# ----------------------------------------------------------------------------------------- writing


def _written(code: int, times: Times) -> pa.LargeStringArray:
    import pyarrow.compute as pc

    pattern = _FORMS[code]
    year, month, day = civil(times.seconds // DAY)
    pieces: list[pa.LargeStringArray] = []
    if "(?P<y>" in pattern:
        pieces.append(year_texts(year))
    else:
        pieces.append(constant("-" if code != types.TIME else "", len(times)))
    for name, values, lead in (("m", month, "-"), ("d", day, "-")):
        if f"(?P<{name}>" in pattern:
            pieces += [constant(lead, len(times)), number_texts(values, 2)]
        elif code == _GREGORIAN["gDay"]:
            pieces.append(constant("-", len(times)))
    if "(?P<h>" in pattern:
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
