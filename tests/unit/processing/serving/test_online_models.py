"""The client of a model server, when the server misbehaves."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import numpy as np
import pytest

from extremeearth.core.errors import InputError, RemoteError, TimeoutExceededError
from extremeearth.processing.serving import OnlineModel

INPUTS = {"x": np.ones((1, 2), np.float32)}


def asking(handler: Callable[[httpx.Request], httpx.Response]) -> OnlineModel:
    return OnlineModel("http://127.0.0.1:1", "m", key="a.b", transport=httpx.MockTransport(handler))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>"),
        httpx.Response(
            200, json={"outputs": [{"name": "y", "shape": [2], "datatype": "FP32", "data": [1]}]}
        ),
        httpx.Response(200, json={}, headers={"Inference-Header-Content-Length": "x"}),
        httpx.Response(500, content=b"boom"),
        httpx.Response(302, headers={"Location": "http://127.0.0.2/"}),
        httpx.Response(503, json=["a"]),
    ],
)
def test_nonsense_is_the_servers_fault(answer: httpx.Response) -> None:
    with pytest.raises(RemoteError):
        asking(lambda _: answer).predict(INPUTS)


def test_the_key_goes_in_the_header_and_slowness_is_told() -> None:
    seen: list[str] = []

    def slow(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        raise httpx.ReadTimeout("slow")

    with pytest.raises(TimeoutExceededError):
        asking(slow).predict(INPUTS)
    assert seen == ["ApiKey a.b"]


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extremeearth.processing.serving.online.MAX_ANSWER_BYTES", 1000)
    with pytest.raises(RemoteError, match="too large"):
        asking(lambda _: httpx.Response(200, content=b" " * 1001)).predict(INPUTS)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://a", "http://", "http://a/?b=c"])
def test_addresses_that_are_no_server(url: str) -> None:
    with pytest.raises(InputError):
        OnlineModel(url, "m")
