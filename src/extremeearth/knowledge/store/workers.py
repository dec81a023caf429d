"""Work that must stop being waited for: run beside the caller, given up when its time is over."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from extremeearth.core.errors import TimeoutExceededError, UnavailableError

__all__ = ["Deadline", "Workers"]

T = TypeVar("T")


class Deadline:
    """A moment after which work is of no use; the work asks `passed` where it can stop.

    Examples
    --------
    >>> Deadline(60.0).passed
    False
    """

    __slots__ = ("_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether the moment is over."""
        return time.monotonic() > self._at

    @property
    def remaining_s(self) -> float:
        """Seconds until then, zero afterwards."""
        return max(self._at - time.monotonic(), 0.0)

    def check(self) -> None:
        """Raise when the moment is over."""
        if self.passed:
            raise self.error()

    def error(self) -> TimeoutExceededError:
        """Make the error that says so."""
        return TimeoutExceededError(
            f"The query took longer than {self.seconds:g} s and was stopped.",
            hint="Ask for less, e.g. with a smaller box or a LIMIT, or allow more time.",
        )


class _Outcome(Generic[T]):
    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: T | None = None
        self.error: BaseException | None = None


def _release(error: BaseException | None) -> None:
    """Let go of what failed frames hold: a cursor of the engine must be dropped in the thread that made it."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class Workers:
    """Runs functions in threads of their own; too many given up at once make new ones wait outside.

    Parameters
    ----------
    most_abandoned
        How many functions may still run although nobody waits for them.

    Examples
    --------
    >>> Workers().run(lambda: 6 * 7, deadline=Deadline(5.0))
    42
    """

    def __init__(self, *, most_abandoned: int = 4) -> None:
        self.most_abandoned = most_abandoned
        self._lock = threading.Lock()
        self._abandoned = 0

    def run(self, function: Callable[[], T], *, deadline: Deadline) -> T:
        """Run `function` and wait for it until `deadline`.

        Raises
        ------
        TimeoutExceededError
            It did not end in time; it may run on, unseen.
        UnavailableError
            Too many functions that were given up still run.
        """
        if self._abandoned >= self.most_abandoned:
            raise UnavailableError(
                "Too many queries that took too long are still being stopped.",
                hint="Try again in a while.",
            )
        outcome: _Outcome[T] = _Outcome()
        left = threading.Event()

        def work() -> None:
            try:
                outcome.value = function()
            except BaseException as err:
                _release(err)
                outcome.error = err  # the caller raises it
            with self._lock:
                outcome.done.set()
                if left.is_set():
                    self._abandoned -= 1

        threading.Thread(target=work, name="graph-query", daemon=True).start()
        outcome.done.wait(deadline.remaining_s)
        with self._lock:
            if not outcome.done.is_set():
                left.set()
                self._abandoned += 1
                raise deadline.error()
        if outcome.error is not None:
            raise outcome.error
        return outcome.value  # type: ignore[return-value]  # set when there is no error
