"""The choice of how progress is shown."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

from extremeearth.core.progress.lines import LineProgress
from extremeearth.core.progress.tasks import CancelToken

if TYPE_CHECKING:
    from extremeearth.core.progress.bars import BarProgress

__all__ = ["progress_for"]


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
        from rich.console import Console

        from extremeearth.core.progress.bars import BarProgress

        return BarProgress(Console(file=stream), token=token)
    return LineProgress(stream, token=token)
