"""Progress as plain lines, where there is no terminal."""

from __future__ import annotations

import time
from typing import IO

from extremeearth.core.progress.tasks import CancelToken, ProgressBase, ProgressEvent

__all__ = ["LineProgress", "size_text"]

LINE_INTERVAL_S = 2.0


class LineProgress(ProgressBase):
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
            size_text(event.done)
            if event.total is None
            else f"{size_text(event.done)}/{size_text(event.total)}"
        )
        state = "done" if event.finished else "..."
        self._stream.write(f"{event.label}: {size} {state}\n")
        self._stream.flush()
        if event.finished:
            self._last.pop(event.label, None)


def size_text(count: float) -> str:
    """Write a count in full: no powers of ten, no needless decimals.

    Examples
    --------
    >>> size_text(1e6), size_text(0.25)
    ('1000000', '0.2')
    """
    return f"{count:.0f}" if count == round(count) else f"{count:.1f}"
