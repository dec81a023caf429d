"""The least and largest value of a column, for the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ranges_of"]


def ranges_of(table: pa.Table, columns: Sequence[str]) -> Mapping[str, tuple[int, int]]:
    """Give the least and the largest value of columns of whole numbers.

    Examples
    --------
    >>> import pyarrow as pa
    >>> ranges_of(pa.table({"id": [3, 1]}), ["id"])
    {'id': (1, 3)}
    """
    import pyarrow.compute as pc

    if table.num_rows == 0:
        return {}
    found = {}
    for column in columns:
        ends = pc.min_max(table[column]).as_py()
        found[column] = (int(ends["min"]), int(ends["max"]))
    return found
