"""Functions on strings (SPARQL 1.1, section 17.4.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store import types
from extremeearth.knowledge.store.columns import TermColumn
from extremeearth.knowledge.store.expressions._arrays import as_array, mapped, scatter, strings
from extremeearth.knowledge.store.expressions.comparing import by_code
from extremeearth.knowledge.store.expressions.numbers import INTEGER_KIND, Numbers
from extremeearth.knowledge.store.expressions.operands import Operand
from extremeearth.knowledge.store.expressions.patterns import (
    Pattern,
    replacement_for,
    translate_pattern,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["STRING_FUNCTIONS", "is_simple", "is_text", "kept", "texts_of"]


def is_text(operand: Operand) -> NDArray[np.bool_]:
    """Tell where there is a string literal, with a language or without."""
    return by_code(
        operand.codes, lambda code: code == types.STRING or (code >= 0 and bool(types.describe(code).language)), bool
    )  # fmt: skip


def is_simple(operand: Operand) -> NDArray[np.bool_]:
    """Tell where there is a string literal without a language."""
    return np.asarray(operand.codes == types.STRING)


def texts_of(operand: Operand, length: int) -> pa.LargeStringArray:
    """Give the texts, a single one repeated."""
    return operand.widened(length).values


def kept(codes: NDArray[Any], texts: pa.LargeStringArray, good: NDArray[np.bool_]) -> Operand:
    """Make a column of texts with type codes, an error where they are not good."""
    column = TermColumn(np.broadcast_to(codes, (len(texts),)).astype(np.int32), texts)
    return Operand(column.where(np.broadcast_to(good, (len(texts),))))


def _truths(found: Any, good: NDArray[np.bool_]) -> Operand:
    return Operand(truths=np.where(good, found, -1).astype(np.int8))


def _compatible(left: Operand, right: Operand) -> NDArray[np.bool_]:
    """Argument compatibility rules (section 17.4.3.1.2)."""
    same = is_text(right) & (left.codes == right.codes)
    return np.asarray(is_text(left) & (is_simple(right) | same))


def _length(*operands: Operand) -> int:
    lengths = {operand.length for operand in operands}
    return 0 if 0 in lengths else max(lengths)


def _pairwise(
    function: Callable[[str, str], Any], left: Operand, right: Operand, good: NDArray[np.bool_]
) -> list[Any]:
    length = _length(left, right)
    first = texts_of(left, length).to_pylist()
    if right.length == 1:
        second = right.terms.values[0].as_py()
        return [function(text, second) for text in first]
    return [function(a, b) for a, b in zip(first, texts_of(right, length).to_pylist(), strict=True)]


def _test(
    kernel: str, function: Callable[[str, str], bool]
) -> Callable[[Sequence[Operand]], Operand]:
    def evaluate(operands: Sequence[Operand]) -> Operand:
        import pyarrow.compute as pc

        left, right = operands
        good = _compatible(left, right)
        if right.length == 1:
            found = getattr(pc, kernel)(left.terms.values, right.terms.values[0].as_py())
            return _truths(as_array(found), good)
        return _truths(np.array(_pairwise(function, left, right, good), dtype=bool), good)

    return evaluate


def _strlen(operands: Sequence[Operand]) -> Operand:
    import pyarrow.compute as pc

    lengths = as_array(pc.utf8_length(operands[0].terms.values))
    return Operand(numbers=Numbers.of_integers(lengths, is_text(operands[0])))


def _position(operand: Operand) -> NDArray[np.int64]:
    """Give whole numbers clipped far beyond any text, so that the sum of two cannot overflow."""
    numbers = operand.numbers
    places = np.where(numbers.kinds == INTEGER_KIND, numbers.doubles(), 0.0)
    return np.asarray(np.clip(places, -(2.0**40), 2.0**40), np.int64)


def _substr(operands: Sequence[Operand]) -> Operand:
    import pyarrow.compute as pc

    source = operands[0]
    good = is_text(source)
    for operand in operands[1:]:
        good = good & (operand.numbers.kinds == INTEGER_KIND)
    length = _length(*operands)
    starts, *counts = (_position(operand) for operand in operands[1:])
    begins = np.maximum(starts, 1) - 1
    ends = starts + counts[0] - 1 if counts else np.full(1, 2**40)
    if len(begins) == 1 and len(ends) == 1:
        stop = max(int(ends[0]), int(begins[0]))
        texts = pc.utf8_slice_codeunits(source.terms.values, int(begins[0]), stop)
    else:
        rows = zip(
            texts_of(source, length).to_pylist(), np.broadcast_to(begins, length).tolist(),
            np.broadcast_to(ends, length).tolist(), strict=True,
        )  # fmt: skip
        texts = strings([text[begin : max(end, begin)] for text, begin, end in rows])
    return kept(source.codes, texts, good)


def _cased(
    ascii_kernel: str, function: Callable[[str], str]
) -> Callable[[Sequence[Operand]], Operand]:
    def evaluate(operands: Sequence[Operand]) -> Operand:
        import pyarrow.compute as pc

        texts = operands[0].terms.values
        if pc.all(pc.string_is_ascii(texts)).as_py():
            texts = getattr(pc, ascii_kernel)(texts)
        else:
            texts, _ = mapped(texts, function)
        return kept(operands[0].codes, texts, is_text(operands[0]))

    return evaluate


def _before(text: str, mark: str) -> str | None:
    at = text.find(mark)
    return None if at < 0 else text[:at]


def _after(text: str, mark: str) -> str | None:
    at = text.find(mark)
    return None if at < 0 else text[at + len(mark) :]


def _part(function: Callable[[str, str], str | None]) -> Callable[[Sequence[Operand]], Operand]:
    """Make a function for the part before or behind a mark.

    Where the mark is not found, the answer is the empty string without a language (section 17.4.3.9).
    """

    def evaluate(operands: Sequence[Operand]) -> Operand:
        left, right = operands
        good = _compatible(left, right)
        found = _pairwise(function, left, right, good)
        missing = np.array([text is None for text in found], dtype=bool)
        codes = np.where(missing, types.STRING, left.codes)
        return kept(codes, strings(["" if text is None else text for text in found]), good)

    return evaluate


def _encode(operands: Sequence[Operand]) -> Operand:
    texts, _ = mapped(operands[0].terms.values, lambda text: quote(text, safe="-_.~"))
    return kept(np.array([types.STRING]), texts, is_text(operands[0]))


def _concat(operands: Sequence[Operand]) -> Operand:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not operands:
        return kept(np.array([types.STRING]), strings([""]), np.ones(1, bool))
    length = _length(*operands)
    good = np.logical_and.reduce(
        [np.broadcast_to(is_text(operand), length) for operand in operands]
    )
    codes = np.broadcast_to(operands[0].codes, length)
    for operand in operands[1:]:
        codes = np.where(codes == operand.codes, codes, types.STRING)
    nothing = pa.scalar("", pa.large_string())
    texts = pc.binary_join_element_wise(
        *(texts_of(operand, length) for operand in operands), nothing
    )
    return kept(codes, texts, good)


def _language_matches(tag: str, wanted: str) -> bool:
    """Match by basic filtering (RFC 4647, section 3.3.1)."""
    if wanted == "*":
        return bool(tag)
    tag, wanted = tag.lower(), wanted.lower()
    return tag == wanted or tag.startswith(wanted + "-")


def _langmatches(operands: Sequence[Operand]) -> Operand:
    left, right = operands
    good = is_simple(left) & is_simple(right)
    return _truths(np.array(_pairwise(_language_matches, left, right, good), dtype=bool), good)


def _digest(name: str) -> Callable[[Sequence[Operand]], Operand]:
    def evaluate(operands: Sequence[Operand]) -> Operand:
        texts, _ = mapped(
            operands[0].terms.values,
            lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest(),
        )
        return kept(np.array([types.STRING]), texts, is_simple(operands[0]))

    return evaluate


# ----------------------------------------------------------------------------- regular expressions


def _each_pattern(
    length: int, options: Sequence[Operand], good: NDArray[np.bool_]
) -> list[tuple[tuple[str, ...], NDArray[np.bool_]]]:
    """Give each different combination of patterns, replacements and flags, and the rows that have it."""
    if all(option.length == 1 for option in options):
        return [(tuple(option.terms.values[0].as_py() for option in options), good)]
    columns = [texts_of(option, length).dictionary_encode() for option in options]
    keys = np.stack([as_array(column.indices) for column in columns])
    found, back = np.unique(keys, axis=1, return_inverse=True)
    combinations = []
    for place in range(found.shape[1]):
        mask = good & (back.reshape(-1) == place)
        if mask.any():
            texts = [
                c.dictionary[int(i)].as_py() for c, i in zip(columns, found[:, place], strict=True)
            ]
            combinations.append((tuple(texts), mask))
    return combinations


def _regex(operands: Sequence[Operand]) -> Operand:
    import pyarrow as pa
    import pyarrow.compute as pc

    length = _length(*operands)
    good = np.broadcast_to(is_text(operands[0]), length)
    for operand in operands[1:]:
        good = good & is_simple(operand)
    found = np.full(length, -1, np.int8)
    texts = texts_of(operands[0], length)
    for options, mask in _each_pattern(length, operands[1:], good):
        pattern = translate_pattern(*options)
        if pattern is not None:
            some = texts if mask.all() else texts.filter(pa.array(mask))
            found[mask] = as_array(pc.match_substring_regex(some, pattern.text))
    return Operand(truths=found)


def _replace(operands: Sequence[Operand]) -> Operand:
    import pyarrow as pa

    length = _length(*operands)
    good = np.broadcast_to(is_text(operands[0]), length)
    for operand in operands[1:]:
        good = good & is_simple(operand)
    texts = texts_of(operands[0], length)
    parts = []
    for (pattern_text, replacement, *flags), mask in _each_pattern(length, operands[1:], good):
        pattern = translate_pattern(pattern_text, *flags)
        some = texts if mask.all() else texts.filter(pa.array(mask))
        done = None if pattern is None else _replaced(some, pattern, replacement)
        if done is None:
            good = good & ~mask
        else:
            parts.append((mask, done))
    return kept(operands[0].codes, scatter(length, parts), good)


def _replaced(
    texts: pa.LargeStringArray, pattern: Pattern, replacement: str
) -> pa.LargeStringArray | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    written = replacement_for(pattern, replacement)
    # a pattern that matches the empty text is an error (FORX0003)
    empty = pc.match_substring_regex(pa.array([""]), f"^(?:{pattern.text})$")[0].as_py()
    if written is None or empty:
        return None
    return pc.replace_substring_regex(texts, pattern.text, written)


STRING_FUNCTIONS: dict[str, Callable[[Sequence[Operand]], Operand]] = {
    "STRLEN": _strlen,
    "SUBSTR": _substr,
    "UCASE": _cased("ascii_upper", str.upper),
    "LCASE": _cased("ascii_lower", str.lower),
    "STRSTARTS": _test("starts_with", str.startswith),
    "STRENDS": _test("ends_with", str.endswith),
    "CONTAINS": _test("match_substring", lambda text, part: part in text),
    "STRBEFORE": _part(_before),
    "STRAFTER": _part(_after),
    "ENCODE_FOR_URI": _encode,
    "CONCAT": _concat,
    "LANGMATCHES": _langmatches,
    "REGEX": _regex,
    "REPLACE": _replace,
    **{name: _digest(name.lower()) for name in ("MD5", "SHA1", "SHA256", "SHA384", "SHA512")},
}
"""By keyword: functions of operands, each of one row or of all rows."""
