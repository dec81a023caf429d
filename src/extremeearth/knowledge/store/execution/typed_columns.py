"""Typed columns of objects, for comparisons that SQL decides exactly as SPARQL does.

Rounding keeps the order: where the double of a number is not that of the bound, it stands on the same side as the
number itself. Where it is, and where a dateTime has no time zone, the objects are compared by the rules of section
17.3, each different one once, and get a value just below, at, or just above the bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.compilation.steps import Bound
from extremeearth.knowledge.store.execution.run import Run
from extremeearth.knowledge.store.expressions import compare

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["typed_column"]

_NO_INSTANT = np.iinfo(np.int64).min


def typed_column(ids: NDArray[np.int64], bound: Bound, run: Run) -> pa.Array:
    """Give a value for each object that can be compared with a bound, null for the others.

    Returns
    -------
    pyarrow.Array
        float64 for a number, int64 microseconds for an instant.
    """
    import pyarrow as pa

    if bound.kind == "number":
        values, known = _numbers(ids, bound, run)
        return pa.array(values, pa.float64(), mask=~known)
    moments, known = _instants(ids, bound, run)
    return pa.array(moments, pa.int64(), mask=~known)


def _numbers(
    ids: NDArray[np.int64], bound: Bound, run: Run
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values = run.terms.stored.numbers(ids) + 0.0
    near = values == bound.value
    floats = np.flatnonzero(run.terms.stored.types(ids) == types.FLOAT)
    with np.errstate(
        over="ignore"
    ):  # an xsd:float may be compared with the bound in single precision
        near[floats] |= values[floats].astype(np.float32) == np.float32(bound.value)
    doubtful = np.flatnonzero(near)
    sides, known = _compared(ids[doubtful], bound, run)
    below, above = np.nextafter(bound.value, -np.inf), np.nextafter(bound.value, np.inf)
    values[doubtful] = np.where(sides < 0, below, np.where(sides > 0, above, bound.value))
    there = ~np.isnan(values)
    there[doubtful] = known
    return values, there


def _instants(
    ids: NDArray[np.int64], bound: Bound, run: Run
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    moments = run.terms.stored.instants(ids).copy()
    there = run.terms.stored.types(ids) == types.DATE_TIME
    doubtful = np.flatnonzero(there & ((moments == _NO_INSTANT) | (moments == bound.value)))
    sides, known = _compared(ids[doubtful], bound, run)
    moments[doubtful] = int(bound.value) + sides
    there[doubtful] = known
    return moments, there


def _compared(
    ids: NDArray[np.int64], bound: Bound, run: Run
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tell on which side of the bound terms are (-1, 0, 1), and which of them can be compared at all."""
    different, back = np.unique(ids, return_inverse=True)
    terms = run.terms.decode(different)
    other = TermColumn.constant(bound.literal, len(different))
    less, equal, more = (compare(operator, terms, other) == 1 for operator in ("<", "=", ">"))
    sides = more.astype(np.int64) - less.astype(np.int64)
    return sides[back], (less | equal | more)[back]
