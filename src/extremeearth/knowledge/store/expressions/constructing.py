"""Functions on terms, on numbers and on points in time (SPARQL 1.1, sections 17.4.2, 17.4.4 and 17.4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.sparql.iris import is_absolute, resolve
from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions import arithmetic
from extremeearth.knowledge.store.expressions._arrays import mapped, scatter, strings
from extremeearth.knowledge.store.expressions.comparing import by_code, same_terms
from extremeearth.knowledge.store.expressions.context import ExpressionContext
from extremeearth.knowledge.store.expressions.durations import Durations
from extremeearth.knowledge.store.expressions.numbers import (
    DECIMAL_KIND,
    NOT_A_NUMBER,
    Numbers,
    pack,
)
from extremeearth.knowledge.store.expressions.operands import Operand
from extremeearth.knowledge.store.expressions.strings import is_simple, kept, texts_of
from extremeearth.knowledge.store.expressions.times import DAY, NO_ZONE, civil, zone_texts

__all__ = ["TERM_FUNCTIONS", "blank_nodes", "drawn", "resolve_iris"]

_LANGUAGE = re.compile(r"(?:[A-Za-z]{2,8}|[xXiI](?=-))(?:-[A-Za-z0-9]{1,8})*")
_NOT_IN_IRI = re.compile('[\\x00-\\x20<>"{}|^`\\\\]')


def _code_is(test: Callable[[int], bool]) -> Callable[[Sequence[Operand]], Operand]:
    """Make a test of the kind of a term; an error where there is none."""

    def evaluate(operands: Sequence[Operand]) -> Operand:
        answer = by_code(
            operands[0].codes, lambda code: -1 if code < 0 else int(test(code)), np.int8
        )
        return Operand(truths=answer)

    return evaluate


def _is_numeric(operands: Sequence[Operand]) -> Operand:
    operand = operands[0]
    found = np.where(operand.present, operand.numbers.present, -1)
    return Operand(truths=found.astype(np.int8))


def _same_term(operands: Sequence[Operand]) -> Operand:
    left, right = operands
    both = left.present & right.present
    return Operand(truths=np.where(both, same_terms(left, right), -1).astype(np.int8))


def _str(operands: Sequence[Operand]) -> Operand:
    terms = operands[0].terms
    good = by_code(terms.types, lambda code: code >= 0 and code != types.BLANK, bool)
    return kept(np.array([types.STRING]), terms.values, good)


def _described(code: int, describe: Callable[[int], str]) -> Callable[[Sequence[Operand]], Operand]:
    """Make a text told by the kind of a literal; an error for what is no literal."""

    def evaluate(operands: Sequence[Operand]) -> Operand:
        import pyarrow as pa

        codes = operands[0].codes
        seen = np.flatnonzero(np.bincount(codes + 1)) - 1 if len(codes) else np.zeros(0, np.int64)
        pool = [describe(c) if c > types.BLANK else "" for c in seen.tolist()]
        places = np.zeros(int(seen.max()) + 2 if len(seen) else 1, np.int64)
        places[seen + 1] = np.arange(len(seen))
        texts = strings(pool).take(pa.array(places[codes + 1])) if len(codes) else strings([])
        return kept(np.array([code]), texts, codes > types.BLANK)

    return evaluate


def resolve_iris(operand: Operand, base: str | None) -> Operand:
    """``IRI(x)``: an IRI as it is, a simple literal resolved against the base; an error where it is no IRI."""

    def resolved(text: str) -> str | None:
        if _NOT_IN_IRI.search(text) is not None:
            return None
        if is_absolute(text):
            return text
        return None if base is None else resolve(text, base)

    codes, texts = operand.codes, operand.terms.values
    simple = codes == types.STRING
    good = codes == types.IRI
    if simple.any():
        made, valid = mapped(texts, resolved)
        texts = scatter(len(texts), [(good, operand.terms.where(good).take(np.flatnonzero(good)).values),
                                     (simple & valid, made.filter(_mask(simple & valid)))])  # fmt: skip
        good = good | (simple & valid)
    return kept(np.array([types.IRI]), texts, good)


def _mask(mask: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def _strdt(operands: Sequence[Operand]) -> Operand:
    lexical, datatype = operands
    length = (
        0 if not lexical.length or not datatype.length else max(lexical.length, datatype.length)
    )
    iris = texts_of(datatype, length).dictionary_encode()
    known = [
        types.datatype_code(iri) if is_absolute(iri) else types.NONE
        for iri in iris.dictionary.to_pylist()
    ]
    # a literal with rdf:langString as its datatype has a language (RDF 1.1 Concepts, section 3.3)
    pool = np.array(
        [types.NONE if types.describe(c).datatype.endswith("#langString") else c for c in known],
        np.int32,
    )
    codes = pool[iris.indices.to_numpy()] if length else np.zeros(0, np.int32)
    good = is_simple(lexical) & (datatype.codes == types.IRI) & (codes >= 0)
    return kept(codes, texts_of(lexical, length), good)


def _strlang(operands: Sequence[Operand]) -> Operand:
    lexical, language = operands
    length = (
        0 if not lexical.length or not language.length else max(lexical.length, language.length)
    )
    tags = texts_of(language, length).dictionary_encode()
    pool = np.array(
        [
            types.language_code(tag) if _LANGUAGE.fullmatch(tag) else types.NONE
            for tag in tags.dictionary.to_pylist()
        ],
        np.int32,
    )
    codes = pool[tags.indices.to_numpy()] if length else np.zeros(0, np.int32)
    good = is_simple(lexical) & is_simple(language) & (codes >= 0)
    return kept(codes, texts_of(lexical, length), good)


# ------------------------------------------------------------------------------- drawn by chance


def drawn(name: str, length: int, context: ExpressionContext) -> Operand:
    """``RAND``, ``UUID`` and ``STRUUID``: another answer for every row and every call."""
    chance = np.random.default_rng([abs(context.seed), next(context.draws)])
    if name == "RAND":
        return Operand(numbers=Numbers.of_doubles(chance.random(length)))
    raw = np.frombuffer(chance.bytes(16 * length), np.uint8).reshape(length, 16).copy()
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    lead = "urn:uuid:" if name == "UUID" else ""
    texts = [
        f"{lead}{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"
        for h in (row.tobytes().hex() for row in raw)
    ]
    return Operand(
        TermColumn.of_values(types.IRI if name == "UUID" else types.STRING, strings(texts))
    )


def blank_nodes(label: Operand | None, length: int, context: ExpressionContext) -> Operand:
    """``BNODE()``: a node of its own for each row and call; ``BNODE("x")``: one for each row and label."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from extremeearth.knowledge.store.expressions._arrays import number_texts

    rows = number_texts(np.arange(length))
    nothing = pa.scalar("", pa.large_string())
    if label is None:
        lead = pa.scalar(f"b{abs(context.seed)}c{next(context.draws)}r", pa.large_string())
        return Operand(
            TermColumn.of_values(types.BLANK, pc.binary_join_element_wise(lead, rows, nothing))
        )
    encoded, _ = mapped(texts_of(label, length), lambda text: text.encode().hex())
    lead, mark = (pa.scalar(text, pa.large_string()) for text in (f"b{abs(context.seed)}r", "l"))
    texts = pc.binary_join_element_wise(lead, rows, mark, encoded, nothing)
    return kept(np.array([types.BLANK]), texts, is_simple(label))


