"""Data files: how columns are written, and how a torn file is told from a whole one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from extremeearth.core.errors import DataBrokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

__all__ = ["DICTIONARY", "read_parquet", "to_parquet"]

ROW_GROUP = 1 << 18
"""Rows between two places where a reader can start; 2 MB of one column of numbers."""
DICTIONARY = frozenset({"type", "crs"})
"""Columns of few different texts."""


def to_parquet(table: pa.Table) -> bytes:
    """Write a table: whole numbers as differences, few texts as a dictionary, each page with a checksum.

    Examples
    --------
    >>> import pyarrow as pa
    >>> table = pa.table({"id": [1, 2, 3]})
    >>> read_parquet(to_parquet(table), name="three").equals(table)
    True
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = [f.name for f in table.schema if pa.types.is_int64(f.type)]
    rest = [f.name for f in table.schema if pa.types.is_int8(f.type)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=ROW_GROUP,
        compression="zstd",
        compression_level=1,
        use_dictionary=[*(DICTIONARY & set(table.column_names)), *rest],
        column_encoding=dict.fromkeys(whole, "DELTA_BINARY_PACKED"),
        write_statistics=whole,
        write_page_checksum=True,
        store_schema=False,
    )
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_parquet(
    source: Path | bytes,
    *,
    name: str,
    columns: Sequence[str] | None = None,
    of_few: Sequence[str] = (),
) -> pa.Table:
    """Read a table back.

    Parameters
    ----------
    source
        The file, or its content.
    name
        What errors call it.
    columns
        Columns to read, by default all.
    of_few
        Columns of few different texts, given as dictionaries.

    Raises
    ------
    DataBrokenError
        The file is torn, or its pages do not have their checksums.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(
            source if isinstance(source, Path) else pa.BufferReader(source),
            read_dictionary=list(of_few),
            page_checksum_verification=True,
        ) as file:
            return file.read(columns=None if columns is None else list(columns))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError) as err:
        raise DataBrokenError(
            f"The data file {name} cannot be read: {str(err).splitlines()[0].rstrip('.')}.",
            hint="It is torn or was changed. Bring it back from a backup, or ask an older version of the store.",
        ) from err
