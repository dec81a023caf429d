"""Work that tells how far it is and may be cancelled, and those it tells: nobody, or a function.

Code that works long takes a `Progress` and opens a task; who called decides how it is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeVar

from extremeearth.core.errors import CancelledError

__all__ = [
    "SILENT", "CancelToken", "EventProgress", "Progress", "ProgressBase", "ProgressEvent", "Task",
]  # fmt: skip

T = TypeVar("T")


class CancelToken:
    """A flag that one thread sets and working code looks at.

    Examples
    --------
    >>> token = CancelToken()
    >>> token.check()
    >>> token.cancel()
    >>> token.check()
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.CancelledError: Stopped because it was cancelled.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `CancelledError` if somebody asked to stop."""
        if self._event.is_set():
            raise CancelledError("Stopped because it was cancelled.")


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One step forward: `done` of `total` (`None` where the end is not known)."""

    label: str
    done: float
    total: float | None
    finished: bool = False

    @property
    def fraction(self) -> float | None:
        """Share done, 0 to 1, or `None`."""
        return None if not self.total else min(1.0, self.done / self.total)


class Progress(Protocol):
    """Where steps forward are told to."""

    def report(self, event: ProgressEvent) -> None:
        """Take note of one event; called from one thread at a time per task."""

    @property
    def token(self) -> CancelToken:
        """The flag that says whether to stop."""


class Task(AbstractContextManager["Task"]):
    """A piece of work with a name and, if known, a size.

    Each `advance` also looks at the cancel token, so that long loops stop soon.

    Examples
    --------
    >>> events = []
    >>> with Task(EventProgress(events.append), "tiles", total=2) as task:
    ...     task.advance()
    ...     task.advance()
    >>> [(e.done, e.finished) for e in events]
    [(0, False), (1.0, False), (2.0, False), (2.0, True)]
    """

    def __init__(self, progress: Progress, label: str, *, total: float | None = None) -> None:
        self.progress, self.label, self.total, self.done = progress, label, total, 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.progress.token.check()
        self.progress.report(ProgressEvent(self.label, 0, self.total))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            with self._lock:
                self.progress.report(
                    ProgressEvent(self.label, self.done, self.total, finished=True)
                )

    def advance(self, amount: float = 1) -> None:
        """Count `amount` as done; raise `CancelledError` if somebody asked to stop."""
        self.progress.token.check()
        with self._lock:
            self.done += amount
            self.progress.report(ProgressEvent(self.label, self.done, self.total))

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items and count each as done after its use."""
        if self.total is None and isinstance(items, Sized):
            self.total = len(items)
        for item in items:
            yield item
            self.advance()


class ProgressBase:
    """Progress that can be cancelled by a token, its own or one that is given."""

    def __init__(self, token: CancelToken | None = None) -> None:
        self._token = token or CancelToken()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is shown."""
        return

    @property
    def token(self) -> CancelToken:
        """The flag that says whether to stop."""
        return self._token


class _Silent(ProgressBase):
    """Tells nobody."""

    def report(self, event: ProgressEvent) -> None:
        return


SILENT: Progress = _Silent()
"""Progress that is not shown; the default of every function that takes one."""


class EventProgress(ProgressBase):
    """Hands every event to a function, e.g. the one that writes a job's row."""

    def __init__(
        self, listener: Callable[[ProgressEvent], None], *, token: CancelToken | None = None
    ) -> None:
        super().__init__(token)
        self._listener = listener

    def report(self, event: ProgressEvent) -> None:
        """Hand the event on."""
        self._listener(event)
