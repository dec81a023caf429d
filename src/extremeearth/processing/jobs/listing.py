"""Lists of jobs: filters, and pages that neither lose nor repeat a job."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from extremeearth.core.errors import InputError, TimeRangeError
from extremeearth.core.times import TimeRange, as_instant, format_instant
from extremeearth.processing.jobs import _rows
from extremeearth.processing.jobs.job import Job, JobStatus, is_job_id
from extremeearth.processing.jobs.tables import JobRow

__all__ = ["JobFilter", "JobPage", "page_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are wanted; what is empty filters nothing.

    Attributes
    ----------
    created
        When they were put into the queue.
    min_duration_s, max_duration_s
        How long they ran, in seconds; of a running one, until now. Jobs that never ran have no duration.
    """

    status: tuple[JobStatus, ...] = ()
    process_ids: tuple[str, ...] = ()
    created: TimeRange | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Some jobs, how many match in all, and the token of the next page (`None` on the last)."""

    jobs: tuple[Job, ...]
    matched: int
    next_token: str | None


def page_of(
    session: Session,
    query: JobFilter,
    *,
    project_id: str | None,
    limit: int,
    token: str | None,
    now: datetime,
) -> JobPage:
    """Read one page, newest first; the token names the last job of the page before."""
    conditions = [JobRow.project_id == project_id, *_conditions(query, now)]
    matched = session.scalar(select(func.count()).select_from(JobRow).where(*conditions)) or 0
    if token is not None:
        created, job_id = _read_token(token)
        before = and_(JobRow.created == created, JobRow.id < job_id)
        conditions.append(or_(JobRow.created < created, before))
    rows = session.scalars(
        select(JobRow)
        .where(*conditions)
        .order_by(JobRow.created.desc(), JobRow.id.desc())
        .limit(limit + 1)
    ).all()
    more = len(rows) > limit
    jobs = tuple(_rows.job_of(row) for row in rows[:limit])
    return JobPage(jobs=jobs, matched=matched, next_token=_write_token(jobs[-1]) if more else None)


def _conditions(query: JobFilter, now: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.status:
        found.append(JobRow.status.in_(query.status))
    if query.process_ids:
        found.append(JobRow.process_id.in_([n for n in query.process_ids if "\x00" not in n]))
    if query.created is not None and query.created.start is not None:
        found.append(JobRow.created >= query.created.start)
    if query.created is not None and query.created.end is not None:
        found.append(JobRow.created <= query.created.end)
    running = and_(JobRow.status == JobStatus.RUNNING, JobRow.started.is_not(None))
    if query.min_duration_s is not None:
        since = now - timedelta(seconds=query.min_duration_s)
        found.append(
            or_(JobRow.duration_s >= query.min_duration_s, and_(running, JobRow.started <= since))
        )
    if query.max_duration_s is not None:
        since = now - timedelta(seconds=query.max_duration_s)
        found.append(
            or_(JobRow.duration_s <= query.max_duration_s, and_(running, JobRow.started >= since))
        )
    return found


def _write_token(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{format_instant(job.created)} {job.id}".encode()).decode()


def _read_token(token: str) -> tuple[datetime, str]:
    try:
        created, job_id = base64.urlsafe_b64decode(token.encode()).decode().split(" ")
        if not is_job_id(job_id):
            raise ValueError(job_id)
        return as_instant(created), job_id
    except (ValueError, binascii.Error, UnicodeError, TimeRangeError) as err:
        raise InputError(
            "The token of the page cannot be read.", hint="Follow the 'next' link as it was given."
        ) from err
