"""What running code knows of its job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from extremeearth.core.errors import UnavailableError
from extremeearth.core.progress import SILENT, Progress
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.processing.jobs.job import Job

__all__ = ["JobContext"]


def _forget(text: str) -> None:
    """Log nowhere."""


def _no_keys(scopes: frozenset[Scope]) -> str:
    raise UnavailableError(
        "This work does not run as a job, so it has no key of its own.",
        hint="Run it through the job queue, or give JobContext an issue_key.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """Progress, cancellation, log, folder and rights of one run.

    Needs no database, so that tests and programs can run a processor directly.

    Attributes
    ----------
    workspace
        Folder of this run alone; it goes away with the run.
    progress
        Where steps forward are told to; its token says whether to stop.
    principal
        For whom the work is done: what it may see in the catalogue.
    job
        The job, or `None` outside the queue.
    write_log, issue_key
        Where log lines go, and who makes keys.

    Examples
    --------
    >>> lines = []
    >>> context = JobContext(workspace=Path("."), write_log=lines.append)
    >>> context.log("2 scenes found")
    >>> lines
    ['2 scenes found']
    """

    workspace: Path
    progress: Progress = SILENT
    principal: Principal = ANONYMOUS
    job: Job | None = None
    write_log: Callable[[str], None] = field(default=_forget, repr=False)
    issue_key: Callable[[frozenset[Scope]], str] = field(default=_no_keys, repr=False)

    def log(self, text: str) -> None:
        """Write a line that the job's owner can read."""
        self.write_log(text)

    def api_key(self, *scopes: Scope) -> str:
        """Make a short-lived key of the job's project; it is revoked when the job ends.

        Raises
        ------
        UnavailableError
            The work does not run as a job.
        ScopeError
            The user's role does not allow one of the scopes.
        """
        return self.issue_key(frozenset(scopes))
