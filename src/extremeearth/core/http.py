"""The one way out: an HTTP client that checks where it connects, how long it takes and how much it reads.

Rules 1 to 4 of the guard against server-side request forgery: a list of schemes, every address of a name checked,
the connection made to the checked address (no second resolution), every redirect checked anew.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from extremeearth.core.addresses import Target, check_address, read_target
from extremeearth.core.errors import (
    AddressRefusedError,
    InputError,
    LimitError,
    RemoteError,
    TimeoutExceededError,
)

__all__ = ["Answer", "SafeClient"]

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host name."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
ERROR_STATUS = 400


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered, read to its end.

    Attributes
    ----------
    status
        HTTP status, after redirects.
    headers
        Lower-case names.
    content
        The body, at most as long as the client allows.
    url
        Where the answer came from.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    url: str

    @property
    def media_type(self) -> str:
        """Content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Read the body as JSON.

        Raises
        ------
        RemoteError
            It is no JSON.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as err:
            raise RemoteError(
                "A server answered something that is not JSON.", hint=self.url
            ) from err

    def checked(self) -> Self:
        """Give the answer back, or raise if its status is an error.

        Raises
        ------
        RemoteError
            The status is 400 or above.
        """
        if self.status >= ERROR_STATUS:
            raise RemoteError(
                f"{self.url.partition('?')[0]} answered with the status {self.status}.",
                hint=self.content[:300].decode("utf-8", "replace") or None,
            )
        return self


class SafeClient:
    """An HTTP client for URLs that somebody else chose.

    Parameters
    ----------
    allow_hosts
        ``name`` or ``name:port`` of hosts that may be private, loopback or plain http.
    timeout_s
        Longest time for one request with all its redirects, in seconds.
    max_bytes
        Largest body that is read, in bytes.
    max_redirects
        Most redirects that are followed.
    user_agent
        How the client names itself.
    resolve
        Gives the addresses of a name; the system's resolver by default.
    transport
        How connections are made; httpx's own by default.

    Examples
    --------
    >>> with SafeClient() as client:
    ...     client.get("http://169.254.169.254/latest/meta-data")
    Traceback (most recent call last):
        ...
    extremeearth.core.errors.AddressRefusedError: The host '169.254.169.254' must not be contacted: plain http ...
    """

    def __init__(
        self,
        *,
        allow_hosts: Sequence[str] = (),
        timeout_s: float = 30.0,
        max_bytes: int = 256 * 1024**2,
        max_redirects: int = 5,
        user_agent: str = "extremeearth",
        resolve: Resolver | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if timeout_s <= 0 or max_bytes <= 0:
            raise InputError("Time and size limits are positive.", hint="Give numbers above zero.")
        self.allow_hosts = tuple(allow_hosts)
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self.max_redirects = max_redirects
        self._resolve = resolve or _resolve
        # No proxies or credentials from the environment: they would connect in our place.
        self._client = httpx.Client(
            trust_env=False, follow_redirects=False, transport=transport,
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_s: float | None = None
    ) -> Answer:
        """Fetch a URL; see `request`."""
        return self.request("GET", url, headers=headers, timeout_s=timeout_s)

    def post(
        self,
        url: str,
        *,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send a body to a URL; see `request`."""
        return self.request("POST", url, content=content, headers=headers, timeout_s=timeout_s)

    def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Make one request, follow its redirects, and read the answer to its end.

        Raises
        ------
        AddressRefusedError
            The URL, an address of its host, or a redirect must not be contacted.
        TimeoutExceededError
            It took longer than `timeout_s` altogether.
        LimitError
            The body is larger than `max_bytes`.
        RemoteError
            The connection failed, or the server redirects without end.
        """
        with self.stream(method, url, content=content, headers=headers, timeout_s=timeout_s) as (
            response,
            target_url,
            chunks,
        ):
            body = b"".join(chunks)
            return Answer(
                status=response.status_code,
                headers=dict(response.headers),
                content=body,
                url=target_url,
            )

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[tuple[httpx.Response, str, Iterator[bytes]]]:
        """Make one request and give the response, its URL, and its body piece by piece.

        Raises the errors of `request`, also while the body is read.
        """
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        for _ in range(self.max_redirects + 1):
            target = read_target(url, allow_hosts=self.allow_hosts)
            with _translated(target):
                response = self._send(
                    method, target, content=content, headers=sent, deadline=deadline
                )
            location = response.headers.get("location")
            if response.status_code not in REDIRECTS or location is None:
                break
            response.close()
            url = urljoin(url, location)
            if read_target(url, allow_hosts=self.allow_hosts).origin != target.origin:
                sent = {n: v for n, v in sent.items() if n not in SECRET_HEADERS}
            if response.status_code not in (307, 308) and method not in ("GET", "HEAD"):
                method, content = "GET", None
                sent = {n: v for n, v in sent.items() if not n.startswith("content-")}
        else:
            raise RemoteError(f"{target} redirects more than {self.max_redirects} times.")
        try:
            yield response, url, self._body(response, target, deadline)
        finally:
            response.close()

    def _send(
        self,
        method: str,
        target: Target,
        *,
        content: bytes | None,
        headers: Mapping[str, str],
        deadline: float,
    ) -> httpx.Response:
        """Connect to a checked address; the name is resolved here and nowhere else."""
        addresses = self._addresses(target)
        failure: httpx.TransportError | None = None
        for address in addresses:
            request = self._client.build_request(
                method,
                target.at(address),
                content=content,
                headers={**headers, "host": target.authority},
                timeout=httpx.Timeout(max(deadline - time.monotonic(), 0.001)),
                extensions={"sni_hostname": target.host},
            )
            try:
                return self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as err:
                failure = err
        raise failure or RemoteError(f"{target} has no address.")

    def _addresses(self, target: Target) -> Sequence[str]:
        try:
            addresses = self._resolve(target.host, target.port)
        except (OSError, UnicodeError) as err:
            raise RemoteError(
                f"The host '{target.host}' is not known.", hint="Check its spelling."
            ) from err
        for address in addresses:
            check_address(address, allowed=target.allowed)
        return addresses

    def _body(self, response: httpx.Response, target: Target, deadline: float) -> Iterator[bytes]:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise RemoteError(f"{target} answered compressed, although asked not to.")
        declared = response.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > self.max_bytes:
            raise self._too_large(target)
        size = 0
        with _translated(target):
            for chunk in response.iter_raw():
                size += len(chunk)
                if size > self.max_bytes:
                    raise self._too_large(target)
                if time.monotonic() > deadline:
                    raise _late(target)
                yield chunk

    def _too_large(self, target: Target) -> LimitError:
        return LimitError(
            f"{target} answered more than {self.max_bytes} bytes.", hint="Ask for less."
        )


def _late(target: Target) -> TimeoutExceededError:
    return TimeoutExceededError(
        f"{target} did not answer in time.", hint="Try again later, or allow more time."
    )


@contextmanager
def _translated(target: Target) -> Iterator[None]:
    """Turn errors of the transport into ours; they never show the path or query of the URL."""
    try:
        yield
    except AddressRefusedError:
        raise
    except httpx.TimeoutException as err:
        raise _late(target) from err
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as err:
        raise RemoteError(
            f"{target} cannot be reached or broke off ({type(err).__name__}).",
            hint="Check the address and that the server runs.",
        ) from err
