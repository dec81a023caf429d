"""A table through a function piece by piece, on top of any engine's `map`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from extremeearth.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from extremeearth.infrastructure.engine.contract import Engine

BATCH_ROWS = 65_536


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


def _columns(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)
