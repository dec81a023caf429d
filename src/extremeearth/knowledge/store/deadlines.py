"""Tokens that stop a query when its time is over, or when who asked is gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from extremeearth.core.errors import CancelledError, InputError, TimeoutExceededError
from extremeearth.core.progress import CancelToken

__all__ = ["DeadlineToken", "in_time"]


class DeadlineToken(CancelToken):
    """A token that cancels itself at a deadline, and when another token is cancelled.

    Parameters
    ----------
    seconds
        Time from now.
    outer
        The token of who waits for the answer.

    Examples
    --------
    >>> outer = CancelToken()
    >>> token = DeadlineToken(60.0, outer=outer)
    >>> token.cancelled
    False
    >>> outer.cancel()
    >>> token.cancelled
    True
    """

    def __init__(self, seconds: float, *, outer: CancelToken | None = None) -> None:
        super().__init__()
        if not seconds > 0:
            raise InputError(f"{seconds} is no time to wait.", hint="Give seconds above zero.")
        self.seconds = seconds
        self._at = time.monotonic() + seconds
        self._outer = outer

    @property
    def passed(self) -> bool:
        """Whether the deadline is over."""
        return time.monotonic() > self._at

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, zero afterwards."""
        return max(self._at - time.monotonic(), 0.0)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop, or the time is over."""
        if self._event.is_set() or self.passed:
            return True
        return self._outer is not None and self._outer.cancelled

    def check(self) -> None:
        """Raise if the work must stop.

        Raises
        ------
        TimeoutExceededError
            The time is over.
        CancelledError
            Somebody asked to stop.
        """
        if self.passed:
            raise self.error()
        if self.cancelled:
            raise CancelledError("Stopped because it was cancelled.")

    def error(self) -> TimeoutExceededError:
        """Make the error that says that it took too long."""
        return TimeoutExceededError(
            f"The query took longer than {self.seconds:g} s and was stopped.",
            hint="Ask for less, e.g. with a smaller box or a LIMIT, or allow more time.",
        )


@contextmanager
def in_time(token: DeadlineToken) -> Iterator[DeadlineToken]:
    """Tell what was stopped because it was late from what was cancelled.

    Examples
    --------
    >>> with in_time(DeadlineToken(60.0)) as token:
    ...     token.check()
    """
    try:
        yield token
    except CancelledError as err:
        if token.passed:
            raise token.error() from err
        raise
