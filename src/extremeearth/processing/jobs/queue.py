"""The queue: jobs in the database, moved from state to state by one function."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from extremeearth.core.database import Database
from extremeearth.core.errors import ConflictError, NotFoundError, UnavailableError
from extremeearth.core.security import Principal, Scope
from extremeearth.processing.accounts import write_audit
from extremeearth.processing.jobs import _rows, states
from extremeearth.processing.jobs.job import Job, JobStatus, is_job_id
from extremeearth.processing.jobs.limits import JobLimits
from extremeearth.processing.jobs.listing import JobFilter, JobPage, page_of
from extremeearth.processing.jobs.tables import JobLogRow, JobRow

__all__ = ["JobQueue", "Lease", "LogLine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A job in the hands of a worker; `claim` is the token that its words need."""

    job: Job
    claim: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a job's log, numbered from 1."""

    number: int
    at: datetime
    text: str


class JobQueue:
    """Jobs of all projects, safe to use from many processes and machines at once.

    Parameters
    ----------
    database
        SQLite or PostgreSQL; on SQLite a claim takes the write lock, on PostgreSQL it skips locked rows.
    limits
        How much a project and a job may take.
    clock
        Gives the time, aware; for tests.

    Examples
    --------
    >>> database = Database("sqlite://")
    >>> database.create_all()
    >>> queue = JobQueue(database)
    >>> ada = Principal(user_id="u", project_id="p", key_id="k", scopes=frozenset(Scope))
    >>> job = queue.submit("crop-type", {"bbox": [11, 48, 12, 49]}, principal=ada)
    >>> lease = queue.claim("worker-1")
    >>> queue.succeed(lease.claim, job.id, {"items": {}})
    True
    >>> queue.get(job.id, viewer=ada).status
    <JobStatus.SUCCESSFUL: 'successful'>
    """

    def __init__(
        self,
        database: Database,
        *,
        limits: JobLimits | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.database = database
        self.limits = limits or JobLimits()
        self.clock = clock
        self.changed = threading.Event()

    def submit(
        self,
        process_id: str,
        inputs: dict[str, Any],
        *,
        principal: Principal,
        options: dict[str, Any] | None = None,
    ) -> Job:
        """Put a job into the queue.

        Raises
        ------
        ScopeError
            The caller lacks ``job:run``.
        UnavailableError
            Too many jobs of the project wait already.
        """
        principal.need(Scope.JOB_RUN)
        assert principal.project_id is not None, "who has a key has a project"
        assert principal.user_id is not None, "who has a key is a user"
        now = self.clock()
        with self.database.session() as session:
            _rows.exclusive(session)
            waiting = session.scalar(
                select(func.count())
                .select_from(JobRow)
                .where(
                    JobRow.project_id == principal.project_id, JobRow.status == JobStatus.ACCEPTED
                )
            )
            if (waiting or 0) >= self.limits.waiting_per_project:
                raise UnavailableError(
                    f"{waiting} jobs of this project wait already, which is the most there may be.",
                    hint="Try again when some have ended, or dismiss some.",
                )
            row = JobRow(
                id=uuid.uuid4().hex, project_id=principal.project_id, user_id=principal.user_id,
                scopes=sorted(principal.scopes), process_id=process_id, inputs=inputs, options=options or {},
                status=JobStatus.ACCEPTED, progress=0, message="Waits for its turn.", attempt=0,
                max_attempts=self.limits.attempts, created=now, updated=now,
            )  # fmt: skip
            session.add(row)
            write_audit(session, principal, "job.submit", f"{process_id} {row.id}")
        self.changed.set()
        return _rows.job_of(row)

    def get(self, job_id: str, *, viewer: Principal) -> Job:
        """Give a job of the caller's project.

        Raises
        ------
        NotFoundError
            It does not exist, or belongs to another project.
        ScopeError
            The caller lacks ``job:read``.
        """
        viewer.need(Scope.JOB_READ)
        with self.database.session() as session:
            return _rows.job_of(_visible(session, job_id, viewer))

    def page(
        self, query: JobFilter | None = None, *, viewer: Principal, limit: int = 10, token: str | None = None
    ) -> JobPage:  # fmt: skip
        """List jobs of the caller's project, newest first, a page at a time.

        Raises
        ------
        InputError
            The token is not one that a page gave.
        """
        viewer.need(Scope.JOB_READ)
        with self.database.session() as session:
            return page_of(
                session, query or JobFilter(), project_id=viewer.project_id, limit=limit,
                token=token, now=self.clock(),
            )  # fmt: skip

    def list(
        self,
        *,
        viewer: Principal,
        status: Iterable[JobStatus] = (),
        process_ids: Iterable[str] = (),
        limit: int = 100,
    ) -> list[Job]:
        """List the newest jobs of the caller's project."""
        query = JobFilter(status=tuple(status), process_ids=tuple(process_ids))
        return [*self.page(query, viewer=viewer, limit=limit).jobs]

    def dismiss(self, job_id: str, *, viewer: Principal) -> Job:
        """Stop a job that waits or runs, or remove one that has ended.

        Raises
        ------
        NotFoundError
            It does not exist, or belongs to another project.
        ScopeError
            The caller lacks ``job:run``.
        """
        viewer.need(Scope.JOB_RUN)
        with self.database.session() as session:
            _rows.exclusive(session)
            row = _visible(session, job_id, viewer, lock=True)
            state, commands = states.step(_rows.state_of(row), states.Dismiss(now=self.clock()))
            job = _rows.job_of(row, state)
            self._apply(session, row, state, commands)
            write_audit(session, viewer, "job.dismiss", job_id)
        self.changed.set()
        return job

    def logs(
        self, job_id: str, *, viewer: Principal, after: int = 0, limit: int = 1000
    ) -> tuple[LogLine, ...]:  # fmt: skip
        """Give log lines with a number above `after`, oldest first.

        Raises
        ------
        NotFoundError
            The job does not exist, or belongs to another project.
        """
        viewer.need(Scope.JOB_READ)
        with self.database.session() as session:
            _visible(session, job_id, viewer)
            rows = session.scalars(
                select(JobLogRow)
                .where(JobLogRow.job_id == job_id, JobLogRow.number > after)
                .order_by(JobLogRow.number)
                .limit(limit)
            ).all()
        return tuple(LogLine(number=row.number, at=row.at, text=row.text) for row in rows)

    def claim(self, worker: str, *, job_id: str | None = None) -> Lease | None:
        """Take the next job, or the one named, for `lease_s` seconds; `None` if there is none.

        The next is the oldest of the project that has the fewest jobs running and, among those, was
        served longest ago: one project's thousand jobs never make another's single one wait behind them.
        """
        now = self.clock()
        with self.database.session() as session:
            _rows.exclusive(session)
            row = _rows.next_row(session, limit=self.limits.running_per_project, job_id=job_id)
            if row is None:
                return None
            claim = uuid.uuid4().hex
            event = states.Claim(now=now, claim=claim, lease_until=self._lease_end(now))
            state, commands = states.step(_rows.state_of(row), event)
            row.worker = worker[:100]
            self._apply(session, row, state, commands)
            return Lease(job=_rows.job_of(row), claim=claim)

    def lease(self, job_id: str, claim: str) -> Lease:
        """Give the lease that another process took.

        Raises
        ------
        ConflictError
            The claim does not hold any more: the job was dismissed, or given to another worker.
        """
        with self.database.session() as session:
            row = session.get(JobRow, job_id)
            if row is None or row.claim != claim:
                raise ConflictError(f"The job {job_id} is not this worker's any more.")
            return Lease(job=_rows.job_of(row), claim=claim)

    def beat(
        self, claim: str, job_id: str, *, progress: int | None = None, message: str | None = None
    ) -> bool:  # fmt: skip
        """Say that the worker lives and how far it is; `False` if it has to stop."""
        now = self.clock()
        return self._tell(
            job_id, claim,
            states.Beat(
                now=now, claim=claim, lease_until=self._lease_end(now), progress=progress,
                message=None if message is None else _line(message, self.limits.log_characters),
            ),
        )  # fmt: skip

    def holds(self, claim: str, job_id: str) -> bool:
        """Tell whether a worker still has its job."""
        with self.database.session() as session:
            return session.scalar(select(JobRow.claim).where(JobRow.id == job_id)) == claim

    def has_ended(self, job_id: str) -> bool:
        """Tell whether a job was successful or failed, and not dismissed or given back."""
        with self.database.session() as session:
            status = session.scalar(select(JobRow.status).where(JobRow.id == job_id))
        return status in {JobStatus.SUCCESSFUL, JobStatus.FAILED}

    def succeed(self, claim: str, job_id: str, results: dict[str, Any]) -> bool:
        """End a job with its results; `False` if it is not this worker's any more."""
        return self._tell(
            job_id, claim, states.Succeed(now=self.clock(), claim=claim, results=results)
        )

    def fail(self, claim: str, job_id: str, problem: dict[str, Any]) -> bool:
        """End a job with a problem document, to which the last log lines are added."""
        with self.database.session() as session:
            lines = _rows.last_lines(session, job_id, 20)
        problem = problem | {"log": lines, "instance": f"/jobs/{job_id}"}
        return self._tell(
            job_id, claim, states.Fail(now=self.clock(), claim=claim, problem=problem)
        )

    def release(self, claim: str, job_id: str) -> bool:
        """Give a job back, to be started again; the attempt does not count."""
        told = self._tell(job_id, claim, states.Release(now=self.clock(), claim=claim))
        self.changed.set()
        return told

    def expire_leases(self) -> int:
        """Look for workers that were lost: their jobs wait again, or fail; give how many there were."""
        now = self.clock()
        with self.database.session() as session:
            lost = session.scalars(
                select(JobRow.id).where(
                    JobRow.status == JobStatus.RUNNING, JobRow.lease_until <= now
                )
            ).all()
        return sum(self._tell(job_id, None, states.Expire(now=now)) for job_id in lost)

    def append_log(self, claim: str, job_id: str, text: str) -> None:
        """Write lines into a job's log; nothing happens if the job is not this worker's any more."""
        with self.database.session() as session:
            _rows.exclusive(session)
            row = session.get(JobRow, job_id, with_for_update=True)
            if row is not None and row.claim == claim:
                _rows.note(session, job_id, text.splitlines(), at=self.clock(), limits=self.limits)

    def _lease_end(self, now: datetime) -> datetime:
        return now + timedelta(seconds=self.limits.lease_s)

    def _tell(self, job_id: str, claim: str | None, event: states.Event) -> bool:
        """Let one event happen to one job, under its lock; tell whether it counted."""
        with self.database.session() as session:
            _rows.exclusive(session)
            row = session.get(JobRow, job_id, with_for_update=True)
            if row is None or (claim is not None and row.claim != claim):
                return False
            before = _rows.state_of(row)
            state, commands = states.step(before, event)
            self._apply(session, row, state, commands)
        return claim is not None or state != before

    def _apply(
        self, session: Session, row: JobRow, state: states.State, commands: Sequence[states.Command]
    ) -> None:
        now = self.clock()
        _rows.write_state(row, state, now=now)
        session.flush()
        for command in commands:
            match command:
                case states.Note(text=text):
                    _rows.note(session, row.id, [text], at=now, limits=self.limits)
                case states.RevokeKeys():
                    _rows.revoke_keys(session, row.id, at=now)
                case states.Forget():
                    _rows.forget(session, row)
                case states.StopWorker():
                    # the claim is gone from the row: whoever runs it sees that and stops it
                    self.changed.set()


def _visible(session: Session, job_id: str, viewer: Principal, *, lock: bool = False) -> JobRow:
    row = session.get(JobRow, job_id, with_for_update=lock or None) if is_job_id(job_id) else None
    if row is None or not viewer.may_see(row.project_id):
        raise NotFoundError(
            f"There is no job '{job_id[:64]}'.",
            hint="Check the number, and that your key is of its project.",
        )
    return row


def _line(text: str, longest: int) -> str:
    return " ".join(text.replace("\x00", "").split())[:longest]
