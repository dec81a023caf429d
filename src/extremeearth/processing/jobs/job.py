"""A job as everybody sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from extremeearth.core.security import Scope

__all__ = ["FINAL", "Job", "JobStatus", "is_job_id"]

_ID = re.compile(r"[0-9a-f]{32}")


class JobStatus(StrEnum):
    """Where a job stands, in the words of OGC API - Processes."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"


FINAL = frozenset({JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.DISMISSED})
"""States that a job never leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a process.

    Attributes
    ----------
    project_id, user_id
        Whom it belongs to, and who started it.
    progress
        0 to 100 percent.
    message
        What it does now, or how it ended, for people.
    results
        What it gave, by output name, once it is successful.
    problem
        Why it failed, as a problem document (RFC 9457), once it is failed.
    attempt
        How often it was started; more than 1 where a worker was lost.
    scopes
        Rights of the key that started it.
    options
        What who started it wants besides, e.g. which outputs; the queue only keeps it.

    Examples
    --------
    >>> now = datetime.fromisoformat("2018-03-08T12:00:00+00:00")
    >>> job = Job(
    ...     id="j",
    ...     project_id="p",
    ...     user_id="u",
    ...     process_id="crop-type",
    ...     inputs={},
    ...     created=now,
    ...     updated=now,
    ... )
    >>> job.status, job.ended
    (<JobStatus.ACCEPTED: 'accepted'>, False)
    """

    id: str
    project_id: str
    user_id: str
    process_id: str
    status: JobStatus = JobStatus.ACCEPTED
    progress: int = 0
    message: str = ""
    inputs: dict[str, Any]
    results: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    updated: datetime
    attempt: int = 0
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL


def is_job_id(text: str) -> bool:
    r"""Tell whether a text can be the number of a job; no other is ever shown to a database.

    Examples
    --------
    >>> is_job_id("0123456789abcdef0123456789abcdef"), is_job_id("x\x00")
    (True, False)
    """
    return _ID.fullmatch(text) is not None
