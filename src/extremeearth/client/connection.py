"""The connection to a platform: requests with the key, answers or errors of our own tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from extremeearth.core import errors
from extremeearth.core.errors import ExtremeEarthError, InputError, RemoteError, UnavailableError

__all__ = ["Connection", "error_of"]

_SPECIAL = (errors.MissingExtraError,)


def _leaves(kind: type[ExtremeEarthError]) -> Iterator[type[ExtremeEarthError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from _leaves(sub)


_BY_CODE = {
    kind.code: kind
    for kind in reversed([*_leaves(ExtremeEarthError)])
    if kind.__module__ == errors.__name__ and kind not in _SPECIAL
}


def error_of(problem: Mapping[str, Any], *, status: int) -> ExtremeEarthError:
    """Turn a problem document back into the error that it was made of.

    Examples
    --------
    >>> error = error_of(
    ...     {"code": "auth.expired-key", "title": "The API key was revoked."}, status=401
    ... )
    >>> type(error).__name__, error.message
    ('KeyExpiredError', 'The API key was revoked.')
    """
    title = str(problem.get("title") or f"The server answered {status}.")
    kind = _BY_CODE.get(str(problem.get("code")), RemoteError)
    hint = problem.get("hint") or problem.get("detail")
    if problem.get("code") == "server.bug" and problem.get("request_id"):
        hint = f"Tell the operator the request id {problem['request_id']}."
    places = [f"{e.get('where')}: {e.get('what')}" for e in problem.get("errors") or ()]
    return kind(" ".join([title, *places]), hint=None if hint is None else str(hint))


class Connection:
    """Sends requests to one platform.

    The key goes to the platform alone, never to another host; redirects are not followed.

    Parameters
    ----------
    url
        Root of the platform, e.g. ``http://127.0.0.1:8000``.
    key
        API key, ``prefix.secret``; `None` for what is public.
    timeout_s
        Longest wait for an answer, in seconds.
    transport
        How requests are sent; for tests.

    Raises
    ------
    InputError
        The URL is not one of http or https.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        try:
            self.root = httpx.URL(url.rstrip("/") + "/")
        except httpx.InvalidURL as err:
            raise InputError(f"'{url}' is not a URL.", hint="Write http://host:port.") from err
        if self.root.scheme not in {"http", "https"} or not self.root.host:
            raise InputError(f"'{url}' is not a URL.", hint="Write http://host:port.")
        self._key = key
        self._http = httpx.Client(timeout=timeout_s, transport=transport, follow_redirects=False)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def url(self, path: str) -> httpx.URL:
        """Give the absolute URL of a path below the root, or of an absolute URL."""
        return self.root.join(
            path.lstrip("/") if not path.startswith(("http:", "https:")) else path
        )

    def headers(self, url: httpx.URL, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Give the headers of a request; the key is among them only for the platform itself."""
        found = dict(extra or {})
        same = (url.scheme, url.host, url.port) == (
            self.root.scheme,
            self.root.host,
            self.root.port,
        )
        if self._key is not None and same:
            found["Authorization"] = f"ApiKey {self._key}"
        return found

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and give the answer.

        Raises
        ------
        ExtremeEarthError
            What the platform answered, as the error it was there.
        UnavailableError
            Nobody answers.
        """
        url = self.url(path)
        try:
            response = self._http.request(
                method, url, json=json, content=content, params=params,
                headers=self.headers(url, headers),
            )  # fmt: skip
        except httpx.HTTPError as err:
            raise _unreachable(url, err) from err
        return checked(response)

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Open an answer to be read piece by piece; any status is handed over."""
        url = self.url(path)
        try:
            with self._http.stream("GET", url, headers=self.headers(url, headers)) as response:
                yield response
        except httpx.HTTPError as err:
            raise _unreachable(url, err) from err


def _unreachable(url: httpx.URL, err: Exception) -> UnavailableError:
    return UnavailableError(
        f"{url.scheme}://{url.netloc.decode()} cannot be reached: {err or type(err).__name__}.",
        hint="Check the address, and that the platform runs ('extremeearth serve').",
    )


def checked(response: httpx.Response) -> httpx.Response:
    """Give an answer back if it is a good one, or raise the error that it tells of."""
    if response.is_success:
        return response
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    if "error" in problem and "title" not in problem:  # the Open Inference Protocol's own form
        problem = {"title": str(problem["error"]), **problem}
    raise error_of(problem, status=response.status_code)
