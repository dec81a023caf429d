"""A throw-away OpenStack Swift with its S3 interface (s3api): a real object store with real authentication."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import os
import secrets
import socket
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.servers.processes import Servers, find_program, free_port, servers

KINDS = ("account", "container", "object")
PIPELINE = (
    "catch_errors gatekeeper healthcheck cache listing_formats bulk tempurl s3api tempauth copy container-quotas "
    "account-quotas slo dlo versioned_writes symlink proxy-server"
)
SPECIAL = {"s3api", "tempauth", "cache", "proxy-server"}
REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwiftServer:
    """Where Swift listens, and the keys of its two users."""

    endpoint: str
    access_key: str = "test:tester"
    secret_key: str = "testing"
    other_access_key: str = "test2:tester2"
    other_secret_key: str = "testing2"
    region: str = REGION

    def make_bucket(self) -> str:
        """Create a bucket with a new name."""
        name = f"ee-{secrets.token_hex(6)}"
        _signed_put(self, f"/{name}")
        return name


@contextmanager
def running_swift() -> Iterator[SwiftServer]:
    """Start memcached, the three storage servers and the proxy; ready when all of them say OK."""
    if find_spec("swift") is None or find_spec("keystonemiddleware") is None:
        pytest.skip("OpenStack Swift is not installed: pip install swift keystonemiddleware")
    scripts = Path(sys.executable).parent
    memcached, ring_builder = find_program("memcached"), find_program("swift-ring-builder", scripts)
    if memcached is None or ring_builder is None:
        pytest.skip("memcached is not installed, and Swift needs it: apt-get install memcached")
    _need_extended_attributes()
    ports = {name: free_port() for name in (*KINDS, "proxy", "memcached")}
    with servers("swift") as group:
        _write_configuration(group.folder, ports)
        for kind in KINDS:
            builder = f"{kind}.builder"
            device = f"r1z1-127.0.0.1:{ports[kind]}/d1"
            for step in (["create", "6", "1", "1"], ["add", device, "1"], ["rebalance"]):
                group.run([sys.executable, ring_builder, builder, *step])
        user = ["-u", getpass.getuser()]
        group.start([memcached, "-l", "127.0.0.1", "-p", str(ports["memcached"]), *user])
        for kind in KINDS:
            group.start([sys.executable, scripts / f"swift-{kind}-server", f"{kind}.conf"])
        group.start([sys.executable, scripts / "swift-proxy-server", "proxy.conf"])
        _wait(group, ports)
        yield SwiftServer(endpoint=f"http://127.0.0.1:{ports['proxy']}")


def _need_extended_attributes() -> None:
    with tempfile.NamedTemporaryFile() as probe:
        try:
            os.setxattr(probe.name, "user.swift.test", b"1")
        except OSError:
            pytest.skip(f"{tempfile.gettempdir()} has no extended attributes, and Swift needs them")


def _write_configuration(folder: Path, ports: dict[str, int]) -> None:
    (folder / "srv" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(
        f"[swift-hash]\nswift_hash_path_prefix = {secrets.token_hex(8)}\n"
        f"swift_hash_path_suffix = {secrets.token_hex(8)}\n[storage-policy:0]\nname = Policy-0\ndefault = yes\n"
    )
    common = f"bind_ip = 127.0.0.1\nworkers = 0\nswift_dir = {folder}\nlog_level = WARNING\n"
    for kind in KINDS:
        (folder / f"{kind}.conf").write_text(
            f"[DEFAULT]\n{common}bind_port = {ports[kind]}\ndevices = {folder / 'srv'}\nmount_check = false\n"
            "disable_fallocate = true\nfallocate_reserve = 0\n"
            f"[pipeline:main]\npipeline = healthcheck {kind}-server\n"
            f"[filter:healthcheck]\nuse = egg:swift#healthcheck\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        )
    filters = "".join(
        f"[filter:{name}]\nuse = egg:swift#{name.replace('-', '_')}\n"
        for name in PIPELINE.split()
        if name not in SPECIAL
    )
    (folder / "proxy.conf").write_text(
        f"[DEFAULT]\n{common}bind_port = {ports['proxy']}\n[pipeline:main]\npipeline = {PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n"
        f"[filter:s3api]\nuse = egg:swift#s3api\nlocation = {REGION}\n"
        "[filter:tempauth]\nuse = egg:swift#tempauth\nuser_test_tester = testing .admin\n"
        "user_test2_tester2 = testing2 .admin\n"
        f"[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{ports['memcached']}\n{filters}"
    )


def _wait(group: Servers, ports: dict[str, int]) -> None:
    group.wait_until(
        lambda: socket.create_connection(("127.0.0.1", ports["memcached"]), 1).close() is None,
        what="memcached",
    )
    for name in (*KINDS, "proxy"):
        url = f"http://127.0.0.1:{ports[name]}/healthcheck"
        group.wait_until(lambda url=url: _body(url) == b"OK", what=f"Swift's {name} server")  # type: ignore[misc]  # default


def _body(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=2) as response:
        return bytes(response.read())


def _signed_put(server: SwiftServer, path: str) -> None:
    """Send a PUT with AWS signature version 4; obstore makes no buckets."""
    now = datetime.now(UTC)
    day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    host, empty = server.endpoint.removeprefix("http://"), hashlib.sha256(b"").hexdigest()
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{key}:{value}\n" for key, value in headers.items())
    request = f"PUT\n{path}\n\n{lines}\n{names}\n{empty}"
    scope = f"{day}/{server.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{server.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={server.access_key}/{scope},SignedHeaders={names},Signature={key.hex()}"
    )
    put = urllib.request.Request(f"{server.endpoint}{path}", headers=headers, method="PUT")
    with urllib.request.urlopen(put, timeout=30):
        pass
