"""Spark on Kubernetes: pods asked for, run, lost and taken away; the same results as on this machine.

The API server is a stand-in, or the real one where EXTREMEEARTH_TEST_KUBERNETES says where it is. The pods are real
executors of Spark, run as processes: see `tests/servers/kubernetes.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import shapely
from tests.servers.kubernetes import BROKEN_IMAGE, IMAGE, KubernetesCluster
from tests.servers.spark import ROOT
from typer.testing import CliRunner

from extremeearth.app.command_line.main import gather

LIMIT_S = 600.0
pytestmark = pytest.mark.timeout(900)  # a busy machine starts Java slowly
SUITE = "spark and (map or sql or (joins_equal_brute_force and (intersects or touches)) or geodesic_everywhere)"


@pytest.fixture(autouse=True)
def _nothing_refused_nothing_left(kubernetes: KubernetesCluster) -> Iterator[None]:
    """The stand-in was asked for nothing that it lacks, and Spark took away what it had made."""
    yield
    assert kubernetes.stand_in is None or not kubernetes.stand_in.refused
    for plural in ("pods", "configmaps"):
        names = [one["metadata"]["name"] for one in kubernetes.objects(plural)]
        assert not [name for name in names if "-exec-" in name]
    assert not kubernetes.kubelet.running


def _environment(cluster: KubernetesCluster, **more: str) -> dict[str, str]:
    options = json.dumps(cluster.options)
    return {
        **os.environ,
        "EXTREMEEARTH_TEST_SPARK": cluster.url,
        "EXTREMEEARTH_TEST_SPARK_OPTIONS": options,
        "EXTREMEEARTH_ENGINE_OPTIONS": options,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        **more,
    }


@contextmanager
def _python(cluster: KubernetesCluster, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a process of its own: one process has one cluster."""
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=_environment(cluster), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def _output(cluster: KubernetesCluster, *arguments: str) -> str:
    with _python(cluster, *arguments) as process:
        said, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, said[-4000:] + cluster.kubelet.log()
    return said


def test_the_suite_of_engines_passes(kubernetes: KubernetesCluster) -> None:
    said = _output(
        kubernetes, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
        "tests/contract/test_engine.py", "-k", SUITE,
    )  # fmt: skip
    passed = re.search(r"(\d+) passed", said)
    assert passed, said[-2000:]
    assert int(passed[1]) >= 20
    assert "skipped" not in said
    pod = kubernetes.kubelet.started[-1]
    assert pod["spec"]["containers"][0]["image"] == IMAGE
    assert pod["spec"]["serviceAccountName"] == "spark"
    assert pod["metadata"]["labels"]["team"] == "earth"  # of the template


MAPPING = """
@prefix rr: <http://www.w3.org/ns/r2rml#> .
@prefix rml: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
<#fields> a rr:TriplesMap ;
  rml:logicalSource [ rml:source "a.csv"; rml:referenceFormulation ql:CSV ] ;
  rr:subjectMap [ rr:template "http://example.org/field/{id}" ] ;
  rr:predicateObjectMap [ rr:predicate geo:asWKT;
    rr:objectMap [ rml:reference "wkt"; rr:datatype geo:wktLiteral ] ] .
"""
COMMANDS = """
import json, os, sys
from typer.testing import CliRunner
from extremeearth.app.command_line.main import gather
from extremeearth.infrastructure.engine import open_engine

url, runs, application = sys.argv[1], json.loads(sys.argv[2]), gather()
with open_engine(url):  # the commands share its executors
    for run in runs:
        done = CliRunner().invoke(application, [*run, "--engine", url])
        assert done.exit_code == 0, done.output
"""


