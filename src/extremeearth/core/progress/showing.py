"""The choice of how progress is shown."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from extremeearth.core.progress.lines import LineProgress
from extremeearth.core.progress.notebooks import NotebookProgress, in_notebook
from extremeearth.core.progress.tasks import CancelToken

if TYPE_CHECKING:
    from extremeearth.core.progress.bars import BarProgress

__all__ = ["progress_for"]


def progress_for(
    stream: IO[str] | None = None, *, token: CancelToken | None = None
) -> BarProgress | LineProgress | NotebookProgress:
    """Choose how to show progress: bars if `stream` is a terminal, plain lines if not.

    Without a stream it is standard error, or the page where this runs in a notebook. What it gives is a context
    manager, at whose end bars are taken away.

    Examples
    --------
    >>> import io
    >>> type(progress_for(io.StringIO())).__name__
    'LineProgress'
    """
    if stream is None and in_notebook():
        return NotebookProgress(token=token)
    stream = sys.stderr if stream is None else stream
    if stream.isatty():
        from rich.console import Console

        from extremeearth.core.progress.bars import BarProgress

        return BarProgress(Console(file=stream), token=token)
    return LineProgress(stream, token=token)
