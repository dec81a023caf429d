"""Items side by side on Spark, in windows of a few seconds' work."""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from extremeearth.core.errors import ExtremeEarthError, InputError, UnavailableError
from extremeearth.core.progress import Task
from extremeearth.infrastructure.engine._items import named
from extremeearth.infrastructure.engine._spark_jobs import SIDE_BY_SIDE, Jobs, said, watched
from extremeearth.infrastructure.engine._spark_parcels import RESULTS, ItemWorker, pack, unpack

QUICK_S = 2.0
"""A window that took less makes the next one larger."""
BUNDLES = 4
"""Tasks per slot and window, so that a slow item holds up few others."""
WINDOW_BYTES = 64 * 2**20


@dataclass(slots=True)
class _Window:
    """Items that one job of Spark works on."""

    first: int
    items: list[Any] = field(default_factory=list)
    parcels: list[bytes] = field(default_factory=list)
    future: Future[dict[int, tuple[bool, bytes]]] | None = None
    seconds: float = 0.0

    def bundles(self, count: int) -> list[bytes]:
        """Share the items among tasks."""
        numbered = [(self.first + i, parcel) for i, parcel in enumerate(self.parcels)]
        size = -(-len(numbered) // count)
        return [pickle.dumps(numbered[i : i + size]) for i in range(0, len(numbered), size)]


class SparkRun:
    """Work on items on a cluster and give the results in order, with a bounded number under way.

    Parameters
    ----------
    session
        Of Spark, classic or Connect.
    slots
        Tasks that run at once.
    ahead
        Most items taken from the source whose results were not yet asked for.
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
    ) -> None:
        try:
            self._worker = ItemWorker(function, retries)
        except Exception as err:  # pickling raises many kinds
            raise InputError(
                f"{getattr(function, '__qualname__', function)!r} cannot be sent to the workers: {err}.",
                hint="Let it hold names and paths, not open files or connections.",
            ) from err
        self._session, self._source, self._task = session, iter(items), task
        self._slots, self._ahead, self._retries = slots, ahead, retries
        self._size = slots
        self._taken = self._given = 0
        self._ended = False
        # the first window goes alone: of two jobs that start together, Spark may run the second one first
        self._side_by_side = 1

    def results(self) -> Iterator[Any]:
        """Yield the results; whatever ends the iteration also ends the jobs."""
        windows: deque[_Window] = deque()
        with self._task, Jobs(self._session) as jobs:
            while self._fill(windows, jobs):
                window = windows.popleft()
                values = self._values(window, jobs)
                self._side_by_side = SIDE_BY_SIDE
                self._fill(windows, jobs)
                for value in values:
                    self._task.progress.token.check()
                    self._given += 1
                    yield value

    def _fill(self, windows: deque[_Window], jobs: Jobs) -> bool:
        """Start jobs while there is room; tell whether anything is left."""
        while not self._ended and len(windows) < self._side_by_side:
            room = self._ahead - (self._taken - self._given)
            window = self._take(min(self._size, room))
            if window.items:
                window.future = jobs.start(lambda window=window: self._run(window))  # type: ignore[misc]  # default
                windows.append(window)
            elif not self._ended:
                break
        return bool(windows)

    def _take(self, most: int) -> _Window:
        window, size = _Window(self._taken), 0
        while len(window.items) < most and size < WINDOW_BYTES:
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

    def _run(self, window: _Window) -> dict[int, tuple[bool, bytes]]:
        """Let Spark work on a window; runs in a thread."""
        import pyarrow as pa

        started = time.monotonic()
        bundles = window.bundles(min(len(window.items), self._slots * BUNDLES))
        chunks = [pa.array([bundle], pa.binary()) for bundle in bundles]
        # one chunk becomes one partition
        frame = self._session.createDataFrame(pa.table({"bundle": pa.chunked_array(chunks)}))
        found = frame.mapInArrow(self._worker, RESULTS).toArrow().to_pylist()
        window.seconds = time.monotonic() - started
        return {row["index"]: (row["good"], row["payload"]) for row in found}

    def _values(self, window: _Window, jobs: Jobs) -> list[Any]:
        """Wait for the results of a window; raise what went wrong with an item."""
        token = self._task.progress.token
        assert window.future is not None
        try:
            found = watched(window.future, token)
        except ExtremeEarthError:
            raise
        except Exception as err:  # Py4J, gRPC and Spark errors have no common class
            token.check()
            if len(window.items) > 1:
                return self._one_by_one(window, jobs)
            error = UnavailableError(
                f"Spark could not finish it: {said(err)}",
                hint="It may have run out of memory: use smaller pieces or more memory per worker.",
            )
            raise self._named(error, window, window.first) from err
        for index in sorted(found):
            good, payload = found[index]
            if not good:
                cause = unpack(payload)
                raise self._named(cause, window, index) from cause
        if window.seconds < QUICK_S:
            self._size = min(
                max(self._size, len(window.items) * 2), max(1, self._ahead // SIDE_BY_SIDE)
            )
        for _ in window.items:
            self._task.advance()
        return [unpack(found[window.first + i][1]) for i in range(len(window.items))]

    def _one_by_one(self, window: _Window, jobs: Jobs) -> list[Any]:
        """Run the items of a window that failed as a whole, to learn which one is the cause."""
        values = []
        for i, (item, parcel) in enumerate(zip(window.items, window.parcels, strict=True)):
            single = _Window(window.first + i, [item], [parcel])
            single.future = jobs.start(lambda single=single: self._run(single))  # type: ignore[misc]  # default
            values += self._values(single, jobs)
        return values

    def _named(self, error: BaseException, window: _Window, index: int) -> ExtremeEarthError:
        item = window.items[index - window.first]
        return named(error, label=self._task.label, index=index, item=item)
