"""The safe client against everything that has fooled such clients before."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from extremeearth.core.addresses import check_address, read_target
from extremeearth.core.errors import (
    AddressRefusedError,
    InputError,
    LimitError,
    RemoteError,
    TimeoutExceededError,
)
from extremeearth.core.http import SafeClient


@pytest.mark.parametrize(
    "url",
    [
        # other schemes and shapes
        "ftp://example.org/a", "file:///etc/passwd", "gopher://example.org/", "javascript:alert(1)", "//example.org/a",
        "http://example.org/", "HTTP://example.org/", "https://", "https:///a", "https://user:secret@example.org/",
        "https://example.org@127.0.0.1/", "https://example.org\\@127.0.0.1/", "https://exa mple.org/",
        "https://example.org:0/", "https://example.org:99999/", "https://example.org\r\nHost: a/", "https://例え.jp/",
        "https://①②⑦.0.0.1/", "https://%31%32%37.0.0.1/", "https://-a.example/", "https://a..b/",
        "https://" + "a" * 300,
        # odd spellings of 127.0.0.1 and others
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://127.1/",
        "https://127.0.1/", "https://017700000001/", "https://127.0.0.1./", "https://127.0.0.01/", "https://0/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/", "https://[::1%25lo]/", "https://[::ffff:127.0.0.1%1]/",
    ],
)  # fmt: skip
def test_urls_that_are_refused_by_their_spelling(url: str) -> None:
    with pytest.raises(AddressRefusedError):
        read_target(url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::",
        "2001:0:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_address(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefusedError), SafeClient() as client:
        client.get(f"https://{host}/")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "1.1.1.1"]
)
def test_public_addresses_pass(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fd00:ec2::254", "::", "fe80::1"]
)
def test_no_list_allows_metadata_and_the_like(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_address(address, allowed=True)


@pytest.mark.parametrize(
    ("entry", "url", "passes"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", False),
        ("localhost", "http://localhost:5/", True),
        ("LocalHost:80", "http://LOCALHOST/", True),
        ("example.org", "http://sub.example.org/", False),
        ("[::1]:80", "http://[::1]/", True),
        ("[::1]:80", "http://[0:0:0:0:0:0:0:1]/", True),
        ("::1", "http://[::1]:99/", True),
    ],
)
def test_what_the_list_allows(entry: str, url: str, passes: bool) -> None:
    if passes:
        assert read_target(url, allow_hosts=[entry]).allowed
    else:
        with pytest.raises(AddressRefusedError):
            read_target(url, allow_hosts=[entry])


# ------------------------------------------------------------------------ against a server

Handler = Callable[[http.server.BaseHTTPRequestHandler], None]


class Server:
    """A server on loopback whose paths are functions."""

    def __init__(self) -> None:
        self.paths: dict[str, Handler] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Request(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.seen.append((self.command, self.path, headers, self.rfile.read(length)))
                outer.paths[self.path](self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def answering(status: int, body: bytes = b"", **headers: str) -> Handler:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def allowing(*servers: Server, **limits: Any) -> SafeClient:
    return SafeClient(allow_hosts=[f"127.0.0.1:{s.port}" for s in servers], **limits)


def test_an_answer_is_read(server: Server) -> None:
    server.paths["/a?b=1"] = answering(
        200, b'{"x": 1}', Content_Type="application/json; charset=utf-8"
    )
    with allowing(server, user_agent="me/1") as client:
        answer = client.get(f"{server.url}/a?b=1", headers={"Accept": "x/y"})
    assert (answer.status, answer.json(), answer.media_type) == (200, {"x": 1}, "application/json")
    _, _, headers, _ = server.seen[0]
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert (headers["user-agent"], headers["accept"], headers["accept-encoding"]) == (
        "me/1",
        "x/y",
        "identity",
    )


def test_a_body_is_sent(server: Server) -> None:
    server.paths["/a"] = answering(204)
    with allowing(server) as client:
        assert client.post(f"{server.url}/a", content=b"abc").checked().status == 204
    assert server.seen[0][3] == b"abc"


def test_the_server_is_out_of_reach_without_permission(server: Server) -> None:
    with SafeClient() as client, pytest.raises(AddressRefusedError):
        client.get(server.url)
    assert not server.seen


def test_a_redirect_to_loopback_is_refused(server: Server, other: Server) -> None:
    other.paths["/secret"] = answering(200, b"secret")
    server.paths["/"] = answering(302, Location=f"{other.url}/secret")
    with allowing(server) as client, pytest.raises(AddressRefusedError):
        client.get(f"{server.url}/")
    assert not other.seen


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "https://2130706433/",
        "https://localhost.:1/",
    ],
)
def test_a_redirect_elsewhere_is_refused(server: Server, location: str) -> None:
    server.paths["/"] = answering(302, Location=location)
    with allowing(server) as client, pytest.raises((AddressRefusedError, RemoteError)):
        client.get(f"{server.url}/")


def test_credentials_stay_with_their_host(server: Server, other: Server) -> None:
    other.paths["/b"] = answering(200)
    server.paths["/a"] = answering(307, Location=f"{other.url}/b")
    server.paths["/same"] = answering(307, Location="/c")
    server.paths["/c"] = answering(200)
    secrets = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Key": "k", "Accept": "y/z"}
    with allowing(server, other) as client:
        client.get(f"{server.url}/a", headers=secrets)
        client.get(f"{server.url}/same", headers=secrets)
    headers = other.seen[0][2]
    assert not {"authorization", "cookie", "x-api-key"} & set(headers)
    assert headers["accept"] == "y/z"
    assert server.seen[-1][2]["authorization"] == "Bearer x"


def test_a_post_becomes_a_get_where_the_redirect_says_so(server: Server) -> None:
    server.paths |= {
        "/a": answering(303, Location="/c"),
        "/b": answering(308, Location="/c"),
        "/c": answering(200),
    }
    with allowing(server) as client:
        client.post(f"{server.url}/a", content=b"x", headers={"Content-Type": "t/t"})
        client.post(f"{server.url}/b", content=b"x")
    first, second = [s for s in server.seen if s[1] == "/c"]
    assert (first[0], first[3], "content-type" in first[2]) == ("GET", b"", False)
    assert (second[0], second[3]) == ("POST", b"x")


def test_redirects_end(server: Server) -> None:
    server.paths["/"] = answering(302, Location="/")
    with (
        allowing(server, max_redirects=3) as client,
        pytest.raises(RemoteError, match="more than 3"),
    ):
        client.get(f"{server.url}/")
    assert len(server.seen) == 4


def test_a_name_that_changes_its_address_is_asked_once(server: Server) -> None:
    """DNS rebinding: first a public address, then a private one. The connection goes where the check was made."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    connected: list[str] = []

    class Transport(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            connected.append(request.url.host)
            assert request.headers["host"] == "rebind.example"
            assert request.extensions["sni_hostname"] == "rebind.example"
            return httpx.Response(302, headers={"Location": "/again"})

    with (
        SafeClient(resolve=resolve, transport=Transport()) as client,
        pytest.raises(AddressRefusedError),
    ):
        client.get("https://rebind.example/")
    assert connected == ["93.184.216.34"]
    assert asked == ["rebind.example"] * 2


def test_one_bad_address_among_good_ones_is_enough() -> None:
    with (
        SafeClient(resolve=lambda h, p: ["93.184.216.34", "10.0.0.1"]) as client,
        pytest.raises(AddressRefusedError, match=r"10\.0\.0\.1"),
    ):
        client.get("https://two.example/")


def test_a_name_that_is_not_known() -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    with SafeClient(resolve=resolve) as client, pytest.raises(RemoteError, match="not known"):
        client.get("https://nowhere.example/")


def test_a_declared_size_is_checked_before_reading(server: Server) -> None:
    server.paths["/"] = answering(200, b"x" * 2000)
    with allowing(server, max_bytes=1000) as client, pytest.raises(LimitError, match="1000 bytes"):
        client.get(f"{server.url}/")


def test_a_hidden_size_is_checked_while_reading(server: Server) -> None:
    def endless(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            for _ in range(10_000):
                request.wfile.write(b"x" * 10_000)
        except OSError:
            pass

    server.paths["/"] = endless
    with allowing(server, max_bytes=100_000) as client, pytest.raises(LimitError):
        client.get(f"{server.url}/")


def test_packed_answers_are_refused(server: Server) -> None:
    server.paths["/"] = answering(200, b"x", Content_Encoding="gzip")
    with allowing(server) as client, pytest.raises(RemoteError, match="compressed"):
        client.get(f"{server.url}/")


def test_a_drip_is_cut_off(server: Server) -> None:
    stop = threading.Event()

    def drip(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        try:
            while not stop.wait(0.02):
                request.wfile.write(b"x")
        except OSError:
            pass

    server.paths["/"] = drip
    started = time.monotonic()
    with allowing(server, timeout_s=0.3) as client, pytest.raises(TimeoutExceededError):
        client.get(f"{server.url}/")
    stop.set()
    assert time.monotonic() - started < 60


def test_errors_do_not_show_the_query(server: Server) -> None:
    with allowing(server) as client:
        server.close()
        with pytest.raises(RemoteError) as caught:
            client.get(f"{server.url}/p?token=secret")
    assert "secret" not in str(caught.value)
    server.__init__()  # type: ignore[misc]  # the fixture closes it again


def test_error_statuses_and_broken_json(server: Server) -> None:
    server.paths["/e"] = answering(500, b"oh no")
    server.paths["/j"] = answering(200, b"{")
    with allowing(server) as client:
        with pytest.raises(RemoteError, match="status 500"):
            client.get(f"{server.url}/e").checked()
        with pytest.raises(RemoteError, match="not JSON"):
            client.get(f"{server.url}/j").json()


def test_limits_are_positive() -> None:
    with pytest.raises(InputError):
        SafeClient(timeout_s=0)
