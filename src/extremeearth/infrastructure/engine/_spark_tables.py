"""Arrow tables on their way to the cluster: a large one goes piece by piece, and the driver keeps none of it.

Spark itself would hold the whole table in the driver, for the case that a worker loses its part. Here each piece of a
large table is kept on the disks of two workers (a local checkpoint), so that the driver can forget it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from extremeearth.infrastructure.engine._spark_parcels import pack

if TYPE_CHECKING:
    import pyarrow as pa

Answer = TypeVar("Answer")

PIECE_BYTES = 32 * 2**20
"""Most bytes that Spark's driver gets at once; it keeps a table that is no larger."""
CHUNK_ROWS = 10_000
CHUNK_BYTES = 8 * 2**20
"""Each chunk becomes a partition, and travels inside one message."""
SENDINGS = 3
"""How often tables are sent, where all workers that kept a piece were lost."""
_LOST = ("CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND", "Checkpoint block")


def frame_of(
    session: Any,
    table: pa.Table,
    *,
    rows: int = CHUNK_ROWS,
    piece_bytes: int | None = None,
    packed: bool = False,
) -> Any:
    """Give a table to the cluster, in partitions of at most so many rows; `packed`: each is one value, of ``part``."""
    from pyspark import StorageLevel

    piece_bytes = PIECE_BYTES if piece_bytes is None else piece_bytes
    pieces = pieces_of(table, rows, piece_bytes)
    if packed:
        pieces = map(_packed, pieces)
    if table.nbytes <= piece_bytes:
        return session.createDataFrame(next(pieces))
    whole = None
    for piece in pieces:
        sent = session.createDataFrame(piece)
        kept = sent.localCheckpoint(eager=True, storageLevel=StorageLevel.DISK_ONLY_2)
        whole = kept if whole is None else whole.unionAll(kept)
    return whole


def _packed(piece: pa.Table) -> pa.Table:
    """Pack each chunk into a value, in a chunk of its own."""
    import pyarrow as pa

    parts = [pack(pa.Table.from_batches([batch])) for batch in piece.to_batches()]
    chunks = [pa.array([part], pa.binary()) for part in parts]
    return pa.table({"part": pa.chunked_array(chunks, pa.binary())})


def pieces_of(table: pa.Table, rows: int, most_bytes: int) -> Iterator[pa.Table]:
    """Cut a table into pieces of about so many bytes, each in chunks of at most so many rows; at least one.

    Examples
    --------
    >>> import pyarrow as pa
    >>> [piece.num_rows for piece in pieces_of(pa.table({"n": range(5)}), 1, 16)]
    [2, 2, 1]
    """
    import pyarrow as pa

    schema = plain(table.slice(0, 0)).schema
    open_: list[pa.RecordBatch] = []
    size = 0
    for chunk in _chunks(table, rows, min(CHUNK_BYTES, most_bytes)):
        if open_ and size + chunk.nbytes > most_bytes:
            yield pa.Table.from_batches(open_, schema=schema)
            open_, size = [], 0
        open_ += plain(chunk.combine_chunks()).to_batches()
        size += chunk.nbytes
    if open_ or not table.num_rows:
        yield pa.Table.from_batches(open_, schema=schema)


def _chunks(table: pa.Table, rows: int, most_bytes: int) -> Iterator[pa.Table]:
    for first in range(0, table.num_rows, rows):
        open_ = [table.slice(first, rows)]
        while open_:
            part = open_.pop()
            if part.nbytes > most_bytes and part.num_rows > 1:
                half = part.num_rows // 2
                open_ += [part.slice(half), part.slice(0, half)]
            else:
                yield part


def sent_again(job: Callable[[], Answer]) -> Answer:
    """Run a job that sends tables; from the start once more where pieces were lost with their workers."""
    for left in range(SENDINGS - 1, -1, -1):
        try:
            return job()
        except Exception as err:  # Py4J, gRPC and Spark errors have no common class
            if not left or not any(text in str(err) for text in _LOST):
                raise
    raise AssertionError  # the last attempt returns or raises


def plain(table: pa.Table) -> pa.Table:
    """Give columns types that Spark has: no extensions, views, dictionaries or unsigned numbers."""
    import pyarrow as pa

    columns = [_stored(column) for column in table.columns]
    kinds = [_plain_type(column.type) for column in columns]
    return pa.table(
        [column.cast(kind) for column, kind in zip(columns, kinds, strict=True)], names=table.column_names
    )  # fmt: skip


def _stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    same = {
        pa.binary_view(): pa.binary(), pa.string_view(): pa.string(), pa.null(): pa.string(),
        pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20),
        pa.float16(): pa.float32(),
    }  # fmt: skip
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    return same.get(kind, kind)
