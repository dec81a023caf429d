"""SQL in SedonaDB, batch by batch, so that it can be stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from extremeearth.core.errors import InputError, LimitError
from extremeearth.core.progress import CancelToken

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["answer"]


def answer(
    text: str,
    tables: Mapping[str, pa.Table],
    *,
    token: CancelToken | None,
    most_bytes: int | None,
) -> pa.Table:
    """Do what `LocalEngine.sql` says."""
    import pyarrow as pa
    import sedonadb

    session = sedonadb.connect()
    try:
        for name, table in tables.items():
            session.create_data_frame(table).to_view(name)
        reader = pa.RecordBatchReader.from_stream(session.sql(text).to_arrow_reader())
        batches, size = [], 0
        for batch in reader:
            if token is not None:
                token.check()
            size += batch.nbytes
            if most_bytes is not None and size > most_bytes:
                raise LimitError(
                    f"An intermediate result is larger than {most_bytes / 2**20:.0f} MiB.",
                    hint="Ask for less: add a LIMIT or a narrower pattern.",
                )
            batches.append(batch)
        return pa.Table.from_batches(batches, schema=reader.schema)
    except (InputError, LimitError):
        raise
    except Exception as err:  # SedonaDB raises bare Exceptions and Arrow errors for one cause
        if token is not None:
            token.check()
        raise InputError(
            f"The SQL query could not be run: {str(err).splitlines()[0]}.",
            hint="Check its names against those of the tables.",
        ) from err
