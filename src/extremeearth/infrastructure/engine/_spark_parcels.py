"""How functions, items, results and errors are written for the way between driver and workers.

Arrow tables go as Arrow IPC, which cuts slices to what they show, and bytes as they are. Everything else goes as
cloudpickle: functions of any kind can go in no other way, and Spark itself sends them so. This is the only place that
reads pickles, and it reads those alone that the other end of the same session wrote: nothing from outside.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from extremeearth.infrastructure.engine._items import is_retried
from extremeearth.infrastructure.engine._spark_python import settle

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH, _TABLE, _BYTES, _OBJECT = b"B", b"T", b"Y", b"O"
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

    if type(value) is bytes:
        return _BYTES + value
    if isinstance(value, pa.RecordBatch | pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write(value)
        kind = _BATCH if isinstance(value, pa.RecordBatch) else _TABLE
        return bytes(kind + sink.getvalue().to_pybytes())
    from pyspark import cloudpickle

    written: bytes = cloudpickle.dumps(value)  # type: ignore[no-untyped-call]  # Spark's copy has no types
    return _OBJECT + written


def unpack(data: bytes | pa.Buffer) -> Any:
    """Read what :func:`pack` wrote; what it gives does not keep `data` alive."""
    import pyarrow as pa

    view = memoryview(data)
    kind, content = bytes(view[:1]), view[1:]
    if kind == _BYTES:
        return bytes(content)
    if kind == _OBJECT:
        return pickle.loads(content)  # noqa: S301 - written by `pack` on the other end of our own session
    with pa.ipc.open_stream(pa.py_buffer(bytes(content))) as reader:
        table = reader.read_all()
    if kind == _TABLE:
        return table
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


class ItemWorker:
    """Runs on the workers: takes bundles of items, a row each, and gives a row per result.

    Parameters
    ----------
    function
        Packed.
    retries
        How often an item is tried again.
    most_bytes
        Where the results of one task reach this, its further items are put off: they have no row.
    """

    def __init__(self, function: bytes, retries: int, most_bytes: int) -> None:
        self._function, self._retries, self._most_bytes = function, retries, most_bytes

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Work on the items of one partition; it ends at the first failure."""
        settle()
        return _gathered(self._results(unpack(self._function), batches))

    def _results(
        self, function: Callable[[Any], Any], batches: Iterable[pa.RecordBatch]
    ) -> Iterator[tuple[int, bool, bytes]]:
        size, ended = 0, False
        for batch in batches:  # to the last one: Spark wants its input to be read
            for index, item in zip(
                batch.column("index").to_pylist(), batch.column("item"), strict=True
            ):
                if ended:
                    break
                good, payload = _attempt(function, item.as_buffer(), self._retries)
                yield index, good, payload
                size += len(payload)
                ended = not good or size >= self._most_bytes


def _attempt(function: Callable[[Any], Any], item: pa.Buffer, retries: int) -> tuple[bool, bytes]:
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
