"""The life of a job as a pure function, against every sequence of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from extremeearth.processing.jobs.job import FINAL, JobStatus
from extremeearth.processing.jobs.states import (
    Beat,
    Claim,
    Dismiss,
    Expire,
    Fail,
    Forget,
    Note,
    Release,
    RevokeKeys,
    State,
    StopWorker,
    Succeed,
    step,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(seconds=30)


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _running(claim: str = "a", **members) -> State:
    state, _ = step(State(**members), Claim(now=START, claim=claim, lease_until=START + LEASE))
    return state


claims = st.sampled_from(["a", "b", "c"])
times = st.integers(0, 200).map(_at)
events = st.one_of(
    st.builds(lambda n, c: Claim(now=n, claim=c, lease_until=n + LEASE), times, claims),
    st.builds(
        lambda n, c, p: Beat(now=n, claim=c, lease_until=n + LEASE, progress=p),
        times,
        claims,
        st.none() | st.integers(-50, 150),
    ),
    st.builds(lambda n, c: Succeed(now=n, claim=c, results={"x": 1}), times, claims),
    st.builds(lambda n, c: Fail(now=n, claim=c, problem={"title": "No."}), times, claims),
    st.builds(lambda n, c: Release(now=n, claim=c), times, claims),
    st.builds(lambda n: Expire(now=n), times),
    st.builds(lambda n: Dismiss(now=n), times),
)


@given(st.lists(events, max_size=30), st.integers(1, 3))
@settings(max_examples=300)
def test_every_history_keeps_the_rules(history, max_attempts):
    state = State(max_attempts=max_attempts)
    for event in history:
        before = state
        state, commands = step(state, event)
        assert (state.claim is not None) == (state.status is JobStatus.RUNNING)
        assert (state.lease_until is not None) == (state.status is JobStatus.RUNNING)
        if state.status is not JobStatus.DISMISSED:
            assert (state.results is not None) == (state.status is JobStatus.SUCCESSFUL)
            assert (state.problem is not None) == (state.status is JobStatus.FAILED)
        assert 0 <= state.attempt <= max_attempts
        assert 0 <= state.progress <= (100 if state.status is not JobStatus.RUNNING else 99)
        if before.status in FINAL and not isinstance(event, Dismiss):
            assert (state, commands) == (before, [])
        if before.claim is not None and state.claim != before.claim:
            assert RevokeKeys() in commands, "a worker that lost its job must not keep its keys"
        if isinstance(event, Beat | Succeed | Fail | Release) and event.claim != before.claim:
            assert (state, commands) == (before, []), "only who holds the claim is heard"
        if isinstance(event, Dismiss | Expire) and before.claim and state.claim is None:
            assert StopWorker(before.claim) in commands


def test_progress_never_goes_back_and_is_100_only_at_the_end():
    state = _running()
    for given_, seen in [(40, 40), (20, 40), (100, 99), (None, 99)]:
        state, _ = step(
            state, Beat(now=START, claim="a", lease_until=START + LEASE, progress=given_)
        )
        assert state.progress == seen
    state, _ = step(state, Succeed(now=START, claim="a", results={}))
    assert state.progress == 100


def test_a_lease_that_is_not_over_is_left_alone():
    state = _running()
    assert step(state, Expire(now=_at(29.9))) == (state, [])


def test_a_lost_worker_is_replaced_until_attempts_are_used_up():
    state = _running(max_attempts=2)
    state, commands = step(state, Expire(now=_at(30)))
    assert state.status is JobStatus.ACCEPTED
    assert StopWorker("a") in commands
    state, _ = step(state, Claim(now=_at(31), claim="b", lease_until=_at(61)))
    state, _ = step(state, Expire(now=_at(61)))
    assert state.status is JobStatus.FAILED
    assert state.problem is not None
    assert state.problem["cause"] == "lost-worker"
    assert "2 times" in state.problem["title"]


def test_giving_a_job_back_costs_no_attempt():
    state, _ = step(_running(), Release(now=_at(1), claim="a"))
    assert (state.status, state.attempt) == (JobStatus.ACCEPTED, 0)


def test_dismissing_what_has_ended_removes_it():
    state, _ = step(_running(), Succeed(now=START, claim="a", results={}))
    assert step(state, Dismiss(now=START))[1] == [Forget()]


def test_a_failure_is_noted_in_the_log():
    _, commands = step(
        _running(), Fail(now=START, claim="a", problem={"title": "The disk is full."})
    )
    assert Note("The disk is full.") in commands
