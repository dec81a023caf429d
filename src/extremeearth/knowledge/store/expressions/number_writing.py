"""Numbers written as XPath casts them to strings."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from extremeearth.knowledge.store.expressions._arrays import (
    as_array,
    mapped,
    number_texts,
    scatter,
    strings,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["exact_texts", "float_texts", "read_doubles"]


def read_doubles(texts: pa.LargeStringArray) -> NDArray[np.float64]:
    """Read well-formed texts as the nearest doubles."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return as_array(pc.cast(texts, pa.float64()))


def exact_texts(
    units: NDArray[np.int64],
    scales: NDArray[np.int8],
    wide: NDArray[np.bool_],
    objects: NDArray[Any] | None,
) -> pa.LargeStringArray:
    """Write ``units / 10**scales``, or an object where `wide`, without zeros that say nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if scales.any():
        units, scales = _without_zeros(units, scales)
    point, nothing = (pa.scalar(text, pa.large_string()) for text in (".", ""))
    parts = []
    for scale in np.flatnonzero(np.bincount(scales, minlength=1)).tolist():
        mask = scales == scale
        some = units if mask.all() else units[mask]
        if scale == 0:
            parts.append((mask, number_texts(some)))
            continue
        whole, rest = np.divmod(np.abs(some), 10**scale)
        signs = pa.array(np.where(some < 0, "-", ""), pa.large_string())
        fractions = number_texts(rest, width=scale)
        texts = pc.binary_join_element_wise(number_texts(whole), fractions, point)
        parts.append((mask, pc.binary_join_element_wise(signs, texts, nothing)))
    if wide.any():
        assert objects is not None
        parts.append((wide, strings([format(value, "f") for value in objects[wide]])))
    return scatter(len(units), parts)


def _without_zeros(
    units: NDArray[np.int64], scales: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    units, scales = units.copy(), scales.copy()
    rows = np.flatnonzero(scales > 0)
    while len(rows):
        rows = rows[units[rows] % 10 == 0]
        units[rows] //= 10
        scales[rows] -= 1
        rows = rows[scales[rows] > 0]
    return units, scales


def float_texts(values: NDArray[np.float64], *, single: bool) -> pa.LargeStringArray:
    """Write floats as a cast to a string does: plain digits from 1e-6 to 1e6, else with an exponent.

    Source: XPath and XQuery Functions and Operators 3.1, section 19.1.2.2.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    given = values.astype(np.float32) if single else values
    texts = pc.cast(pa.array(given), pa.large_string())
    size = np.abs(values)
    plain = ((size >= 1e-6) & (size < 1e6)) | (size == 0)
    if plain.all():
        return texts
    odd = texts.filter(pa.array(~plain))
    return scatter(
        len(values), [(np.ones(len(values), bool), texts), (~plain, mapped(odd, _scientific)[0])]
    )


def _scientific(text: str) -> str:
    special = {"inf": "INF", "-inf": "-INF", "nan": "NaN", "-nan": "NaN"}.get(text)
    if special is not None:
        return special
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{int(exponent) + len(digits) - 1}"
