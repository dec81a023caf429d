"""One process of this machine that runs functions over items, and its pipes.

The standard library's executors can neither stop a call that runs nor tell on which item a process died;
both matter here, so each worker has pipes of its own.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from typing import Any

from extremeearth.core.errors import UnavailableError
from extremeearth.infrastructure.engine._messages import Channel, Message, packed

__all__ = ["FUNCTION", "Outcome", "Worker", "import_before_forking"]

START_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""Never plain fork: the engine's threads (SedonaDB, obstore, BLAS) would leave locked locks in the child."""
_SAFE_PATH = "PYTHONSAFEPATH"
FUNCTION = b"f"
"""Kind of a message that brings the function for the items from here on."""
STOP_S = 2.0
_ENVIRONMENT = threading.Lock()
"""Of two threads that start workers each would take what the other set for what was there before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one item: a value, or an error."""

    index: int
    value: Any = None
    error: BaseException | None = None


class Worker:
    """One process, its pipes, and the item it is at; it lives on between functions."""

    def __init__(self) -> None:
        context: Any = multiprocessing.get_context(START_METHOD)
        self.channel, theirs = Channel.pair(context)
        self.process = context.Process(
            target=_serve, args=(theirs,), daemon=True, name="extremeearth-worker"
        )
        self.process.start()
        theirs.close()
        self.index: int | None = None

    def begin(self, function: Message) -> None:
        """Hand over the function that the items from here on are for."""
        self._send(function)

    def give(self, index: int, item: Message) -> None:
        """Hand an item over."""
        self.index = index
        self._send(item)

    def _send(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # it just died: `outcome` finds out
            self.channel.send(message)

    def outcome(self) -> Outcome:
        """Read what came of the item; a worker that died gives an error."""
        index = self.index
        assert index is not None
        try:
            message = self.channel.receive()
        except (EOFError, OSError):
            self.process.join(STOP_S)
            self.index = None
            return Outcome(index, error=_death(self.process.exitcode))
        except Exception as err:  # as too little memory: what is left of the answer cannot be read
            self.process.kill()
            self.process.join(STOP_S)
            self.index = None
            return Outcome(index, error=err)
        # not before: of a worker whose answer was read in part, nothing more can be read
        self.index = None
        try:
            value, error = message.value()
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
        self.channel.close()
        self.process.close()


def _death(exit_code: int | None) -> UnavailableError:
    if (
        exit_code is not None and exit_code > 0
    ):  # Python ended by itself, most of all where it began
        return UnavailableError(
            f"The worker process ended with exit code {exit_code} in the middle of its work.",
            hint="What went wrong is on stderr. A script begins its work below `if __name__ == '__main__':`: workers "
            "import it.",
        )
    how = f"was killed by signal {-exit_code}" if exit_code else "ended"
    return UnavailableError(
        f"The worker process {how} in the middle of its work.",
        hint="It may have run out of memory: use fewer workers or smaller pieces.",
    )


def _serve(channel: Channel) -> None:
    """Run in the worker: take functions and items until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    function: Any = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            message = channel.receive()
            if message.kind == FUNCTION:
                function = _Late(message)
            else:
                channel.send(_answer(function, message))
            del message  # an idle worker holds nothing


class _Late:
    """A function that is unpacked when it is called, so that what goes wrong there is told with an item."""

    def __init__(self, message: Message) -> None:
        self._message: Message | None = message
        self._function: Any = None

    def __call__(self, item: Any) -> Any:
        if self._message is not None:
            self._function, self._message = self._message.value(), None
        return self._function(item)


def _answer(function: Any, message: Message) -> Message:
    try:
        return packed((function(message.value()), None))
    except Exception as err:  # goes to the parent, which raises it
        return packed((None, _portable(err)))


def _portable(error: Exception) -> BaseException:
    """Give an error that survives the way to the parent, with the place where it happened."""
    where = traceback.format_exc()
    try:
        copied: BaseException = ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # an error class that cannot be rebuilt: its text must do
        copied = RuntimeError(f"{type(error).__name__}: {error}")
    copied.add_note(f"In the worker process:\n{where}")
    return copied


def import_before_forking(function: Callable[[Any], Any]) -> None:
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
    with _ENVIRONMENT:
        before = os.environ.get(_SAFE_PATH)
        os.environ[_SAFE_PATH] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[_SAFE_PATH]
            else:
                os.environ[_SAFE_PATH] = before
