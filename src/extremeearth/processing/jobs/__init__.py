"""Jobs: long work that is queued, run in a process of its own, watched, and never lost."""

from __future__ import annotations

from extremeearth.processing.jobs.context import JobContext
from extremeearth.processing.jobs.failures import Cause
from extremeearth.processing.jobs.job import Job, JobStatus
from extremeearth.processing.jobs.limits import JobLimits
from extremeearth.processing.jobs.listing import JobFilter, JobPage
from extremeearth.processing.jobs.queue import JobQueue, Lease, LogLine
from extremeearth.processing.jobs.runner import JobRunner
from extremeearth.processing.jobs.running import run_job

__all__ = [
    "Cause",
    "Job",
    "JobContext",
    "JobFilter",
    "JobLimits",
    "JobPage",
    "JobQueue",
    "JobRunner",
    "JobStatus",
    "Lease",
    "LogLine",
    "run_job",
]
