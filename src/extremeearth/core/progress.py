"""Progress and cancellation: bars on a terminal, plain lines elsewhere, events for jobs.

Code that works long takes a `Progress` and opens a task; who called decides how it is shown.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Protocol, Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as RichBars
from rich.progress import Task as RichTask
from rich.text import Text

from extremeearth.core.errors import CancelledError

__all__ = [
    "SILENT", "BarProgress", "CancelToken", "EventProgress", "LineProgress", "Progress", "ProgressEvent", "Task",
    "progress_for",
]  # fmt: skip

T = TypeVar("T")
LINE_INTERVAL_S = 2.0


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


class _Base:
    def __init__(self, token: CancelToken | None = None) -> None:
        self._token = token or CancelToken()

    @property
    def token(self) -> CancelToken:
        return self._token


class _Silent(_Base):
    """Tells nobody."""

    def report(self, event: ProgressEvent) -> None:
        return


SILENT: Progress = _Silent()
"""Progress that is not shown; the default of every function that takes one."""


class EventProgress(_Base):
    """Hands every event to a function, e.g. the one that writes a job's row."""

    def __init__(
        self, listener: Callable[[ProgressEvent], None], *, token: CancelToken | None = None
    ) -> None:
        super().__init__(token)
        self._listener = listener

    def report(self, event: ProgressEvent) -> None:
        """Hand the event on."""
        self._listener(event)


class LineProgress(_Base):
    """Writes a plain line when a task starts, every two seconds, and when it ends."""

    def __init__(self, stream: IO[str], *, token: CancelToken | None = None) -> None:
        super().__init__(token)
        self._stream = stream
        self._last: dict[str, float] = {}

    def report(self, event: ProgressEvent) -> None:
        """Write a line, if it is time for one."""
        now = time.monotonic()
        last = self._last.get(event.label)
        if last is not None and not event.finished and now - last < LINE_INTERVAL_S:
            return
        self._last[event.label] = now
        size = (
            _size(event.done)
            if event.total is None
            else f"{_size(event.done)}/{_size(event.total)}"
        )
        state = "done" if event.finished else "..."
        self._stream.write(f"{event.label}: {size} {state}\n")
        self._stream.flush()
        if event.finished:
            self._last.pop(event.label, None)


class _SpeedColumn(ProgressColumn):
    """How much was done per second so far."""

    def render(self, task: RichTask) -> Text:
        """Write the speed, once there is one."""
        seconds = task.elapsed
        speed = f"{task.completed / seconds:,.0f}/s" if seconds and task.completed else ""
        return Text(speed, style="progress.data.speed")


class BarProgress(_Base, AbstractContextManager["BarProgress"]):
    """Draws a bar per task on a terminal; use it as a context manager."""

    def __init__(self, console: Console, *, token: CancelToken | None = None) -> None:
        super().__init__(token)
        self._bars = RichBars(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(28), MofNCompleteColumn(), _SpeedColumn(),
            TimeElapsedColumn(), console=console,
        )  # fmt: skip
        self._ids: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def report(self, event: ProgressEvent) -> None:
        """Move the task's bar."""
        task_id = self._ids.get(event.label)
        if task_id is None:
            task_id = self._ids[event.label] = self._bars.add_task(event.label, total=event.total)
        total = event.done if event.finished and event.total is None else event.total
        self._bars.update(task_id, completed=event.done, total=total)
        if event.finished:
            self._ids.pop(event.label)


def progress_for(
    stream: IO[str] = sys.stderr, *, token: CancelToken | None = None
) -> BarProgress | LineProgress:
    """Choose how to show progress: bars if `stream` is a terminal, plain lines if not.

    Examples
    --------
    >>> import io
    >>> type(progress_for(io.StringIO())).__name__
    'LineProgress'
    """
    if stream.isatty():
        return BarProgress(Console(file=stream), token=token)
    return LineProgress(stream, token=token)


def _size(count: float) -> str:
    """Write a count in full: no powers of ten, no needless decimals."""
    return f"{count:.0f}" if count == round(count) else f"{count:.1f}"
