"""What every request passes before a route sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from extremeearth.app.guards import RequestGuard
from extremeearth.app.web_application import create_graph_app
from extremeearth.core.errors import LimitError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store import open_graph


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    install_problem_handlers(app)
    app.add_middleware(RequestGuard, limit_bytes=100)

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.get("/bug")
    def bug() -> None:
        raise ValueError("the secret is swordfish")

    return TestClient(app, raise_server_exceptions=False)


def test_a_small_body_passes(client: TestClient) -> None:
    assert client.post("/echo", content=b"x" * 100).json() == {"bytes": 100}


def test_a_body_with_a_length_over_the_limit_is_refused(client: TestClient) -> None:
    response = client.post("/echo", content=b"x" * 101)
    assert response.status_code == 413
    assert response.json()["code"] == LimitError.code
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


def test_a_body_without_a_length_is_counted_while_it_arrives(client: TestClient) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 10

    response = client.post("/echo", content=parts())
    assert response.status_code == 413


def test_headers_are_on_every_answer_and_errors_keep_secrets(client: TestClient) -> None:
    response = client.get("/bug")
    assert response.status_code == 500
    assert "swordfish" not in response.text
    assert response.json()["code"] == "server.bug"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "https://map.example", None),
        (("https://map.example",), "https://map.example", "https://map.example"),
        (("https://map.example",), "https://other.example", None),
    ],
)
def test_pages_of_other_origins_ask_only_where_settings_allow_it(
    origins: tuple[str, ...], origin: str, allowed: str | None
) -> None:
    client = TestClient(create_graph_app(open_graph(), settings=Settings(cors_origins=origins)))
    asked = client.get("/sparql", params={"query": "ASK {}"}, headers={"Origin": origin})
    assert asked.status_code == 200
    assert asked.headers.get("Access-Control-Allow-Origin") == allowed
    assert "Access-Control-Allow-Credentials" not in asked.headers
    preflight = client.options(
        "/sparql",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "Authorization, Content-Type",
        },
    )
    assert preflight.headers.get("Access-Control-Allow-Origin") == allowed
    assert preflight.is_success is (allowed is not None)
