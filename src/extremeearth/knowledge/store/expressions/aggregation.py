"""Aggregates over groups of rows (SPARQL 1.1, section 18.5.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql.syntax import Aggregate, FunctionCall
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions.arithmetic import combine
from extremeearth.knowledge.store.expressions.context import ExpressionContext
from extremeearth.knowledge.store.expressions.number_reading import read_numbers
from extremeearth.knowledge.store.expressions.numbers import (
    EXACT,
    FLOAT_KIND,
    INTEGER_KIND,
    LIMIT,
    NOT_A_NUMBER,
    Numbers,
    number_column,
    pack,
)
from extremeearth.knowledge.store.expressions.ordering import order_keys, sorted_rows

__all__ = ["aggregate"]

_Groups = NDArray[np.int64]


def aggregate(
    node: Aggregate | FunctionCall,
    values: TermColumn | None,
    groups: NDArray[np.int64],
    count: int,
    context: ExpressionContext,
    *,
    others: Sequence[TermColumn] = (),
) -> TermColumn:
    """Compute an aggregate for every group.

    An error among the operands (no term) makes the result of ``SUM``, ``AVG``, ``MIN``, ``MAX`` and ``GROUP_CONCAT``
    an error; ``COUNT`` and ``SAMPLE`` pass over it. A group without rows has the sum and the average 0.

    Parameters
    ----------
    node
        The aggregate; its operand is not looked at.
    values
        Value of the operand in every row; `None` for ``COUNT(*)``. For ``COUNT(DISTINCT *)`` the rows are made
        different before.
    groups
        Number of the group of each row, from 0.
    count
        How many groups there are; some may have no rows.
    context
        The query's; has the aggregates that are named by an IRI.
    others
        Values of further operands in every row.

    Raises
    ------
    InputError
        The aggregate is not known.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> context = ExpressionContext(now=datetime.now(UTC), geometries=lambda terms: None)
    >>> column = TermColumn.of_values(types.INTEGER, ["1", "2", "2"])
    >>> total = aggregate(Aggregate("SUM", None), column, np.array([0, 1, 1]), 3, context)
    >>> total.values.to_pylist()
    ['1', '4', '0']
    """
    if values is None:
        return number_column(np.bincount(groups, minlength=count), types.INTEGER)
    if node.distinct:
        rows = _different(values, groups)
        values, groups = values.take(rows), groups[rows]
        others = [other.take(rows) for other in others]
    if isinstance(node, FunctionCall):
        function = context.aggregates.get(node.function.value)
        if function is None:
            raise InputError(
                f"The aggregate <{node.function.value}> is not known.",
                hint="See the list of functions.",
            )
        return function(values, groups, count, context, *others)
    if node.name == "GROUP_CONCAT":
        return _group_concat(
            values, groups, count, " " if node.separator is None else node.separator
        )
    return _AGGREGATES[node.name](values, groups, count)


def _different(values: TermColumn, groups: _Groups) -> NDArray[np.int64]:
    """Rows with the first of each term in each group, in their order."""
    terms, back = values.unique()
    _, first = np.unique(groups * np.int64(len(terms) or 1) + back, return_index=True)
    return np.sort(first)


def _with(mask: NDArray[np.bool_], groups: _Groups, count: int) -> NDArray[np.bool_]:
    """Tell which groups have a row of a mask."""
    found = np.zeros(count, bool)
    found[groups[mask]] = True
    return found


def _count(values: TermColumn, groups: _Groups, count: int) -> TermColumn:
    return number_column(np.bincount(groups[values.present], minlength=count), types.INTEGER)


def _sample(values: TermColumn, groups: _Groups, count: int) -> TermColumn:
    rows = np.full(count, -1, np.int64)
    there = np.flatnonzero(values.present)[::-1]
    rows[groups[there]] = there
    return values.take(rows)


def _extreme(*, largest: bool) -> Callable[[TermColumn, _Groups, int], TermColumn]:
    """Find the first of the least or greatest values in the order of ORDER BY (section 18.5.1.5)."""

    def evaluate(values: TermColumn, groups: _Groups, count: int) -> TermColumn:
        order = sorted_rows(order_keys(values), descending=largest)
        rows = np.full(count, -1, np.int64)
        backwards = order[::-1]
        rows[groups[backwards]] = backwards
        rows[_with(~values.present, groups, count)] = -1
        return values.take(rows)

    return evaluate


def _group_concat(values: TermColumn, groups: _Groups, count: int, separator: str) -> TermColumn:
    import pyarrow as pa
    import pyarrow.compute as pc

    order = np.argsort(groups, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=count))])
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values.values.take(pa.array(order)))
    texts = pc.binary_join(lists, pa.scalar(separator, pa.large_string())).cast(pa.large_string())
    failed = _with((values.types < 0) | (values.types == types.BLANK), groups, count)
    return TermColumn(np.full(count, types.STRING, np.int32), texts).where(~failed)


# -------------------------------------------------------------------------------------------- sums


def _sum(values: TermColumn, groups: _Groups, count: int) -> TermColumn:
    return _total(values, groups, count).column()


def _average(values: TermColumn, groups: _Groups, count: int) -> TermColumn:
    total = _total(values, groups, count)
    sizes = np.bincount(groups, minlength=count)
    mean = combine("/", total, Numbers.of_integers(np.maximum(sizes, 1)))
    mean.kinds[sizes == 0] = INTEGER_KIND
    return mean.column()


def _total(values: TermColumn, groups: _Groups, count: int) -> Numbers:
    """Sum up, in the widest kind of number that a group has; exact numbers exactly."""
    numbers = read_numbers(values)
    failed = _with(~numbers.present, groups, count)
    kinds = np.zeros(count, np.int8)
    for kind in range(1, 4):
        kinds[_with(numbers.kinds == kind, groups, count)] = kind
    made = Numbers.blank(count)
    made.kinds[:] = np.where(failed, NOT_A_NUMBER, kinds)
    binary = kinds >= FLOAT_KIND
    if binary.any():
        floats = np.bincount(groups, weights=numbers.doubles(), minlength=count)
        with np.errstate(over="ignore"):
            singles = floats.astype(np.float32).astype(np.float64)
        made.floats[binary] = np.where(kinds == FLOAT_KIND, singles, floats)[binary]
    if binary.all():
        return made
    return _exact_total(numbers, groups, made)


def _exact_total(numbers: Numbers, groups: _Groups, made: Numbers) -> Numbers:
    rows = np.flatnonzero(
        numbers.exact & (made.kinds[groups] >= 0) & (made.kinds[groups] < FLOAT_KIND)
    )
    units, scales, groups = numbers.units[rows], numbers.scales[rows], groups[rows]
    scale = int(scales.max(initial=0))
    factor = np.power(np.int64(10), (scale - scales).astype(np.int64))
    fits = ~numbers.wide[rows] & (np.abs(units.astype(np.float64)) * factor < LIMIT * 0.999)
    aligned, inside = (units[fits] * factor[fits]), groups[fits]
    # three parts of 22 bits: sums of doubles are exact up to two thousand million rows
    parts = [aligned >> 44, (aligned >> 22) & 0x3FFFFF, aligned & 0x3FFFFF]
    high, middle, low = (
        np.bincount(inside, weights=part, minlength=len(made)).astype(np.int64) for part in parts
    )
    near = high * 2.0**44 + middle * 2.0**22 + low
    safe = (np.abs(near) < LIMIT * 0.999) & ~_with(~fits, groups, len(made))
    exact = (made.kinds >= 0) & (made.kinds < FLOAT_KIND)
    fast = exact & safe
    with np.errstate(over="ignore"):
        made.units[fast] = ((high << 44) + (middle << 22) + low)[fast]
    made.scales[fast] = scale
    slow = np.flatnonzero(exact & ~safe)
    if not len(slow):
        return made
    totals: dict[int, Decimal] = {}
    for group in slow.tolist():
        whole = (int(high[group]) << 44) + (int(middle[group]) << 22) + int(low[group])
        totals[group] = Decimal(whole).scaleb(-scale, EXACT)
    left = np.flatnonzero(~fits)
    for group, value in zip(groups[left].tolist(), numbers.decimals(rows[left]), strict=True):
        totals[group] = EXACT.add(totals[group], value)
    return pack(made, slow, [totals[group] for group in slow.tolist()], made.kinds[slow])


_AGGREGATES: dict[str, Callable[[TermColumn, _Groups, int], TermColumn]] = {
    "COUNT": _count,
    "SUM": _sum,
    "AVG": _average,
    "MIN": _extreme(largest=False),
    "MAX": _extreme(largest=True),
    "SAMPLE": _sample,
}
