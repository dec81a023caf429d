"""A few processes of this machine that run one function over items; they stay for the next function."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from extremeearth.core.errors import InputError
from extremeearth.core.progress import Task
from extremeearth.infrastructure.engine._items import is_retried, named
from extremeearth.infrastructure.engine._messages import Message, packed
from extremeearth.infrastructure.engine._worker_process import (
    FUNCTION,
    Outcome,
    Worker,
    import_before_forking,
)

__all__ = ["IdleWorkers", "OrderedRun", "WorkerPool"]

POLL_S = 0.1


class IdleWorkers:
    """Workers between two runs: at most `most` are kept, so that the next run need not start its own.

    Several threads may take and give at the same time. A forked copy of this process leaves them alone: one pipe does
    not serve two.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._closed = False

    def take(self) -> Worker:
        """Give a worker that waits, or a new one."""
        while (worker := self._waiting()) is not None:
            if worker.process.is_alive():
                return worker
            worker.stop()
        return Worker()

    def _waiting(self) -> Worker | None:
        if os.getpid() != self._owner:
            return None
        with self._lock:
            return self._workers.pop() if self._workers else None

    def keep(self, worker: Worker) -> None:
        """Take a worker back; one that is at work, or too many, ends."""
        # a copy of this process may have the lock as it was held then
        if worker.index is None and os.getpid() == self._owner:
            with self._lock:
                if len(self._workers) < self._most and not self._closed:
                    self._workers.append(worker)
                    return
        worker.stop()

    def close(self) -> None:
        """End those that wait, and from now on each that comes back."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.stop()


class WorkerPool:
    """Up to `size` workers for one function: idle ones where there are any, given back by :meth:`stop`."""

    def __init__(self, function: Callable[[Any], Any], idle: IdleWorkers, *, size: int) -> None:
        try:
            self._function = packed(function, FUNCTION)
        except Exception as err:  # pickling raises many kinds
            raise InputError(
                f"{getattr(function, '__qualname__', function)!r} cannot be sent to another process.",
                hint="Use a function at the top of a module, or functools.partial of one.",
            ) from err
        self._idle, self._size = idle, size
        self._workers: list[Worker] = []
        import_before_forking(function)

    @property
    def busy(self) -> int:
        """How many items are being worked on."""
        return sum(worker.index is not None for worker in self._workers)

    @property
    def has_room(self) -> bool:
        """Whether an item could start at once."""
        return self.busy < self._size

    def start(self, index: int, item: Message) -> None:
        """Let a free worker begin an item."""
        for worker in [w for w in self._workers if w.index is None]:
            if worker.process.is_alive():
                worker.give(index, item)
                return
            self._drop(worker)
        worker = self._idle.take()
        worker.begin(self._function)
        self._workers.append(worker)
        worker.give(index, item)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what has come since the last call; waits a moment where there is nothing."""
        pipes = {w.channel.incoming: w for w in self._workers if w.index is not None}
        for ready in wait(list(pipes), timeout=POLL_S):
            assert isinstance(ready, Connection)
            worker = pipes[ready]
            yield worker.outcome()
            if not worker.process.is_alive():
                self._drop(worker)

    def _drop(self, worker: Worker) -> None:
        self._workers.remove(worker)
        worker.stop()

    def stop(self) -> None:
        """Give the workers back; those that are at work end."""
        while self._workers:
            self._idle.keep(self._workers.pop())


class OrderedRun:
    """Work on items side by side and give the results in order, with a bounded number under way.

    While the workers are busy the next item is taken and packed, so that none of them waits for it.
    """

    def __init__(
        self, pool: WorkerPool, items: Iterable[Any], task: Task, *, retries: int, ahead: int
    ) -> None:
        self._pool, self._source, self._task = pool, enumerate(items), task
        self._retries, self._ahead = retries, ahead
        self._open: dict[int, Any] = {}  # taken from the source, result not yet yielded
        self._ready: deque[tuple[int, Message]] = deque()
        self._failures: dict[int, int] = {}
        self._done: dict[int, Any] = {}

    def results(self) -> Iterator[Any]:
        """Yield the results; whatever ends the iteration also ends the workers that are at work."""
        following = 0
        try:
            with self._task:
                while self._fill():
                    for outcome in self._pool.outcomes():
                        self._take(outcome)
                    self._task.progress.token.check()
                    while following in self._done:
                        del self._open[following]
                        yield self._done.pop(following)
                        following += 1
        finally:
            self._pool.stop()

    def _fill(self) -> bool:
        """Give free workers something to do; tell whether anything is left."""
        while self._prepare() and self._pool.has_room:
            self._pool.start(*self._ready.popleft())
        return bool(self._open)

    def _prepare(self) -> bool:
        """Have an item ready, if there is one and not too many are under way."""
        if not self._ready and len(self._open) < self._ahead:
            for index, item in self._source:
                self._open[index] = item
                self._ready.append((index, _packed_item(index, item)))
                break
        return bool(self._ready)

    def _take(self, outcome: Outcome) -> None:
        index, error = outcome.index, outcome.error
        if error is None:
            self._done[index] = outcome.value
            self._task.advance()
            return
        failures = self._failures[index] = self._failures.get(index, 0) + 1
        if failures > self._retries or not is_retried(error):
            raise named(
                error, label=self._task.label, index=index, item=self._open[index]
            ) from error
        self._ready.appendleft((index, _packed_item(index, self._open[index])))


def _packed_item(index: int, item: Any) -> Message:
    try:
        return packed(item)
    except Exception as err:  # whatever the item's own code raises
        raise InputError(
            f"Item {index} cannot be sent to another process: {err}.",
            hint="Send names and paths, not open files or connections.",
        ) from err
