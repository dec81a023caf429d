"""Progress as bars on a terminal; apart from the rest, as drawing them takes a library that other runs do without."""

from __future__ import annotations

from types import TracebackType
from typing import Self

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

from extremeearth.core.progress.tasks import CancelToken, ProgressBase, ProgressEvent

__all__ = ["BarProgress"]


class _SpeedColumn(ProgressColumn):
    """How much was done per second so far."""

    def render(self, task: RichTask) -> Text:
        """Write the speed, once there is one."""
        seconds = task.elapsed
        speed = f"{task.completed / seconds:,.0f}/s" if seconds and task.completed else ""
        return Text(speed, style="progress.data.speed")


class BarProgress(ProgressBase):
    """Draws a bar per task on a terminal; use it as a context manager."""

    def __init__(self, console: Console, *, token: CancelToken | None = None) -> None:
        super().__init__(token)
        self._bars = RichBars(
            SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(28), MofNCompleteColumn(),
            _SpeedColumn(), TimeElapsedColumn(), console=console,
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
