"""Who may do what: guards of routes, and what a caller sees of other projects."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from extremeearth.core.errors import KeyExpiredError, KeyInvalidError, NotFoundError, ScopeError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import ANONYMOUS, Caller, Principal, Scope, requires

READER = Principal(
    user_id="u", project_id="p", key_id="reader", scopes=frozenset({Scope.DATA_READ})
)
RUNNER = Principal(user_id="u", project_id="p", key_id="runner", scopes=frozenset({Scope.JOB_RUN}))


class Keys:
    def verify(self, secret: str) -> Principal:
        known = {"r.1": READER, "x.1": RUNNER}
        if secret == "old.1":
            raise KeyExpiredError("The key has expired.")
        if secret not in known:
            raise KeyInvalidError("The key is not known.")
        return known[secret]


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    app.state.verifier = Keys()
    app.state.ran = []

    @app.get("/who")
    def who(caller: Caller) -> str | None:
        return caller.key_id

    @app.post("/run", dependencies=[Depends(requires(Scope.JOB_RUN))])
    def run() -> str:
        app.state.ran.append("run")
        return "ran"

    @app.post("/typed")
    def typed(caller: Annotated[Principal, Depends(requires(Scope.JOB_RUN))]) -> str | None:
        return caller.key_id

    return app


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "auth.bad-key"),
        ("ApiKey x.2", 401, "auth.bad-key"),
        ("ApiKey old.1", 401, "auth.expired-key"),
        ("ApiKey r.1", 403, "auth.missing-scope"),
        ("Basic x.1", 401, "auth.bad-key"),
        ("ApiKey", 401, "auth.bad-key"),
        ("ApiKey   ", 401, "auth.bad-key"),
        ("x.1", 401, "auth.bad-key"),
        ("", 401, "auth.bad-key"),
    ],
)
def test_a_guarded_route_does_not_run_without_its_right(
    app: FastAPI, header: str | None, status: int, code: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = TestClient(app).post("/run", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert app.state.ran == []
    assert "x.1" not in answer.text
    assert "r.1" not in answer.text


@pytest.mark.parametrize("header", ["ApiKey x.1", "apikey x.1", "Bearer x.1", "bearer   x.1 "])
def test_both_schemes_are_taken_in_any_case(app: FastAPI, header: str) -> None:
    client = TestClient(app)
    assert client.post("/run", headers={"Authorization": header}).json() == "ran"
    assert client.post("/typed", headers={"Authorization": header}).json() == "runner"


def test_an_open_route_knows_its_caller_and_refuses_a_wrong_key(app: FastAPI) -> None:
    client = TestClient(app)
    assert client.get("/who").json() is None
    assert client.get("/who", headers={"Authorization": "ApiKey r.1"}).json() == "reader"
    assert client.get("/who", headers={"Authorization": "ApiKey r.9"}).status_code == 401


def test_a_server_without_keys_refuses_all_of_them(app: FastAPI) -> None:
    del app.state.verifier
    client = TestClient(app)
    assert client.get("/who").json() is None
    assert client.post("/run", headers={"Authorization": "ApiKey x.1"}).status_code == 401
    assert client.post("/run").status_code == 401
    assert app.state.ran == []


def test_a_key_in_the_address_is_no_key(app: FastAPI) -> None:
    assert TestClient(app).post("/run?token=x.1&api_key=x.1").status_code == 401


@pytest.mark.parametrize("scope", list(Scope))
def test_nobody_has_any_right(scope: Scope) -> None:
    with pytest.raises(KeyInvalidError):
        ANONYMOUS.need(scope)
    everything_else = Principal(
        user_id="u", project_id="p", key_id="k", scopes=frozenset(Scope) - {scope}
    )
    with pytest.raises(ScopeError, match=scope):
        everything_else.need(scope)
    Principal(user_id="u", project_id="p", key_id="k", scopes=frozenset({scope})).need(scope)


@pytest.mark.parametrize(
    ("caller", "project", "public", "seen"),
    [
        (READER, "p", False, True), (READER, "q", False, False), (READER, "q", True, True),
        (READER, None, False, False), (ANONYMOUS, "p", False, False),
        (ANONYMOUS, "p", True, True), (ANONYMOUS, None, False, False),
        (ANONYMOUS, None, True, True),
    ],
)  # fmt: skip
def test_a_caller_sees_its_project_and_what_is_public(
    caller: Principal, project: str | None, public: bool, seen: bool
) -> None:
    assert caller.may_see(project, public=public) is seen
    if seen:
        caller.must_see("map", project, public=public)
    else:
        with pytest.raises(NotFoundError, match="There is no map"):
            caller.must_see("map", project, public=public)


def test_a_guard_tells_the_walk_over_the_routes_what_it_asks_for() -> None:
    assert requires(Scope.GRAPH_WRITE).required_scope is Scope.GRAPH_WRITE  # type: ignore[attr-defined]  # set on it
