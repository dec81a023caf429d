"""A total order of all terms, for ORDER BY, MIN and MAX (SPARQL 1.1, section 15.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array
from extremeearth.knowledge.store.expressions.comparing import (
    BLANKS,
    BOOLEANS,
    DURATIONS,
    IRIS,
    LANGUAGES,
    NUMBERS,
    OTHERS,
    STRINGS,
    TIMES,
    by_code,
    families,
)
from extremeearth.knowledge.store.expressions.numbers import EXACT, Numbers
from extremeearth.knowledge.store.expressions.operands import Operand
from extremeearth.knowledge.store.expressions.times import time_codes

__all__ = ["order_keys", "sorted_rows"]

_PLACES = {
    BLANKS: 1,
    IRIS: 2,
    NUMBERS: 3,
    BOOLEANS: 5,
    TIMES: 6,
    DURATIONS: 20,
    STRINGS: 21,
    LANGUAGES: 21,
    OTHERS: 22,
}
_NAN = 4
_MONTH = 2_629_746
_SURE = 10**15
"""Whole units up to this have a double of their own."""


def order_keys(column: TermColumn) -> tuple[NDArray[Any], ...]:
    """Give keys that put terms in order, the most significant first.

    The order is: no term, blank nodes, IRIs, numbers by value (NaN last), booleans, points in time (of each type) by
    instant, durations, strings by code point and then by language, other literals by type and text. Terms of equal
    value have equal keys, so that a stable sort leaves them as they came.

    Parameters
    ----------
    column
        Any terms.

    Returns
    -------
    tuple
        Arrays of numbers without NaN; each may be negated for the reverse order.

    Examples
    --------
    >>> column = TermColumn.of_values(types.INTEGER, ["10", "9", "09"])
    >>> np.lexsort(order_keys(column)[::-1]).tolist()
    [1, 2, 0]
    """
    operand = Operand(column)
    given = families(operand)
    table = np.zeros(OTHERS + 1, np.int16)
    for family, place in _PLACES.items():
        table[family] = place
    places = table[given]
    first, second = np.zeros(len(column)), np.zeros(len(column), np.int64)
    mask = given == NUMBERS
    if mask.any():
        values, rest = _number_keys(operand.numbers, mask)
        places[mask & np.isnan(values)] = _NAN
        first[mask], second[mask] = np.where(np.isnan(values), 0, values + 0.0)[mask], rest[mask]
    mask = given == BOOLEANS
    if mask.any():
        first[mask] = operand.truths[mask]
    mask = given == TIMES
    if mask.any():
        times = operand.times
        kinds = {code: place for place, code in enumerate(time_codes())}
        places[mask] += by_code(column.types[mask], lambda code: kinds.get(code, 0), np.int16)
        first[mask], second[mask] = times.instants[mask], times.fractions[mask]
    mask = given == DURATIONS
    if mask.any():
        durations = operand.durations
        first[mask] = (durations.months * _MONTH + durations.seconds)[mask]
        second[mask] = durations.fractions[mask]
    mask = (places == 1) | (places == 2) | (places >= _PLACES[STRINGS])
    if mask.any():
        codes = column.types[mask]
        ranks, kinds_rank = _text_ranks(column, mask), _type_ranks(codes)
        other = given[mask] == OTHERS
        first[mask] = np.where(other, kinds_rank, ranks)
        second[mask] = np.where(other, ranks, kinds_rank)
    return places, first, second


def _number_keys(
    numbers: Numbers, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the nearest doubles, and ranks of what they lose where that may decide."""
    values = numbers.doubles()
    rest = np.zeros(len(values), np.int64)
    exact = numbers.exact & mask
    rough = exact & (numbers.wide | (np.abs(numbers.units) > _SURE))
    if not rough.any():
        return values, rest
    rows = np.flatnonzero(exact & np.isin(values, np.unique(values[rough])))
    lost = []
    for exactly, near in zip(numbers.decimals(rows), values[rows].tolist(), strict=True):
        lost.append(EXACT.subtract(exactly, Decimal(near)) if np.isfinite(near) else exactly)
    ordered = {value: place for place, value in enumerate(sorted({Decimal(0), *lost}))}
    zero = ordered[Decimal(0)]
    rest[rows] = [ordered[value] - zero for value in lost]
    return values, rest


def _text_ranks(column: TermColumn, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = column.values.filter(pa.array(mask)).dictionary_encode()
    order = as_array(pc.array_sort_indices(encoded.dictionary)).astype(np.int64)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return np.asarray(ranks[as_array(encoded.indices)])


def _type_ranks(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Ranks of types by their text, strings without a language first: codes depend on what a process saw before."""

    def text(code: int) -> tuple[bool, str]:
        return code > types.BLANK and code != types.STRING, types.describe(code).text

    present = [int(code) for code in np.unique(codes)]
    ranks = {code: rank for rank, code in enumerate(sorted(present, key=text))}
    return by_code(codes, lambda code: ranks.get(code, 0), np.int64)


def sorted_rows(keys: tuple[NDArray[Any], ...], *, descending: bool = False) -> NDArray[np.int64]:
    """Give the rows in the order of keys; equal ones stay in their order, in the reverse order too."""
    useful = [key for key in keys if len(key) and (key != key[0]).any()]
    if not useful:
        return np.arange(len(keys[0]))
    signed = [-key if descending else key for key in useful]
    if len(signed) == 1:
        return np.argsort(signed[0], kind="stable")
    return np.lexsort(signed[::-1])
