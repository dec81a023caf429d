"""Numeric operators and functions of XPath over columns of numbers, with numeric promotion.

Exact numbers are computed in int64 where the result surely fits, in `Decimal` in the few rows where it may not.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.expressions.numbers import (
    DECIMAL_KIND,
    DOUBLE_KIND,
    EXACT,
    FLOAT_KIND,
    INTEGER_KIND,
    LIMIT,
    NOT_A_NUMBER,
    Numbers,
    pack,
)

__all__ = [
    "UNORDERED", "absolute", "ceiling", "combine", "floor", "negative", "order", "rounded", "truncated",
]  # fmt: skip

UNORDERED = 2
"""Answer of `order` where one side is NaN or no number."""
PLACES = 18
"""Digits after the point of a quotient that does not end; more are cut off."""
_FRACTION = Decimal(1).scaleb(-PLACES)
_SAFE = float(LIMIT) * 0.999


def combine(operator: str, left: Numbers, right: Numbers) -> Numbers:
    """Compute ``+ - * /`` row by row (XPath and XQuery Functions and Operators, section 6.2).

    Integers divided give a decimal. A division of exact numbers by zero is an error, one of floats is not.
    """
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    both = left.present & right.present
    kinds = np.where(both, np.maximum(left.kinds, right.kinds), NOT_A_NUMBER).astype(np.int8)
    if operator == "/":
        kinds[kinds == INTEGER_KIND] = DECIMAL_KIND
    made = Numbers.blank(length)
    made.kinds[:] = kinds
    exact = (kinds == INTEGER_KIND) | (kinds == DECIMAL_KIND)
    if exact.any():
        made = _combine_exact(operator, left, right, made, exact)
    for kind in (FLOAT_KIND, DOUBLE_KIND):
        mask = kinds == kind
        if mask.any():
            compute = _FLOATS[operator]
            with np.errstate(all="ignore"):
                if kind == FLOAT_KIND:
                    result = compute(left.singles(), right.singles())
                else:
                    result = compute(left.doubles(), right.doubles())
            made.floats[mask] = result[mask]
    return made


_FLOATS: dict[str, Callable[[Any, Any], NDArray[Any]]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide,
}  # fmt: skip


def _combine_exact(
    operator: str, left: Numbers, right: Numbers, made: Numbers, exact: NDArray[np.bool_]
) -> Numbers:
    compute = {"*": _multiply, "/": _divide}.get(operator, _add)
    sign = -1 if operator == "-" else 1
    with np.errstate(all="ignore"):
        units, scales, safe = compute(left, right, sign)
    safe &= exact & ~left.wide & ~right.wide
    made.units[safe], made.scales[safe] = units[safe], scales[safe]
    if operator == "/":
        zero = exact & ~right.wide & (right.units == 0)
        made.kinds[zero] = NOT_A_NUMBER
        exact = exact & ~zero
    slow = np.flatnonzero(exact & ~safe)
    if not len(slow):
        return made
    exactly = _EXACTLY[operator]
    values = [exactly(a, b) for a, b in zip(left.decimals(slow), right.decimals(slow), strict=True)]
    return pack(made, slow, values, made.kinds[slow])


def _quotient(left: Decimal, right: Decimal) -> Decimal:
    return EXACT.quantize(EXACT.divide(left, right), _FRACTION)


_EXACTLY: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": EXACT.add, "-": EXACT.subtract, "*": EXACT.multiply, "/": _quotient,
}  # fmt: skip
_Fast = tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.bool_]]


def _aligned(
    left: Numbers, right: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8], NDArray[np.bool_]]:
    """Bring both to the same scale; tell where that fits."""
    if not left.scales.any() and not right.scales.any():
        return left.units, right.units, left.scales, np.ones(len(left), bool)
    scales = np.maximum(left.scales, right.scales)
    found = []
    fits = np.ones(len(left), bool)
    for side in (left, right):
        factor = np.power(np.int64(10), (scales - side.scales).astype(np.int64))
        fits &= np.abs(side.units.astype(np.float64)) * factor < _SAFE
        found.append(side.units * factor)
    return found[0], found[1], scales, fits


def _add(left: Numbers, right: Numbers, sign: int) -> _Fast:
    a, b, scales, fits = _aligned(left, right)
    units = a + b if sign > 0 else a - b
    size = np.abs(a.astype(np.float64)) + np.abs(b.astype(np.float64))
    return units, scales, fits & (size < _SAFE)


def _multiply(left: Numbers, right: Numbers, _sign: int) -> _Fast:
    scales = left.scales + right.scales
    size = np.abs(left.units.astype(np.float64) * right.units)
    return left.units * right.units, scales, (scales <= PLACES) & (size < _SAFE)


def _divide(left: Numbers, right: Numbers, _sign: int) -> _Fast:
    """Divide for the whole part, then twice for nine more digits, where all of that fits."""
    a, b, _, fits = _aligned(left, right)
    fits = fits & (b != 0) & (np.abs(b) < LIMIT // 10**9)
    divisor = np.where(fits, np.abs(b), 1)
    whole, rest = np.divmod(np.abs(a), divisor)
    first, rest = np.divmod(rest * 10**9, divisor)
    second, rest = np.divmod(rest * 10**9, divisor)
    fits &= (
        ((first == 0) & (second == 0))
        | (whole < LIMIT // 10**18)
        | ((second == 0) & (whole < LIMIT // 10**9))
    )
    scales = np.where(second != 0, PLACES, np.where(first != 0, 9, 0)).astype(np.int8)
    units = np.where(
        second != 0,
        (whole * 10**9 + first) * 10**9 + second,
        np.where(first != 0, whole * 10**9 + first, whole),
    )
    return np.where((a < 0) != (b < 0), -units, units), scales, fits


# ------------------------------------------------------------------------------------------ order


def order(left: Numbers, right: Numbers) -> NDArray[np.int8]:
    """Compare row by row after promotion: -1, 0, 1, or `UNORDERED`."""
    length = max(len(left), len(right)) if len(left) and len(right) else 0
    left, right = left.widened(length), right.widened(length)
    kinds = np.maximum(left.kinds, right.kinds)
    both = left.present & right.present
    answer = np.full(length, UNORDERED, np.int8)
    exact = both & (kinds <= DECIMAL_KIND)
    if exact.any():
        with np.errstate(all="ignore"):
            a, b, _, fits = _aligned(left, right)
        fast = exact & fits & ~left.wide & ~right.wide
        answer[fast] = _signs(a, b)[fast]
        slow = np.flatnonzero(exact & ~fast)
        pairs = zip(left.decimals(slow), right.decimals(slow), strict=True)
        answer[slow] = [int(EXACT.compare(a, b)) for a, b in pairs]
    for kind in (FLOAT_KIND, DOUBLE_KIND):
        mask = both & (kinds == kind)
        if mask.any():
            if kind == FLOAT_KIND:
                answer[mask] = _signs(left.singles(), right.singles())[mask]
            else:
                answer[mask] = _signs(left.doubles(), right.doubles())[mask]
    return answer


def _signs(left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.int8]:
    signs = (left > right).astype(np.int8) - (left < right).astype(np.int8)
    if left.dtype.kind == "f":
        signs = np.where(np.isnan(left) | np.isnan(right), np.int8(UNORDERED), signs)
    return np.asarray(signs, np.int8)


# -------------------------------------------------------------------------------------- functions


def negative(numbers: Numbers) -> Numbers:
    """Change the sign."""
    objects = numbers.objects
    if objects is not None:
        objects = np.array([None if v is None else -v for v in objects], dtype=object)
    return Numbers(
        numbers.kinds, -numbers.units, numbers.scales, -numbers.floats, numbers.wide, objects
    )


def absolute(numbers: Numbers) -> Numbers:
    """Leave the sign away (``fn:abs``)."""
    objects = numbers.objects
    if objects is not None:
        objects = np.array([None if v is None else abs(v) for v in objects], dtype=object)
    return Numbers(
        numbers.kinds, np.abs(numbers.units), numbers.scales, np.abs(numbers.floats), numbers.wide, objects
    )  # fmt: skip


def floor(numbers: Numbers) -> Numbers:
    """Give the largest whole number that is not larger (``fn:floor``)."""
    return _whole(numbers, lambda units, factor: units // factor, np.floor, decimal.ROUND_FLOOR)


def ceiling(numbers: Numbers) -> Numbers:
    """Give the smallest whole number that is not smaller (``fn:ceiling``)."""
    return _whole(
        numbers, lambda units, factor: -(-units // factor), np.ceil, decimal.ROUND_CEILING
    )


def truncated(numbers: Numbers) -> Numbers:
    """Leave away what follows the point."""
    return _whole(
        numbers, lambda units, factor: np.sign(units) * (np.abs(units) // factor), np.trunc, decimal.ROUND_DOWN
    )  # fmt: skip


def rounded(numbers: Numbers) -> Numbers:
    """Give the nearest whole number, of two the larger (``fn:round``)."""

    def nearest(values: NDArray[np.float64]) -> NDArray[np.float64]:
        below = np.floor(values)
        return np.asarray(np.copysign(below + (values - below >= 0.5), values))

    def exactly(units: NDArray[np.int64], factor: NDArray[np.int64]) -> NDArray[np.int64]:
        below, rest = np.divmod(units, factor)
        return below + (2.0 * rest >= factor)

    return _whole(numbers, exactly, nearest, None)


def _whole(
    numbers: Numbers,
    units: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    floats: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    mode: str | None,
) -> Numbers:
    factor = np.power(np.int64(10), numbers.scales.astype(np.int64))
    with np.errstate(invalid="ignore"):
        made = Numbers(
            numbers.kinds.copy(), units(numbers.units, factor), np.zeros_like(numbers.scales),
            floats(numbers.floats), numbers.wide.copy(), None,
        )  # fmt: skip
    rows = np.flatnonzero(numbers.wide)
    if not len(rows):
        return made
    values = [
        value.to_integral_value(mode, EXACT) if mode else _nearest(value)
        for value in numbers.decimals(rows)
    ]
    return pack(made, rows, values, numbers.kinds[rows])


def _nearest(value: Decimal) -> Decimal:
    below = value.to_integral_value(decimal.ROUND_FLOOR, EXACT)
    return below + 1 if EXACT.subtract(value, below) >= Decimal("0.5") else below
