"""A server of OGC API - Processes with two small processes, and the schemas of the standard."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pystac
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from tests.servers.asgi import listening

from extremeearth.core.database import Database
from extremeearth.core.errors import NoDataError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Scope
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import href_of, open_store
from extremeearth.processing.accounts import Accounts, Project, User
from extremeearth.processing.jobs import JobQueue, JobStatus, run_job
from extremeearth.processing.jobs.tables import JobRow
from extremeearth.product.processes import execute, processes_router
from extremeearth.product.processors import InputDescription, ProcessDescription


def _input(schema: dict[str, Any], *, required: bool = False) -> InputDescription:
    return InputDescription(
        title="An input", description="For tests.", schema=schema, required=required
    )


class Echo:
    """Makes one item that holds its inputs."""

    description = ProcessDescription(
        id="echo",
        version="1.0.0",
        title="Echo",
        description="Gives back what it was given.",
        keywords=("test",),
        inputs={
            "bbox": _input(
                {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 4,
                    "maxItems": 4,
                    "format": "ogc-bbox",
                },
                required=True,
            ),
            "datetime": _input({"type": "string", "format": "interval"}, required=True),
            "days": _input({"type": "integer", "minimum": 1, "default": 7, "x-unit": "d"}),
            "mode": _input(
                {"type": "string", "enum": ["embedded", "online"], "default": "embedded"}
            ),
            "image": _input(
                {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
            ),
            "shape": _input(
                {
                    "type": "object",
                    "required": ["type", "coordinates"],
                    "properties": {"type": {"enum": ["Point"]}},
                }
            ),
            "either": _input({"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 5}]}),
            "numbers": _input({"type": "array", "items": {"type": "number"}, "maxItems": 3}),
            "public": _input({"type": "boolean", "default": False}),
        },
    )

    def run(self, inputs, context) -> list[pystac.Item]:
        context.log("echo begins")
        name = f"echo-{context.job.id}" if context.job else "echo"
        item = pystac.Item(
            name,
            {"type": "Point", "coordinates": [11.0, 48.0]},
            [11.0, 48.0, 11.0, 48.0],
            datetime(2018, 3, 8, tzinfo=UTC),
            {"inputs": dict(inputs)},
            collection="echoes",
        )
        item.add_asset(
            "map", pystac.Asset(href_of(f"echoes/{name}/map.tif"), media_type="image/tiff")
        )
        return [item]


class Fails:
    """Finds nothing, always."""

    description = ProcessDescription(
        id="fails", version="1.0.0", title="Fails", description="Finds nothing, always."
    )

    def run(self, inputs, context) -> list[pystac.Item]:
        raise NoDataError("No image lies in the box.", hint="Draw a larger box.")


@dataclass(frozen=True)
class Party:
    """A project with keys."""

    accounts: Accounts
    owner: User
    project: Project

    def headers(self, *scopes: Scope) -> dict[str, str]:
        key = self.accounts.create_key(
            user=self.owner, project=self.project, name="k", scopes=frozenset(scopes or Scope)
        )
        return {"Authorization": f"ApiKey {key.token}"}


@dataclass(frozen=True)
class Server:
    """A running server, the people who use it, and what the tests need behind its back."""

    url: str
    app: FastAPI
    queue: JobQueue
    catalogue: Catalogue
    ours: Party
    theirs: Party

    def work(self) -> None:
        """Run every job that waits."""
        processors = {p.description.id: p for p in (Echo(), Fails())}

        def do(job, context):
            return execute(job, context, processors=processors, catalogue=self.catalogue)

        with self.queue.database.session() as session:
            waiting = [r.id for r in session.query(JobRow).filter_by(status=JobStatus.ACCEPTED)]
        for job_id in waiting:
            run_job(self.queue, job_id, do)


def _party(accounts: Accounts, name: str) -> Party:
    owner = accounts.create_user(name)
    return Party(accounts, owner, accounts.create_project(f"{name}-project", owner=owner))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("processes")
    database = Database(f"sqlite:///{folder}/db.sqlite")
    database.create_all()
    accounts, queue = Accounts(database), JobQueue(database)
    catalogue = Catalogue(database, open_store((folder / "objects").as_uri()))
    processors = {p.description.id: p for p in (Echo(), Fails())}
    app = FastAPI(openapi_url="/api")
    app.state.verifier = accounts
    install_problem_handlers(app)
    app.include_router(processes_router(processors, queue, catalogue, landing=True))
    with listening(app) as url:
        yield Server(url, app, queue, catalogue, _party(accounts, "ada"), _party(accounts, "bob"))
    database.close()


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """A client with a key of our project."""
    with httpx.Client(base_url=server.url, headers=server.ours.headers()) as client:
        yield client


@pytest.fixture
def stranger(server: Server) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def start(http: httpx.Client):
    """Start a process and give its status document."""

    def start(process: str = "echo", **body: Any) -> dict[str, Any]:
        inputs = {"bbox": [11, 48, 12, 49], "datetime": "2018-03-01/2018-03-31"}
        request = {"inputs": inputs if process == "echo" else {}} | body
        answer = http.post(f"/processes/{process}/execution", json=request)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return start


@pytest.fixture(scope="session")
def valid(suites_folder: Path):
    """Check a document against a schema of the bundled OpenAPI of the standard."""
    path = suites_folder / "ogcapi-processes" / "ogcapi-processes.bundled.json"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    components = copy.deepcopy(json.loads(path.read_text())["components"])
    # the bundler put the schema of queryables in the place of the schema of schemas
    components["schemas"]["schema"] = {"$ref": "https://json-schema.org/draft/2020-12/schema"}

    def valid(name: str, document: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": components}
        errors = [
            f"{list(e.absolute_path)}: {e.message[:300]}"
            for e in Draft202012Validator(schema).iter_errors(document)
        ]
        assert errors == []

    return valid
