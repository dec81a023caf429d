"""How much a project and a job may take."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JobLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Bounds of the queue.

    Attributes
    ----------
    lease_s
        Seconds without a heartbeat after which a worker is given up as lost.
    attempts
        How often a job is started before a lost worker means failure.
    timeout_s
        Longest time one attempt may run, in seconds.
    memory_bytes
        Largest resident memory of all processes of a job together; `None` for what the machine has.
    waiting_per_project, running_per_project
        Most jobs of one project that wait, and that run at the same time.
    log_lines, log_characters
        Most lines in a job's log, and most characters in a line.

    Examples
    --------
    >>> JobLimits().attempts
    2
    """

    lease_s: float = 30.0
    attempts: int = 2
    timeout_s: float = 6 * 3600.0
    memory_bytes: int | None = None
    waiting_per_project: int = 100
    running_per_project: int = 8
    log_lines: int = 10_000
    log_characters: int = 2_000
