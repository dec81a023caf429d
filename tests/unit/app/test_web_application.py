"""The whole application: every route is guarded, every layer can be served alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from extremeearth.app.platform import Platform
from extremeearth.app.route_table import Route, route_table
from extremeearth.app.web_application import LAYERS, create_app, create_graph_app
from extremeearth.core.errors import InputError
from extremeearth.core.security import Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store import open_graph

READING = {"/stac/search", "/sparql", "/federation/sparql", "/federation/explain"}
"""POST that changes nothing: the query is too long for a URL."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform.open(Settings(home=tmp_path_factory.mktemp("home"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(platform: Platform) -> Iterator[TestClient]:
    with TestClient(create_app(platform, run_jobs=False), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def table(platform: Platform) -> list[Route]:
    return route_table(create_app(platform, run_jobs=False))


@pytest.fixture(scope="module")
def weak_key(platform: Platform) -> str:
    """A key of a real project that may do next to nothing."""
    user = platform.accounts.create_user("weak")
    project = platform.accounts.create_project("weak", owner=user)
    key = platform.accounts.create_key(
        user=user, project=project, name="k", scopes=frozenset({Scope.GRAPH_READ}), expires=None
    )
    return key.token


def url(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", path)


def writing(table: list[Route]) -> list[Route]:
    return [r for r in table if r.method not in {"GET", "HEAD"} and r.path not in READING]


def test_the_table_holds_the_interfaces_of_all_layers(table: list[Route]) -> None:
    paths = {route.path for route in table}
    assert {
        "/", "/health/live", "/health/ready", "/stac", "/stac/search", "/download/{key:path}", "/processes",
        "/jobs/{job_id}", "/projects", "/keys", "/v2/models/{name}/infer", "/v1/models/{name}:predict", "/sparql",
        "/federation/sparql",
    } <= paths  # fmt: skip


def test_every_route_that_writes_refuses_without_a_key(
    client: TestClient, table: list[Route]
) -> None:
    routes = writing(table)
    assert len(routes) > 10
    let_through = [
        r for r in routes if client.request(r.method, url(r.path), json={}).status_code != 401
    ]
    assert let_through == []


def test_every_route_that_writes_refuses_a_key_without_the_scope(
    client: TestClient, table: list[Route], weak_key: str
) -> None:
    headers = {"Authorization": f"ApiKey {weak_key}"}
    answers = {
        (r.method, r.path): client.request(
            r.method, url(r.path), json={}, headers=headers
        ).status_code
        for r in writing(table)
    }
    assert {route: status for route, status in answers.items() if status not in {403, 404}} == {}
    assert 403 in answers.values()


@pytest.mark.parametrize(
    "authorization", ["ApiKey nonsense", "ApiKey ee000000.wrong", "Basic abc", "ApiKey"]
)
def test_a_wrong_key_is_refused_everywhere_it_is_sent(
    client: TestClient, authorization: str
) -> None:
    for path in ("/jobs", "/stac/search", "/v2/models/crop-type", "/projects"):
        answer = client.get(path, headers={"Authorization": authorization})
        assert answer.status_code == 401, path


def test_updates_over_sparql_need_the_scope(client: TestClient, weak_key: str) -> None:
    headers = {"Content-Type": "application/sparql-update"}
    body = "INSERT DATA { <urn:a> <urn:b> <urn:c> }"
    assert client.post("/sparql", content=body, headers=headers).status_code == 401
    headers["Authorization"] = f"ApiKey {weak_key}"
    assert client.post("/sparql", content=body, headers=headers).status_code == 403
    asked = client.post(
        "/sparql", content="ASK { ?s ?p ?o }", headers={"Content-Type": "application/sparql-query"}
    )
    assert asked.json()["boolean"] is False


def test_a_strange_host_is_refused(client: TestClient) -> None:
    assert client.get("/health/live", headers={"Host": "evil.example"}).status_code == 400


def test_a_browser_gets_the_page_and_a_program_the_landing_document(client: TestClient) -> None:
    page = client.get("/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "unsafe-eval" not in page.headers["content-security-policy"]
    assert "links" in client.get("/", headers={"Accept": "application/json"}).json()


@pytest.mark.parametrize("page", ["/", "/stac"])
def test_every_link_of_a_landing_page_leads_somewhere(client: TestClient, page: str) -> None:
    for link in client.get(page, headers={"accept": "application/json"}).json()["links"]:
        guarded = link["rel"].endswith("job-list")
        assert client.get(link["href"]).status_code == (401 if guarded else 200), link


@pytest.mark.parametrize(
    ("layer", "there", "not_there"),
    [("hub", "/stac", "/processes"), ("product", "/processes", "/stac"), ("knowledge", "/sparql", "/stac"),
     ("processing", "/v2", "/sparql")],
)  # fmt: skip
def test_a_layer_alone(tmp_path: Path, layer: str, there: str, not_there: str) -> None:
    with Platform.open(Settings(home=tmp_path)) as platform:
        client = TestClient(create_app(platform, only=[layer], run_jobs=False))
        assert client.get(there).status_code == 200
        assert client.get(not_there).status_code == 404


def test_an_unknown_layer_names_the_known_ones(platform: Platform) -> None:
    with pytest.raises(InputError, match="There is no layer 'moon'") as caught:
        create_app(platform, only=["moon"])
    assert all(layer in str(caught.value) for layer in LAYERS)


def test_a_graph_alone_can_be_read_and_not_written() -> None:
    graph = open_graph()
    graph.load(b"<urn:a> <urn:b> <urn:c> .", "nt")
    client = TestClient(create_graph_app(graph, settings=Settings()))
    assert (
        client.get("/sparql", params={"query": "ASK { <urn:a> ?p ?o }"}).json()["boolean"] is True
    )
    refused = client.post(
        "/sparql", content="CLEAR ALL", headers={"Content-Type": "application/sparql-update"}
    )
    assert refused.status_code == 401
    assert len(graph) == 1
