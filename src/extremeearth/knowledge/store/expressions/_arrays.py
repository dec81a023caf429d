"""Small tools over Arrow and numpy arrays that every kind of value needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["as_array", "mapped", "matches", "number_texts", "scatter", "strings"]


def strings(values: Sequence[str]) -> pa.LargeStringArray:
    """Make an Arrow array of texts."""
    import pyarrow as pa

    return pa.array(values, pa.large_string())


def as_array(found: Any) -> NDArray[Any]:
    """Give an Arrow array without nulls as a numpy array."""
    return np.asarray(found.to_numpy(zero_copy_only=False))


def matches(texts: pa.LargeStringArray, pattern: str) -> NDArray[np.bool_]:
    """Tell which texts match a pattern of RE2."""
    import pyarrow.compute as pc

    return as_array(pc.match_substring_regex(texts, pattern)).astype(bool)


def scatter(
    length: int, parts: Sequence[tuple[NDArray[np.bool_], pa.LargeStringArray]]
) -> pa.LargeStringArray:
    """Put texts where masks say so, the empty text elsewhere; a later mask wins."""
    import pyarrow as pa

    if len(parts) == 1 and len(parts[0][1]) == length:
        return parts[0][1]
    rows = np.zeros(length, np.int64)
    start = 1
    for mask, texts in parts:
        rows[mask] = np.arange(start, start + len(texts))
        start += len(texts)
    pool = pa.concat_arrays([strings([""]), *(texts for _, texts in parts)])
    return pool.take(pa.array(rows))


def mapped(
    texts: pa.LargeStringArray, function: Callable[[str], str | None]
) -> tuple[pa.LargeStringArray, NDArray[np.bool_]]:
    """Map texts by a Python function, each different text once.

    Returns
    -------
    tuple
        The new texts, and where there is one (the function gave no `None`).
    """
    import pyarrow as pa

    encoded = texts.dictionary_encode()
    found = [function(text) for text in encoded.dictionary.to_pylist()]
    good = np.array([text is not None for text in found], dtype=bool)
    pool = strings(["" if text is None else text for text in found])
    rows = as_array(encoded.indices)
    if not len(rows):
        return strings([]), np.zeros(0, bool)
    return pool.take(pa.array(rows)), good[rows]


def number_texts(values: NDArray[np.int64], width: int = 0) -> pa.LargeStringArray:
    """Write whole numbers, filled up with zeros on the left (which is right for those from 0 only)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(pa.array(values), pa.large_string())
    return pc.utf8_lpad(texts, width=width, padding="0") if width else texts
