"""Runs that are ended from outside: by Ctrl-C, a shutdown, or a terminal that is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["EndedError", "exit_code_of", "tidied_when_ended"]

_ENDS = ("SIGTERM", "SIGHUP")
_SIGNALLED = 128
"""Shells, systemd and batch systems take 128 and a signal's number for a run that this signal ended."""


class EndedError(KeyboardInterrupt):
    """The run was asked to end by a signal; handled, and tidied up after, as Ctrl-C is."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def exit_code_of(error: KeyboardInterrupt) -> int:
    """Give the exit code of a run that was ended.

    Examples
    --------
    >>> exit_code_of(KeyboardInterrupt()), exit_code_of(EndedError(15))
    (130, 143)
    """
    return _SIGNALLED + int(getattr(error, "number", signal.SIGINT))


@contextmanager
def tidied_when_ended() -> Iterator[None]:
    """Let an ordinary end from outside, such as a shutdown or a lost terminal, take away what is unfinished."""

    def stop(number: int, _: Any) -> None:
        raise EndedError(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = [getattr(signal, name) for name in _ENDS if hasattr(signal, name)]
    # what is ignored stays so: with nohup a run goes on without its terminal
    before = {end: signal.getsignal(end) for end in ends}
    changed = [end for end in ends if before[end] != signal.SIG_IGN]
    for end in changed:
        signal.signal(end, stop)
    try:
        yield
    finally:
        for end in changed:
            signal.signal(end, before[end])
