"""Constructor functions of XML Schema's types (SPARQL 1.1, section 17.5; XPath Functions and Operators, section 17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql.terms import XSD
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import arithmetic
from extremeearth.knowledge.store.expressions._arrays import scatter
from extremeearth.knowledge.store.expressions.comparing import (
    BOOLEANS,
    DURATIONS,
    IRIS,
    NUMBERS,
    OTHERS,
    STRINGS,
    TIMES,
    families,
)
from extremeearth.knowledge.store.expressions.context import ExpressionContext, Function
from extremeearth.knowledge.store.expressions.durations import Durations, read_duration_texts
from extremeearth.knowledge.store.expressions.number_reading import read_numbers, read_texts
from extremeearth.knowledge.store.expressions.numbers import (
    DECIMAL_KIND,
    DOUBLE_KIND,
    FLOAT_KIND,
    INTEGER_KIND,
    LIMIT,
    NOT_A_NUMBER,
    Numbers,
    pack,
)
from extremeearth.knowledge.store.expressions.operands import Operand, boolean_forms, truths_column
from extremeearth.knowledge.store.expressions.time_reading import read_time_texts
from extremeearth.knowledge.store.expressions.times import DAY, Times, time_codes

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CASTS", "OPERAND_CASTS"]

_OperandCast = Callable[[Operand], Operand]


def _trimmed(operand: Operand, rows: NDArray[np.int64]) -> pa.LargeStringArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.utf8_trim(operand.terms.values.take(pa.array(rows)), characters=" \t\r\n")


def _to_number(kind: int) -> _OperandCast:
    def cast(operand: Operand) -> Operand:
        given = families(operand)
        made = Numbers.blank(operand.length)
        numeric = np.flatnonzero(given == NUMBERS)
        if len(numeric):
            made = _converted(operand.numbers, kind, numeric)
        truths = np.flatnonzero(given == BOOLEANS)
        if len(truths):
            made.kinds[truths], made.units[truths] = kind, operand.truths[truths]
            made.scales[truths], made.floats[truths] = 0, operand.truths[truths]
        texts = np.flatnonzero(given == STRINGS)
        if len(texts):
            read = read_texts(np.full(len(texts), kind, np.int8), _trimmed(operand, texts))
            made.kinds[texts], made.units[texts] = read.kinds, read.units
            made.scales[texts], made.floats[texts] = read.scales, read.floats
            rows = np.flatnonzero(read.wide)
            if len(rows):
                made = pack(made, texts[rows], read.decimals(rows), read.kinds[rows])
        return Operand(numbers=made)

    return cast


def _converted(numbers: Numbers, kind: int, rows: NDArray[np.int64]) -> Numbers:
    """Cast numbers; those in other rows are left out."""
    inside = np.zeros(len(numbers), bool)
    inside[rows] = True
    if kind >= FLOAT_KIND:
        made = Numbers.blank(len(numbers))
        floats = numbers.doubles() if kind == DOUBLE_KIND else numbers.singles().astype(np.float64)
        made.floats[rows], made.kinds[rows] = floats[rows], kind
        return made
    source = arithmetic.truncated(numbers) if kind == INTEGER_KIND else numbers
    exact = source.exact & inside
    objects = None if source.objects is None else source.objects.copy()
    made = Numbers(
        np.where(exact, kind, NOT_A_NUMBER).astype(np.int8), source.units.copy(), source.scales.copy(),
        np.zeros(len(numbers)), source.wide & exact, objects,
    )  # fmt: skip
    binary = inside & ~source.exact & np.isfinite(source.floats)
    small = (
        binary
        & (np.abs(source.floats) < LIMIT * 0.999)
        & (source.floats == np.trunc(source.floats))
    )
    made.units[small], made.scales[small] = source.floats[small].astype(np.int64), 0
    made.kinds[small] = kind
    slow = np.flatnonzero(binary & ~small)
    if not len(slow):
        return made
    single = source.kinds[slow] == FLOAT_KIND
    values = [
        Decimal(str(np.float32(value)) if narrow else repr(value))
        for value, narrow in zip(source.floats[slow].tolist(), single.tolist(), strict=True)
    ]
    if kind == INTEGER_KIND:
        values = [Decimal(int(value)) for value in source.floats[slow].tolist()]
    return pack(made, slow, values, np.full(len(slow), kind, np.int8))


def _to_derived(code: int) -> _OperandCast:
    whole = _to_number(INTEGER_KIND)

    def cast(operand: Operand) -> Operand:
        column = whole(operand).terms
        typed = TermColumn(
            np.where(column.present, code, types.NONE).astype(np.int32), column.values
        )
        return Operand(typed.where(read_numbers(typed).present))

    return cast


def _to_boolean(operand: Operand) -> Operand:
    given = families(operand)
    known = (given == NUMBERS) | (given == BOOLEANS)
    found = np.where(known, operand.truths, -1).astype(np.int8)
    texts = np.flatnonzero(given == STRINGS)
    if len(texts):
        true, valid = boolean_forms(_trimmed(operand, texts))
        found[texts] = np.where(valid, true, -1)
    return Operand(truths=found)


def _to_string(operand: Operand) -> Operand:
    """Write values in canonical form, IRIs and other literals as they are; blank nodes are errors."""
    given = families(operand)
    ill = types.flags(operand.codes, "numeric") & (given == OTHERS)
    good = (given == IRIS) | ((given >= STRINGS) & ~ill)
    written = []
    for family in (NUMBERS, BOOLEANS, TIMES, DURATIONS):
        rows = np.flatnonzero(given == family)
        if len(rows):
            written.append((given == family, _canonical(family, operand).take(rows).values))
    plain = good & ~np.isin(given, [NUMBERS, BOOLEANS, TIMES, DURATIONS])
    if plain.any():
        written.append((plain, operand.terms.take(np.flatnonzero(plain)).values))
    codes = np.where(good, types.STRING, types.NONE).astype(np.int32)
    return Operand(TermColumn(codes, scatter(operand.length, written)))


def _canonical(family: int, operand: Operand) -> TermColumn:
    if family == BOOLEANS:
        return truths_column(operand.truths)
    values = {NUMBERS: "numbers", TIMES: "times", DURATIONS: "durations"}[family]
    found: TermColumn = getattr(operand, values).column()
    return found


def _to_time(code: int) -> _OperandCast:
    def cast(operand: Operand) -> Operand:
        given = families(operand)
        made = Times.blank(operand.length)
        texts = np.flatnonzero(given == STRINGS)
        if len(texts):
            _put(made, texts, read_time_texts(code, _trimmed(operand, texts)))
        if (given == TIMES).any():
            times = operand.times
            same = np.flatnonzero(times.codes == code)
            _put(made, same, times.take(same))
            if code in (types.DATE_TIME, types.DATE, types.TIME):
                _convert(made, times, code)
        return Operand(made.column())

    return cast


def _put(made: Times, rows: NDArray[np.int64], values: Times) -> None:
    made.codes[rows], made.seconds[rows] = values.codes, values.seconds
    made.fractions[rows], made.zones[rows] = values.fractions, values.zones


def _convert(made: Times, times: Times, code: int) -> None:
    """Cast a date-time to its date or its time of day, a date to its first moment (section 17.1.5)."""
    moment, date = times.codes == types.DATE_TIME, times.codes == types.DATE
    rows = np.flatnonzero(date if code == types.DATE_TIME else moment)
    if not len(rows) or (code == types.DATE_TIME and not date.any()):
        return
    some = times.take(rows)
    seconds, fractions = some.seconds, some.fractions
    if code == types.DATE:
        seconds, fractions = seconds // DAY * DAY, np.zeros_like(fractions)
    if code == types.TIME:
        seconds = seconds % DAY + 1_095 * DAY  # 1972-12-31
    _put(made, rows, Times(np.full(len(rows), code, np.int32), seconds, fractions, some.zones))


def _to_duration(code: int) -> _OperandCast:
    def cast(operand: Operand) -> Operand:
        given = families(operand)
        made = Durations.blank(operand.length)
        texts = np.flatnonzero(given == STRINGS)
        parts = []
        if len(texts):
            parts.append((texts, read_duration_texts(code, _trimmed(operand, texts))))
        rows = np.flatnonzero(given == DURATIONS)
        if len(rows):
            parts.append((rows, operand.durations.take(rows)))
        for places, values in parts:
            nothing = np.zeros_like(values.months)
            keep_time, keep_months = (
                code != types.YEAR_MONTH_DURATION,
                code != types.DAY_TIME_DURATION,
            )
            made.codes[places] = np.where(values.present, code, types.NONE)
            made.months[places] = values.months if keep_months else nothing
            made.seconds[places] = values.seconds if keep_time else nothing
            made.fractions[places] = values.fractions if keep_time else nothing
        return Operand(made.column())

    return cast


OPERAND_CASTS: dict[str, _OperandCast] = {
    XSD + "integer": _to_number(INTEGER_KIND),
    XSD + "decimal": _to_number(DECIMAL_KIND),
    XSD + "float": _to_number(FLOAT_KIND),
    XSD + "double": _to_number(DOUBLE_KIND),
    XSD + "boolean": _to_boolean,
    XSD + "string": _to_string,
    **{XSD + name: _to_derived(types.datatype_code(XSD + name)) for name in types.DERIVED_INTEGERS},
    **{types.describe(code).datatype: _to_time(code) for code in time_codes()},
    **{
        types.describe(code).datatype: _to_duration(code)
        for code in (types.DURATION, types.DAY_TIME_DURATION, types.YEAR_MONTH_DURATION)
    },
}
"""By IRI: constructor functions over operands."""


def _as_function(iri: str, cast: _OperandCast) -> Function:
    def function(columns: Sequence[TermColumn], context: ExpressionContext) -> TermColumn:
        if len(columns) != 1:
            raise InputError(
                f"<{iri}> takes one argument, not {len(columns)}.", hint="Cast one value at a time."
            )
        return cast(Operand(columns[0])).terms

    return function


CASTS: Mapping[str, Function] = {
    iri: _as_function(iri, cast) for iri, cast in OPERAND_CASTS.items()
}
"""By IRI: the constructor functions of XML Schema's types as functions over columns.

Examples
--------
>>> from datetime import UTC, datetime
>>> column = TermColumn.of_values(types.STRING, [" 7 ", "seven"])
>>> context = ExpressionContext(now=datetime.now(UTC), geometries=lambda terms: None)
>>> CASTS[XSD + "integer"]([column], context).values.to_pylist()
['7', '']
"""
