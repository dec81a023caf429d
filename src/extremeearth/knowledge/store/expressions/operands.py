"""What a part of an expression evaluates to: terms, numbers or truths, each made once when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array
from extremeearth.knowledge.store.expressions.durations import Durations, read_durations
from extremeearth.knowledge.store.expressions.number_reading import read_numbers
from extremeearth.knowledge.store.expressions.numbers import Numbers
from extremeearth.knowledge.store.expressions.time_reading import read_times
from extremeearth.knowledge.store.expressions.times import Times

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Operand", "truths_column"]


def truths_column(truths: NDArray[np.int8]) -> TermColumn:
    """Write truths (1, 0, -1 for an error) as ``xsd:boolean`` literals."""
    import pyarrow as pa

    pool = pa.array(["", "false", "true"], pa.large_string())
    codes = np.where(truths < 0, types.NONE, types.BOOLEAN).astype(np.int32)
    return TermColumn(codes, pool.take(pa.array(truths.astype(np.int64) + 1)))


class Operand:
    """A column of values of as many rows as there are, or of one row that stands for all.

    Parameters
    ----------
    terms, numbers, truths
        The values in the form in which they were computed; one is enough.
    """

    __slots__ = ("_durations", "_numbers", "_terms", "_times", "_truths", "length")

    def __init__(
        self,
        terms: TermColumn | None = None,
        *,
        numbers: Numbers | None = None,
        truths: NDArray[np.int8] | None = None,
    ) -> None:
        self._terms = terms
        self._numbers = numbers
        self._truths = truths
        self._times: Times | None = None
        self._durations: Durations | None = None
        given = terms if terms is not None else numbers if numbers is not None else truths
        assert given is not None
        self.length = len(given)

    @property
    def terms(self) -> TermColumn:
        """The values as terms."""
        if self._terms is None:
            if self._numbers is not None:
                self._terms = self._numbers.column()
            else:
                assert self._truths is not None
                self._terms = truths_column(self._truths)
        return self._terms

    @property
    def is_number(self) -> bool:
        """Whether the values were computed as numbers."""
        return self._terms is None and self._numbers is not None

    @property
    def is_truth(self) -> bool:
        """Whether the values were computed as truths."""
        return self._terms is None and self._numbers is None

    @property
    def codes(self) -> NDArray[np.int32]:
        """Type codes."""
        if self._terms is None and self._truths is not None:
            return np.where(self._truths < 0, types.NONE, types.BOOLEAN).astype(np.int32)
        return self.terms.types

    @property
    def present(self) -> NDArray[np.bool_]:
        """Where there is a value."""
        if self._terms is None and self._numbers is not None:
            return self._numbers.present
        return self.codes >= 0

    @property
    def numbers(self) -> Numbers:
        """The values as numbers."""
        if self._numbers is None:
            if self._terms is None:
                self._numbers = Numbers.blank(self.length)
            else:
                self._numbers = read_numbers(self.terms)
        return self._numbers

    @property
    def times(self) -> Times:
        """The values as points in time."""
        if self._times is None:
            self._times = read_times(self.terms)
        return self._times

    @property
    def durations(self) -> Durations:
        """The values as durations."""
        if self._durations is None:
            self._durations = read_durations(self.terms)
        return self._durations

    @property
    def truths(self) -> NDArray[np.int8]:
        """Effective boolean value (SPARQL 1.1, section 17.2.2): 1, 0, -1 for an error."""
        if self._truths is None:
            self._truths = self._effective()
        return self._truths

    def _effective(self) -> NDArray[np.int8]:
        import pyarrow.compute as pc

        found = np.full(self.length, -1, np.int8)
        if not self.is_number:
            codes = self.terms.types
            found[:] = booleans(self.terms)
            text = codes == types.STRING
            if text.any():
                filled = as_array(pc.binary_length(self.terms.values)) > 0
                found[text] = filled[text]
            numeric = types.flags(codes, "numeric")
            if not numeric.any():
                return found
            ill = numeric
        else:
            ill = np.zeros(self.length, bool)
        numbers = self.numbers
        nonzero = np.where(
            numbers.exact,
            (numbers.units != 0) | numbers.wide,
            (numbers.floats != 0) & ~np.isnan(numbers.floats),
        )
        found = np.where(numbers.present, nonzero, found).astype(np.int8)
        # the effective boolean value of an ill-typed number is false
        return np.where(ill & ~numbers.present, 0, found).astype(np.int8)

    def widened(self, length: int) -> TermColumn:
        """Give the terms, a single row repeated."""
        terms = self.terms
        if self.length == length:
            return terms
        import pyarrow as pa

        text = pa.repeat(terms.values[0], length)
        ids = None if terms.ids is None else np.full(length, terms.ids[0])
        return TermColumn(np.full(length, terms.types[0], np.int32), text, ids)


def booleans(column: TermColumn) -> NDArray[np.int8]:
    """Read ``xsd:boolean`` literals: 1, 0, and -1 for every other term; an ill-typed one counts as false here."""
    found = np.full(len(column), -1, np.int8)
    rows = column.types == types.BOOLEAN
    if rows.any():
        true, _ = boolean_forms(column.values)
        found[rows] = true[rows]
    return found


def boolean_forms(
    texts: pa.LargeStringArray,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which texts are lexical forms of true, and which of a boolean at all."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def among(*forms: str) -> NDArray[np.bool_]:
        return as_array(pc.is_in(texts, value_set=pa.array(forms, pa.large_string()))).astype(bool)

    return among("true", "1"), among("true", "1", "false", "0")
