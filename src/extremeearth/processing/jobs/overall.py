"""One number for how far a job is, out of the events of its tasks."""

from __future__ import annotations

import threading

from extremeearth.core.progress import ProgressEvent

__all__ = ["OverallProgress"]

SHARE = 0.5


class OverallProgress:
    """Turns the events of nested and successive tasks into one percentage that never goes back.

    A task that opens while another is open moves within one step of that other. How many tasks follow one
    another nobody knows, so each fills half of what is left; who wants an exact number opens one outer task
    with a total.

    Examples
    --------
    >>> overall = OverallProgress()
    >>> overall.note(ProgressEvent("fields", 0, 4))
    0
    >>> overall.note(ProgressEvent("fields", 2, 4))
    25
    >>> overall.note(ProgressEvent("tiles of field 3", 1, 2))
    31
    >>> overall.note(ProgressEvent("fields", 4, 4, finished=True))
    50
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, ProgressEvent] = {}
        self._base = 0.0
        self._best = 0

    def note(self, event: ProgressEvent) -> int:
        """Take an event in and give the percentage, 0 to 99."""
        with self._lock:
            if not event.finished:
                self._open[event.label] = event
            elif event.label in self._open:
                self._close(event.label)
            self._best = max(self._best, min(99, int(100 * self._fraction())))
            return self._best

    def _close(self, label: str) -> None:
        """Close a task with all that opened after it, which were its steps."""
        labels = [*self._open]
        for inner in labels[labels.index(label) :]:
            del self._open[inner]
        if not self._open:
            self._base += (1 - self._base) * SHARE

    def _fraction(self) -> float:
        done, width = self._base, (1 - self._base) * SHARE
        for event in self._open.values():
            done += width * (event.fraction or 0.0)
            width = width / event.total if event.total and event.total > 1 else width * SHARE
        return done
