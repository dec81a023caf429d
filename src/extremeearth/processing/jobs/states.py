"""The life of a job as a pure state machine: ``step(state, event) -> (state, commands)``.

::

    accepted --Claim--> running --Succeed--> successful
       ^                  |  |----Fail-----> failed
       |--Release/Expire--'  '---Dismiss---> dismissed      (Dismiss also from accepted)

A claim is a fencing token: what a worker says counts only while the claim it holds is the job's. So a worker
that was given up as lost, and comes back, can change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from extremeearth.processing.jobs.failures import lost_worker_problem
from extremeearth.processing.jobs.job import JobStatus

__all__ = [
    "Beat",
    "Claim",
    "Command",
    "Dismiss",
    "Event",
    "Expire",
    "Fail",
    "Forget",
    "Note",
    "Release",
    "RevokeKeys",
    "State",
    "StopWorker",
    "Succeed",
    "step",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the machine knows of a job.

    Attributes
    ----------
    attempt, max_attempts
        How often it was claimed, and how often it may be.
    claim
        Token of the worker that has it; `None` unless running.
    lease_until
        When that worker is given up as lost, unless it is heard of before.
    """

    status: JobStatus = JobStatus.ACCEPTED
    attempt: int = 0
    max_attempts: int = 2
    claim: str | None = None
    lease_until: datetime | None = None
    progress: int = 0
    message: str = ""
    results: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(_Event):
    """A worker takes the job."""

    claim: str
    lease_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat(_Event):
    """The worker lives, and may say how far it is."""

    claim: str
    lease_until: datetime
    progress: int | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed(_Event):
    """The worker is done."""

    claim: str
    results: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(_Event):
    """The worker, or who watches it, says that the job failed, and why."""

    claim: str
    problem: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(_Event):
    """The worker has to stop (the server shuts down) and gives the job back; the attempt does not count."""

    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(_Event):
    """Somebody looks whether the lease is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss(_Event):
    """A user does not want the job any more."""


Event = Claim | Beat | Succeed | Fail | Release | Expire | Dismiss


@dataclass(frozen=True, slots=True)
class StopWorker:
    """End the processes that work under this claim."""

    claim: str


@dataclass(frozen=True, slots=True)
class RevokeKeys:
    """Make the keys of the job useless."""


@dataclass(frozen=True, slots=True)
class Note:
    """Write a line into the job's log."""

    text: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove the job and its log."""


Command = StopWorker | RevokeKeys | Note | Forget


def step(  # noqa: PLR0911 - one return per event reads as the table it is
    state: State, event: Event
) -> tuple[State, list[Command]]:
    """Give the next state and what is to be done; an event that does not fit changes nothing.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> now = datetime(2018, 3, 8, tzinfo=UTC)
    >>> running, _ = step(
    ...     State(), Claim(now=now, claim="a", lease_until=now + timedelta(seconds=30))
    ... )
    >>> running.status, running.attempt
    (<JobStatus.RUNNING: 'running'>, 1)
    >>> step(running, Succeed(now=now, claim="b", results={})) == (running, [])
    True
    >>> step(running, Dismiss(now=now))[1]
    [StopWorker(claim='a'), RevokeKeys(), Note(text='Dismissed.')]
    """
    match event:
        case Claim():
            return _claim(state, event)
        case Beat(claim=claim) if _holds(state, claim):
            return _beat(state, event), []
        case Succeed(claim=claim) if _holds(state, claim):
            ended = _ended(state, JobStatus.SUCCESSFUL, event.now, "Done.")
            return replace(ended, progress=100, results=event.results), [
                RevokeKeys(),
                Note("Done."),
            ]
        case Fail(claim=claim) if _holds(state, claim):
            return _fail(state, event.now, event.problem, [])
        case Release(claim=claim) if _holds(state, claim):
            waiting = _waiting(state, "Waits for another start, because its worker was stopped.")
            return replace(waiting, attempt=state.attempt - 1), [
                RevokeKeys(),
                Note(waiting.message),
            ]
        case Expire():
            return _expire(state, event.now)
        case Dismiss():
            return _dismiss(state, event.now)
        case _:
            return state, []


def _holds(state: State, claim: str) -> bool:
    return state.status is JobStatus.RUNNING and state.claim == claim


def _claim(state: State, event: Claim) -> tuple[State, list[Command]]:
    if state.status is not JobStatus.ACCEPTED:
        return state, []
    attempt = state.attempt + 1
    message = "Started." if attempt == 1 else f"Started, attempt {attempt} of {state.max_attempts}."
    running = replace(
        state,
        status=JobStatus.RUNNING,
        attempt=attempt,
        claim=event.claim,
        lease_until=event.lease_until,
        progress=0,
        message=message,
        started=event.now,
    )
    return running, [Note(message)]


def _beat(state: State, event: Beat) -> State:
    # 100 is for what has ended: a job that says 100 and still runs confuses people
    progress = state.progress if event.progress is None else min(max(event.progress, 0), 99)
    return replace(
        state,
        lease_until=event.lease_until,
        progress=max(state.progress, progress),
        message=state.message if event.message is None else event.message,
    )


def _expire(state: State, now: datetime) -> tuple[State, list[Command]]:
    if (
        state.status is not JobStatus.RUNNING
        or state.lease_until is None
        or now < state.lease_until
    ):
        return state, []
    assert state.claim is not None, "a running job has a claim"
    stop: list[Command] = [StopWorker(state.claim)]
    if state.attempt >= state.max_attempts:
        return _fail(state, now, lost_worker_problem(state.attempt), stop)
    waiting = _waiting(state, "Waits for another start, because its worker was lost.")
    return waiting, [*stop, RevokeKeys(), Note(waiting.message)]


def _dismiss(state: State, now: datetime) -> tuple[State, list[Command]]:
    if state.status is JobStatus.ACCEPTED:
        return _ended(state, JobStatus.DISMISSED, now, "Dismissed."), [Note("Dismissed.")]
    if state.status is JobStatus.RUNNING:
        assert state.claim is not None, "a running job has a claim"
        ended = _ended(state, JobStatus.DISMISSED, now, "Dismissed.")
        return ended, [StopWorker(state.claim), RevokeKeys(), Note("Dismissed.")]
    return replace(state, status=JobStatus.DISMISSED), [Forget()]


def _fail(
    state: State, now: datetime, problem: dict[str, Any], first: list[Command]
) -> tuple[State, list[Command]]:
    message = str(problem.get("title", "Failed."))
    ended = _ended(state, JobStatus.FAILED, now, message)
    return replace(ended, problem=problem), [*first, RevokeKeys(), Note(message)]


def _waiting(state: State, message: str) -> State:
    return replace(
        state, status=JobStatus.ACCEPTED, claim=None, lease_until=None, progress=0, message=message
    )


def _ended(state: State, status: JobStatus, now: datetime, message: str) -> State:
    return replace(
        state, status=status, claim=None, lease_until=None, message=message, finished=now
    )
