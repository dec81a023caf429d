"""``/projects`` and ``/keys`` over HTTP."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Scope
from extremeearth.processing.accounts import Role, accounts_router


@pytest.fixture
def http(place):
    app = FastAPI()
    app.state.verifier = place.accounts
    install_problem_handlers(app)
    app.include_router(accounts_router(place.accounts))
    with TestClient(app) as client:
        yield client


def _as(key) -> dict[str, str]:
    return {"Authorization": f"ApiKey {key.token}"}


def test_the_token_is_shown_once(http, place):
    admin = _as(place.key())
    made = http.post("/keys", json={"name": "ci", "scopes": ["job:run"]}, headers=admin)
    assert made.status_code == 201
    token = made.json()["token"]
    assert place.accounts.verify(token).scopes == {Scope.JOB_RUN}
    listed = http.get("/keys", headers=admin)
    assert made.json()["prefix"] in {key["prefix"] for key in listed.json()["keys"]}
    assert token.split(".")[1] not in listed.text


def test_rotate_and_revoke(http, place):
    admin = _as(place.key())
    old = place.key(Scope.DATA_READ)
    new = http.post(f"/keys/{old.prefix}/rotation", json={"overlap_hours": 1}, headers=admin)
    assert new.status_code == 201
    place.accounts.verify(old.token)
    assert http.delete(f"/keys/{old.prefix}", headers=admin).status_code == 204
    answer = http.get("/keys", headers=_as(old))
    assert answer.status_code == 401
    assert answer.json()["code"] == "auth.expired-key"
    assert "revoked" in answer.json()["title"]


def test_who_is_no_admin_sees_own_keys_alone(http, place):
    bob = place.accounts.create_user("bob")
    place.accounts.add_member(place.project, bob, Role.CONTRIBUTOR)
    own = place.accounts.create_key(
        user=bob, project=place.project, name="b", scopes={Scope.JOB_RUN}
    )
    place.key()
    assert [k["prefix"] for k in http.get("/keys", headers=_as(own)).json()["keys"]] == [own.prefix]
    assert (
        http.post("/keys", json={"name": "x", "scopes": ["job:run"]}, headers=_as(own)).status_code
        == 403
    )


def test_a_project_and_its_members(http, place):
    admin = _as(place.key())
    place.accounts.create_user("bob")
    assert http.put(
        "/projects/baltic/members/bob", json={"role": "viewer"}, headers=admin
    ).json() == {
        "user": "bob",
        "role": "viewer",
    }
    members = http.get("/projects/baltic/members", headers=admin).json()["members"]
    assert members == [{"user": "ada", "role": "owner"}, {"user": "bob", "role": "viewer"}]
    assert http.delete("/projects/baltic/members/bob", headers=admin).status_code == 204
    assert http.delete("/projects/baltic/members/ada", headers=admin).status_code == 409
    assert (
        http.put("/projects/baltic/members/bob", json={"role": "king"}, headers=admin).status_code
        == 400
    )
    actions = [
        e["action"] for e in http.get("/projects/baltic/audit", headers=admin).json()["entries"]
    ]
    assert {"member.set", "member.remove", "key.use"} <= set(actions)


def test_a_new_project_comes_with_a_key(http, place):
    admin = _as(place.key())
    made = http.post("/projects", json={"name": "arctic", "title": "Ice"}, headers=admin)
    assert made.status_code == 201
    key = {"Authorization": f"Bearer {made.json()['key']['token']}"}
    assert [p["name"] for p in http.get("/projects", headers=key).json()["projects"]] == ["arctic"]
    assert http.post("/projects", json={"name": "arctic"}, headers=admin).status_code == 409


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["all"]}, "scopes"),
        ({"name": "", "scopes": ["job:run"]}, "name"),
        ({"name": "x", "scopes": ["job:run"], "admin": True}, "admin"),
        ({"name": "x", "scopes": ["job:run"], "days": 0}, "days"),
    ],
)
def test_a_bad_key_request_names_the_place(http, place, body, where):
    answer = http.post("/keys", json=body, headers=_as(place.key()))
    assert answer.status_code == 400
    assert any(where in error["where"] for error in answer.json()["errors"])


def test_without_a_key_nothing_is_told(http):
    for path in (
        "/projects",
        "/keys",
        "/projects/baltic",
        "/projects/baltic/members",
        "/projects/baltic/audit",
    ):
        assert http.get(path).status_code == 401, path
