"""Runs one job of the queue in a process of its own."""

from __future__ import annotations

from typing import Any

from extremeearth.app.platform import Platform
from extremeearth.core.settings import Settings
from extremeearth.processing.jobs import Job, JobContext, run_job
from extremeearth.product.processes import execute

__all__ = ["work_on"]


def work_on(job_id: str, settings: Settings) -> int:
    """Run a job that was claimed, to its end.

    Returns
    -------
    int
        0 if it was successful, 1 if not; the queue holds the cause.
    """
    with Platform.open(settings) as platform:
        processors = platform.processors(serving_url=f"http://{settings.host}:{settings.port}")

        def work(job: Job, context: JobContext) -> dict[str, Any]:
            return execute(job, context, processors=processors, catalogue=platform.catalogue)

        return 0 if run_job(platform.queue, job_id, work, accounts=platform.accounts) else 1