def test_the_commands_write_the_same(kubernetes: KubernetesCluster, tmp_path: Path) -> None:
    generator = np.random.default_rng(12)
    for name in "ab":
        corners, sizes = generator.integers(0, 30, (150, 2)), generator.integers(1, 6, (150, 2))
        texts = shapely.to_wkt(shapely.box(*corners.T, *(corners + sizes).T))
        rows = [f'urn:{name}{n},"{text}"\n' for n, text in enumerate(texts)]
        (tmp_path / f"{name}.csv").write_text("id,wkt\n" + "".join(rows))
    (tmp_path / "mapping.ttl").write_text(MAPPING)

    def runs(folder: Path) -> list[list[str]]:
        folder.mkdir()
        ids = ["--source-id", "id", "--target-id", "id", "--crs", "EPSG:4326"]
        return [
            ["rdf", "map", str(tmp_path / "mapping.ttl"), "-o", str(folder / "fields.nt")],
            ["interlink", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"), "-o", str(folder / "links.nt"), *ids],
        ]  # fmt: skip

    for command in runs(tmp_path / "here"):
        done = CliRunner().invoke(gather(), command)
        assert done.exit_code == 0, done.output
    _output(kubernetes, "-c", COMMANDS, kubernetes.url, json.dumps(runs(tmp_path / "pods")))
    for name, least in (("fields.nt", 150), ("links.nt", 200)):
        here, pods = (
            sorted((tmp_path / side / name).read_text().splitlines()) for side in ("here", "pods")
        )
        assert len(here) >= least
        assert pods == here, name


LOSSES = """
import sys, time
import numpy as np, pyarrow as pa, shapely
from extremeearth.core.settings import Settings
from extremeearth.infrastructure.engine import LocalEngine, open_engine

def slowly(number):
    time.sleep(0.1)
    return number * 2

def boxes(seed):
    corners = np.random.default_rng(seed).uniform(0, 40, (3000, 2))
    return pa.table({"geometry": shapely.to_wkb(shapely.box(*corners.T, *(corners + 1).T))})

with open_engine(sys.argv[1]) as engine:
    results = engine.map(slowly, list(range(60)), label="numbers")
    first = [next(results) for _ in range(3)]
    print("kill", flush=True)
    assert sys.stdin.readline() == "done\\n"
    assert [*first, *results] == [2 * n for n in range(60)]
    print("delete", flush=True)
    assert sys.stdin.readline() == "done\\n"
    left, right = boxes(1), boxes(2)
    found = engine.join_spatial(left, right, "intersects")
    assert found.equals(LocalEngine().join_spatial(left, right, "intersects"))
    print("pairs", found.num_rows, flush=True)
"""


def test_work_outlives_pods(kubernetes: KubernetesCluster) -> None:
    """One pod is killed in the middle of a map, as where memory runs out; one deleted before a join."""
    before = len(kubernetes.kubelet.started)
    with _python(kubernetes, "-c", LOSSES, kubernetes.url) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        _read_until(process.stdout, "kill")
        kubernetes.kubelet.kill(_a_pod(kubernetes))
        process.stdin.write("done\n")
        process.stdin.flush()
        _read_until(process.stdout, "delete")
        kubernetes.delete_pod(_a_pod(kubernetes))
        said, _ = process.communicate("done\n", timeout=LIMIT_S)
        assert process.returncode == 0, said[-4000:] + kubernetes.kubelet.log()
    assert int(re.findall(r"pairs (\d+)", said)[0]) > 1000
    assert len(kubernetes.kubelet.started) >= before + 3  # Spark asked for others


def _a_pod(cluster: KubernetesCluster) -> str:
    until = time.monotonic() + LIMIT_S
    while not cluster.kubelet.running:
        assert time.monotonic() < until, cluster.kubelet.log()
        time.sleep(0.1)
    return cluster.kubelet.running[0]


def _read_until(lines: IO[str], word: str) -> None:
    said = []
    for line in lines:
        said.append(line)
        if line.strip() == word:
            return
    raise AssertionError("".join(said)[-4000:])


TROUBLE = """
import json, os, sys
from extremeearth.core.errors import ExtremeEarthError
from extremeearth.infrastructure.engine import SparkEngine

options = json.loads(os.environ["EXTREMEEARTH_ENGINE_OPTIONS"])
for more in json.loads(sys.argv[2]):
    try:
        with SparkEngine(sys.argv[1], options=options | more, wait_s=3) as engine:
            list(engine.map(abs, [1], label="numbers"))
    except ExtremeEarthError as err:
        print(f"{type(err).__name__}: {err.message} HINT {err.hint}".replace("\\n", " "))
"""


def test_trouble_is_told(kubernetes: KubernetesCluster, tmp_path: Path) -> None:
    """A wrong token, an image that nobody has, and pods that end at once."""
    wrong = tmp_path / "token"
    wrong.write_text("wrong")
    image = "spark.kubernetes.container.image"
    soon = {"spark.scheduler.maxRegisteredResourcesWaitingTime": "1s"}
    cases = [
        {"spark.kubernetes.authenticate.oauthTokenFile": str(wrong)},
        {image: "registry.example.org/mistyped:1", **soon},
        {image: BROKEN_IMAGE, **soon},
    ]
    said = _output(kubernetes, "-c", TROUBLE, kubernetes.url, json.dumps(cases))
    told = [line for line in said.splitlines() if " HINT " in line]
    assert len(told) == 3, said[-4000:]
    assert all(line.startswith("UnavailableError: ") for line in told)
    assert "Unauthorized" in told[0]
    assert "oauthTokenFile" in told[0].partition(" HINT ")[2]
    assert "had no worker for" in told[1]
    assert "kubectl --namespace earth describe pods" in told[1]
    assert "kubectl" in told[2]
