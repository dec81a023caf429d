"""Rows to values and back, and the SQL that differs between databases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session, aliased

from extremeearth.core.security import Scope
from extremeearth.processing.accounts.tables import KeyRow
from extremeearth.processing.jobs.job import Job, JobStatus
from extremeearth.processing.jobs.limits import JobLimits
from extremeearth.processing.jobs.states import State
from extremeearth.processing.jobs.tables import JobLogRow, JobRow


def exclusive(session: Session) -> None:
    """On SQLite take the write lock now: a read that turns into a write later could not wait for it."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("BEGIN IMMEDIATE"))


def state_of(row: JobRow) -> State:
    return State(
        status=JobStatus(row.status),
        attempt=row.attempt,
        max_attempts=row.max_attempts,
        claim=row.claim,
        lease_until=row.lease_until,
        progress=row.progress,
        message=row.message,
        results=row.results,
        problem=row.problem,
        started=row.started,
        finished=row.finished,
    )


def write_state(row: JobRow, state: State, *, now: datetime) -> None:
    row.status = state.status
    row.attempt = state.attempt
    row.claim = state.claim
    row.lease_until = state.lease_until
    row.progress = state.progress
    row.message = state.message
    row.results = state.results
    row.problem = state.problem
    row.started = state.started
    row.finished = state.finished
    row.updated = now
    if state.finished is not None and state.started is not None:
        row.duration_s = (state.finished - state.started).total_seconds()


def job_of(row: JobRow, state: State | None = None) -> Job:
    now = state or state_of(row)
    return Job(
        id=row.id,
        project_id=row.project_id,
        user_id=row.user_id,
        process_id=row.process_id,
        status=now.status,
        progress=now.progress,
        message=now.message,
        inputs=row.inputs,
        results=now.results,
        problem=now.problem,
        created=row.created,
        started=now.started,
        finished=now.finished,
        updated=row.updated,
        attempt=now.attempt,
        scopes=frozenset(map(Scope, row.scopes)),
        options=row.options,
    )


def next_row(session: Session, *, limit: int, job_id: str | None) -> JobRow | None:
    """Choose what to run next and lock it; fair between projects (see `JobQueue.claim`)."""
    wanted = select(JobRow).where(JobRow.status == JobStatus.ACCEPTED)
    if job_id is not None:
        wanted = wanted.where(JobRow.id == job_id)
    else:
        other = aliased(JobRow)
        running = (
            select(func.count())
            .select_from(other)
            .where(other.project_id == JobRow.project_id, other.status == JobStatus.RUNNING)
            .scalar_subquery()
        )
        served = (
            select(func.max(other.started))
            .where(other.project_id == JobRow.project_id)
            .scalar_subquery()
        )
        wanted = wanted.where(running < limit).order_by(
            running, served.asc().nulls_first(), JobRow.created, JobRow.id
        )
    return session.scalars(
        wanted.limit(1).with_for_update(of=JobRow, skip_locked=True)
    ).one_or_none()


def note(
    session: Session, job_id: str, lines: Iterable[str], *, at: datetime, limits: JobLimits
) -> None:
    """Add lines to a job's log, up to the limit; the last one then says that lines are missing."""
    number = (
        session.scalar(select(func.max(JobLogRow.number)).where(JobLogRow.job_id == job_id)) or 0
    )
    for line in lines:
        number += 1
        if number > limits.log_lines:
            return
        full = number == limits.log_lines
        session.add(
            JobLogRow(
                job_id=job_id,
                number=number,
                at=at,
                text="The log is full."
                if full
                else line.replace("\x00", "")[: limits.log_characters],
            )
        )


def last_lines(session: Session, job_id: str, count: int) -> list[str]:
    newest = session.scalars(
        select(JobLogRow.text)
        .where(JobLogRow.job_id == job_id)
        .order_by(JobLogRow.number.desc())
        .limit(count)
    ).all()
    return [*reversed(newest)]


def revoke_keys(session: Session, job_id: str, *, at: datetime) -> None:
    session.execute(
        update(KeyRow).where(KeyRow.job_id == job_id, KeyRow.revoked.is_(None)).values(revoked=at)
    )


def forget(session: Session, row: JobRow) -> None:
    session.execute(delete(JobLogRow).where(JobLogRow.job_id == row.id))
    session.delete(row)
