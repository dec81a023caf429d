"""A few processes of this machine that run one function over items.

The standard library's executors can neither stop a call that runs nor tell on which item a process died;
both matter here, so each worker has its own pipe.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from extremeearth.core.errors import InputError, UnavailableError
from extremeearth.core.progress import Task
from extremeearth.infrastructure.engine._items import is_retried, named

START_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""Never plain fork: the engine's threads (SedonaDB, obstore, BLAS) would leave locked locks in the child."""
_SAFE_PATH = "PYTHONSAFEPATH"
POLL_S = 0.1
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one item: a value, or an error."""

    index: int
    value: Any = None
    error: BaseException | None = None


class _Worker:
    """One process, its pipe, and the item it is at."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        context: Any = multiprocessing.get_context(START_METHOD)
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, function), daemon=True, name="extremeearth-worker"
        )
        self.process.start()
        theirs.close()
        self.index: int | None = None

    def give(self, index: int, item: Any) -> None:
        """Hand an item over."""
        try:
            payload = ForkingPickler.dumps(item)
        except Exception as err:  # whatever the item's own code raises
            raise InputError(
                f"Item {index} cannot be sent to another process: {err}.",
                hint="Send names and paths, not open files or connections.",
            ) from err
        self.index = index
        with contextlib.suppress(OSError):  # it just died: `outcome` finds out
            self.pipe.send_bytes(payload)

    def outcome(self) -> Outcome:
        """Read what came of the item; a worker that died gives an error."""
        index = self.index
        assert index is not None
        self.index = None
        try:
            value, error = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(STOP_S)
            return Outcome(index, error=_death(self.process.exitcode))
        except Exception as err:  # the value cannot be rebuilt on this side
            return Outcome(index, error=err)
        return Outcome(index, value, error)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.terminate()
        self.process.join(STOP_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()
        self.process.close()


class WorkerPool:
    """Up to `size` workers for one function; started when there is work, ended by :meth:`stop`."""

    def __init__(self, function: Callable[[Any], Any], *, size: int) -> None:
        try:
            ForkingPickler.dumps(function)
        except Exception as err:  # pickling raises many kinds
            raise InputError(
                f"{getattr(function, '__qualname__', function)!r} cannot be sent to another process.",
                hint="Use a function at the top of a module, or functools.partial of one.",
            ) from err
        self._function, self._size = function, size
        self._workers: list[_Worker] = []
        _import_before_forking(function)

    @property
    def busy(self) -> int:
        """How many items are being worked on."""
        return sum(worker.index is not None for worker in self._workers)

    @property
    def has_room(self) -> bool:
        """Whether an item could start at once."""
        return self.busy < self._size

    def start(self, index: int, item: Any) -> None:
        """Let a free worker begin an item."""
        for worker in [w for w in self._workers if w.index is None]:
            if worker.process.is_alive():
                worker.give(index, item)
                return
            self._drop(worker)
        worker = _Worker(self._function)
        self._workers.append(worker)
        worker.give(index, item)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield what has come since the last call; waits a moment where there is nothing."""
        pipes = {w.pipe: w for w in self._workers if w.index is not None}
        for ready in wait(list(pipes), timeout=POLL_S):
            assert isinstance(ready, Connection)
            worker = pipes[ready]
            yield worker.outcome()
            if not worker.process.is_alive():
                self._drop(worker)

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()

    def stop(self) -> None:
        """End all workers."""
        while self._workers:
            self._workers.pop().stop()


def _import_before_forking(function: Callable[[Any], Any]) -> None:
    """Let the server that workers are forked from import the function's module, once for all of them.

    It has no say any more when the server runs. Only modules of this package: the threads that importing them starts
    (of jemalloc, BLAS and Polars) only wait in the server; what others start nobody knows.
    """
    if START_METHOD != "forkserver":
        return
    from multiprocessing import forkserver  # is not on every system

    inner = function.func if isinstance(function, functools.partial) else function
    module = getattr(inner, "__module__", None) or type(inner).__module__
    if module.partition(".")[0] == __name__.partition(".")[0]:
        multiprocessing.get_context(START_METHOD).set_forkserver_preload(["__main__", module])
        with _current_folder_left_out():
            forkserver.ensure_running()


@contextlib.contextmanager
def _current_folder_left_out() -> Iterator[None]:
    """Let a Python that is started here not look for modules in the current folder, where any ``numpy.py`` may lie."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE_PATH]
        else:
            os.environ[_SAFE_PATH] = before


class OrderedRun:
    """Work on items side by side and give the results in order, with a bounded number under way."""

    def __init__(
        self, pool: WorkerPool, items: Iterable[Any], task: Task, *, retries: int, ahead: int
    ) -> None:
        self._pool, self._source, self._task = pool, enumerate(items), task
        self._retries, self._ahead = retries, ahead
        self._open: dict[int, Any] = {}  # taken from the source, result not yet yielded
        self._again: list[int] = []
        self._failures: dict[int, int] = {}
        self._done: dict[int, Any] = {}

    def results(self) -> Iterator[Any]:
        """Yield the results; whatever ends the iteration also ends the workers."""
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
        while self._pool.has_room:
            if self._again:
                index = self._again.pop(0)
            elif len(self._open) < self._ahead:
                try:
                    index, item = next(self._source)
                except StopIteration:
                    break
                self._open[index] = item
            else:
                break
            self._pool.start(index, self._open[index])
        return bool(self._open)

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
        self._again.append(index)


def _death(exit_code: int | None) -> UnavailableError:
    how = f"was killed by signal {-exit_code}" if exit_code and exit_code < 0 else "ended"
    return UnavailableError(
        f"The worker process {how} in the middle of its work.",
        hint="It may have run out of memory: use fewer workers or smaller pieces.",
    )


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Run in the worker: take items until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    while True:
        try:
            payload = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer = ForkingPickler.dumps((function(ForkingPickler.loads(payload)), None))
        except Exception as err:  # goes to the parent, which raises it
            answer = ForkingPickler.dumps((None, _portable(err)))
        try:
            pipe.send_bytes(answer)
        except OSError:
            return


def _portable(error: Exception) -> BaseException:
    """Give an error that survives the way to the parent, with the place where it happened."""
    where = traceback.format_exc()
    try:
        copied: BaseException = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # an error class that cannot be rebuilt: its text must do
        copied = RuntimeError(f"{type(error).__name__}: {error}")
    copied.add_note(f"In the worker process:\n{where}")
    return copied
