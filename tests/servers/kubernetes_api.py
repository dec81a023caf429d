"""A stand-in for the API server of Kubernetes: as much of it as Spark and a kubelet ask for, and no more.

It keeps pods, config maps, services and claims of volumes in memory, lists them by label, and tells of changes through
watches. What it does not know it answers with an error and notes in `refused`, so that a test sees it.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import select
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "pods": "Pod", "configmaps": "ConfigMap", "services": "Service", "persistentvolumeclaims": "PersistentVolumeClaim",
}  # fmt: skip
PATH = re.compile(
    r"/api/v1/namespaces/(?P<namespace>[a-z0-9-]+)/(?P<plural>[a-z]+)(?:/(?P<name>[a-z0-9.-]+))?(?P<status>/status)?"
)
WATCH_S = 60.0
WEB_SOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
Object = dict[str, Any]


class Cluster:
    """The objects, and what happened to them."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._events: list[tuple[str, str, Object]] = []  # its length is the version
        self._changed = threading.Condition()

    @property
    def version(self) -> int:
        return len(self._events)

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        with self._changed:
            return copy.deepcopy(self._objects.get((plural, namespace, name)))

    def find(
        self, plural: str, namespace: str, wanted: Callable[[Object], bool]
    ) -> tuple[list[Object], int]:
        """Give the objects that a selector wants, and the version at which they were so."""
        with self._changed:
            found = [
                o
                for (p, n, _), o in self._objects.items()
                if (p, n) == (plural, namespace) and wanted(o)
            ]
            return copy.deepcopy(found), self.version

    def create(self, plural: str, namespace: str, given: Object) -> Object | None:
        """Keep a new object; none where there is one of that name."""
        with self._changed:
            key = plural, namespace, given["metadata"]["name"]
            if key in self._objects:
                return None
            made = copy.deepcopy(given) | {"apiVersion": "v1", "kind": KINDS[plural]}
            made["metadata"] |= {
                "namespace": namespace,
                "uid": str(uuid.uuid4()),
                "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            if plural == "pods":
                made["status"] = {"phase": "Pending"}
            self._objects[key] = made
            return self._tell("ADDED", plural, made)

    def merge(self, plural: str, namespace: str, name: str, patch: Object) -> Object | None:
        """Change an object by a merge patch (RFC 7396)."""
        with self._changed:
            key = plural, namespace, name
            if key not in self._objects:
                return None
            self._objects[key] = merged(self._objects[key], patch)
            return self._tell("MODIFIED", plural, self._objects[key])

    def delete(self, plural: str, namespace: str, name: str) -> Object | None:
        with self._changed:
            gone = self._objects.pop((plural, namespace, name), None)
            return None if gone is None else self._tell("DELETED", plural, gone)

    def _tell(self, what: str, plural: str, object_: Object) -> Object:
        object_["metadata"]["resourceVersion"] = str(self.version + 1)
        self._events.append((what, plural, copy.deepcopy(object_)))
        self._changed.notify_all()
        return copy.deepcopy(object_)

    def changes(
        self, plural: str, namespace: str, since: int, until: float
    ) -> Iterator[tuple[str, Object] | None]:
        """Yield what happens, and sometimes nothing, so that who listens can leave."""
        while time.monotonic() < until:
            with self._changed:
                if not self._changed.wait_for(lambda: self.version > since, 0.5):  # noqa: B023  # called at once
                    events = []
                else:
                    events, since = self._events[since:], self.version
            yield from (
                (what, found) for what, kind, found in events
                if kind == plural and found["metadata"]["namespace"] == namespace
            )  # fmt: skip
            yield None


def merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def selector(query: Mapping[str, str]) -> Callable[[Object], bool]:
    """Read selectors of labels (`a=b,c!=d,e in (f,g)`) and of fields (`status.phase=Pending`)."""
    tests: list[Callable[[Object], bool]] = []
    for part in filter(None, re.split(r",(?![^(]*\))", query.get("labelSelector", ""))):
        if listed := re.fullmatch(r"(\S+) in \(([^)]*)\)", part.strip()):
            name, values, wanted = (
                listed[1],
                {value.strip() for value in listed[2].split(",")},
                True,
            )
        elif pair := re.fullmatch(r"([^=!]+)(!=|==?)([^=!]*)", part.strip()):
            name, values, wanted = pair[1], {pair[3]}, pair[2] != "!="
        else:
            raise ValueError(part)
        tests.append(lambda o, n=name, v=values, w=wanted: (_label(o, n) in v) == w)
    for part in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, value = part.partition("=")
        tests.append(lambda o, p=path, v=value: _field(o, p.split(".")) == v)
    return lambda o: all(test(o) for test in tests)


def _label(object_: Object, name: str) -> str | None:
    found = object_["metadata"].get("labels", {}).get(name)
    return None if found is None else str(found)


def _field(object_: Any, path: list[str]) -> Any:
    for name in path:
        object_ = object_.get(name, {})
    return object_


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandInServer

    def log_message(self, *_arguments: Any) -> None:
        """Be silent."""

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = {
            name: values[-1]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._fail(401, "Unauthorized")
            return
        place = PATH.fullmatch(parts.path)
        if place is None or place["plural"] not in KINDS:
            self._refuse(404)
            return
        given = json.loads(body) if body else {}
        action = getattr(self, f"_{self.command.lower()}_{'one' if place['name'] else 'all'}", None)
        if action is None:
            self._refuse(405)
            return
        try:
            action(place["plural"], place["namespace"], place["name"], given, query)
        except ValueError:
            self._refuse(400)  # a selector

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def _get_all(
        self, plural: str, namespace: str, _name: None, _given: Object, query: dict[str, str]
    ) -> None:
        wanted = selector(query)
        if query.get("watch") in {"true", "1"}:
            self._watch(plural, namespace, wanted, query)
            return
        found, version = self.server.cluster.find(plural, namespace, wanted)
        self._list(plural, found, version)

    def _get_one(
        self, plural: str, namespace: str, name: str, _given: Object, _query: dict[str, str]
    ) -> None:
        self._object(self.server.cluster.get(plural, namespace, name), name)

    def _post_all(
        self, plural: str, namespace: str, _name: None, given: Object, _query: dict[str, str]
    ) -> None:
        if given.get("kind") != KINDS[plural] or not given.get("metadata", {}).get("name"):
            self._refuse(422)
            return
        made = self.server.cluster.create(plural, namespace, given)
        if made is None:
            self._fail(409, "AlreadyExists")
        else:
            self._answer(201, made)

    def _patch_one(
        self, plural: str, namespace: str, name: str, given: Object, _query: dict[str, str]
    ) -> None:
        # of objects with no lists to merge, a strategic patch is a merge patch
        kinds = {"application/merge-patch+json", "application/strategic-merge-patch+json"}
        if self.headers.get("Content-Type", "").partition(";")[0] not in kinds:
            self._refuse(415)
        else:
            self._object(self.server.cluster.merge(plural, namespace, name, given), name)

    def _delete_one(
        self, plural: str, namespace: str, name: str, _given: Object, _query: dict[str, str]
    ) -> None:
        self._object(self.server.cluster.delete(plural, namespace, name), name)

    def _delete_all(
        self, plural: str, namespace: str, _name: None, _given: Object, query: dict[str, str]
    ) -> None:
        cluster = self.server.cluster
        found, version = cluster.find(plural, namespace, selector(query))
        for one in found:
            cluster.delete(plural, namespace, one["metadata"]["name"])
        self._list(plural, found, version)

    def _watch(
        self, plural: str, namespace: str, wanted: Callable[[Object], bool], query: dict[str, str]
    ) -> None:
        cluster = self.server.cluster
        since = int(query.get("resourceVersion") or cluster.version)
        until = time.monotonic() + float(query.get("timeoutSeconds") or WATCH_S)
        self.close_connection = True
        # a client that asks for a WebSocket waits for the end of any other answer
        upgraded = self.headers.get("Upgrade", "").lower() == "websocket"
        send = self._begin_frames() if upgraded else self._begin_chunks()
        try:
            for change in cluster.changes(plural, namespace, since, until):
                if self.server.ending or (upgraded and self._left()):
                    break
                if change is not None and wanted(change[1]):
                    send(json.dumps({"type": change[0], "object": change[1]}).encode() + b"\n")
            if upgraded:
                self._frame(CLOSE, struct.pack("!H", 1000))
            else:
                self._chunk(b"")
        except OSError:
            return  # nobody listens any more

    def _begin_chunks(self) -> Callable[[bytes], None]:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        return self._chunk

    def _begin_frames(self) -> Callable[[bytes], None]:
        key = self.headers["Sec-WebSocket-Key"] + WEB_SOCKET
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest())
        self.send_header("Sec-WebSocket-Accept", accept.decode())
        self.end_headers()
        return lambda data: self._frame(TEXT, data)

    def _frame(self, kind: int, data: bytes) -> None:
        size = len(data)
        short = size if size < 126 else 126 if size < 2**16 else 127
        length = b"" if short < 126 else struct.pack("!H" if short == 126 else "!Q", size)
        self.wfile.write(bytes([0x80 | kind, short]) + length + data)
        self.wfile.flush()

    def _left(self) -> bool:
        """Read what the client says between events: pings, which are answered, and that it leaves."""
        while select.select([self.connection], [], [], 0)[0]:
            # not through the buffer of `rfile`: what is in there no select would tell
            head = self.connection.recv(2, socket.MSG_WAITALL)
            if len(head) < 2 or head[0] & 0x0F == CLOSE:
                return True
            # a client masks, and says nothing that is longer than 125 bytes
            said = self.connection.recv(4 + (head[1] & 0x7F), socket.MSG_WAITALL)
            mask, data = said[:4], said[4:]
            if head[0] & 0x0F == PING:
                self._frame(PONG, bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)))
        return False

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _list(self, plural: str, found: list[Object], version: int) -> None:
        metadata = {"resourceVersion": str(version)}
        kind = f"{KINDS[plural]}List"
        self._answer(200, {"apiVersion": "v1", "kind": kind, "metadata": metadata, "items": found})

    def _object(self, found: Object | None, name: str) -> None:
        if found is None:
            self._fail(404, f"NotFound: {name}")
        else:
            self._answer(200, found)

    def _refuse(self, code: int) -> None:
        self.server.refused.append(
            f"{self.command} {self.path} {self.headers.get('Content-Type', '')}"
        )
        self._fail(code, "the stand-in does not know this")

    def _fail(self, code: int, message: str) -> None:
        said = {"status": "Failure", "code": code, "message": message, "reason": message}
        self._answer(code, {"apiVersion": "v1", "kind": "Status", **said})

    def _answer(self, code: int, object_: Object) -> None:
        data = json.dumps(object_).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class StandInServer(ThreadingHTTPServer):
    """The stand-in on a free port of loopback; whoever asks must show the token."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.cluster, self.refused, self.ending = token, Cluster(), [], False
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> StandInServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ending = True
        self.shutdown()
        self._thread.join()
        self.server_close()
