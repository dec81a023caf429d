"""Columns of numbers: exact integers and decimals, floats and doubles."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import scatter
from extremeearth.knowledge.store.expressions.number_writing import (
    exact_texts,
    float_texts,
    read_doubles,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "DECIMAL_KIND",
    "DOUBLE_KIND",
    "EXACT",
    "FLOAT_KIND",
    "INTEGER_KIND",
    "LIMIT",
    "MAX_DIGITS",
    "NOT_A_NUMBER",
    "Numbers",
    "number_column",
    "pack",
]

NOT_A_NUMBER = -1
"""Kind of a row that holds no number: an error."""
INTEGER_KIND, DECIMAL_KIND, FLOAT_KIND, DOUBLE_KIND = range(4)
LIMIT = 9_000_000_000_000_000_000
"""Units beyond this are kept as `Decimal`, so that a sign or one more digit never overflows."""
MAX_DIGITS = 4_000
"""Exact numbers with more digits are errors (FOAR0002, numeric overflow)."""
EXACT = decimal.Context(
    prec=MAX_DIGITS + 100, rounding=decimal.ROUND_DOWN, Emax=10**6, Emin=-(10**6), traps=[]
)

_CODES = np.array(
    [types.INTEGER, types.DECIMAL, types.FLOAT, types.DOUBLE, types.NONE], dtype=np.int32
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers as arrays of one length; a length of one goes with every other.

    Attributes
    ----------
    kinds
        int8: integer, decimal, float, double, or `NOT_A_NUMBER`.
    units, scales
        An integer or decimal is ``units / 10**scales``, scales from 0 to 18.
    floats
        Value of floats (rounded to float32) and doubles, 0 elsewhere.
    wide
        Where an integer or decimal does not fit into units and scales.
    objects
        `Decimal` where `wide`; `None` where nothing is.
    """

    kinds: NDArray[np.int8]
    units: NDArray[np.int64]
    scales: NDArray[np.int8]
    floats: NDArray[np.float64]
    wide: NDArray[np.bool_]
    objects: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def blank(cls, length: int) -> Numbers:
        """Make rows that hold no number, in arrays that may be filled."""
        return cls(
            np.full(length, NOT_A_NUMBER, np.int8), np.zeros(length, np.int64),
            np.zeros(length, np.int8), np.zeros(length), np.zeros(length, bool),
        )  # fmt: skip

    @classmethod
    def of_integers(cls, values: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Numbers:
        """Make integers of an int64 array within `LIMIT`."""
        made = cls.blank(len(values))
        made.units[:] = values
        made.kinds[:] = (
            INTEGER_KIND if present is None else np.where(present, INTEGER_KIND, NOT_A_NUMBER)
        )
        return made

    @classmethod
    def of_doubles(cls, values: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Numbers:
        """Make doubles of a float64 array; NaN is a number here."""
        made = cls.blank(len(values))
        made.floats[:] = values
        made.kinds[:] = (
            DOUBLE_KIND if present is None else np.where(present, DOUBLE_KIND, NOT_A_NUMBER)
        )
        return made

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a number."""
        return np.asarray(self.kinds >= 0)

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Where there is an integer or a decimal."""
        return np.asarray((self.kinds == INTEGER_KIND) | (self.kinds == DECIMAL_KIND))

    def take(self, rows: NDArray[Any]) -> Numbers:
        """Give some rows."""
        objects = None if self.objects is None else self.objects[rows]
        return Numbers(
            self.kinds[rows], self.units[rows], self.scales[rows], self.floats[rows],
            self.wide[rows], objects,
        )  # fmt: skip

    def widened(self, length: int) -> Numbers:
        """Repeat a single row."""
        if len(self) == length:
            return self
        return self.take(np.zeros(length, np.int64))

    def where(self, keep: NDArray[np.bool_]) -> Numbers:
        """Give the same with no number where `keep` is false."""
        kinds = np.where(keep, self.kinds, NOT_A_NUMBER).astype(np.int8)
        return Numbers(kinds, self.units, self.scales, self.floats, self.wide, self.objects)

    def decimals(self, rows: NDArray[Any]) -> list[Decimal]:
        """Give the exact values of some rows, which hold integers or decimals."""
        found: list[Decimal] = []
        for row in rows.tolist():
            if self.wide[row]:
                assert self.objects is not None
                found.append(self.objects[row])
            else:
                found.append(Decimal(int(self.units[row])).scaleb(-int(self.scales[row]), EXACT))
        return found

    def doubles(self) -> NDArray[np.float64]:
        """Give every number as the nearest double (XPath and XQuery Functions and Operators, section 19.1.2.2)."""
        exact = self.exact
        if not exact.any():
            return self.floats
        near = self.units / np.power(10.0, self.scales) if self.scales.any() else self.units * 1.0
        found = np.where(exact, near, self.floats)
        # a quotient of two exact doubles is the nearest one; else the text is read, which rounds right
        rough = exact & (self.scales > 0) & (np.abs(self.units) > 2**53)
        if rough.any():
            found[rough] = read_doubles(self.take(np.flatnonzero(rough))._exact_texts())
        if self.objects is not None:
            rows = np.flatnonzero(exact & self.wide)
            found[rows] = [float(value) for value in self.decimals(rows)]
        return found

    def singles(self) -> NDArray[np.float32]:
        """Give every number as a float32."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self.doubles().astype(np.float32)

    def texts(self) -> pa.LargeStringArray:
        """Write every number, the empty text where there is none."""
        parts = []
        exact = self.exact
        if exact.any():
            some = self if exact.all() else self.take(np.flatnonzero(exact))
            parts.append((exact, some._exact_texts()))
        for kind in (FLOAT_KIND, DOUBLE_KIND):
            mask = self.kinds == kind
            if mask.any():
                parts.append((mask, float_texts(self.floats[mask], single=kind == FLOAT_KIND)))
        return scatter(len(self), parts)

    def _exact_texts(self) -> pa.LargeStringArray:
        return exact_texts(self.units, self.scales, self.wide, self.objects)

    def column(self) -> TermColumn:
        """Write the numbers as terms, in the form that a cast to a string gives."""
        return TermColumn(_CODES[self.kinds], self.texts())


def pack(
    made: Numbers,
    rows: NDArray[Any],
    values: Sequence[Decimal | None],
    kinds: NDArray[np.int8],
) -> Numbers:
    """Write exact values into rows of `made` (its arrays are filled); `None` and too long ones are no numbers."""
    objects = made.objects
    for row, value, kind in zip(rows.tolist(), values, kinds.tolist(), strict=True):
        made.wide[row] = False
        if value is None or not value.is_finite() or _digits(value) > MAX_DIGITS:
            made.kinds[row] = NOT_A_NUMBER
            continue
        made.kinds[row] = kind
        reduced = value.normalize(EXACT)
        exponent = int(reduced.as_tuple().exponent)
        scale = max(-exponent, 0)
        if scale <= 18 and abs(units := int(reduced.scaleb(scale, EXACT))) <= LIMIT:
            made.units[row], made.scales[row] = units, scale
            continue
        if objects is None:
            objects = np.full(len(made), None, object)
        objects[row] = reduced
        made.wide[row] = True
        made.units[row] = made.scales[row] = 0
    return Numbers(made.kinds, made.units, made.scales, made.floats, made.wide, objects)


def _digits(value: Decimal) -> int:
    _, digits, exponent = value.as_tuple()
    return max(len(digits), abs(int(exponent)), len(digits) + int(exponent))


def number_column(values: Iterable[Any], code: int) -> TermColumn:
    """Write values as numeric literals of one type, in canonical form.

    Parameters
    ----------
    values
        An array of floats or of whole numbers, or a sequence of ``int``, ``float`` or ``Decimal``; ``None`` in a
        sequence, and nothing else, gives no term.
    code
        `types.INTEGER`, `types.DECIMAL`, `types.FLOAT` or `types.DOUBLE`. A value is rounded towards zero for an
        integer and to the nearest float32 for a float.

    Examples
    --------
    >>> number_column([1.0, 2.5e9, None, float("nan")], types.DOUBLE).values.to_pylist()
    ['1', '2.5E9', '', 'NaN']
    >>> number_column([Decimal("1.50"), 10**30], types.DECIMAL).values.to_pylist()
    ['1.5', '1000000000000000000000000000000']
    """
    kind = _CODES.tolist().index(code)
    if kind >= FLOAT_KIND:
        listed = values if isinstance(values, np.ndarray) else list(values)
        present = np.array([value is not None for value in listed], dtype=bool)
        floats = np.array([0.0 if value is None else float(value) for value in listed])
        if kind == FLOAT_KIND:
            with np.errstate(over="ignore"):
                floats = floats.astype(np.float32).astype(np.float64)
        made = Numbers.of_doubles(floats, present)
        made.kinds[present] = kind
        return made.column()
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        whole = values.astype(np.int64)
        if not len(whole) or (np.abs(whole).max() <= LIMIT and whole.min() >= -LIMIT):
            made = Numbers.of_integers(whole)
            made.kinds[:] = kind
            return made.column()
    exact = [_exactly(value, whole=kind == INTEGER_KIND) for value in values]
    kinds = np.full(len(exact), kind, np.int8)
    return pack(Numbers.blank(len(exact)), np.arange(len(exact)), exact, kinds).column()


def _exactly(value: Any, *, whole: bool) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        exact = value
    elif isinstance(value, int | np.integer):
        exact = Decimal(int(value))
    else:
        exact = Decimal(repr(float(value)))
    if not exact.is_finite():
        return None
    return exact.to_integral_value(decimal.ROUND_DOWN) if whole else exact
