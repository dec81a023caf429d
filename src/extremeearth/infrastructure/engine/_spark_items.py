"""Items side by side on Spark, in windows of a few seconds' work and a bounded number of bytes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from extremeearth.core.errors import ExtremeEarthError, InputError, UnavailableError
from extremeearth.core.progress import Task
from extremeearth.infrastructure.engine._items import named
from extremeearth.infrastructure.engine._spark_jobs import (
    SIDE_BY_SIDE,
    Jobs,
    hint_for,
    said,
    watched,
)
from extremeearth.infrastructure.engine._spark_parcels import RESULTS, ItemWorker, pack, unpack

if TYPE_CHECKING:
    import pyarrow as pa

    from extremeearth.infrastructure.engine._spark_workers import Patience

QUICK_S = 2.0
"""A window that took less makes the next one larger."""
GROWTH = 8
"""How much larger at most."""
HEAD_START_S = 0.1
"""Of two jobs that start together, Spark may run the second one first."""
BUNDLES = 4
"""Tasks per slot and window, so that a slow item holds up few others."""
WINDOW_BYTES = 64 * 2**20
"""Most bytes of items, and of results, of one window; a single larger one still goes."""


@dataclass(slots=True)
class _Found:
    """Results of a window: left in the batches in which they came, each read when its turn comes."""

    places: dict[int, tuple[pa.RecordBatch, int]]
    size: int

    @classmethod
    def of(cls, table: pa.Table) -> _Found:
        places = {}
        for batch in table.to_batches():
            for row, index in enumerate(batch.column("index").to_pylist()):
                places[index] = batch, row
        return cls(places, table.nbytes)

    def take(self, index: int) -> tuple[bool, Any] | None:
        """Give one result, or none where it was put off."""
        if index not in self.places:
            return None
        batch, row = self.places.pop(index)
        return batch.column("good")[row].as_py(), unpack(batch.column("payload")[row].as_buffer())


@dataclass(slots=True)
class _Window:
    """Items that one job of Spark works on."""

    first: int
    items: list[Any] = field(default_factory=list)
    parcels: list[bytes] = field(default_factory=list)
    future: Future[_Found] | None = None
    seconds: float = 0.0

    @property
    def end(self) -> int:
        return self.first + len(self.items)

    def part(self, first: int, end: int) -> _Window:
        """Give some of the items as a window of their own."""
        some = slice(first - self.first, end - self.first)
        return _Window(first, self.items[some], self.parcels[some])

    def bundles(self, count: int) -> pa.Table:
        """Share the items among tasks: a chunk becomes a partition."""
        import pyarrow as pa

        size = -(-len(self.items) // count)
        starts = range(0, len(self.items), size)
        numbers = pa.array(range(self.first, self.end), pa.int64())
        return pa.table({
            "index": pa.chunked_array([numbers.slice(i, size) for i in starts]),
            "item": pa.chunked_array([pa.array(self.parcels[i : i + size], pa.binary()) for i in starts]),
        })  # fmt: skip


class SparkRun:
    """Work on items on a cluster and give the results in order, with a bounded number under way.

    What the driver holds does not grow with the number of items, nor with the size of their results: a task whose
    results reach its share of `window_bytes` puts the rest of its items off, and they go out again in their turn.

    Parameters
    ----------
    session
        Of Spark, classic or Connect.
    slots
        Tasks that run at once.
    ahead
        Most items per slot taken from the source whose results were not yet asked for.
    patience
        With a cluster that has no workers.
    window_bytes
        Most bytes of items and of results per window.
    grown
        Tells the slots anew before each window, where a cluster grows with its work.
    """

    def __init__(
        self,
        session: Any,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        task: Task,
        *,
        retries: int,
        slots: int,
        ahead: int,
        patience: Patience,
        window_bytes: int | None = None,
        grown: Callable[[], int] | None = None,
    ) -> None:
        try:
            self._function = pack(function)
        except Exception as err:  # pickling raises many kinds
            raise InputError(
                f"{getattr(function, '__qualname__', function)!r} cannot be sent to the workers: {err}.",
                hint="Let it hold names and paths, not open files or connections.",
            ) from err
        self._session, self._source, self._task = session, iter(items), task
        self._slots, self._ahead, self._retries = slots, ahead, retries
        self._patience, self._grown = patience, grown
        self._window_bytes = WINDOW_BYTES if window_bytes is None else window_bytes
        self._size = slots
        self._taken = self._given = 0
        self._ended = False
        self._windows: deque[_Window] = deque()
        self._side_by_side = 1

    def results(self) -> Iterator[Any]:
        """Yield the results; whatever ends the iteration also ends the jobs."""
        with self._task, Jobs(self._session) as jobs:
            while self._fill(jobs):
                for value in self._values(self._windows.popleft(), jobs):
                    self._task.progress.token.check()
                    self._given += 1
                    self._task.advance()
                    yield value

    def _fill(self, jobs: Jobs) -> bool:
        """Start jobs while there is room; tell whether anything is left."""
        while not self._ended and len(self._windows) < self._side_by_side:
            self._slots = self._grown() if self._grown else self._slots
            room = self._most_ahead - (self._taken - self._given)
            window = self._take(min(self._size, room))
            if window.items:
                self._start(window, jobs)
                self._windows.append(window)
            elif not self._ended:
                break
        return bool(self._windows)

    @property
    def _most_ahead(self) -> int:
        return self._ahead * self._slots

    def _start(self, window: _Window, jobs: Jobs) -> None:
        window.future = jobs.start(partial(self._run, window))

    def _take(self, most: int) -> _Window:
        window, size = _Window(self._taken), 0
        while len(window.items) < most and size < self._window_bytes:
            try:
                item = next(self._source)
            except StopIteration:
                self._ended = True
                break
            try:
                parcel = pack(item)
            except Exception as err:  # whatever the item's own code raises
                raise InputError(
                    f"Item {self._taken} cannot be sent to the workers: {err}.",
                    hint="Send names and paths, not open files or connections.",
                ) from err
            self._taken += 1
            size += len(parcel)
            window.items.append(item)
            window.parcels.append(parcel)
        return window

    def _run(self, window: _Window) -> _Found:
        """Let Spark work on a window; runs in a thread."""
        started = time.monotonic()
        tasks = min(len(window.items), self._slots * BUNDLES)
        worker = ItemWorker(self._function, self._retries, max(1, self._window_bytes // tasks))
        frame = self._session.createDataFrame(window.bundles(tasks))
        found = _Found.of(frame.mapInArrow(worker, RESULTS).toArrow())
        window.seconds = time.monotonic() - started
        return found

    def _values(self, window: _Window, jobs: Jobs) -> Iterator[Any]:
        """Wait for the results of a window and give them one by one; raise what went wrong with an item."""
        assert window.future is not None
        if self._side_by_side == 1 and not wait([window.future], HEAD_START_S).done:
            self._side_by_side = SIDE_BY_SIDE
            self._fill(jobs)
        found = self._waited(window)
        if found is None:  # to learn which item is the cause
            for index in range(window.first, window.end):
                yield from self._again(window, index, index + 1, jobs)
            return
        self._learn(window, found)
        self._side_by_side = SIDE_BY_SIDE
        self._fill(jobs)
        index = window.first
        while index < window.end:
            taken = found.take(index)
            if taken is None:
                end = min((known for known in found.places if known > index), default=window.end)
                yield from self._again(window, index, end, jobs)
                index = end
                continue
            good, value = taken
            if not good:
                raise self._named(value, window, index) from value
            yield value
            index += 1

    def _again(self, window: _Window, first: int, end: int, jobs: Jobs) -> Iterator[Any]:
        """Run some items of a window once more."""
        part = window.part(first, end)
        self._start(part, jobs)
        yield from self._values(part, jobs)

    def _waited(self, window: _Window) -> _Found | None:
        """Wait for a window; none where its job failed as a whole, and that was not for its only item."""
        token = self._task.progress.token
        assert window.future is not None
        try:
            return watched(window.future, token, self._patience)
        except ExtremeEarthError:
            raise
        except Exception as err:  # Py4J, gRPC and Spark errors have no common class
            token.check()
            if len(window.items) > 1:
                return None
            error = UnavailableError(
                f"Spark could not finish it: {said(err)}",
                hint=hint_for(
                    err,
                    "It may have run out of memory: use smaller pieces or more memory per worker.",
                ),
            )
            raise self._named(error, window, window.first) from err
        finally:
            window.future = None  # it would keep the results alive

    def _learn(self, window: _Window, found: _Found) -> None:
        """Let the next window be larger after a quick one, as far as its results may be expected to fit."""
        if window.seconds < QUICK_S:
            growth = min(GROWTH, max(2, int(QUICK_S / max(window.seconds, 0.01))))
            self._size = min(
                max(self._size, growth * len(found.places)),
                max(1, self._most_ahead // SIDE_BY_SIDE),
            )
        each = max(1, found.size // max(1, len(found.places)))
        self._size = max(1, min(self._size, self._window_bytes // each))

    def _named(self, error: BaseException, window: _Window, index: int) -> ExtremeEarthError:
        item = window.items[index - window.first]
        return named(error, label=self._task.label, index=index, item=item)
