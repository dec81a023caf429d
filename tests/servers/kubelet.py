"""A small kubelet: runs the pods of a namespace as processes of this machine, and tells the API server how they do.

There is no container: a pod's command is the entry point of our image, its environment is the image's and the pod's and
nothing else, its volumes are folders, and paths that name a mounted volume are turned into paths of these folders. Each
pod has an address of its own in 127.0.0.0/8.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STOP_S = 10.0
ASK_S = 10.0


@dataclass(frozen=True)
class Api:
    """Where the API server is, and how one gets in."""

    url: str
    token: str
    authority: Path | None = None

    def ask(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json"
    ) -> Any:
        """Send one request and give the answer."""
        with self.stream(method, path, body, kind=kind) as answer:
            return json.load(answer)

    def stream(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json"
    ) -> Any:
        """Send one request; its answer is read by who asked."""
        request = urllib.request.Request(
            f"{self.url}{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind},
        )  # fmt: skip
        context = ssl.create_default_context(cafile=str(self.authority)) if self.authority else None
        return urllib.request.urlopen(request, timeout=ASK_S, context=context)


@dataclass
class _Pod:
    name: str
    address: str
    process: subprocess.Popen[bytes]
    waiter: threading.Thread | None = None


@dataclass
class Kubelet:
    """Runs the pods of one namespace until the block ends.

    `images` says for each image its environment and its entry point; a pod of another image stays pending, as where an
    image cannot be pulled.
    """

    api: Api
    namespace: str
    folder: Path
    images: Mapping[str, tuple[list[str], Mapping[str, str]]]
    started: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pods: dict[str, _Pod] = {}
        self._addresses = (f"127.1.{n // 250}.{n % 250 + 1}" for n in itertools.count())
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._base = f"/api/v1/namespaces/{self.namespace}"

    def __enter__(self) -> Kubelet:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        for name in list(self._pods):
            self._end(name)

    @property
    def running(self) -> list[str]:
        """Names of pods whose process runs, oldest first."""
        with self._lock:
            return [pod.name for pod in self._pods.values() if pod.process.poll() is None]

    def kill(self, name: str) -> None:
        """Kill all processes of a pod, as the kernel does where memory runs out."""
        with self._lock:
            _kill(self._pods[name].process)

    def log(self) -> str:
        """Give the ends of all logs, for a failed test."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-1500:]}" for log in logs)

    def _work(self) -> None:
        version = ""
        while not self._ending.is_set():
            try:
                if not version:
                    listed = self.api.ask("GET", f"{self._base}/pods")
                    version = listed["metadata"]["resourceVersion"]
                    present = {pod["metadata"]["name"] for pod in listed["items"]}
                    for name in set(self._pods) - present:
                        self._end(name)
                    for pod in listed["items"]:
                        self._seen("ADDED", pod)
                for event in self._changes(version):
                    if event["type"] == "ERROR":  # the version is too old
                        version = ""
                        break
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._seen(event["type"], event["object"])
            except (OSError, ValueError):
                self._ending.wait(0.2)

    def _changes(self, version: str) -> Iterator[dict[str, Any]]:
        path = f"{self._base}/pods?watch=true&timeoutSeconds=1&resourceVersion={version}"
        with self.api.stream("GET", path) as lines:
            for line in lines:
                yield json.loads(line)

    def _seen(self, what: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        if what == "DELETED" or pod["metadata"].get("deletionTimestamp"):
            self._end(name)
        elif name not in self._pods and pod["status"].get("phase") == "Pending":
            image = pod["spec"]["containers"][0]["image"]
            if image in self.images:
                self._start(pod, *self.images[image])

    def _start(self, pod: dict[str, Any], entry: list[str], of_image: Mapping[str, str]) -> None:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        address = next(self._addresses)
        home = self.folder / name
        mounts = self._volumes(pod, home)
        # in a pod, the address of the machine is that of the pod
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SPARK_LOCAL_IP": address,
            **of_image,
        }
        for variable in container.get("env", []):
            environment[variable["name"]] = _value(variable, pod, address, mounts)
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*entry, *container.get("args", [])], cwd=home, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        running = _Pod(name, address, process)
        running.waiter = threading.Thread(target=self._wait, args=(running, container["name"]))
        with self._lock:
            self._pods[name] = running
            self.started.append(pod)
        self._tell(running, container["name"], "Running", {"running": {"startedAt": _now()}})
        running.waiter.start()

    def _volumes(self, pod: dict[str, Any], home: Path) -> dict[str, Path]:
        """Make a folder for each volume; gives where in the container each one is."""
        home.mkdir()
        folders = {}
        for volume in pod["spec"].get("volumes", []):
            folders[volume["name"]] = home / volume["name"]
            folders[volume["name"]].mkdir()
            if "configMap" in volume:
                found = self.api.ask(
                    "GET", f"{self._base}/configmaps/{volume['configMap']['name']}"
                )
                for item in volume["configMap"].get("items", []):
                    (folders[volume["name"]] / item["path"]).write_text(found["data"][item["key"]])
        mounts = pod["spec"]["containers"][0].get("volumeMounts", [])
        return {mount["mountPath"]: folders[mount["name"]] for mount in mounts}

    def _wait(self, pod: _Pod, container: str) -> None:
        code = pod.process.wait()
        _kill(pod.process)  # what it left behind: a container ends as a whole
        if pod.name in self._pods and not self._ending.is_set():
            ended = {
                "terminated": {"exitCode": code if code >= 0 else 128 - code, "finishedAt": _now()}
            }
            self._tell(pod, container, "Failed" if code else "Succeeded", ended)

    def _tell(self, pod: _Pod, container: str, phase: str, state: dict[str, Any]) -> None:
        of_container = {
            "name": container, "state": state, "ready": phase == "Running",
            "restartCount": 0, "image": "", "imageID": "",
        }  # fmt: skip
        status = {
            "phase": phase, "podIP": pod.address, "startTime": _now(), "containerStatuses": [of_container],
        }  # fmt: skip
        with suppress(urllib.error.HTTPError):  # it may be gone
            self.api.ask(
                "PATCH",
                f"{self._base}/pods/{pod.name}/status",
                {"status": status},
                kind="application/merge-patch+json",
            )

    def _end(self, name: str) -> None:
        with self._lock:
            pod = self._pods.pop(name, None)
        if pod is not None:
            _kill(pod.process)
            pod.process.wait(STOP_S)
            if pod.waiter is not None and pod.waiter.ident:
                pod.waiter.join(STOP_S)


def _value(
    variable: dict[str, Any], pod: dict[str, Any], address: str, mounts: Mapping[str, Path]
) -> str:
    source = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
    if source == "status.podIP":
        return address
    if source == "metadata.name":
        return str(pod["metadata"]["name"])
    value = str(variable.get("value", ""))
    for place, folder in mounts.items():
        value = re.sub(rf"(?<![^:,]){re.escape(place)}(?=$|[/:,])", str(folder), value)
    return value


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
