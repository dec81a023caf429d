"""Runs one job in this process, with a heartbeat beside it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from extremeearth.core.errors import ConflictError, ExtremeEarthError, StorageError
from extremeearth.core.progress import CancelToken, EventProgress, ProgressEvent
from extremeearth.core.security import Principal, Scope
from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs._processes import CLAIM_VARIABLE, WORKSPACE_VARIABLE
from extremeearth.processing.jobs.context import JobContext
from extremeearth.processing.jobs.failures import problem_of_error
from extremeearth.processing.jobs.job import Job
from extremeearth.processing.jobs.overall import OverallProgress
from extremeearth.processing.jobs.queue import JobQueue, Lease

__all__ = ["run_job"]

log = logging.getLogger("extremeearth.jobs")

Execute = Callable[[Job, JobContext], dict[str, Any]]

OWN_SCOPES = frozenset({Scope.DATA_READ, Scope.MODEL_READ, Scope.SERVING_INFER, Scope.GRAPH_READ})
"""What a job may do besides what the key that started it may: read, and ask models."""

WRITE_EVERY_S = 0.5
KEY_MARGIN = timedelta(minutes=5)


def run_job(
    queue: JobQueue, job_id: str, execute: Execute, *, accounts: Accounts | None = None
) -> bool:
    """Run a job to its end and tell the queue how it ended.

    A process that `JobRunner` started finds its claim in the environment; any other takes the job first.
    Beside the work a thread sends heartbeats. When the claim is lost (dismissed, or given up as lost), or
    when the process that started this one is gone, the work is stopped: nothing ever runs unwatched.

    Parameters
    ----------
    queue
        Where the job is.
    job_id
        Which job.
    execute
        Does the work and gives the results; an exception means failure and is classified.
    accounts
        Makes the job's short-lived keys; by default those of the queue's database.

    Returns
    -------
    bool
        Whether it was successful.

    Raises
    ------
    ConflictError
        The job is not to be had: it was dismissed, has ended, or another worker has it.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> database = Database("sqlite://")
    >>> database.create_all()
    >>> queue = JobQueue(database)
    >>> ada = Principal(user_id="u", project_id="p", key_id="k", scopes=frozenset(Scope))
    >>> job = queue.submit("double", {"n": 21}, principal=ada)
    >>> run_job(queue, job.id, lambda job, context: {"n": 2 * job.inputs["n"]})
    True
    >>> queue.get(job.id, viewer=ada).results
    {'n': 42}
    """
    lease = _lease(queue, job_id)
    supervised = CLAIM_VARIABLE in os.environ
    workspace = Path(os.environ.get(WORKSPACE_VARIABLE) or tempfile.mkdtemp(prefix="job-"))
    workspace.mkdir(parents=True, exist_ok=True)
    heart = _Heart(queue, lease, supervised=supervised)
    context = _context(queue, lease, workspace, heart, accounts or Accounts(queue.database))
    try:
        return _work(queue, lease, execute, context, heart)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _lease(queue: JobQueue, job_id: str) -> Lease:
    claim = os.environ.get(CLAIM_VARIABLE)
    if claim is not None:
        return queue.lease(job_id, claim)
    lease = queue.claim(f"process {os.getpid()}", job_id=job_id)
    if lease is None:
        raise ConflictError(
            f"The job {job_id} does not wait for a worker.", hint="It has ended, or runs already."
        )
    return lease


def _work(
    queue: JobQueue, lease: Lease, execute: Execute, context: JobContext, heart: _Heart
) -> bool:
    job = lease.job
    try:
        # no beat may come after the end was told: it would find the claim gone and kill this process
        with heart:
            results = execute(job, context)
        # a job that was dismissed in its last moment must not end as successful
        context.progress.token.check()
        return queue.succeed(lease.claim, job.id, results)
    except KeyboardInterrupt:
        queue.release(lease.claim, job.id)
        raise
    except Exception as err:  # whatever it was has to be told to the queue, and is logged here
        if isinstance(err, ExtremeEarthError):
            log.warning("job %s failed: %s", job.id, err)
        else:
            log.exception("job %s failed", job.id)
        queue.fail(lease.claim, job.id, problem_of_error(err))
        return False


def _context(
    queue: JobQueue, lease: Lease, workspace: Path, heart: _Heart, accounts: Accounts
) -> JobContext:
    job = lease.job
    rights = job.scopes | OWN_SCOPES
    lasts = timedelta(seconds=queue.limits.timeout_s) + KEY_MARGIN

    principal = Principal(
        user_id=job.user_id, project_id=job.project_id, key_id=f"job {job.id}", scopes=rights
    )

    def issue_key(scopes: frozenset[Scope]) -> str:
        for scope in sorted(scopes):
            principal.need(scope)
        key = accounts.create_job_key(
            job.id, user_id=job.user_id, project_id=job.project_id, scopes=scopes, lasts=lasts
        )
        return key.token

    return JobContext(
        job=job,
        workspace=workspace,
        progress=EventProgress(heart.note, token=heart.token),
        principal=principal,
        write_log=lambda text: queue.append_log(lease.claim, job.id, text),
        issue_key=issue_key,
    )


class _Heart:
    """Sends heartbeats with the newest progress, and stops the work when it has to stop."""

    def __init__(self, queue: JobQueue, lease: Lease, *, supervised: bool) -> None:
        self.token = CancelToken()
        self._queue, self._lease, self._supervised = queue, lease, supervised
        self._parent = os.getppid()
        self._overall = OverallProgress()
        self._news: tuple[int, str] | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"heart of job {lease.job.id}", daemon=True
        )

    def __enter__(self) -> _Heart:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def note(self, event: ProgressEvent) -> None:
        """Keep the newest progress for the next beat: working code never waits for the database."""
        self._news = (self._overall.note(event), event.label)

    def _run(self) -> None:
        quiet_s, every_s = 0.0, self._queue.limits.lease_s / 3
        while not self._end.wait(min(WRITE_EVERY_S, every_s)):
            quiet_s += min(WRITE_EVERY_S, every_s)
            if self._supervised and os.getppid() != self._parent:
                log.warning("job %s lost its supervisor", self._lease.job.id)
                self._queue.release(self._lease.claim, self._lease.job.id)
                self._abandon()
                return
            news, self._news = self._news, None
            if news is None and quiet_s < every_s:
                continue
            quiet_s = 0.0
            if not self._beat(news):
                self._abandon()
                return

    def _beat(self, news: tuple[int, str] | None) -> bool:
        progress, message = news or (None, None)
        try:
            return self._queue.beat(
                self._lease.claim, self._lease.job.id, progress=progress, message=message
            )
        except StorageError:  # the lease outlives a few lost beats
            log.exception("a heartbeat of job %s was lost", self._lease.job.id)
            return True

    def _abandon(self) -> None:
        self.token.cancel()
        if self._supervised:
            # own session, own group: everything this job started ends with it
            os.killpg(os.getpgrp(), signal.SIGKILL)
