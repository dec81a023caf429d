"""A throw-away standalone Spark cluster on loopback: a master and two workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.servers.processes import READY_S, STOP_S, Servers, find_program, free_port, servers

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
MEMORY = "512m"
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""These processes live shortly: compiling their hot spots twice costs more than it gains."""
OPTIONS = {
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.executor.memory": MEMORY,
    "spark.driver.memory": MEMORY,
    "spark.cores.max": str(WORKERS),
    "spark.executor.cores": "1",
    # enough to outlive one lost worker; an item that kills its worker is given up sooner
    "spark.task.maxFailures": "2",
    # a dead worker is noticed soon
    "spark.network.timeout": "60s",
    "spark.executor.heartbeatInterval": "2s",
}


class SparkCluster:
    """Where the master listens, and the workers' processes."""

    def __init__(self, group: Servers) -> None:
        self._group = group
        self._home = Path(str(find_spec("pyspark").origin)).parent  # type: ignore[union-attr]  # checked before
        self.port = free_port()
        self.url = f"spark://127.0.0.1:{self.port}"
        self.options = dict(OPTIONS)
        self._registered = WORKERS

    def start(self) -> None:
        """Start the master, then the workers; ready when all have registered."""
        self._daemon(
            "master.Master", "--host", "127.0.0.1", "--port", str(self.port), "--webui-port", "0"
        )
        self._group.wait_until(lambda: self._said("elected leader"), what="the master of Spark")
        for _ in range(WORKERS):
            self.add_worker()
        self.wait_for_workers(WORKERS)

    def add_worker(self) -> None:
        """Start one more worker."""
        self._daemon(
            "worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "600m", "--webui-port", "0",
            "--work-dir", str(self._group.folder / "work"), self.url,
        )  # fmt: skip

    def wait_for_workers(self, count: int) -> None:
        """Wait until so many workers have registered since the start."""
        self._group.wait_until(
            lambda: self._said("Registering worker", count), what="the workers of Spark"
        )

    def kill_worker(self) -> None:
        """Kill a worker and its executor at once, as when its machine goes away."""
        self.wait_for_workers(self._registered)
        worker = self._group.take_last()
        for child in _children(worker.pid):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        worker.kill()
        worker.wait(STOP_S)

    def replace_worker(self) -> None:
        """Start a worker in place of a killed one."""
        self._registered += 1
        self.add_worker()

    @contextmanager
    def connect_server(self) -> Iterator[str]:
        """Run a Spark Connect server inside one process of its own."""
        port = free_port()
        self._program(
            "spark-submit", "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
            "--master", "local[2]",
            "--conf", f"spark.connect.grpc.binding.port={port}",
            "--conf", "spark.connect.grpc.binding.address=127.0.0.1", "--conf", "spark.ui.enabled=false",
            "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.driver.bindAddress=127.0.0.1",
            "--driver-java-options", JAVA,
            memory="700m",
        )  # fmt: skip
        try:
            self._group.wait_until(
                lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None, what="Spark Connect"
            )  # fmt: skip
            yield f"sc://127.0.0.1:{port}"
        finally:
            server = self._group.take_last()
            server.kill()
            server.wait(STOP_S)

    def _daemon(self, name: str, *arguments: str) -> None:
        self._program("spark-class", f"org.apache.spark.deploy.{name}", *arguments)

    def _program(self, name: str, *arguments: str, memory: str = "256m") -> None:
        environment = {
            **os.environ,
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "localhost",
            "SPARK_DAEMON_MEMORY": memory,
            "SPARK_DAEMON_JAVA_OPTS": JAVA,
            "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",  # a fixed port
            "SPARK_CONF_DIR": str(self._group.folder / "conf"),
            "PYSPARK_PYTHON": sys.executable,
            # the functions of tests are found here; the package itself is sent
            "PYTHONPATH": str(ROOT),
        }
        self._group.start([self._home / "bin" / name, *arguments], environment=environment)

    def _said(self, text: str, times: int = 1) -> bool:
        logs = sorted(self._group.folder.glob("spark-class-*.log"))
        return logs[0].read_text(errors="replace").count(text) >= times


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [below for child in map(int, found) for below in (*_children(child), child)]


def given_spark() -> tuple[str, dict[str, str]] | None:
    """Give the cluster that the environment names, with its settings."""
    url = os.environ.get("EXTREMEEARTH_TEST_SPARK")
    return (
        (url, json.loads(os.environ.get("EXTREMEEARTH_TEST_SPARK_OPTIONS", "{}"))) if url else None
    )


def skip_without_spark() -> None:
    """Skip, saying why, where there is no Java or no PySpark."""
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed: pip install 'extremeearth[spark]'")
    if find_program("java", *_java_homes()) is None:
        pytest.skip("there is no Java: apt-get install openjdk-17-jre-headless")


@contextmanager
def running_spark() -> Iterator[SparkCluster]:
    """Start a cluster; skips, saying why, where there is no Java or no PySpark."""
    skip_without_spark()
    with servers("spark") as group:
        cluster = SparkCluster(group)
        cluster.start()
        yield cluster


def _java_homes() -> list[Path]:
    home = os.environ.get("JAVA_HOME")
    return [Path(home) / "bin"] if home else []


def run_python(code: str, *arguments: str) -> str:
    """Run Python in a process of its own, for what can be in a process only once; gives its output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=READY_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"it failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout
