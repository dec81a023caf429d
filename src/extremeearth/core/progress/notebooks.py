"""Progress in a notebook: one line per task, which is drawn anew in its place."""

from __future__ import annotations

import sys
import time
from html import escape
from importlib import import_module
from types import TracebackType
from typing import Any

from extremeearth.core.progress.lines import size_text
from extremeearth.core.progress.tasks import CancelToken, ProgressBase, ProgressEvent

__all__ = ["NotebookProgress", "in_notebook"]

DRAWING_INTERVAL_S = 0.2
"""A page takes longer to draw than a terminal, and each drawing travels to it as a message."""


def in_notebook() -> bool:
    """Tell whether this code runs in a kernel of Jupyter or the like; nothing is imported to find out.

    Examples
    --------
    >>> in_notebook()
    False
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class NotebookProgress(ProgressBase):
    """Draws a bar per task below the cell that runs; with no widgets, so that a stored notebook keeps it.

    A task whose work fails, or is stopped by an interrupt of the kernel, says so.
    """

    def __init__(self, *, token: CancelToken | None = None) -> None:
        super().__init__(token)
        self._drawn: dict[str, tuple[Any, float, ProgressEvent, float]] = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        state = "done" if kind is None else "stopped"
        for label, (handle, began, event, _) in list(self._drawn.items()):
            handle.update(_bundle(event, time.monotonic() - began, state), raw=True)
            self._drawn.pop(label)

    def report(self, event: ProgressEvent) -> None:
        """Draw the task's bar, if it is time for that."""
        display = import_module("IPython.display").display  # which is there, as this runs in it
        now = time.monotonic()
        state = "done" if event.finished else ""
        if event.label not in self._drawn:
            handle = display(_bundle(event, 0.0, state), raw=True, display_id=True)
            self._drawn[event.label] = handle, now, event, now
        else:
            handle, began, _, last = self._drawn[event.label]
            if event.finished or now - last >= DRAWING_INTERVAL_S:
                handle.update(_bundle(event, now - began, state), raw=True)
                last = now
            self._drawn[event.label] = handle, began, event, last
        if event.finished:
            self._drawn.pop(event.label)


def _bundle(event: ProgressEvent, seconds: float, state: str) -> dict[str, str]:
    """Say how far a task is, as a page and as plain text, which other front ends show.

    Examples
    --------
    >>> _bundle(ProgressEvent("rows", 50, 200), 2.0, "")["text/plain"]
    'rows: 50/200, 25/s, 2 s ...'
    """
    total = event.done if state == "done" and event.total is None else event.total
    said = size_text(event.done) if total is None else f"{size_text(event.done)}/{size_text(total)}"
    if seconds >= 1:
        said += f", {event.done / seconds:,.0f}/s, {seconds:.0f} s"
    where = "" if total is None else f' value="{event.done:g}" max="{max(total, event.done, 1):g}"'
    if total is None and state:
        where = ' value="0" max="1"'  # without a value it would move for ever
    bar = f'<progress{where} aria-label="{escape(event.label)}" style="width:18em"></progress>'
    words = f"{said} {state}".rstrip()
    return {
        "text/plain": f"{event.label}: {said} {state or '...'}",
        "text/html": f"<div>{escape(event.label)} {bar} {escape(words)}</div>",
    }
