"""SQL in SedonaDB, batch by batch, so that it can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import CancelledError, InputError, LimitError
from extremeearth.core.progress import CancelToken

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["WANTED", "answer"]

WANTED = "still_wanted"
"""SQL function of two BIGINT that is always true, and ends the query once it is cancelled.

As condition of a join it is asked for every batch of pairs, also where nothing of them gets out."""
BATCH_ROWS = 8_192


def answer(
    text: str,
    tables: Mapping[str, pa.Table],
    *,
    token: CancelToken | None,
    most_bytes: int | None,
) -> pa.Table:
    """Do what `LocalEngine.sql` says."""
    import pyarrow as pa

    session = _session()
    try:
        if WANTED in text.lower():
            session.register(_wanted(token or CancelToken()))
        for name, table in tables.items():
            session.create_data_frame(table).to_view(name, overwrite=True)
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
    except (InputError, LimitError, CancelledError):
        raise
    except Exception as err:  # SedonaDB raises bare Exceptions and Arrow errors for one cause
        if token is not None:
            token.check()
        reason = next(iter(str(err).splitlines()), type(err).__name__)  # some say nothing
        raise InputError(
            f"The SQL query could not be run: {reason}.",
            hint="Check its names against those of the tables.",
        ) from err
    finally:
        for name in tables:
            with suppress(Exception):  # one that was never made
                session.drop_view(name)


_kept = threading.local()


def _session() -> Any:
    """Give the session of this thread: making one costs as much as a small query."""
    import sedonadb

    found = getattr(_kept, "session", None)
    if found is None:
        found = _kept.session = sedonadb.connect()
    return found


def _wanted(token: CancelToken) -> Any:
    import pyarrow as pa
    from sedonadb import udf

    true = pa.repeat(pa.scalar(True), BATCH_ROWS)

    def still_wanted(_one: Any, _two: Any, *, num_rows: int) -> pa.Array:
        token.check()
        return (
            true.slice(0, num_rows)
            if num_rows <= BATCH_ROWS
            else pa.repeat(pa.scalar(True), num_rows)
        )

    # volatile: else the engine would ask once, before it joins
    declared = udf.arrow_udf(
        pa.bool_(), [pa.int64(), pa.int64()], volatility="volatile", name=WANTED
    )
    return declared(still_wanted)
