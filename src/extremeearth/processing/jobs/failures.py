"""Why a job failed: five causes, each with a problem document that tells people what to do."""

from __future__ import annotations

import errno
import signal
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from extremeearth.core.errors import (
    AccessError,
    CancelledError,
    ConflictError,
    DataError,
    ExtremeEarthError,
    InputError,
    NotFoundError,
    RemoteError,
    UnavailableError,
)
from extremeearth.core.problems import status_of

__all__ = [
    "Cause",
    "lost_worker_problem",
    "memory_problem",
    "problem_of_error",
    "problem_of_exit",
    "timeout_problem",
]


class Cause(StrEnum):
    """What kind of failure it was."""

    OUT_OF_MEMORY = "out-of-memory"
    TIMEOUT = "timeout"
    BAD_INPUT = "bad-input"
    UNAVAILABLE = "unavailable"
    BUG = "bug"
    CANCELLED = "cancelled"
    LOST_WORKER = "lost-worker"


_BAD_INPUT = (InputError, DataError, NotFoundError, ConflictError, AccessError)


def _problem(
    cause: Cause, status: int, title: str, hint: str, *, code: str | None = None
) -> dict[str, Any]:
    code = code or f"job.{cause}"
    return {
        "type": f"urn:extremeearth:error:{code}",
        "title": title,
        "status": int(status),
        "code": code,
        "cause": str(cause),
        "hint": hint,
    }


def problem_of_error(error: BaseException) -> dict[str, Any]:
    """Classify what running code raised; only our own errors show their text.

    Examples
    --------
    >>> from extremeearth.core.errors import NoDataError
    >>> problem = problem_of_error(
    ...     NoDataError("No image lies in the box.", hint="Draw a larger box.")
    ... )
    >>> problem["cause"], problem["code"], problem["title"], problem["hint"]
    ('bad-input', 'data.none-found', 'No image lies in the box.', 'Draw a larger box.')
    >>> problem = problem_of_error(ZeroDivisionError("division by zero"))
    >>> problem["cause"], problem["title"]
    ('bug', 'The processor made a mistake.')
    >>> problem_of_error(MemoryError())["cause"]
    'out-of-memory'
    """
    if isinstance(error, MemoryError):
        return memory_problem()
    if isinstance(error, CancelledError):
        return _problem(
            Cause.CANCELLED, HTTPStatus.CONFLICT, error.message, "Start it again if it is wanted."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return _problem(
            Cause.UNAVAILABLE, HTTPStatus.INSUFFICIENT_STORAGE, "The disk is full.",
            "Ask the operator to make room, then start the job again.", code="storage.failed",
        )  # fmt: skip
    if isinstance(error, ExtremeEarthError):
        cause = Cause.BUG
        if isinstance(error, _BAD_INPUT):
            cause = Cause.BAD_INPUT
        elif isinstance(error, UnavailableError | RemoteError):
            cause = Cause.UNAVAILABLE
        hint = error.hint or "Change the inputs and start the job again."
        return _problem(cause, status_of(error), error.message, hint, code=error.code)
    return _bug()


def problem_of_exit(code: int) -> dict[str, Any]:
    """Classify a worker that ended without saying how; `code` is negative for a signal.

    Examples
    --------
    >>> problem_of_exit(-9)["cause"], problem_of_exit(-11)["cause"], problem_of_exit(1)["cause"]
    ('out-of-memory', 'bug', 'bug')
    """
    if code == -signal.SIGKILL:  # nobody here did it, so it was the system's out-of-memory killer
        return memory_problem()
    return _bug()


def memory_problem() -> dict[str, Any]:
    """Describe a job that needed more memory than there is."""
    return _problem(
        Cause.OUT_OF_MEMORY, HTTPStatus.INSUFFICIENT_STORAGE, "The job ran out of memory.",
        "Choose a smaller box or a shorter time frame, or ask for more memory.",
    )  # fmt: skip


def timeout_problem(seconds: float) -> dict[str, Any]:
    """Describe a job that took too long."""
    return _problem(
        Cause.TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT, f"The job took longer than {seconds:g} s.",
        "Choose a smaller box or a shorter time frame, or ask for more time.",
    )  # fmt: skip


def lost_worker_problem(attempts: int) -> dict[str, Any]:
    """Describe a job whose workers were lost as often as it may be started."""
    times = "once" if attempts == 1 else f"{attempts} times"
    return _problem(
        Cause.LOST_WORKER, HTTPStatus.INTERNAL_SERVER_ERROR,
        f"The worker of the job was lost {times} before it could end.",
        "Start it again; if this repeats, ask the operator to look at the machine.",
    )  # fmt: skip


def _bug() -> dict[str, Any]:
    return _problem(
        Cause.BUG, HTTPStatus.INTERNAL_SERVER_ERROR, "The processor made a mistake.",
        "Tell the operator the number of the job: the server's log holds the details.",
    )  # fmt: skip
