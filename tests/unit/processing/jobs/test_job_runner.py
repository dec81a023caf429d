"""Jobs in real processes: run, killed, lost, failed in each way that there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs import JobQueue, JobRunner, JobStatus, runner


@contextmanager
def _running(queue: JobQueue, bench, **options) -> Iterator[JobRunner]:
    running = JobRunner(queue, command=bench.command(), slots=2, **options)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _ended(job) -> bool:
    return job.ended


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _pids(path: Path, *, seconds: float = 60.0) -> list[int]:
    deadline = time.monotonic() + seconds
    while not path.exists() or len(path.read_text().split()) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


def _wait_until_gone(pids: list[int], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(_lives, pids)):
        assert time.monotonic() < deadline, f"still there: {[p for p in pids if _lives(p)]}"
        time.sleep(0.02)


def test_a_job_runs_in_its_own_process_and_leaves_nothing(bench, tmp_path):
    queue = bench.queue()
    ada = bench.people["ada"]
    job = queue.submit("quick", {}, principal=ada)
    with _running(queue, bench, folder=tmp_path / "work"):
        done = bench.wait(queue, job, _ended)
        assert done.status is JobStatus.SUCCESSFUL, done.problem
        assert done.results["pid"] != os.getpid()
    assert list((tmp_path / "work").iterdir()) == []
    assert [line.text for line in queue.logs(job.id, viewer=ada)] == [
        "Started.",
        "quick begins",
        "Done.",
    ]


def test_dismissal_kills_everything_the_job_started(bench, tmp_path):
    queue = bench.queue()
    ada = bench.people["ada"]
    job = queue.submit("sleep", {"pids": str(tmp_path / "pids")}, principal=ada)
    with _running(queue, bench):
        pids = _pids(tmp_path / "pids")
        assert all(map(_lives, pids))
        queue.dismiss(job.id, viewer=ada)
        _wait_until_gone(pids, seconds=10)  # 2 s on a quiet machine
        assert queue.get(job.id, viewer=ada).status is JobStatus.DISMISSED


@pytest.mark.parametrize(
    ("process", "cause", "code"),
    [
        ("bug", "bug", "job.bug"),
        ("no-data", "bad-input", "data.none-found"),
        ("kill-me", "out-of-memory", "job.out-of-memory"),
        ("exit", "bug", "job.bug"),
    ],
)
def test_a_failure_is_classified_and_tells_no_details(bench, process, cause, code, caplog):
    queue = bench.queue()
    job = queue.submit(process, {}, principal=bench.people["ada"])
    with _running(queue, bench):
        failed = bench.wait(queue, job, _ended)
    assert failed.status is JobStatus.FAILED
    assert (failed.problem["cause"], failed.problem["code"]) == (cause, code)
    assert f"{process} begins" in failed.problem["log"]
    told = str(failed.problem) + str(queue.logs(job.id, viewer=bench.people["ada"]))
    assert "Traceback" not in told
    assert "secret detail" not in told
    if process == "bug":
        assert "a secret detail" in caplog.text, "the operator's log has the traceback"


def test_what_a_failed_process_writes_last_is_logged(bench, caplog, monkeypatch):
    monkeypatch.setattr(runner, "LEAVE_S", 30.0)
    queue = bench.queue()
    job = queue.submit("slow-bug", {}, principal=bench.people["ada"])
    with _running(queue, bench):
        assert bench.wait(queue, job, _ended).status is JobStatus.FAILED
        deadline = time.monotonic() + 30.0
        while "the last words" not in caplog.text:
            assert time.monotonic() < deadline, caplog.text
            time.sleep(0.02)
    assert "a secret detail" in caplog.text


@pytest.mark.parametrize("at_once", [False, True])
def test_a_failed_process_that_does_not_leave_is_ended_and_its_output_logged(
    bench, caplog, monkeypatch, at_once
):
    monkeypatch.setattr(runner, "LEAVE_S", 0.5)
    queue = bench.queue()
    job = queue.submit("stuck-bug", {}, principal=bench.people["ada"])
    with _running(queue, bench):
        assert bench.wait(queue, job, _ended).status is JobStatus.FAILED
        deadline = time.monotonic() + 30.0
        while "a secret detail" not in caplog.text and not at_once:
            assert time.monotonic() < deadline, caplog.text
            time.sleep(0.02)
    assert "a secret detail" in caplog.text


def test_a_job_that_takes_too_long_is_ended(bench, tmp_path):
    queue = bench.queue(timeout_s=3.0)
    job = queue.submit("sleep", {"pids": str(tmp_path / "pids")}, principal=bench.people["ada"])
    with _running(queue, bench):
        failed = bench.wait(queue, job, _ended)
        assert failed.problem["cause"] == "timeout"
        if (tmp_path / "pids").exists():
            _wait_until_gone(_pids(tmp_path / "pids"), seconds=10)


def test_a_job_that_takes_too_much_memory_is_ended(bench):
    queue = bench.queue(memory_bytes=400 * 1024**2)
    job = queue.submit("memory", {"bytes": 600 * 1024**2}, principal=bench.people["ada"])
    with _running(queue, bench):
        failed = bench.wait(queue, job, _ended)
    assert failed.problem["cause"] == "out-of-memory"
    assert "smaller box" in failed.problem["hint"]


def test_stopping_the_runner_gives_jobs_back(bench, tmp_path):
    queue = bench.queue()
    job = queue.submit("sleep", {"pids": str(tmp_path / "pids")}, principal=bench.people["ada"])
    with _running(queue, bench):
        pids = _pids(tmp_path / "pids")
    assert not any(map(_lives, pids))
    waiting = queue.get(job.id, viewer=bench.people["ada"])
    assert (waiting.status, waiting.attempt) == (JobStatus.ACCEPTED, 0)


def test_a_killed_server_loses_nothing(bench, tmp_path):
    """The job of a server that was killed stops with it, waits again, and the next server runs it."""
    queue = bench.queue()
    ada = bench.people["ada"]
    first = queue.submit("sleep", {"pids": str(tmp_path / "pids")}, principal=ada)
    server = tmp_path / "server.py"
    server.write_text(
        textwrap.dedent(
            f"""
            import sys, time
            from extremeearth.core.database import Database
            from extremeearth.processing.jobs import JobQueue, JobRunner
            queue = JobQueue(Database({bench.url!r}))
            command = lambda job: [sys.executable, {str(bench.script)!r}, {bench.url!r}, job.id, "30"]
            JobRunner(queue, command=command, slots=1).start()
            time.sleep(120)
            """
        )
    )
    process = subprocess.Popen([sys.executable, str(server)])
    try:
        pids = _pids(tmp_path / "pids")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    _wait_until_gone(pids[:2], seconds=20)
    os.kill(pids[2], signal.SIGKILL) if _lives(pids[2]) else None
    waiting = bench.wait(queue, first, lambda job: job.status is JobStatus.ACCEPTED)
    assert waiting.attempt == 0
    (tmp_path / "pids").unlink()
    with _running(queue, bench):
        again = _pids(tmp_path / "pids")
        assert set(again).isdisjoint(pids)


def test_the_jobs_key_works_while_it_runs_and_is_revoked_after(bench, tmp_path):
    queue = bench.queue()
    job = queue.submit("key", {"file": str(tmp_path / "token")}, principal=bench.people["ada"])
    with _running(queue, bench):
        assert bench.wait(queue, job, _ended).status is JobStatus.SUCCESSFUL
    with pytest.raises(Exception, match="revoked"):
        Accounts(bench.database).verify((tmp_path / "token").read_text())


def test_a_command_that_cannot_start_fails_the_job(bench):
    queue = bench.queue()
    job = queue.submit("x", {}, principal=bench.people["ada"])
    running = JobRunner(queue, command=lambda job: ["/no/such/program"], slots=1)
    running.start()
    try:
        failed = bench.wait(queue, job, _ended)
    finally:
        running.stop()
    assert failed.problem["cause"] == "unavailable"
