"""Columns of numbers: exact integers and decimals, floats and doubles, read from lexical forms and written back."""

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
from extremeearth.knowledge.store.expressions._arrays import (
    as_array,
    mapped,
    matches,
    number_texts,
    scatter,
    strings,
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
    "NOT_A_NUMBER",
    "Numbers",
    "number_column",
    "pack",
    "read_numbers",
    "read_texts",
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
_FIRST_DERIVED = types.KML + 1
_AFTER = _FIRST_DERIVED + len(types.DERIVED_INTEGERS)
_KINDS = np.full(_AFTER + 1, NOT_A_NUMBER, dtype=np.int8)
_KINDS[_FIRST_DERIVED:_AFTER] = INTEGER_KIND
_KINDS[[types.INTEGER, types.DECIMAL, types.FLOAT, types.DOUBLE]] = range(4)
_RANGES: dict[str, tuple[int | None, int | None]] = {
    "long": (-(2**63), 2**63 - 1), "int": (-(2**31), 2**31 - 1), "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127), "nonNegativeInteger": (0, None), "positiveInteger": (1, None),
    "nonPositiveInteger": (None, 0), "negativeInteger": (None, -1), "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1), "unsignedShort": (0, 2**16 - 1), "unsignedByte": (0, 255),
}  # fmt: skip
_INTEGER_FORM = r"^[+-]?[0-9]+$"
_DECIMAL_FORM = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$"
_DOUBLE_FORM = r"^([+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?INF|NaN)$"


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
    def of_integers(
        cls, values: NDArray[Any], present: NDArray[np.bool_] | None = None
    ) -> Numbers:
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
        return self.kinds >= 0

    @property
    def exact(self) -> NDArray[np.bool_]:
        """Where there is an integer or a decimal."""
        return (self.kinds == INTEGER_KIND) | (self.kinds == DECIMAL_KIND)

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
            found[rough] = as_array(_to_double(_exact_texts(self.take(np.flatnonzero(rough)))))
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
            parts.append((exact, _exact_texts(some)))
        for kind in (FLOAT_KIND, DOUBLE_KIND):
            mask = self.kinds == kind
            if mask.any():
                parts.append((mask, _float_texts(self.floats[mask], single=kind == FLOAT_KIND)))
        return scatter(len(self), parts)

    def column(self) -> TermColumn:
        """Write the numbers as terms, in the form that a cast to a string gives."""
        return TermColumn(_CODES[self.kinds], self.texts())


# ----------------------------------------------------------------------------------------- reading


def read_numbers(column: TermColumn) -> Numbers:
    """Read the numbers of a column; what is no numeric literal, or an ill-typed one, is no number.

    Examples
    --------
    >>> read_numbers(TermColumn.of_values(types.DECIMAL, ["1.50", "abc"])).column().values.to_pylist()
    ['1.5', '']
    """
    codes = column.types
    kinds = _KINDS[np.minimum(codes, _AFTER)]
    numbers = read_texts(kinds, column.values)
    derived = (codes >= _FIRST_DERIVED) & (codes < _AFTER) & numbers.present
    if derived.any():
        numbers = _in_range(numbers, codes, derived)
    return numbers


def read_texts(kinds: NDArray[np.int8], texts: pa.LargeStringArray) -> Numbers:
    """Read lexical forms as numbers of given kinds; one that is ill-formed is no number."""
    import pyarrow as pa

    if len(kinds) and (kinds == kinds[0]).all() and kinds[0] >= 0:
        return _read_kind(int(kinds[0]), texts)
    made = Numbers.blank(len(kinds))
    objects: NDArray[Any] | None = None
    for kind in range(4):
        rows = np.flatnonzero(kinds == kind)
        if not len(rows):
            continue
        part = _read_kind(kind, texts.take(pa.array(rows)))
        made.kinds[rows], made.units[rows], made.scales[rows] = part.kinds, part.units, part.scales
        made.floats[rows], made.wide[rows] = part.floats, part.wide
        if part.objects is not None:
            objects = np.full(len(kinds), None, object) if objects is None else objects
            objects[rows] = part.objects
    return Numbers(made.kinds, made.units, made.scales, made.floats, made.wide, objects)


def _read_kind(kind: int, texts: pa.LargeStringArray) -> Numbers:
    if kind == INTEGER_KIND:
        return _read_integers(texts)
    return _read_decimals(texts) if kind == DECIMAL_KIND else _read_floats(kind, texts)


def _in_range(
    numbers: Numbers, codes: NDArray[np.int32], derived: NDArray[np.bool_]
) -> Numbers:
    keep = np.ones(len(numbers), bool)
    for code in np.unique(codes[derived]).tolist():
        low, high = _RANGES[types.DERIVED_INTEGERS[code - _FIRST_DERIVED]]
        rows = np.flatnonzero(derived & (codes == code))
        units, wide = numbers.units[rows], numbers.wide[rows]
        good = np.ones(len(rows), bool)
        if low is not None:
            good &= wide | (units >= low)
        if high is not None and high <= LIMIT:
            good &= wide | (units <= high)
        if wide.any():
            values = numbers.decimals(rows[wide])
            good[wide] = [
                (low is None or v >= low) and (high is None or v <= high) for v in values
            ]
        keep[rows] = good
    return numbers.where(keep)


def _read_integers(texts: pa.LargeStringArray) -> Numbers:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        # Arrow takes hexadecimal forms, XML Schema does not
        if not pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
            units = as_array(pc.cast(texts, pa.int64()))
            if not len(units) or (units.min() >= -LIMIT and units.max() <= LIMIT):
                return Numbers.of_integers(units)
    except pa.ArrowInvalid:
        pass
    return _read_exact(texts, INTEGER_KIND, matches(texts, _INTEGER_FORM))


def _read_decimals(texts: pa.LargeStringArray) -> Numbers:
    return _read_exact(texts, DECIMAL_KIND, matches(texts, _DECIMAL_FORM))


def _read_exact(texts: pa.LargeStringArray, kind: int, good: NDArray[np.bool_]) -> Numbers:
    import pyarrow as pa
    import pyarrow.compute as pc

    made = Numbers.blank(len(texts))
    points = as_array(pc.find_substring(texts, "."))
    digits = pc.ascii_ltrim(pc.replace_substring(texts, ".", "", max_replacements=1), "+")
    fractions = np.where(points >= 0, as_array(pc.binary_length(texts)) - points - 1, 0)
    # eighteen digits, or seventeen and a sign
    short = good & (as_array(pc.binary_length(digits)) <= 18)
    if short.any():
        some = digits if short.all() else digits.filter(pa.array(short))
        made.units[short] = as_array(pc.cast(some, pa.int64()))
        made.scales[short] = fractions[short]
        made.kinds[short] = kind
    long = np.flatnonzero(good & ~short)
    if not len(long):
        return made
    values = [
        Decimal(text) if len(text) <= MAX_DIGITS else None
        for text in texts.take(pa.array(long)).to_pylist()
    ]
    return pack(made, long, values, np.full(len(long), kind, np.int8))


def _read_floats(kind: int, texts: pa.LargeStringArray) -> Numbers:
    import pyarrow as pa
    import pyarrow.compute as pc

    goal = pa.float32() if kind == FLOAT_KIND else pa.float64()
    made = Numbers.blank(len(texts))
    try:
        # Arrow takes "inf" and "nan" in any case, XML Schema does not
        if not pc.any(pc.match_substring(texts, "n", ignore_case=True)).as_py():
            made.floats[:] = as_array(pc.cast(texts, goal))
            made.kinds[:] = kind
            return made
    except pa.ArrowInvalid:
        pass
    good = matches(texts, _DOUBLE_FORM)
    made.floats[good] = as_array(pc.cast(texts.filter(pa.array(good)), goal))
    made.kinds[good] = kind
    return made


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


# ----------------------------------------------------------------------------------------- writing


def _to_double(texts: pa.LargeStringArray) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(texts, pa.float64())


def _exact_texts(numbers: Numbers) -> pa.LargeStringArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    units, scales = numbers.units, numbers.scales
    if scales.any():
        units, scales = _without_zeros(units, scales)
    point, nothing = (pa.scalar(text, pa.large_string()) for text in (".", ""))
    parts = []
    for scale in np.flatnonzero(np.bincount(scales, minlength=1)).tolist():
        mask = scales == scale
        some = units if mask.all() else units[mask]
        if scale == 0:
            parts.append((mask, number_texts(some)))
            continue
        whole, rest = np.divmod(np.abs(some), 10**scale)
        signs = pa.array(np.where(some < 0, "-", ""), pa.large_string())
        fractions = number_texts(rest, width=scale)
        texts = pc.binary_join_element_wise(number_texts(whole), fractions, point)
        parts.append((mask, pc.binary_join_element_wise(signs, texts, nothing)))
    if numbers.wide.any():
        assert numbers.objects is not None
        values = [format(value, "f") for value in numbers.objects[numbers.wide]]
        parts.append((numbers.wide, strings(values)))
    return scatter(len(numbers), parts)


def _without_zeros(
    units: NDArray[np.int64], scales: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    units, scales = units.copy(), scales.copy()
    rows = np.flatnonzero(scales > 0)
    while len(rows):
        rows = rows[units[rows] % 10 == 0]
        units[rows] //= 10
        scales[rows] -= 1
        rows = rows[scales[rows] > 0]
    return units, scales


def _float_texts(values: NDArray[np.float64], *, single: bool) -> pa.LargeStringArray:
    """Casting to xs:string: plain digits between 1e-6 and 1e6, else a mantissa and an exponent (section 19.1.2.2)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    given = values.astype(np.float32) if single else values
    texts = pc.cast(pa.array(given), pa.large_string())
    size = np.abs(values)
    plain = ((size >= 1e-6) & (size < 1e6)) | (size == 0)
    if plain.all():
        return texts
    odd = texts.filter(pa.array(~plain))
    return scatter(len(values), [(np.ones(len(values), bool), texts), (~plain, mapped(odd, _scientific)[0])])


def _scientific(text: str) -> str:
    special = {"inf": "INF", "-inf": "-INF", "nan": "NaN", "-nan": "NaN"}.get(text)
    if special is not None:
        return special
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{int(exponent) + len(digits) - 1}"


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
    kind = int(_KINDS[code])
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
