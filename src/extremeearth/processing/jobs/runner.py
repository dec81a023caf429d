"""Runs the jobs of a queue, each in a process group of its own that can be killed for real."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from extremeearth.core.errors import ExtremeEarthError, UnavailableError
from extremeearth.processing.jobs import _processes
from extremeearth.processing.jobs.failures import (
    memory_problem,
    problem_of_error,
    problem_of_exit,
    timeout_problem,
)
from extremeearth.processing.jobs.job import Job
from extremeearth.processing.jobs.queue import JobQueue, Lease

__all__ = ["JobRunner"]

log = logging.getLogger("extremeearth.jobs")

IDLE_S = 1.0
BUSY_S = 0.2
GRACE_S = 0.5
LEAVE_S = 5.0
MEMORY_EVERY_S = 1.0
TAIL_BYTES = 16_384


@dataclass
class _Child:
    lease: Lease
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    folder: Path
    deadline: float
    next_memory_check: float = 0.0
    leaves_by: float | None = None
    is_told: bool = False
    """Whether its job has ended, so that what it wrote is wanted if it went wrong."""


class JobRunner:
    """Takes jobs from a queue while there are free slots, and watches their processes.

    A job whose claim is gone (dismissed, or given up as lost) is killed with everything it started; so is
    one that takes too long or too much memory. When the runner stops, its jobs are given back to the queue.

    Parameters
    ----------
    queue
        Where jobs come from.
    command
        Gives the command line that calls `run_job` for a job, and ends with 0 only if that gave `True`: what
        any other one wrote goes to this process's log.
    slots
        How many jobs run at the same time.
    environment
        Variables that the processes get besides those of this one.
    folder
        Where each job gets a folder of its own; by default a private temporary one.
    """

    def __init__(
        self,
        queue: JobQueue,
        *,
        command: Callable[[Job], list[str]],
        slots: int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.queue = queue
        self.command = command
        self.slots = slots
        self.environment = dict(environment or {})
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._folder = folder
        self._children: dict[str, _Child] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_expiry = 0.0

    def start(self) -> None:
        """Begin to run jobs, in a thread of its own."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="job runner", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End all running jobs, give them back to the queue, and return when nothing runs any more."""
        if self._thread is not None:
            self._stopping.set()
            self.queue.changed.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        with tempfile.TemporaryDirectory(
            prefix="extremeearth-jobs-", ignore_cleanup_errors=True
        ) as own:
            folder = self._folder or Path(own)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                while not self._stopping.is_set():
                    self._turn(folder)
                    self.queue.changed.wait(BUSY_S if self._children else IDLE_S)
                    self.queue.changed.clear()
            finally:
                self._give_back()

    def _turn(self, folder: Path) -> None:
        try:
            self._expire()
            self._watch()
            while len(self._children) < self.slots and not self._stopping.is_set():
                lease = self.queue.claim(self.name)
                if lease is None:
                    break
                self._launch(lease, folder)
        except ExtremeEarthError:  # the database is out of reach: the next turn tries again
            log.exception("the job runner could not reach its queue")
            self._stopping.wait(IDLE_S)

    def _expire(self) -> None:
        if time.monotonic() >= self._next_expiry:
            self._next_expiry = time.monotonic() + self.queue.limits.lease_s / 3
            lost = self.queue.expire_leases()
            if lost:
                log.warning("%d jobs had lost their worker", lost)

    def _launch(self, lease: Lease, folder: Path) -> None:
        workspace = folder / lease.claim
        workspace.mkdir()
        variables = {
            _processes.CLAIM_VARIABLE: lease.claim,
            _processes.WORKSPACE_VARIABLE: str(workspace / "work"),
        }
        output = (workspace / "output.log").open("w+b")
        try:
            process = subprocess.Popen(  # noqa: S603 - the application gives the command line
                self.command(lease.job),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | self.environment | variables,
                start_new_session=True,
            )
        except OSError as err:
            output.close()
            shutil.rmtree(workspace, ignore_errors=True)
            log.exception("job %s could not be started", lease.job.id)
            problem = UnavailableError(f"The worker could not be started: {err.strerror}.")
            self.queue.fail(lease.claim, lease.job.id, problem_of_error(problem))
            return
        deadline = time.monotonic() + self.queue.limits.timeout_s
        self._children[lease.claim] = _Child(lease, process, output, workspace, deadline)

    def _watch(self) -> None:
        doomed = []
        for child in [*self._children.values()]:
            code = child.process.poll()
            if code is not None:
                self._ended(child, code)
            elif self._must_end(child):
                doomed.append(child)
        self._end(doomed)

    def _must_end(self, child: _Child) -> bool:
        job_id, claim, limits = child.lease.job.id, child.lease.claim, self.queue.limits
        now = time.monotonic()
        if not self.queue.holds(claim, job_id):
            return not self._is_leaving(child, now)
        if now >= child.deadline:
            child.is_told = self.queue.fail(claim, job_id, timeout_problem(limits.timeout_s))
            return True
        if limits.memory_bytes is not None and now >= child.next_memory_check:
            child.next_memory_check = now + MEMORY_EVERY_S
            if _processes.resident_bytes(claim) > limits.memory_bytes:
                child.is_told = self.queue.fail(claim, job_id, memory_problem())
                return True
        return False

    def _is_leaving(self, child: _Child, now: float) -> bool:
        """Tell whether a process has told how its job ended and only has to exit: what it writes is still wanted."""
        if child.leaves_by is None:
            child.is_told = self.queue.has_ended(child.lease.job.id)
            child.leaves_by = now + (LEAVE_S if child.is_told else 0.0)
        return now < child.leaves_by

    def _ended(self, child: _Child, code: int) -> None:
        """See to a process that ended by itself; what it left running is ended too."""
        claim, job_id = child.lease.claim, child.lease.job.id
        if self.queue.holds(claim, job_id):
            log.error("the process of job %s ended with %d", job_id, code)
            self.queue.fail(claim, job_id, problem_of_exit(code))
        child.is_told = True
        self._end([child], grace_s=0.0)

    def _end(self, children: list[_Child], *, grace_s: float = GRACE_S) -> None:
        if not children:
            return
        claims = [child.lease.claim for child in children]
        _processes.end([child.process for child in children], claims, grace_s=grace_s)
        for child in children:
            if child.process.wait() != 0 and child.is_told:
                log.warning("output of job %s:\n%s", child.lease.job.id, _tail(child.output))
            child.output.close()
            shutil.rmtree(child.folder, ignore_errors=True)
            self._children.pop(child.lease.claim, None)

    def _give_back(self) -> None:
        for child in [*self._children.values()]:
            try:
                released = self.queue.release(child.lease.claim, child.lease.job.id)
                if not released and self._is_leaving(child, time.monotonic()):
                    child.process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:  # it is ended below, and its output logged
                continue
            except ExtremeEarthError:  # its lease will expire instead
                log.exception("job %s could not be given back", child.lease.job.id)
        self._end([*self._children.values()])


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - TAIL_BYTES))
    return output.read().decode(errors="replace")
