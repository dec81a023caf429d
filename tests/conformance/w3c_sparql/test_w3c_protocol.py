"""The W3C tests of the SPARQL 1.1 Protocol, the Graph Store Protocol and the Service Description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyoxigraph as ox
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Principal, Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store import sparql_router
from extremeearth.knowledge.store.graph import Graph

HT = "http://www.w3.org/2011/http#"
CNT = "http://www.w3.org/2011/content#"
UT = "http://www.w3.org/2009/sparql/tests/test-update#"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
NAMED_STATUS = {"Created": 201, "OK": 200, "NoContent": 204, "NotFound": 404, "BadRequest": 400}
TABLES = {
    "application/sparql-results+json",
    "application/sparql-results+xml",
    "text/csv",
    "text/tab-separated-values",
}


class _Everyone:
    def verify(self, secret: str) -> Principal:
        return Principal(user_id="u", project_id="p", key_id="k", scopes=frozenset(Scope))


@pytest.fixture
def graph() -> Graph:
    return Graph.open()


@pytest.fixture
def client(graph: Graph) -> Iterator[TestClient]:
    app = FastAPI()
    app.state.verifier = _Everyone()
    install_problem_handlers(app)
    app.include_router(sparql_router(graph, settings=Settings()))
    with TestClient(
        app,
        base_url="http://www.example",
        headers={"Authorization": "ApiKey a.b"},
        follow_redirects=True,
    ) as made:
        yield made


def _headers(manifest: Any, message: object) -> dict[str, str]:
    found = {}
    for head in manifest.all(message, HT + "headers"):
        for header in manifest.items(head):
            name = manifest.one(header, HT + "fieldName").value
            found[name.lower()] = manifest.one(header, HT + "fieldValue").value
    return found


def _body(manifest: Any, message: object) -> bytes | None:
    content = manifest.one(message, HT + "body")
    if content is None:
        return None
    encoding = manifest.one(content, CNT + "characterEncoding")
    return manifest.one(content, CNT + "chars").value.encode(
        "utf-16" if encoding.value == "UTF-16" else encoding.value
    )


def _expected_status(manifest: Any, response: object) -> set[int]:
    found: set[int] = set()
    for status in manifest.all(response, "expectedStatus"):
        name = status.value.partition("#")[2].removeprefix("StatusCode")
        if name.endswith("xx"):
            found |= set(range(int(name[0]) * 100, int(name[0]) * 100 + 100))
        else:
            found.add(NAMED_STATUS.get(name) or int(name))
    return found


def _triples(content: bytes, media: str) -> ox.Dataset:
    parsed = ox.parse(
        input=content, format=ox.RdfFormat.from_media_type(media), base_iri="http://www.example/"
    )
    dataset = ox.Dataset(parsed)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return dataset


def _run(client: TestClient, case: tuple[Any, object], *, path: tuple[str, str]) -> None:
    manifest, subject = case
    action = manifest.one(subject, "action")
    locations: dict[str, str] = {}

    def placed(text: str) -> str:
        for template, location in locations.items():
            text = text.replace(template, location)
        return text.replace(*path)

    for request in manifest.items(manifest.one(action, HT + "requests")):
        body = _body(manifest, request)
        response = manifest.one(request, HT + "resp")
        url = placed(manifest.one(request, HT + "absolutePath").value)
        url = url.replace(path[0].replace("/", "%2F"), path[1].replace("/", "%2F"))
        answer = client.request(
            manifest.one(request, HT + "methodName").value,
            url,
            content=None if body is None else body.replace(path[0].encode(), path[1].encode()),
            headers=_headers(manifest, request),
        )
        assert answer.status_code in _expected_status(manifest, response), answer.text
        template = manifest.one(response, "expectedLocation")
        if template is not None:
            locations[template.value] = answer.headers["location"].removeprefix(
                "http://www.example"
            )
        _check_answer(manifest, response, answer, path)


def _check_answer(manifest: Any, response: object, answer: Any, path: tuple[str, str]) -> None:
    media = answer.headers.get("content-type", "").partition(";")[0]
    form = getattr(manifest.one(response, "expectedFormat"), "value", None)
    if form == "boolean":
        assert media in {"application/sparql-results+json", "application/sparql-results+xml"}
    elif form == "tabular":
        assert media in TABLES
    elif form == "RDF":
        assert ox.RdfFormat.from_media_type(media) is not None
    truth = manifest.one(response, "expectedBoolean")
    if truth is not None:
        assert answer.json()["boolean"] is (truth.value == "true")
    expected = _body(manifest, response)
    if expected:
        wanted = _triples(expected.replace(path[0].encode(), path[1].encode()), "text/turtle")
        assert _triples(answer.content, media) == wanted


def test_protocol(protocol_case: tuple[Any, object], client: TestClient, graph: Graph) -> None:
    manifest, subject = protocol_case
    for data in manifest.all(subject, UT + "graphData"):
        file = manifest.path(manifest.one(data, UT + "graph"))
        graph.load(file, graph=manifest.one(data, LABEL).value)
    graph.load(b"", "nt", graph="http://kasei.us/2009/09/sparql/data/data0.rdf")
    _run(client, protocol_case, path=("/sparql/?", "/sparql?"))


def test_graph_store_direct(direct_case: tuple[Any, object], client: TestClient) -> None:
    _run(client, direct_case, path=("/gsp", "/graphs"))


def test_graph_store_indirect(indirect_case: tuple[Any, object], client: TestClient) -> None:
    _run(client, indirect_case, path=("/gsp", "/graphs"))


def test_service_description(client: TestClient) -> None:
    """The three cases of the manifest: it is RDF, it names the endpoint, and it keeps to the vocabulary."""
    answer = client.get("/sparql")
    store = ox.Store()
    store.load(answer.content, format=ox.RdfFormat.from_media_type(answer.headers["content-type"]))
    sd = "http://www.w3.org/ns/sparql-service-description#"
    endpoints = store.quads_for_pattern(None, ox.NamedNode(sd + "endpoint"), None, None)
    assert [q.object.value for q in endpoints] == ["http://www.example/sparql"]
    known = {
        "endpoint",
        "supportedLanguage",
        "defaultDataset",
        "defaultGraph",
        "resultFormat",
        "extensionFunction",
        "extensionAggregate",
    }
    used = {q.predicate.value for q in store}
    assert used == {sd + name for name in known} | {
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
    }
