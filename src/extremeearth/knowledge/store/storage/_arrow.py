"""Columns of data files as single arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["coded", "single"]


def single(column: pa.ChunkedArray, *, pa_type: str) -> pa.Array:
    """Give a column as one array of a type with 64-bit offsets, which holds any length.

    Examples
    --------
    >>> import pyarrow as pa
    >>> single(pa.chunked_array([["a"], ["b"]]), pa_type="large_string").to_pylist()
    ['a', 'b']
    """
    import pyarrow as pa

    wide = pa.type_for_alias(pa_type)
    parts = [chunk if chunk.type == wide else chunk.cast(wide) for chunk in column.chunks]
    if len(parts) == 1:
        return parts[0]
    return pa.concat_arrays(parts) if parts else pa.array([], wide)


def coded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Give the different texts of a column, and for each row which one it has.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts, which = coded(pa.chunked_array([["b", "a"], ["b"]]))
    >>> texts, which.tolist()
    (['b', 'a'], [0, 1, 0])
    """
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries()
    if column.num_chunks == 0:
        return [], np.zeros(0, np.int64)
    which = [chunk.indices.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return column.chunk(0).dictionary.to_pylist(), np.concatenate(which).astype(np.int64)
