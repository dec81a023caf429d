"""All processes of one job: found, measured and ended.

A job's processes carry its claim in their environment, so that one which left its group, or lost its
parent, is found too. Without ``/proc`` only the process group is known.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path

CLAIM_VARIABLE = "EXTREMEEARTH_JOB_CLAIM"
WORKSPACE_VARIABLE = "EXTREMEEARTH_JOB_WORKSPACE"
_PROC = Path("/proc")
_KILL_LIMIT_S = 2.0
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def members(claims: Collection[str]) -> list[int]:
    """List the processes that work under one of the claims, this one left out."""
    marks = [f"{CLAIM_VARIABLE}={claim}\0".encode() for claim in claims]
    found = []
    for folder in _PROC.glob("[0-9]*") if marks else ():
        try:
            environment = (folder / "environ").read_bytes() + b"\0"
        except OSError:  # gone, or of another user
            continue
        if any(mark in environment for mark in marks) and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def resident_bytes(claim: str) -> int:
    """Measure the resident memory of all processes of a job together, in bytes."""
    total = 0
    for pid in members([claim]):
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            continue
    return total


def end(
    processes: Collection[subprocess.Popen[bytes]], claims: Collection[str], *, grace_s: float
) -> None:
    """End the groups of processes, and everything that carries the claims: first asked to, then killed."""
    _signal(processes, claims, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while any(p.poll() is None for p in processes) or members(claims):
        now = time.monotonic()
        if now >= deadline + _KILL_LIMIT_S:
            break
        if (
            now >= deadline
        ):  # again and again: one that was listed may have started another meanwhile
            _signal(processes, claims, signal.SIGKILL)
        time.sleep(0.02)


def _signal(
    processes: Collection[subprocess.Popen[bytes]], claims: Collection[str], number: signal.Signals
) -> None:
    for process in processes:
        # one that was waited for has given its number back: it may be somebody else's by now
        if process.poll() is None:
            _send(os.killpg, process.pid, number)
    for pid in members(claims):
        _send(os.kill, pid, number)


def _send(how: Callable[[int, int], None], target: int, number: signal.Signals) -> None:
    try:
        how(target, number)
    except (ProcessLookupError, PermissionError):
        return
