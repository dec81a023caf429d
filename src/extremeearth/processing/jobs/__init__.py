"""Jobs: long work that is queued, run in a process of its own, watched, and never lost."""

from __future__ import annotations

from extremeearth.processing.jobs.context import JobContext
from extremeearth.processing.jobs.job import Job, JobStatus

__all__ = ["Job", "JobContext", "JobStatus"]