# ------------------------------------------------------------------------------- numbers and time


def _numeric(function: Callable[[Numbers], Numbers]) -> Callable[[Sequence[Operand]], Operand]:
    return lambda operands: Operand(numbers=function(operands[0].numbers))


def _field(name: str, operands: Sequence[Operand]) -> Operand:
    times = operands[0].times
    clock = times.seconds % DAY
    of_date = (times.codes == types.DATE_TIME) | (times.codes == types.DATE)
    of_clock = (times.codes == types.DATE_TIME) | (times.codes == types.TIME)
    if name in ("YEAR", "MONTH", "DAY"):
        found = civil(times.seconds // DAY)[("YEAR", "MONTH", "DAY").index(name)]
        return Operand(numbers=Numbers.of_integers(found, of_date))
    if name == "HOURS":
        return Operand(numbers=Numbers.of_integers(clock // 3_600, of_clock))
    if name == "MINUTES":
        return Operand(numbers=Numbers.of_integers(clock // 60 % 60, of_clock))
    return Operand(numbers=_seconds(clock % 60, times.fractions, of_clock))


def _seconds(
    whole: NDArray[np.int64], fractions: NDArray[np.int64], good: NDArray[np.bool_]
) -> Numbers:
    made = Numbers.blank(len(whole))
    made.kinds[:] = np.where(good, DECIMAL_KIND, NOT_A_NUMBER)
    short = fractions % 10**9 == 0
    made.units[:] = np.where(short, whole * 10**9 + fractions // 10**9, 0)
    made.scales[:] = np.where(short & (fractions > 0), 9, 0)
    made.units[short & (fractions == 0)] //= 10**9
    rows = np.flatnonzero(good & ~short)
    if not len(rows):
        return made
    from decimal import Decimal

    values = [
        Decimal(f"{w}.{f:018}")
        for w, f in zip(whole[rows].tolist(), fractions[rows].tolist(), strict=True)
    ]
    return pack(made, rows, values, made.kinds[rows])


def _timezone(operands: Sequence[Operand]) -> Operand:
    times = operands[0].times
    good = times.present & times.zoned
    codes = np.where(good, types.DAY_TIME_DURATION, types.NONE).astype(np.int32)
    seconds = np.where(times.zones == NO_ZONE, 0, times.zones).astype(np.int64) * 60
    nothing = np.zeros(len(times), np.int64)
    return Operand(Durations(codes, nothing, seconds, nothing).column())


def _tz(operands: Sequence[Operand]) -> Operand:
    times = operands[0].times
    return kept(np.array([types.STRING]), zone_texts(times.zones), times.present)


def _fields() -> dict[str, Callable[[Sequence[Operand]], Operand]]:
    def of(name: str) -> Callable[[Sequence[Operand]], Operand]:
        return lambda operands: _field(name, operands)

    return {name: of(name) for name in ("YEAR", "MONTH", "DAY", "HOURS", "MINUTES", "SECONDS")}


TERM_FUNCTIONS: dict[str, Callable[[Sequence[Operand]], Operand]] = {
    "ISIRI": _code_is(lambda code: code == types.IRI),
    "ISURI": _code_is(lambda code: code == types.IRI),
    "ISBLANK": _code_is(lambda code: code == types.BLANK),
    "ISLITERAL": _code_is(lambda code: code > types.BLANK),
    "ISNUMERIC": _is_numeric,
    "SAMETERM": _same_term,
    "STR": _str,
    "LANG": _described(types.STRING, lambda code: types.describe(code).language),
    "DATATYPE": _described(types.IRI, lambda code: types.describe(code).datatype),
    "STRDT": _strdt,
    "STRLANG": _strlang,
    "ABS": _numeric(arithmetic.absolute),
    "ROUND": _numeric(arithmetic.rounded),
    "CEIL": _numeric(arithmetic.ceiling),
    "FLOOR": _numeric(arithmetic.floor),
    "TIMEZONE": _timezone,
    "TZ": _tz,
    **_fields(),
}
"""By keyword: functions of operands, each of one row or of all rows."""
