"""Tables in pieces and in one: through a function batch by batch, and columns as one array."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from extremeearth.infrastructure.engine.contract import Engine

BATCH_ROWS = 65_536
NARROW_BYTES = (1 << 31) - 1


def map_pieces(
    engine: Engine,
    table: pa.Table,
    function: Callable[[pa.RecordBatch], pa.RecordBatch | pa.Table],
    schema: pa.Schema,
) -> pa.Table:
    """Do what `Engine.map_batches` says."""
    import pyarrow as pa

    batches = table.to_batches(max_chunksize=BATCH_ROWS)
    pieces = []
    for piece in engine.map(function, batches, label="batches"):
        found = pa.Table.from_batches([piece]) if isinstance(piece, pa.RecordBatch) else piece
        if not found.schema.equals(schema):
            raise InputError(
                f"A batch came back with the columns {_columns(found.schema)} instead of {_columns(schema)}.",
                hint="Give the schema that the function returns.",
            )
        pieces.append(found)
    return pa.concat_tables(pieces) if pieces else schema.empty_table()


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Put a column into one array; with wide offsets where the usual ones of bytes end, at 2 GiB."""
    import pyarrow as pa

    if not column.num_chunks:
        return pa.array([], column.type)
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_binary(column.type) and column.nbytes >= NARROW_BYTES:
        column = column.cast(pa.large_binary())
    return pa.concat_arrays(column.chunks)


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
