"""How functions, items, results and errors are written for the way between driver and workers.

Arrow tables go as Arrow IPC, which cuts slices to what they show; everything else goes as cloudpickle, which is how
Spark itself sends functions. Both ends belong to the one who runs the cluster: nothing from outside is read here.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from extremeearth.infrastructure.engine._items import is_retried

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH, _TABLE, _OBJECT = b"B", b"T", b"O"
RESULT_BYTES = 4 * 2**20
"""Small results are sent together up to this size."""
RESULTS = "index bigint, good boolean, payload binary"


def pack(value: Any) -> bytes:
    """Write a value as bytes.

    Examples
    --------
    >>> unpack(pack({"field": 1}))
    {'field': 1}
    """
    import pyarrow as pa

    if isinstance(value, pa.RecordBatch | pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write(value)
        kind = _BATCH if isinstance(value, pa.RecordBatch) else _TABLE
        return bytes(kind + sink.getvalue().to_pybytes())
    from pyspark import cloudpickle

    written: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]  # Spark's copy has no types
    return _OBJECT + written


def unpack(data: bytes) -> Any:
    """Read what :func:`pack` wrote."""
    kind = data[:1]
    if kind == _OBJECT:
        return pickle.loads(data[1:])  # noqa: S301 - written by `pack` on the other end of our own session
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(data[1:])) as reader:
        table = reader.read_all()
    if kind == _TABLE:
        return table
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


class ItemWorker:
    """Runs on the workers: takes bundles of items, one row each, and gives a row per result."""

    def __init__(self, function: Callable[[Any], Any], retries: int) -> None:
        self._function, self._retries = pack(function), retries

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Work on the bundles of one partition; a bundle ends at its first failure."""
        function = unpack(self._function)
        for batch in batches:
            for bundle in batch.column(0).to_pylist():
                yield from _gathered(self._results(function, pickle.loads(bundle)))  # noqa: S301 - see `unpack`

    def _results(
        self, function: Callable[[Any], Any], bundle: list[tuple[int, bytes]]
    ) -> Iterator[tuple[int, bool, bytes]]:
        for index, item in bundle:
            good, payload = _attempt(function, item, self._retries)
            yield index, good, payload
            if not good:
                return


def _attempt(function: Callable[[Any], Any], item: bytes, retries: int) -> tuple[bool, bytes]:
    for left in range(retries, -1, -1):
        try:
            return True, pack(function(unpack(item)))
        except Exception as err:  # goes to the driver, which raises it
            if not left or not is_retried(err):
                return False, pack(_portable(err))
    raise AssertionError  # the last attempt returns


def _gathered(results: Iterator[tuple[int, bool, bytes]]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    schema = pa.schema([("index", pa.int64()), ("good", pa.bool_()), ("payload", pa.binary())])
    rows: list[tuple[int, bool, bytes]] = []
    size = 0
    for row in results:
        rows.append(row)
        size += len(row[2])
        if size >= RESULT_BYTES:
            yield pa.RecordBatch.from_arrays([*map(list, zip(*rows, strict=True))], schema=schema)
            rows, size = [], 0
    if rows:
        yield pa.RecordBatch.from_arrays([*map(list, zip(*rows, strict=True))], schema=schema)


def _portable(error: Exception) -> BaseException:
    """Give an error that survives the way to the driver, with the place where it happened."""
    where = traceback.format_exc()
    try:
        copied: BaseException = unpack(pack(error))
    except Exception:  # an error class that cannot be rebuilt: its text must do
        copied = RuntimeError(f"{type(error).__name__}: {error}")
    copied.add_note(f"In the Spark worker:\n{where}")
    return copied
