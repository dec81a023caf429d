"""Kubernetes on loopback for Spark: an API server, and a small kubelet that runs pods as processes.

The API server is a stand-in (`kubernetes_api.py`), or the real one where EXTREMEEARTH_TEST_KUBERNETES names a folder
with the programs `kube-apiserver` and `etcd`. Executors are real in both cases: processes that run the entry point of
our image with what Spark wrote into their pods. There are no containers, so the building of the image is not tested.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.servers.kubelet import Api, Kubelet
from tests.servers.kubernetes_api import StandInServer
from tests.servers.processes import READY_S, Servers, free_port, servers
from tests.servers.spark import JAVA, ROOT, skip_without_spark

PROGRAMS = "EXTREMEEARTH_TEST_KUBERNETES"
IMAGE = "registry.example.org/extremeearth-spark:1"
BROKEN_IMAGE = "registry.example.org/broken:1"
NAMESPACE = "earth"
DEPLOY = ROOT / "deploy" / "spark"


@dataclass
class KubernetesCluster:
    """What a test needs of it; `options` are those of Spark."""

    url: str
    kubelet: Kubelet
    options: dict[str, str]
    stand_in: StandInServer | None

    def delete_pod(self, name: str) -> None:
        """Delete a pod, as `kubectl delete pod` does."""
        self.kubelet.api.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/{name}")

    def objects(self, plural: str) -> list[dict[str, Any]]:
        """List all objects of a kind."""
        found = self.kubelet.api.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/{plural}")
        return list(found["items"])


@contextmanager
def running_kubernetes(kind: str) -> Iterator[KubernetesCluster]:
    """Start a cluster with the stand-in or the real API server; skips, saying why, where programs are missing."""
    skip_without_spark()
    with ExitStack() as stack:
        group = stack.enter_context(servers("kubernetes"))
        stand_in = None
        if kind == "stand-in":
            stand_in = stack.enter_context(StandInServer(secrets.token_hex(16)))
            admin = account = Api(stand_in.url, stand_in.token)
        else:
            admin, account = _start_real(group)
        pods = group.folder / "pods"
        pods.mkdir()
        kubelet = stack.enter_context(Kubelet(admin, NAMESPACE, pods, _images()))
        yield KubernetesCluster(
            f"k8s://{admin.url}", kubelet, _options(account, group.folder), stand_in
        )


def _images() -> dict[str, tuple[list[str], dict[str, str]]]:
    home = Path(str(find_spec("pyspark").origin)).parent  # type: ignore[union-attr]  # checked before
    # the functions of tests are found here; the package itself is sent
    environment = {
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    if java := os.environ.get("JAVA_HOME"):
        environment["JAVA_HOME"] = java
    return {
        IMAGE: (["/bin/bash", str(DEPLOY / "entrypoint.sh")], environment),
        BROKEN_IMAGE: (["/bin/false"], {}),
    }


def _options(account: Api, folder: Path) -> dict[str, str]:
    token = folder / "token"
    token.write_text(account.token)
    template = folder / "template.yaml"
    template.write_text(
        "metadata: {labels: {team: earth}}\nspec: {terminationGracePeriodSeconds: 5}\n"
    )
    options = {
        "spark.kubernetes.container.image": IMAGE,
        "spark.kubernetes.namespace": NAMESPACE,
        "spark.kubernetes.authenticate.oauthTokenFile": str(token),
        "spark.kubernetes.authenticate.executor.serviceAccountName": "spark",
        "spark.kubernetes.executor.podTemplateFile": str(template),
        # a killed pod is replaced soon
        "spark.kubernetes.allocation.batch.delay": "200ms",
        "spark.kubernetes.executor.eventProcessingInterval": "200ms",
        # Spark that gives up waits so long for the thread that gave up
        "spark.kubernetes.executorSnapshotsSubscribersShutdownGracePeriod": "1s",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": JAVA, "spark.executor.extraJavaOptions": JAVA,
        "spark.executor.instances": "2", "spark.executor.cores": "1",
        "spark.executor.memory": "512m", "spark.driver.memory": "512m",
    }  # fmt: skip
    if account.authority:
        options["spark.kubernetes.authenticate.caCertFile"] = str(account.authority)
    return options


def _start_real(group: Servers) -> tuple[Api, Api]:
    """Start etcd and kube-apiserver; gives the ways in of an administrator and of our account for Spark."""
    folder = os.environ.get(PROGRAMS)
    if folder is None:
        pytest.skip(f"{PROGRAMS} names no folder with kube-apiserver and etcd")
    store, peers, port = free_port(), free_port(), free_port()
    group.start([
        Path(folder) / "etcd", "--data-dir", group.folder / "etcd",
        "--listen-client-urls", f"http://127.0.0.1:{store}", "--advertise-client-urls", f"http://127.0.0.1:{store}",
        "--listen-peer-urls", f"http://127.0.0.1:{peers}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peers}",
        "--initial-cluster", f"default=http://127.0.0.1:{peers}", "--unsafe-no-fsync",
    ])  # fmt: skip
    key, tokens = group.folder / "account.key", group.folder / "tokens.csv"
    subprocess.run(
        ["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True, timeout=READY_S
    )
    admin, account = secrets.token_hex(16), secrets.token_hex(16)
    tokens.write_text(
        f'{admin},admin,1,"system:masters"\n{account},system:serviceaccount:{NAMESPACE}:spark,2,"system:serviceaccounts"\n'
    )
    group.start([
        Path(folder) / "kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{store}",
        "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", str(port),
        "--cert-dir", group.folder / "certificates", "--token-auth-file", tokens, "--authorization-mode", "RBAC",
        "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-signing-key-file", key,
        "--service-account-key-file", key, "--service-cluster-ip-range", "10.0.0.0/24",
        "--endpoint-reconciler-type", "none",
        # makes pods wait for tokens that another program, which does not run here, would make
        "--disable-admission-plugins", "ServiceAccount",
    ])  # fmt: skip
    authority = group.folder / "certificates" / "apiserver.crt"
    api = Api(f"https://127.0.0.1:{port}", admin, authority)
    group.wait_until(lambda: _ready(api), what="kube-apiserver")
    api.ask(
        "POST",
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    )
    _apply(api)
    return api, Api(api.url, account, authority)


def _ready(api: Api) -> bool:
    with api.stream("GET", "/readyz") as answer:
        ready = bool(answer.status == 200)
    # roles of the system come a little later
    api.ask("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:basic-user")
    return ready


def _apply(api: Api) -> None:
    """Create what our manifest describes; the server checks it."""
    for manifest in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        version = manifest["apiVersion"]
        root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        path = f"{root}/namespaces/{NAMESPACE}/{manifest['kind'].lower()}s"
        api.ask("POST", path, manifest)
