"""The queue in a database: visibility, fairness, leases, logs, pages; on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from extremeearth.core.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    ScopeError,
    UnavailableError,
)
from extremeearth.core.security import ANONYMOUS, Principal, Scope
from extremeearth.core.times import TimeRange
from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs import JobFilter, JobLimits, JobQueue, JobStatus, run_job


@pytest.fixture
def queue(any_database, clock) -> JobQueue:
    return JobQueue(any_database, clock=clock)


def test_a_job_from_start_to_end(queue, people, clock):
    ada, _ = people
    job = queue.submit(
        "crop-type", {"bbox": [1, 2, 3, 4]}, principal=ada, options={"outputs": ["items"]}
    )
    assert (job.status, job.progress, job.inputs) == (JobStatus.ACCEPTED, 0, {"bbox": [1, 2, 3, 4]})
    lease = queue.claim("worker")
    clock.pass_(5)
    assert queue.beat(lease.claim, job.id, progress=40, message="tiles")
    seen = queue.get(job.id, viewer=ada)
    assert (seen.status, seen.progress, seen.message) == (JobStatus.RUNNING, 40, "tiles")
    assert queue.succeed(lease.claim, job.id, {"items": {"features": []}})
    done = queue.get(job.id, viewer=ada)
    assert (done.status, done.progress) == (JobStatus.SUCCESSFUL, 100)
    assert done.results == {"items": {"features": []}}
    assert done.finished - done.started == timedelta(seconds=5)
    assert done.options == {"outputs": ["items"]}


def test_another_projects_job_does_not_exist(queue, people):
    ada, bob = people
    job = queue.submit("a", {}, principal=ada)
    for call in (queue.get, queue.dismiss, queue.logs):
        with pytest.raises(NotFoundError) as hidden:
            call(job.id, viewer=bob)
        with pytest.raises(NotFoundError) as absent:
            call("0" * 32, viewer=bob)
        assert hidden.value.message.replace(job.id, "X") == absent.value.message.replace(
            "0" * 32, "X"
        )
    assert queue.list(viewer=bob) == []
    assert queue.get(job.id, viewer=ada).status is JobStatus.ACCEPTED


def test_each_call_needs_its_scope(queue, people):
    ada, _ = people
    job = queue.submit("a", {}, principal=ada)
    reader = Principal(
        user_id=ada.user_id,
        project_id=ada.project_id,
        key_id="r",
        scopes=frozenset({Scope.JOB_READ}),
    )
    runner = Principal(
        user_id=ada.user_id,
        project_id=ada.project_id,
        key_id="w",
        scopes=frozenset({Scope.JOB_RUN}),
    )
    with pytest.raises(ScopeError):
        queue.submit("a", {}, principal=reader)
    with pytest.raises(ScopeError):
        queue.dismiss(job.id, viewer=reader)
    for call in (queue.get, queue.logs):
        with pytest.raises(ScopeError):
            call(job.id, viewer=runner)
    with pytest.raises(ScopeError):
        queue.list(viewer=runner)
    with pytest.raises(Exception, match="needs an API key"):
        queue.submit("a", {}, principal=ANONYMOUS)


def test_a_project_with_many_jobs_does_not_hold_up_another(queue, people, clock):
    ada, bob = people
    for _ in range(5):
        queue.submit("many", {}, principal=ada)
        clock.pass_(1)
    queue.submit("one", {}, principal=bob)
    order = []
    for _ in range(6):
        clock.pass_(1)
        lease = queue.claim("w")
        order.append(lease.job.process_id)
        queue.succeed(lease.claim, lease.job.id, {})
    assert order == ["many", "one", "many", "many", "many", "many"]
    assert queue.claim("w") is None


def test_projects_take_turns_while_jobs_run(queue, people, clock):
    ada, bob = people
    for who in (ada, ada, ada, bob, bob):
        queue.submit("x", {}, principal=who)
        clock.pass_(1)
    owners = [queue.claim("w").job.project_id for _ in range(4)]
    assert owners == [ada.project_id, bob.project_id, ada.project_id, bob.project_id]


def test_a_project_cannot_run_or_wait_without_bound(any_database, people, clock):
    ada, bob = people
    queue = JobQueue(
        any_database, clock=clock, limits=JobLimits(running_per_project=1, waiting_per_project=2)
    )
    queue.submit("x", {}, principal=ada)
    queue.submit("x", {}, principal=ada)
    with pytest.raises(UnavailableError, match="2 jobs of this project wait"):
        queue.submit("x", {}, principal=ada)
    clock.pass_(1)
    queue.submit("x", {}, principal=bob)
    assert queue.claim("w").job.project_id == ada.project_id
    assert queue.claim("w").job.project_id == bob.project_id
    assert queue.claim("w") is None


def test_no_job_is_claimed_twice(any_database, people):
    ada, _ = people
    queue = JobQueue(any_database, limits=JobLimits(running_per_project=100))
    submitted = {queue.submit("x", {}, principal=ada).id for _ in range(20)}
    claimed, failures = [], []

    def work() -> None:
        try:
            while (lease := queue.claim("w")) is not None:
                claimed.append(lease.job.id)
        except Exception as err:  # told to the test below
            failures.append(err)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    # on PostgreSQL a thread may see nothing while others hold the rows it would have taken
    while (lease := queue.claim("w")) is not None:
        claimed.append(lease.job.id)
    assert sorted(claimed) == sorted(submitted)


def test_a_lost_workers_job_is_given_to_another_and_the_lost_one_is_not_heard(queue, people, clock):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    lost = queue.claim("w1")
    clock.pass_(queue.limits.lease_s - 1)
    assert queue.expire_leases() == 0
    clock.pass_(1)
    assert queue.expire_leases() == 1
    assert not queue.holds(lost.claim, job.id)
    second = queue.claim("w2")
    assert second.job.attempt == 2
    assert not queue.beat(lost.claim, job.id, progress=90)
    assert not queue.succeed(lost.claim, job.id, {"wrong": True})
    queue.append_log(lost.claim, job.id, "from the dead")
    assert queue.succeed(second.claim, job.id, {"right": True})
    assert queue.get(job.id, viewer=ada).results == {"right": True}
    assert "from the dead" not in {line.text for line in queue.logs(job.id, viewer=ada)}


def test_a_heartbeat_keeps_the_lease(queue, people, clock):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    lease = queue.claim("w")
    for _ in range(4):
        clock.pass_(queue.limits.lease_s * 0.9)
        assert queue.beat(lease.claim, job.id)
        assert queue.expire_leases() == 0


def test_workers_lost_too_often_fail_the_job_with_its_last_log_lines(queue, people, clock):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    for _ in range(queue.limits.attempts):
        lease = queue.claim("w")
        queue.append_log(lease.claim, job.id, "reading tile 7")
        clock.pass_(queue.limits.lease_s)
        queue.expire_leases()
    failed = queue.get(job.id, viewer=ada)
    assert failed.status is JobStatus.FAILED
    assert failed.problem["cause"] == "lost-worker"


def test_a_failure_carries_the_last_log_lines(queue, people):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    lease = queue.claim("w")
    queue.append_log(lease.claim, job.id, "\n".join(f"line {n}" for n in range(50)))
    queue.fail(lease.claim, job.id, {"title": "No.", "cause": "bug"})
    problem = queue.get(job.id, viewer=ada).problem
    assert problem["log"][-1] == "line 49"
    assert len(problem["log"]) == 20


def test_the_log_is_numbered_bounded_and_read_on(any_database, people):
    ada, _ = people
    queue = JobQueue(any_database, limits=JobLimits(log_lines=5, log_characters=10))
    job = queue.submit("x", {}, principal=ada)
    lease = queue.claim("w")
    for n in range(10):
        queue.append_log(lease.claim, job.id, f"{n}" * 20 + "\x00")
    lines = queue.logs(job.id, viewer=ada)
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]
    assert lines[-1].text == "The log is full."
    assert lines[1].text == "0" * 10
    assert queue.logs(job.id, viewer=ada, after=3) == lines[3:]


def test_dismissing_twice_removes_the_job(queue, people):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    lease = queue.claim("w")
    assert queue.dismiss(job.id, viewer=ada).status is JobStatus.DISMISSED
    assert not queue.beat(lease.claim, job.id)
    assert queue.dismiss(job.id, viewer=ada).status is JobStatus.DISMISSED
    with pytest.raises(NotFoundError):
        queue.get(job.id, viewer=ada)


def test_pages_neither_lose_nor_repeat_a_job(queue, people, clock):
    ada, _ = people
    made = []
    for n in range(7):
        made.append(queue.submit("x", {}, principal=ada).id)
        if n % 3 == 0:  # some share their instant
            clock.pass_(1)
    seen, token = [], None
    while True:
        page = queue.page(viewer=ada, limit=2, token=token)
        assert page.matched == 7
        seen += [job.id for job in page.jobs]
        token = page.next_token
        if token is None:
            break
    assert len(seen) == len(set(seen)) == 7
    assert set(seen) == set(made)
    for bad in ("x", "////", "YWJj"):
        with pytest.raises(InputError):
            queue.page(viewer=ada, token=bad)


def test_filters(queue, people, clock):
    ada, _ = people
    start = clock.now
    first = queue.submit("crop", {}, principal=ada)
    lease = queue.claim("w")
    clock.pass_(10)
    queue.succeed(lease.claim, first.id, {})
    second = queue.submit("water", {}, principal=ada)
    queue.claim("w")
    clock.pass_(100)
    third = queue.submit("crop", {}, principal=ada)

    def ids(**wanted) -> set[str]:
        return {job.id for job in queue.page(JobFilter(**wanted), viewer=ada).jobs}

    assert ids(process_ids=("crop",)) == {first.id, third.id}
    assert ids(status=(JobStatus.RUNNING, JobStatus.ACCEPTED)) == {second.id, third.id}
    assert ids(created=TimeRange(end=start)) == {first.id}
    assert ids(created=TimeRange(start=start + timedelta(seconds=1))) == {second.id, third.id}
    assert ids(min_duration_s=50) == {second.id}
    assert ids(max_duration_s=50) == {first.id}
    assert ids(min_duration_s=5, max_duration_s=200) == {first.id, second.id}


def test_the_keys_of_a_job_end_with_it(any_database, clock):
    accounts = Accounts(any_database)
    user = accounts.create_user("ada")
    project = accounts.create_project("baltic", owner=user)
    ada = Principal(
        user_id=user.id,
        project_id=project.id,
        key_id="k",
        scopes=frozenset({Scope.JOB_RUN, Scope.JOB_READ}),
    )
    queue = JobQueue(any_database)
    job = queue.submit("x", {}, principal=ada)
    tokens = []

    def work(job, context):
        tokens.append(context.api_key(Scope.SERVING_INFER))
        assert accounts.verify(tokens[0]).scopes == {Scope.SERVING_INFER}
        with pytest.raises(ScopeError):
            context.api_key(Scope.PROJECT_ADMIN)
        return {}

    assert run_job(queue, job.id, work)
    with pytest.raises(Exception, match="revoked"):
        accounts.verify(tokens[0])


def test_a_job_can_be_run_once(queue, people):
    ada, _ = people
    job = queue.submit("x", {}, principal=ada)
    assert run_job(queue, job.id, lambda job, context: {})
    with pytest.raises(ConflictError):
        run_job(queue, job.id, lambda job, context: {})


def test_submitting_and_dismissing_are_audited(any_database, people):
    from sqlalchemy import select

    from extremeearth.processing.accounts.tables import AuditRow

    ada, _ = people
    queue = JobQueue(any_database)
    job = queue.submit("crop-type", {}, principal=ada)
    queue.dismiss(job.id, viewer=ada)
    with any_database.session() as session:
        entries = session.scalars(select(AuditRow).order_by(AuditRow.number)).all()
    assert [(e.action, e.key_id, e.project_id) for e in entries] == [
        ("job.submit", ada.key_id, ada.project_id),
        ("job.dismiss", ada.key_id, ada.project_id),
    ]


@pytest.mark.parametrize("text", ["", "x", "\x00", "a" * 1000, "' or 1=1 --", "é" * 32])
def test_texts_that_name_no_job(queue, people, text):
    ada, _ = people
    job = queue.submit("crop", {"text": text}, principal=ada)
    for call in (queue.get, queue.dismiss, queue.logs):
        with pytest.raises(NotFoundError):
            call(text, viewer=ada)
    assert queue.list(viewer=ada, process_ids=[text]) == []
    lease = queue.claim("w")
    assert queue.beat(lease.claim, job.id, message=f"a\n{text}")
    queue.append_log(lease.claim, job.id, text)
    queue.fail(lease.claim, job.id, {"title": "No."})
