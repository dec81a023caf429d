"""Every route that writes, runs or reads a project's things is closed: a walk over the route table."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from extremeearth.core.database import Database
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Scope
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.accounts import Accounts, accounts_router
from extremeearth.processing.jobs import JobQueue
from extremeearth.product.processes import processes_router
from extremeearth.product.processors import ProcessDescription

PUBLIC = {("GET", "/conformance"), ("GET", "/processes"), ("GET", "/processes/{process_id}")}
OWN_ONLY = {("GET", "/projects"), ("GET", "/keys"), ("GET", "/jobs"), ("POST", "/projects"), ("POST", "/keys"),
            ("POST", "/processes/{process_id}/execution")}  # fmt: skip
"""Routes that name nothing of a project: they see or make what is the caller's own."""

ANY_KEY = {
    ("GET", path)
    for path in ("/projects", "/keys", "/projects/{project}", "/projects/{project}/members")
}
"""Routes that need a key, of whatever scope."""

BODIES = {
    "/projects": {"name": "new"},
    "/keys": {"name": "k", "scopes": ["job:run"]},
    "/keys/{prefix}/rotation": {},
    "/projects/{project}/members/{user}": {"role": "viewer"},
    "/processes/{process_id}/execution": {"inputs": {}},
}


class Nothing:
    description = ProcessDescription(id="nothing", version="1.0.0", title="N", description="N.")

    def run(self, inputs, context):
        return []


def _routers(accounts: Accounts, queue: JobQueue, catalogue: Catalogue):
    return (accounts_router(accounts), processes_router({"nothing": Nothing()}, queue, catalogue))


def _table() -> list[tuple[str, str]]:
    database = Database("sqlite://")
    routers = _routers(
        Accounts(database), JobQueue(database), Catalogue(database, open_store("memory:///"))
    )
    return sorted(
        (method, route.path)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods
    )


TABLE = _table()
CLOSED = [row for row in TABLE if row not in PUBLIC]


@contextmanager
def _world(folder: Path):
    database = Database(f"sqlite:///{folder}/db.sqlite")
    database.create_all()
    accounts, queue = Accounts(database), JobQueue(database)
    catalogue = Catalogue(database, open_store("memory:///"))
    app = FastAPI()
    app.state.verifier = accounts
    install_problem_handlers(app)
    for router in _routers(accounts, queue, catalogue):
        app.include_router(router)
    people = {}
    for name in ("ada", "bob"):
        owner = accounts.create_user(name)
        project = accounts.create_project(f"{name}-project", owner=owner)
        people[name] = (owner, project)

    def key(name: str, scopes=frozenset(Scope)):
        owner, project = people[name]
        return accounts.create_key(user=owner, project=project, name="k", scopes=scopes)

    ada = key("ada")
    caller = accounts.verify(ada.token)
    job = queue.submit("nothing", {}, principal=caller)
    names = {
        "job_id": job.id, "project": "ada-project", "user": "ada", "prefix": ada.prefix,
        "process_id": "nothing", "output_id": "items",
    }  # fmt: skip

    with TestClient(app) as client:

        def send(method: str, path: str, token: str | None):
            headers = {} if token is None else {"Authorization": f"ApiKey {token}"}
            return client.request(
                method, path.format(**names), json=BODIES.get(path), headers=headers
            )

        yield key, send, queue, caller, job
    database.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory):
    """For requests that are refused, so that they change nothing."""
    with _world(tmp_path_factory.mktemp("guards")) as world:
        yield world


@pytest.fixture
def own_world(tmp_path: Path):
    """For requests that pass."""
    with _world(tmp_path) as world:
        yield world


def test_the_table_is_what_is_reviewed_here():
    assert set(TABLE) >= PUBLIC
    assert len(TABLE) > 15
    assert {row for row in TABLE if row[0] != "GET"} <= set(CLOSED)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_without_a_key_it_is_401(world, method, path):
    _, send, *_ = world
    answer = send(method, path, None)
    assert answer.status_code == 401
    assert answer.json()["code"] == "auth.bad-key"
    assert "WWW-Authenticate" in answer.headers
    assert send(method, path, "ee0123456789." + "A" * 43).status_code == 401


@pytest.mark.parametrize(("method", "path"), [row for row in CLOSED if row not in ANY_KEY])
def test_without_the_scope_it_is_403(world, method, path):
    key, send, queue, caller, job = world
    answer = send(method, path, key("ada", frozenset({Scope.GRAPH_READ})).token)
    assert answer.status_code == 403
    assert answer.json()["code"] == "auth.missing-scope"
    assert queue.list(viewer=caller) == [job], "nothing was run or dismissed"


@pytest.mark.parametrize(("method", "path"), [row for row in CLOSED if row not in OWN_ONLY])
def test_with_another_projects_key_it_is_404(world, method, path):
    key, send, queue, caller, job = world
    answer = send(method, path, key("bob").token)
    assert answer.status_code == 404
    assert queue.get(job.id, viewer=caller).status == "accepted"


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_with_the_right_key_it_passes_the_guard(own_world, method, path):
    key, send, *_ = own_world
    assert send(method, path, key("ada").token).status_code not in {401, 403}


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_what_is_public_needs_no_key(world, method, path):
    _, send, *_ = world
    assert send(method, path, None).status_code == 200
