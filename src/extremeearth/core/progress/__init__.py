"""Progress and cancellation: bars on a terminal and in notebooks, plain lines elsewhere, events for jobs."""

from extremeearth.core.progress.lines import LineProgress
from extremeearth.core.progress.notebooks import NotebookProgress
from extremeearth.core.progress.showing import progress_for
from extremeearth.core.progress.tasks import (
    SILENT,
    CancelToken,
    EventProgress,
    Progress,
    ProgressBase,
    ProgressEvent,
    Task,
)

__all__ = [
    "SILENT",
    "CancelToken",
    "EventProgress",
    "LineProgress",
    "NotebookProgress",
    "Progress",
    "ProgressBase",
    "ProgressEvent",
    "Task",
    "progress_for",
]
