"""Columns of durations, and what may be computed with durations and points in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import (
    as_array,
    matches,
    number_texts,
    scatter,
)
from extremeearth.knowledge.store.expressions.times import (
    ATTO,
    DAY,
    Times,
    civil,
    constant,
    days,
    fraction_texts,
    month_length,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DURATION_CODES", "Durations", "add_durations", "difference", "negated", "order_durations",
    "read_duration_texts", "read_durations", "shifted",
]  # fmt: skip

DURATION_CODES = (types.DURATION, types.DAY_TIME_DURATION, types.YEAR_MONTH_DURATION)
_FIELDS = ("y", "m", "d", "h", "i", "s")
_FORM = (
    r"^(?P<n>-?)P(?:(?P<y>[0-9]{1,9})Y)?(?:(?P<m>[0-9]{1,9})M)?(?:(?P<d>[0-9]{1,9})D)?"
    r"(?P<t>T)?(?:(?P<h>[0-9]{1,9})H)?(?:(?P<i>[0-9]{1,9})M)?(?:(?P<s>[0-9]{1,9})(?:\.(?P<f>[0-9]+))?S)?$"
)
_ALLOWED = {
    types.DURATION: r"^-?P([^T]*[YMD])?(T.*[HMS])?$",
    types.DAY_TIME_DURATION: r"^-?P([^TYM]*D)?(T.*[HMS])?$",
    types.YEAR_MONTH_DURATION: r"^-?P[^TD]*[YM]$",
}
# Moments that tell whether one duration is always the longer one (XML Schema part 2, section 3.2.6.2).
_MOMENTS = ((1696, 9), (1697, 2), (1903, 3), (1903, 7))


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations as arrays of one length; a length of one goes with every other.

    Attributes
    ----------
    codes
        Type codes, -1 where there is no (well-formed) value.
    months, seconds
        The parts, both of the sign of the whole.
    fractions
        Fraction of the second in units of 1e-18, always added: -0.5 s is ``seconds = -1``, ``fractions = 5e17``.
    """

    codes: NDArray[np.int32]
    months: NDArray[np.int64]
    seconds: NDArray[np.int64]
    fractions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def blank(cls, length: int) -> Durations:
        """Make rows without a value, in arrays that may be filled."""
        return cls(
            np.full(length, types.NONE, np.int32), *(np.zeros(length, np.int64) for _ in range(3))
        )

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a value."""
        return self.codes >= 0

    def take(self, rows: NDArray[Any]) -> Durations:
        """Give some rows."""
        return Durations(
            self.codes[rows], self.months[rows], self.seconds[rows], self.fractions[rows]
        )

    def widened(self, length: int) -> Durations:
        """Repeat a single row."""
        return self if len(self) == length else self.take(np.zeros(length, np.int64))

    def column(self) -> TermColumn:
        """Write the values as terms in canonical form."""
        rows = np.flatnonzero(self.present)
        text = _written(self.take(rows)) if len(rows) else None
        parts = [] if text is None else [(self.present, text)]
        return TermColumn(self.codes, scatter(len(self), parts))


def read_durations(column: TermColumn) -> Durations:
    """Read the durations of a column; other and ill-typed terms give no value."""
    made = Durations.blank(len(column))
    for code in DURATION_CODES:
        mask = column.types == code
        if mask.any():
            _read_into(made, mask, code, column.values)
    return made


def read_duration_texts(code: int, texts: pa.LargeStringArray) -> Durations:
    """Read lexical forms as durations of one type."""
    made = Durations.blank(len(texts))
    _read_into(made, np.ones(len(texts), bool), code, texts)
    return made


def _read_into(
    made: Durations, mask: NDArray[np.bool_], code: int, texts: pa.LargeStringArray
) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    some = texts.filter(pa.array(mask))
    good = matches(some, _FORM) & matches(some, _ALLOWED[code]) & ~matches(some, r"^-?P$")
    rows = np.flatnonzero(mask)[good]
    if not len(rows):
        return
    fields = pc.extract_regex(some.filter(pa.array(good)), _FORM)

    def number(name: str) -> NDArray[np.int64]:
        text = fields.field(name)
        return as_array(pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.int64()))

    year, month, day, hour, minute, second = (number(name) for name in _FIELDS)
    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(fields.field("f"), 0, 18), width=18, padding="0")
    fractions = as_array(pc.cast(digits, pa.int64()))
    sign = np.where(as_array(pc.equal(fields.field("n"), "-")), -1, 1)
    made.codes[rows] = code
    made.months[rows] = sign * (year * 12 + month)
    seconds = day * DAY + hour * 3_600 + minute * 60 + second
    made.seconds[rows], made.fractions[rows] = _signed(sign, seconds, fractions)


def _signed(
    sign: NDArray[Any], seconds: NDArray[np.int64], fractions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    turned = (sign < 0) & (fractions > 0)
    return (
        np.where(turned, -seconds - 1, sign * seconds),
        np.where(turned, ATTO - fractions, fractions),
    )


def _written(durations: Durations) -> pa.LargeStringArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    length = len(durations)
    below = (durations.months < 0) | (durations.seconds < 0)
    sign = np.where(below, -1, 1)
    # taking the sign off is the same as putting it on
    seconds, fractions = _signed(sign, durations.seconds, durations.fractions)
    months = np.abs(durations.months)

    def piece(values: NDArray[np.int64], letter: str) -> pa.LargeStringArray:
        join = pc.binary_join_element_wise(number_texts(values), constant(letter, length), nothing)
        return pc.if_else(pa.array(values != 0), join, nothing)

    nothing = pa.scalar("", pa.large_string())
    year_month = durations.codes == types.YEAR_MONTH_DURATION
    empty = (months == 0) & (seconds == 0) & (fractions == 0)
    clock = (seconds % DAY != 0) | (fractions != 0) | (empty & ~year_month)
    last = pc.binary_join_element_wise(
        number_texts(seconds % 60), fraction_texts(fractions), constant("S", length), nothing
    )
    shown = (seconds % 60 != 0) | (fractions != 0) | (empty & ~year_month)
    return pc.binary_join_element_wise(
        pa.array(np.where(below, "-P", "P"), pa.large_string()),
        piece(months // 12, "Y"),
        piece(months % 12, "M"),
        pa.array(np.where(empty & year_month, "0M", ""), pa.large_string()),
        piece(seconds // DAY, "D"),
        pa.array(np.where(clock, "T", ""), pa.large_string()),
        piece(seconds // 3_600 % 24, "H"),
        piece(seconds // 60 % 60, "M"),
        pc.if_else(pa.array(shown), last, nothing),
        nothing,
    )


# --------------------------------------------------------------------------------------- operators


def order_durations(left: Durations, right: Durations) -> NDArray[np.int8]:
    """Compare row by row: -1, 0, 1, or 2 where neither is always the longer one."""
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    answers = []
    for year, month in _MOMENTS:
        ends = [_after(year, month, side) for side in (left, right)]
        signs = np.sign(ends[0] - ends[1])
        answers.append(np.where(signs == 0, np.sign(left.fractions - right.fractions), signs))
    agreed = np.logical_and.reduce([answer == answers[0] for answer in answers[1:]])
    return np.where(agreed & left.present & right.present, answers[0], 2).astype(np.int8)


def _after(year: int, month: int, durations: Durations) -> NDArray[np.int64]:
    years, months = np.divmod(year * 12 + month - 1 + durations.months, 12)
    return days(years, months + 1, np.ones_like(months)) * DAY + durations.seconds


def negated(durations: Durations) -> Durations:
    """Change the sign."""
    turned = durations.fractions > 0
    return Durations(
        durations.codes, -durations.months,
        np.where(turned, -durations.seconds - 1, -durations.seconds),
        np.where(turned, ATTO - durations.fractions, 0),
    )  # fmt: skip


def add_durations(left: Durations, right: Durations) -> Durations:
    """Add durations; parts of different signs that do not cancel out are an error."""
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    carry, fractions = np.divmod(left.fractions + right.fractions, ATTO)
    months, seconds = left.months + right.months, left.seconds + right.seconds + carry
    codes = np.where(left.codes == right.codes, left.codes, types.DURATION)
    clash = ((months > 0) & (seconds < 0)) | ((months < 0) & ((seconds > 0) | (fractions > 0)))
    good = left.present & right.present & ~clash
    return Durations(np.where(good, codes, types.NONE).astype(np.int32), months, seconds, fractions)


def difference(left: Times, right: Times) -> Durations:
    """Subtract points in time of one type: a ``xsd:dayTimeDuration``."""
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    borrow, fractions = np.divmod(left.fractions - right.fractions, ATTO)
    clock = (
        (left.codes == types.DATE_TIME) | (left.codes == types.DATE) | (left.codes == types.TIME)
    )
    good = (left.codes == right.codes) & clock & (left.zoned == right.zoned)
    codes = np.where(good, types.DAY_TIME_DURATION, types.NONE).astype(np.int32)
    return Durations(
        codes, np.zeros(length, np.int64), left.instants - right.instants + borrow, fractions
    )


def shifted(times: Times, durations: Durations) -> Times:
    """Add durations to points in time: months first, the day kept within its month (XML Schema part 2, appendix E)."""
    length = max(len(times), len(durations)) if len(times) and len(durations) else 0
    times, durations = times.widened(length), durations.widened(length)
    year, month, day = civil(times.seconds // DAY)
    years, months = np.divmod(year * 12 + month - 1 + durations.months, 12)
    date = days(years, months + 1, np.minimum(day, month_length(years, months + 1)))
    carry, fractions = np.divmod(times.fractions + durations.fractions, ATTO)
    seconds = date * DAY + times.seconds % DAY + durations.seconds + carry
    of_day, of_date = times.codes == types.TIME, times.codes == types.DATE
    reference = times.seconds // DAY * DAY
    seconds = np.where(of_day, reference + seconds % DAY, seconds)
    seconds = np.where(of_date, seconds // DAY * DAY, seconds)
    good = durations.present & (of_day | of_date | (times.codes == types.DATE_TIME))
    good &= ~of_day | (durations.codes == types.DAY_TIME_DURATION)
    good &= np.abs(durations.months) < 12 * 10_000_000
    codes = np.where(good, times.codes, types.NONE).astype(np.int32)
    return Times(codes, seconds, np.where(of_date, 0, fractions), times.zones)
