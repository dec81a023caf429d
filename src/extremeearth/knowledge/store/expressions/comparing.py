"""Equality and order of terms as the operators of SPARQL see them (SPARQL 1.1, sections 17.3 and 17.4.1.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array
from extremeearth.knowledge.store.expressions.arithmetic import UNORDERED, order
from extremeearth.knowledge.store.expressions.durations import DURATION_CODES, order_durations
from extremeearth.knowledge.store.expressions.operands import Operand, boolean_forms, booleans
from extremeearth.knowledge.store.expressions.times import order_times, time_codes

__all__ = [
    "BLANKS", "BOOLEANS", "DURATIONS", "IRIS", "LANGUAGES", "NOTHING", "NUMBERS", "OTHERS", "STRINGS", "TIMES",
    "by_code", "compare", "compare_operands", "equal", "families", "same_terms",
]  # fmt: skip

NOTHING, IRIS, BLANKS, STRINGS, LANGUAGES, BOOLEANS, NUMBERS, TIMES, DURATIONS, OTHERS = range(10)
"""Families of terms whose values can be compared; OTHERS are ill-typed literals and those of unknown types."""


def by_code(codes: NDArray[np.int32], function: Callable[[int], Any], dtype: Any) -> NDArray[Any]:
    """Map type codes, -1 too, by a function of the code."""
    if not len(codes):
        return np.zeros(0, dtype)
    first = int(codes[0])
    if (codes == first).all():
        return np.full(len(codes), function(first), dtype)
    seen = np.flatnonzero(np.bincount(codes + 1))
    table = np.zeros(int(seen[-1]) + 1, dtype)
    for place in seen.tolist():
        table[place] = function(place - 1)
    return np.asarray(table[codes + 1])


def _family(code: int) -> int:
    fixed = {
        types.NONE: NOTHING,
        types.IRI: IRIS,
        types.BLANK: BLANKS,
        types.STRING: STRINGS,
        types.BOOLEAN: BOOLEANS,
    }
    if code in fixed:
        return fixed[code]
    if code in DURATION_CODES:
        return DURATIONS
    if code in time_codes():
        return TIMES
    if types.describe(code).language:
        return LANGUAGES
    return NUMBERS if types.flags(np.array([code], np.int32), "numeric")[0] else OTHERS


def families(operand: Operand) -> NDArray[np.int8]:
    """Tell the family of each value; an ill-typed literal is of the others."""
    if operand.is_number:
        return np.where(operand.numbers.present, NUMBERS, NOTHING).astype(np.int8)
    found: NDArray[np.int8] = by_code(operand.codes, _family, np.int8)
    if operand.is_truth:
        return found
    checks: tuple[tuple[int, Callable[[], NDArray[np.bool_]]], ...] = (
        (NUMBERS, lambda: operand.numbers.present),
        (BOOLEANS, lambda: boolean_forms(operand.terms.values)[1]),
        (TIMES, lambda: operand.times.present),
        (DURATIONS, lambda: operand.durations.present),
    )
    for family, valid in checks:
        mask = found == family
        if mask.any():
            found[mask & ~valid()] = OTHERS
    return found


def same_terms(left: Operand, right: Operand) -> NDArray[np.bool_]:
    """Tell where both sides are the same term; no term is none."""
    texts = _texts("equal", left, right)
    return np.asarray((left.codes == right.codes) & (left.codes >= 0) & texts)


def _texts(operator: str, left: Operand, right: Operand) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    a, b = left.terms.values, right.terms.values
    if len(a) != len(b):
        a, b = (a[0], b) if len(a) == 1 else (a, b[0])
    found = getattr(pc, operator)(a, b)
    return as_array(found).astype(bool)


def equal(left: Operand, right: Operand) -> NDArray[np.int8]:
    """Compute ``=``: 1, 0, or -1 for an error.

    Values of two different known types are not equal. Literals that are ill-typed or of a type that is not known are
    equal where they are the same term, and an error with every other literal (RDFterm-equal) that has no language.
    """
    a, b = families(left), families(right)
    both = (a == NUMBERS) & (b == NUMBERS)
    if both.all():
        return np.asarray(order(left.numbers, right.numbers) == 0, np.int8)
    found = np.zeros(len(both), np.int8)
    worded = (a == LANGUAGES) | (b == LANGUAGES)
    found[((a == OTHERS) | (b == OTHERS)) & ~worded] = -1
    same = same_terms(left, right)
    found[same] = 1
    found[(a != b) & ((a <= BLANKS) | (b <= BLANKS))] = 0
    for family, signs in _SIGNS.items():
        mask = (a == family) & (b == family)
        if mask.any():
            found[mask] = signs(left, right)[mask] == 0
    mask = (a == TIMES) & (b == TIMES) & (left.codes == right.codes)
    if mask.any():
        # within 14 hours, nobody knows whether a time without a zone is the one with a zone
        found[mask & (order_times(left.times, right.times) == UNORDERED)] = -1
    found[(a == NOTHING) | (b == NOTHING)] = -1
    return found


def _boolean_signs(left: Operand, right: Operand) -> NDArray[np.int8]:
    a, b = (side.truths if side.is_truth else booleans(side.terms) for side in (left, right))
    return np.asarray(np.sign(a - b), np.int8)


def _duration_equality(left: Operand, right: Operand) -> NDArray[np.int8]:
    a, b = left.durations, right.durations
    parts = (a.months == b.months) & (a.seconds == b.seconds) & (a.fractions == b.fractions)
    return np.where(parts, 0, 1).astype(np.int8)


_SIGNS: dict[int, Callable[[Operand, Operand], NDArray[np.int8]]] = {
    NUMBERS: lambda a, b: order(a.numbers, b.numbers),
    BOOLEANS: _boolean_signs,
    TIMES: lambda a, b: order_times(a.times, b.times),
    DURATIONS: _duration_equality,
}


_TESTS: dict[str, Callable[[NDArray[np.int8]], NDArray[np.bool_]]] = {
    "<": lambda signs: signs == -1,
    ">": lambda signs: signs == 1,
    "<=": lambda signs: (signs == -1) | (signs == 0),
    ">=": lambda signs: (signs == 1) | (signs == 0),
}


def compare_operands(operator: str, left: Operand, right: Operand) -> NDArray[np.int8]:
    """Compute a comparison: 1, 0, or -1 for an error; of one row where both sides are."""
    if operator in ("=", "!="):
        found = equal(left, right)
        if operator == "=":
            return found
        return np.where(found < 0, -1, 1 - found).astype(np.int8)
    test = _TESTS[operator]
    a, b = families(left), families(right)
    both = a == b
    if both.all() and ((a == NUMBERS) & both).all():
        return np.asarray(test(order(left.numbers, right.numbers)), np.int8)
    found = np.full(len(both), -1, np.int8)
    numbers = both & (a == NUMBERS)
    if numbers.any():
        found[numbers] = test(order(left.numbers, right.numbers))[numbers]
    words = both & ((a == STRINGS) | ((a == LANGUAGES) & (left.codes == right.codes)))
    if words.any():
        less, more = _texts("less", left, right), _texts("greater", left, right)
        found[words] = test(more.astype(np.int8) - less.astype(np.int8))[words]
    for family, signs_of in (
        (BOOLEANS, _boolean_signs),
        (TIMES, lambda x, y: order_times(x.times, y.times)),
        (DURATIONS, lambda x, y: order_durations(x.durations, y.durations)),
    ):
        mask = both & (a == family)
        if mask.any():
            signs = signs_of(left, right)
            mask &= signs != UNORDERED
            found[mask] = test(signs)[mask]
    return found


def compare(operator: str, left: TermColumn, right: TermColumn) -> NDArray[np.int8]:
    """Compare two columns of one length by ``= != < > <= >=``: 1, 0, or -1 for an error.

    Examples
    --------
    >>> one, two = (TermColumn.of_values(types.INTEGER, [text]) for text in ("1", "02"))
    >>> compare("<", one, two).tolist(), compare("=", one, TermColumn.empty(1)).tolist()
    ([1], [-1])
    """
    return compare_operands(operator, Operand(left), Operand(right))
