"""A queue with two projects, a clock that tests move, and worker processes that are real."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extremeearth.core.database import Database
from extremeearth.core.security import Principal, Scope
from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs import Job, JobLimits, JobQueue

WORKER = """
import atexit, os, subprocess, sys, time
from pathlib import Path
from extremeearth.core.database import Database
from extremeearth.core.errors import NoDataError
from extremeearth.core.progress import Task
from extremeearth.core.security import Scope
from extremeearth.processing.jobs import JobLimits, JobQueue, run_job

url, job_id, lease_s = sys.argv[1], sys.argv[2], float(sys.argv[3])

def work(job, context):
    context.log(f"{job.process_id} begins")
    what = job.process_id
    if what == "sleep":
        child = subprocess.Popen(["sleep", "60"])
        runaway = subprocess.Popen(["sleep", "60"], start_new_session=True)
        Path(job.inputs["pids"]).write_text(f"{os.getpid()} {child.pid} {runaway.pid}")
        time.sleep(60)
    if what == "bug":
        raise RuntimeError("a secret detail")
    if what == "slow-bug":
        atexit.register(lambda: (time.sleep(1.0), print("the last words", flush=True)))
        raise RuntimeError("a secret detail")
    if what == "stuck-bug":
        atexit.register(lambda: time.sleep(60))
        raise RuntimeError("a secret detail")
    if what == "no-data":
        raise NoDataError("No image lies in the box.", hint="Draw a larger box.")
    if what == "kill-me":
        os.kill(os.getpid(), 9)
    if what == "exit":
        os._exit(3)
    if what == "memory":
        hoard = bytearray(int(job.inputs["bytes"]))
        time.sleep(60)
    if what == "key":
        token = context.api_key(Scope.SERVING_INFER)
        Path(job.inputs["file"]).write_text(token)
    with Task(context.progress, "parts", total=4) as task:
        for _ in range(4):
            task.advance()
    (context.workspace / "scratch").write_text("x")
    return {"pid": os.getpid(), "folder": str(context.workspace)}

database = Database(url)
ok = run_job(JobQueue(database, limits=JobLimits(lease_s=lease_s)), job_id, work)
sys.exit(0 if ok else 1)
"""


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Bench:
    """A queue, the people who use it, and how to run workers for it."""

    url: str
    database: Database
    people: dict[str, Principal]
    script: Path

    def queue(self, **limits) -> JobQueue:
        return JobQueue(self.database, limits=JobLimits(**limits))

    def command(self, lease_s: float = 30.0) -> Callable[[Job], list[str]]:
        return lambda job: [sys.executable, str(self.script), self.url, job.id, str(lease_s)]

    def wait(self, queue: JobQueue, job: Job, until, *, seconds: float = 60.0) -> Job:
        deadline = time.monotonic() + seconds
        viewer = next(p for p in self.people.values() if p.project_id == job.project_id)
        while not until(found := queue.get(job.id, viewer=viewer)):
            assert time.monotonic() < deadline, f"still {found.status}: {found.message}"
            time.sleep(0.02)
        return found


def _principal(accounts: Accounts, name: str) -> Principal:
    user = accounts.create_user(name)
    project = accounts.create_project(f"{name}-project", owner=user)
    return Principal(
        user_id=user.id, project_id=project.id, key_id=f"key-{name}", scopes=frozenset(Scope)
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    database = Database(url)
    database.create_all()
    accounts = Accounts(database)
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER))
    yield Bench(url, database, {n: _principal(accounts, n) for n in ("ada", "bob")}, script)
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    url = f"sqlite:///{tmp_path}/any.sqlite"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    database = Database(url)
    database.create_all()
    yield database
    database.close()


@pytest.fixture
def people() -> tuple[Principal, Principal]:
    """Two people in two projects."""
    ada, bob = (
        Principal(user_id=f"u-{n}", project_id=f"p-{n}", key_id=f"k-{n}", scopes=frozenset(Scope))
        for n in ("ada", "bob")
    )
    return ada, bob
