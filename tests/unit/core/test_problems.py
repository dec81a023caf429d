"""Errors as problem documents: every class has a status, and a 5xx tells nothing of the inside."""

from __future__ import annotations

import inspect
import re
from typing import Annotated

import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient

from extremeearth.core import errors
from extremeearth.core.problems import STATUS, install_problem_handlers, status_of

CLASSES = [getattr(errors, name) for name in errors.__all__]
EXPECTED = {
    "input.invalid": 400, "geom.unknown-crs": 400, "geom.crs-mismatch": 400, "geom.bad-box": 400, "time.bad-range": 400,
    "input.bad-filter": 400, "sparql.syntax": 400, "mapping.invalid": 400, "input.too-large": 413, "data.invalid": 422,
    "data.missing": 404, "data.broken": 422, "data.none-found": 404, "auth.denied": 403, "auth.bad-key": 401,
    "auth.expired-key": 401, "auth.missing-scope": 403, "net.address-refused": 403, "resource.not-found": 404,
    "resource.conflict": 409, "resource.unavailable": 503, "storage.failed": 507, "net.port-in-use": 503,
    "install.missing-extra": 503, "database.schema-version": 503, "query.timeout": 504, "remote.failed": 502,
    "job.cancelled": 409, "extremeearth.error": 500,
}  # fmt: skip


def make(kind: type[errors.ExtremeEarthError]) -> errors.ExtremeEarthError:
    if kind is errors.MissingExtraError:
        return errors.MissingExtraError("learn")
    return kind("What happened.", hint="What to do.")


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    return app


def test_the_table_of_this_test_is_complete() -> None:
    assert {kind.code for kind in CLASSES} == set(EXPECTED)


def test_every_class_in_the_module_is_listed_and_drawn_in_its_tree() -> None:
    defined = {
        name
        for name, it in vars(errors).items()
        if inspect.isclass(it) and issubclass(it, errors.ExtremeEarthError)
    }
    assert defined == set(errors.__all__)
    drawn = set(re.findall(r"(\w+Error)\b", errors.__doc__ or ""))
    assert defined <= drawn
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(code in (errors.__doc__ or "") for code in codes if code != "extremeearth.error")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.code)
def test_each_error_has_its_status_over_http(
    app: FastAPI, kind: type[errors.ExtremeEarthError]
) -> None:
    @app.get("/")
    def fail() -> None:
        raise make(kind)

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    body = answer.json()
    assert answer.status_code == body["status"] == EXPECTED[kind.code] == int(status_of(make(kind)))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == body["request_id"]
    if answer.status_code == 500:
        assert body["code"] == "server.bug"
        assert "What happened" not in answer.text
        return
    assert body["code"] == kind.code
    assert body["type"] == f"urn:extremeearth:error:{kind.code}"
    assert body["title"] == make(kind).message
    assert body["hint"] == make(kind).hint
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_a_subclass_that_nobody_named_has_the_status_of_its_base() -> None:
    class OwnError(errors.ConflictError):
        pass

    assert status_of(OwnError("x")) == STATUS[errors.ConflictError]


def test_a_bug_shows_a_request_id_and_nothing_else(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/")
    def fail() -> None:
        raise RuntimeError("password=topsecret at /etc/passwd")

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert answer.status_code == 500
    assert answer.json()["code"] == "server.bug"
    for secret in ("topsecret", "passwd", "RuntimeError", "Traceback"):
        assert secret not in answer.text
    assert answer.json()["request_id"] in caplog.text
    assert "topsecret" in caplog.text


def test_a_wrong_request_names_each_place(app: FastAPI) -> None:
    @app.get("/")
    def limited(limit: Annotated[int, Query(ge=1)]) -> int:
        return limit

    client = TestClient(app, raise_server_exceptions=False)
    for path in ("/", "/?limit=0", "/?limit=x"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert answer.json()["code"] == "input.invalid"
        assert answer.json()["errors"][0]["where"] == "query.limit"
    assert client.get("/?limit=1").json() == 1


def test_unknown_routes_and_plain_http_errors_are_problems_too(app: FastAPI) -> None:
    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(418, "short and stout")

    client = TestClient(app, raise_server_exceptions=False)
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "resource.not-found")
    assert client.post("/teapot").status_code == 405
    answer = client.get("/teapot")
    assert (answer.status_code, answer.json()["title"]) == (418, "short and stout")
    assert answer.headers["content-type"] == "application/problem+json"


def test_each_request_has_its_own_id(app: FastAPI) -> None:
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/a").json()["request_id"] != client.get("/a").json()["request_id"]
