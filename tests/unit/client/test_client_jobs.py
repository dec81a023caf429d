"""Processes and jobs through the client, against our own application."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pystac
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from extremeearth.client import Client
from extremeearth.core.database import Database
from extremeearth.core.errors import (
    CancelledError,
    InputError,
    KeyInvalidError,
    NoDataError,
    NotFoundError,
    TimeoutExceededError,
)
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.progress import EventProgress
from extremeearth.core.security import Scope
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import open_store
from extremeearth.processing.accounts import Accounts
from extremeearth.processing.jobs import JobQueue, run_job
from extremeearth.product.processes import execute, processes_router
from extremeearth.product.processors import InputDescription, ProcessDescription

FOUND = InputDescription(
    title="Found", description="Whether there is data.", schema={"type": "boolean"}
)


class Looks:
    description = ProcessDescription(
        id="looks", version="1.0.0", title="Looks", description="Looks.", inputs={"found": FOUND}
    )

    def run(self, inputs, context):
        context.log("looking")
        if not inputs["found"]:
            raise NoDataError("No image lies in the box.", hint="Draw a larger box.")
        point = {"type": "Point", "coordinates": [11.0, 48.0]}
        when = datetime(2018, 3, 8, tzinfo=UTC)
        return [pystac.Item("one", point, [11.0, 48.0, 11.0, 48.0], when, {}, collection="looks")]


class Bridge(httpx.BaseTransport):
    """Hands the client's requests to the application."""

    def __init__(self, http: TestClient) -> None:
        self.http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.http.request(
            request.method, str(request.url), content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


class World:
    """An application, its worker on call, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/db.sqlite")
        self.database.create_all()
        self.accounts, self.queue = Accounts(self.database), JobQueue(self.database)
        self.catalogue = Catalogue(self.database, open_store("memory:///"))
        owner = self.accounts.create_user("ada")
        project = self.accounts.create_project("baltic", owner=owner)
        self.key = self.accounts.create_key(
            user=owner, project=project, name="k", scopes=frozenset(Scope)
        )
        app = FastAPI()
        app.state.verifier = self.accounts
        install_problem_handlers(app)
        app.include_router(processes_router({"looks": Looks()}, self.queue, self.catalogue))
        self.http = TestClient(app)

    def client(self, key: str | None) -> Client:
        return Client("http://testserver", key, transport=Bridge(self.http))

    def work(self, job_id: str) -> None:
        def do(job, context):
            return execute(job, context, processors={"looks": Looks()}, catalogue=self.catalogue)

        run_job(self.queue, job_id, do)


@pytest.fixture
def world(tmp_path: Path):
    world = World(tmp_path)
    with world.http:
        yield world
    world.database.close()


@pytest.fixture
def client(world):
    with world.client(world.key.token) as client:
        yield client


def test_what_can_be_run(client):
    assert [process["id"] for process in client.processes()] == ["looks"]
    assert client.process("looks")["inputs"]["found"]["schema"] == {"type": "boolean"}
    with pytest.raises(NotFoundError):
        client.process("nothing")


def test_a_job_is_waited_for(world, client):
    job = client.execute("looks", {"found": True})
    assert (job.status, job.process_id) == ("accepted", "looks")
    events = []
    worker = threading.Timer(0.3, world.work, [job.id])
    worker.start()
    job.wait(progress=EventProgress(events.append), timeout_s=60)
    worker.join()
    assert (job.status, job.progress, job.message) == ("successful", 100, "Done.")
    assert (events[-1].done, events[-1].finished) == (100, True)
    assert [f["id"] for f in job.results()["items"]["features"]] == ["one"]
    assert "looking" in [line.text for line in job.logs()]
    assert job.logs(after=2)[0].number == 3
    assert client.jobs()[0].id == client.job(job.id).id == job.id


def test_a_failed_job_raises_what_ended_it(world, client):
    job = client.execute("looks", {"found": False})
    world.work(job.id)
    with pytest.raises(NoDataError, match=r"No image lies in the box\. Draw a larger box\."):
        job.wait()
    with pytest.raises(NoDataError):
        job.results()


def test_a_dismissed_job(client):
    job = client.execute("looks", {"found": True})
    assert job.dismiss().status == "dismissed"
    with pytest.raises(CancelledError):
        job.wait()
    job.dismiss()
    with pytest.raises(NotFoundError):
        job.refresh()


def test_waiting_ends(client):
    job = client.execute("looks", {"found": True})
    with pytest.raises(TimeoutExceededError, match="It goes on"):
        job.wait(timeout_s=0.0)
    with pytest.raises(NotFoundError, match="not done"):
        job.results()


def test_wrong_inputs_and_keys(world, client):
    with pytest.raises(InputError, match="Input 'found'"):
        client.execute("looks", {"found": "yes"})
    with pytest.raises(KeyInvalidError, match="needs an API key"):
        world.client(None).execute("looks", {"found": True})
    with pytest.raises(KeyInvalidError, match="not known"):
        world.client("ee0123456789." + "A" * 43).jobs()
