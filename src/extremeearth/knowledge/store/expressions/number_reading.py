"""Lexical forms of XML Schema's numbers read into columns of numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array, matches
from extremeearth.knowledge.store.expressions.numbers import (
    DECIMAL_KIND,
    FLOAT_KIND,
    INTEGER_KIND,
    LIMIT,
    MAX_DIGITS,
    NOT_A_NUMBER,
    Numbers,
    pack,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_numbers", "read_texts"]

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


def read_numbers(column: TermColumn) -> Numbers:
    """Read the numbers of a column; what is no numeric literal, or an ill-typed one, is no number.

    Examples
    --------
    >>> read_numbers(
    ...     TermColumn.of_values(types.DECIMAL, ["1.50", "abc"])
    ... ).column().values.to_pylist()
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


def _in_range(numbers: Numbers, codes: NDArray[np.int32], derived: NDArray[np.bool_]) -> Numbers:
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
            good[wide] = [(low is None or v >= low) and (high is None or v <= high) for v in values]
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
