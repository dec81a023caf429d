"""How long work waits for workers; with a stand-in for the cluster and for the clock."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from extremeearth.core.errors import InputError, UnavailableError
from extremeearth.infrastructure.engine import SparkEngine, _spark_workers
from extremeearth.infrastructure.engine._spark_jobs import Jobs, said
from extremeearth.infrastructure.engine._spark_session import close_session
from extremeearth.infrastructure.engine._spark_workers import Patience


class _Cluster:
    """A session whose cluster has so many workers, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workers, self.now, self.asked = 0, 1000.0, 0
        monkeypatch.setattr(_spark_workers.time, "monotonic", lambda: self.now)
        conf = SimpleNamespace(get={"spark.kubernetes.namespace": "earth"}.get)
        java = SimpleNamespace(sc=lambda: SimpleNamespace(getExecutorMemoryStatus=self._status))
        self.sparkContext = SimpleNamespace(
            _jsc=java, applicationId="spark-1", getConf=lambda: conf
        )

    def _status(self) -> Any:
        self.asked += 1
        return SimpleNamespace(size=lambda: self.workers + 1)  # the driver is one of them

    def wait(self, patience: Patience, seconds: float) -> None:
        """Look every tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            patience.check()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> _Cluster:
    return _Cluster(monkeypatch)


def test_work_without_workers_ends(cluster: _Cluster) -> None:
    patience = Patience(cluster, "k8s://https://host", 20.0)
    cluster.wait(patience, 19.0)
    with pytest.raises(UnavailableError, match=r"no worker for 2[01] seconds") as failed:
        cluster.wait(patience, 4.0)
    assert "kubectl --namespace earth describe pods" in str(failed.value.hint)
    assert "spark-app-selector=spark-1" in str(failed.value.hint)
    assert cluster.asked < 25  # not at every look


def test_a_worker_that_comes_starts_the_waiting_anew(cluster: _Cluster) -> None:
    patience = Patience(cluster, "spark://host:7077", 20.0)
    cluster.wait(patience, 15.0)
    cluster.workers = 1
    cluster.wait(patience, 30.0)
    cluster.workers = 0
    cluster.wait(patience, 19.0)
    with pytest.raises(UnavailableError) as failed:
        cluster.wait(patience, 4.0)
    assert "cores" in str(failed.value.hint)


def test_time_in_which_nobody_waited_does_not_count(cluster: _Cluster) -> None:
    patience = Patience(cluster, "spark://host:7077", 20.0)
    cluster.wait(patience, 5.0)
    cluster.now += 500
    cluster.wait(patience, 19.0)


def test_a_context_that_is_no_more_is_told(cluster: _Cluster) -> None:
    def stopped() -> None:
        raise RuntimeError("it was stopped")

    cluster.sparkContext._jsc = SimpleNamespace(
        sc=lambda: SimpleNamespace(getExecutorMemoryStatus=stopped)
    )
    with pytest.raises(UnavailableError, match="gave up") as failed:
        cluster.wait(Patience(cluster, "k8s://https://host", 20.0), 2.0)
    assert "kubectl logs" in str(failed.value.hint)


def test_why_work_was_given_up_is_told_where_jobs_cannot_be_stopped_any_more() -> None:
    asked, started = threading.Event(), threading.Event()

    def refuse(_tag: str) -> None:
        asked.set()
        raise RuntimeError("Cannot call methods on a stopped SparkContext")

    def job() -> None:
        started.set()
        asked.wait(60)

    nothing = SimpleNamespace(
        addJobTag=lambda _tag: None, removeJobTag=lambda _tag: None, cancelJobsWithTag=refuse
    )

    def give_up() -> None:
        with Jobs(SimpleNamespace(sparkContext=nothing)) as jobs:
            jobs.start(job)
            assert started.wait(60)
            raise UnavailableError("It gave up.", hint="Look.")

    with pytest.raises(UnavailableError, match="gave up"):
        give_up()
    assert asked.is_set()


def test_a_cluster_whose_java_has_ended_is_left() -> None:
    def stop() -> None:
        raise RuntimeError("Error while sending or receiving")

    close_session(SimpleNamespace(sparkContext=SimpleNamespace(applicationId="ended"), stop=stop))


def test_slots_of_a_context_that_is_no_more_are_none(cluster: _Cluster) -> None:
    engine = object.__new__(SparkEngine)
    engine.url, engine._session = "k8s://https://host", cluster
    with pytest.raises(UnavailableError, match="gave up") as failed:
        list(engine.map(abs, [1], label="numbers"))
    assert "kubectl logs" in str(failed.value.hint)


def test_spark_inside_this_process_needs_no_workers(cluster: _Cluster) -> None:
    cluster.wait(Patience(cluster, "local[2]", 1.0), 100.0)
    assert not cluster.asked


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_time_at_all_is_refused(seconds: float) -> None:
    with pytest.raises(InputError, match="Waiting"):
        SparkEngine("local[1]", wait_s=seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An error occurred while calling o329.getResult.", "its Java process has ended"),
        (
            "An error occurred while calling o1.getResult.\n: org.apache.spark.SparkException: Job 0 cancelled\n"
            "\tat a.b.C\nCaused by: java.io.IOException: No space left on device",
            "java.io.IOException: No space left on device",
        ),
        (
            "An error occurred while calling o1.x.\n: org.apache.spark.SparkException: Job 0 cancelled",
            "org.apache.spark.SparkException: Job 0 cancelled",
        ),
        ("x\nTraceback:\nValueError: wrong\nat a.b", "ValueError: wrong"),
    ],
)  # fmt: skip
def test_what_is_told_of_a_spark_error(text: str, expected: str) -> None:
    assert said(RuntimeError(text)) == expected
