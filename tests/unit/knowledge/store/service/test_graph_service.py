"""The store over HTTP: options of a request, formats, caching, keys, errors, clients that leave."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyoxigraph as ox
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from extremeearth.core.errors import CancelledError
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.progress import CancelToken
from extremeearth.core.security import LocalKey
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store import Graph, open_graph, sparql_router
from extremeearth.knowledge.store.service.watching import run_watched

GEO = "PREFIX geo: <http://www.opengis.net/ont/geosparql#> "
UPDATE = {"Content-Type": "application/sparql-update"}
SLOW = (
    "SELECT (COUNT(*) AS ?n) { ?a <urn:p> ?b . ?c <urn:p> ?d . ?e <urn:p> ?f FILTER(?b + ?d < ?f) }"
)


@pytest.fixture
def graph() -> Graph:
    graph = open_graph()
    graph.update(
        GEO + 'INSERT DATA { <urn:a> <urn:p> 1 ; geo:asWKT "POINT (11 48)"^^geo:wktLiteral . '
        "GRAPH <urn:g> { <urn:b> <urn:p> 2 } }"
    )
    return graph


def client_of(graph: Graph, *, key: LocalKey | None = None, **settings: Any) -> TestClient:
    app = FastAPI()
    app.state.verifier = key
    install_problem_handlers(app)
    app.include_router(sparql_router(graph, settings=Settings(**settings)))
    return TestClient(app)


@pytest.fixture
def client(graph: Graph) -> Iterator[TestClient]:
    with client_of(graph) as made:
        yield made


def ask(client: TestClient, text: str, **parameters: Any) -> Any:
    headers = parameters.pop("headers", None)
    return client.get("/sparql", params={"query": text, **parameters}, headers=headers)


# ------------------------------------------------------------------------------------ formats


@pytest.mark.parametrize(
    ("accept", "start"),
    [("application/geo+json", b'{"type":"FeatureCollection"'), ("text/csv", b"s,w\r\n"),
     ("text/tab-separated-values", b"?s\t?w\n"), ("application/sparql-results+xml", b"<?xml")],
)  # fmt: skip
def test_rows_come_as_the_client_likes(client: TestClient, accept: str, start: bytes) -> None:
    text = GEO + "SELECT ?s ?w { ?s geo:asWKT ?w }"
    answer = ask(client, text, headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(accept)
    assert answer.content.startswith(start)
    assert ask(client, text, format=accept).content == answer.content


def test_arrow_and_geojson_can_be_named_by_a_parameter(client: TestClient) -> None:
    text = GEO + "SELECT ?s ?w { ?s geo:asWKT ?w }"
    table = pa.ipc.open_stream(ask(client, text, format="arrow").content).read_all()
    assert table["s"].to_pylist() == ["urn:a"]
    features = ask(client, text, format="geojson", geometry="?w").json()["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [11, 48]}
    assert ask(client, text, format="pdf").status_code == 400
    assert ask(client, "SELECT ?s { ?s ?p ?o }", format="geojson").json()["code"] == "input.invalid"
    assert ask(client, text, headers={"Accept": "image/png"}).status_code == 406


def test_a_long_answer_is_streamed(graph: Graph) -> None:
    graph.load(b"".join(b"<urn:s%d> <urn:q> %d .\n" % (i, i) for i in range(20_000)), "ttl")
    with client_of(graph) as client:
        answer = ask(client, "SELECT * { ?s <urn:q> ?o }")
        assert "content-length" not in answer.headers
        assert len(answer.json()["results"]["bindings"]) == 20_000
        whole = ask(client, "CONSTRUCT WHERE { ?s <urn:q> ?o }", format="nt")
        assert whole.content.count(b"\n") == 20_000
        assert "content-length" in ask(client, "ASK {}").headers


# ------------------------------------------------------------------------------------ options


def test_older_versions_are_asked_by_number_and_time(graph: Graph, client: TestClient) -> None:
    before = graph.find_version()
    graph.update("DELETE WHERE { <urn:a> ?p ?o }")
    text = "ASK { <urn:a> <urn:p> 1 }"
    assert ask(client, text).json()["boolean"] is False
    answer = ask(client, text, version=before)
    assert answer.json()["boolean"] is True
    assert answer.headers["x-graph-version"] == str(before)
    assert (
        client.get("/graphs", params={"default": "", "version": str(before)}).text.count("urn:a")
        == 1
    )
    assert ask(client, text, as_of="1990-01-01T00:00:00Z").status_code == 404
    assert ask(client, text, as_of="2999-01-01T00:00:00Z").json()["boolean"] is False
    for wrong in (
        {"version": "x"},
        {"version": "99"},
        {"as_of": "soon"},
        {"version": "1", "as_of": "2020-01-01"},
    ):
        assert ask(client, text, **wrong).status_code in (400, 404)  # fmt: skip


def test_time_is_bounded_by_the_request_and_the_settings(graph: Graph) -> None:
    graph.load(b"".join(b"<urn:s%d> <urn:p> %d .\n" % (i, i) for i in range(300)), "ttl")
    with client_of(graph, query_timeout_s=0.4) as client:
        late = ask(client, SLOW, timeout="0.2")
        assert late.status_code == 504
        assert "0.2 s" in late.json()["title"]
        assert "0.4 s" in ask(client, SLOW, timeout="1000").json()["title"]
        for wrong in ("0", "-1", "nan", "x"):
            assert ask(client, "ASK {}", timeout=wrong).status_code == 400


def test_rows_are_bounded_by_the_settings(graph: Graph) -> None:
    with client_of(graph, query_row_limit=1) as client:
        answer = ask(client, "SELECT * { ?s ?p ?o }")
        assert (answer.status_code, answer.json()["code"]) == (413, "input.too-large")


def test_a_syntax_error_names_line_and_column(client: TestClient) -> None:
    answer = ask(client, "SELECT *\n{ ?s ?p }")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["code"]) == (400, "sparql.syntax")
    assert (problem["line"], problem["column"]) == (2, 9)


# ------------------------------------------------------------------------------------ caching


def test_an_answer_is_valid_until_the_store_changes(graph: Graph, client: TestClient) -> None:
    for url, parameters in (
        ("/sparql", {"query": "SELECT * { ?s ?p ?o }"}),
        ("/graphs", {"default": ""}),
        ("/void", {}),
    ):
        first = client.get(url, params=parameters)
        tag = first.headers["etag"]
        again = client.get(url, params=parameters, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        graph.update(f"INSERT DATA {{ <{url}> <urn:p> 3 }}".replace("</", "<urn:"))
        new = client.get(url, params=parameters, headers={"If-None-Match": tag})
        assert new.status_code == 200
        assert new.headers["etag"] != tag


def test_answers_that_change_by_themselves_have_no_tag(client: TestClient) -> None:
    for text in ("SELECT (NOW() AS ?n) {}", "SELECT (RAND() AS ?n) {}", "SELECT (UUID() AS ?n) {}"):
        assert "etag" not in ask(client, text).headers


# --------------------------------------------------------------------------- keys, descriptions


def test_reading_needs_a_key_only_where_the_settings_say_so(graph: Graph) -> None:
    key = LocalKey()
    header = {"Authorization": f"ApiKey {key.secret}"}
    with client_of(graph, key=key, graph_read_key=True) as client:
        for url in (
            "/sparql?query=ASK{}",
            "/graphs?default",
            "/void",
            "/.well-known/void",
            "/sparql",
        ):
            assert client.get(url).status_code == 401, url
            assert client.get(url, headers=header).status_code == 200, url
        private = client.get("/void", headers=header).headers["cache-control"]
        assert "private" in private


def test_writing_always_needs_a_key(graph: Graph) -> None:
    key = LocalKey()
    with client_of(graph, key=key) as client:
        change = "INSERT DATA { <urn:z> <urn:z> 1 }"
        assert client.post("/sparql", content=change, headers=UPDATE).status_code == 401
        wrong = {**UPDATE, "Authorization": "ApiKey local.wrong"}
        assert client.post("/sparql", content=change, headers=wrong).status_code == 401
        right = {**UPDATE, "Authorization": f"ApiKey {key.secret}"}
        assert client.post("/sparql", content=change, headers=right).status_code == 204
        assert client.delete("/graphs?graph=urn:g").status_code == 401
    assert graph.query("ASK { <urn:z> <urn:z> 1 }") is True


def test_the_void_description_counts_what_is_there(client: TestClient) -> None:
    answer = client.get("/void", headers={"Accept": "application/n-triples"})
    assert (
        client.get("/.well-known/void", headers={"Accept": "application/n-triples"}).content
        == answer.content
    )
    store = ox.Store()
    store.load(answer.content, format=ox.RdfFormat.N_TRIPLES)
    prefix = (
        "PREFIX void: <http://rdfs.org/ns/void#> PREFIX dcat: <http://www.w3.org/ns/dcat#> "
        "PREFIX dct: <http://purl.org/dc/terms/> "
    )
    counted = store.query(prefix + "SELECT ?n { ?d a void:Dataset ; void:triples ?n }")
    assert [row["n"].value for row in counted] == ["3"]
    used = store.query(
        prefix
        + "SELECT ?n { [] void:propertyPartition [ void:property <urn:p> ; void:triples ?n ] }"
    )
    assert [row["n"].value for row in used] == ["2"]
    boxes = store.query(prefix + "SELECT ?b { ?d a void:Dataset ; dct:spatial [ dcat:bbox ?b ] }")
    assert ["11.0 48.0" in row["b"].value for row in boxes] == [True]


def test_the_service_description_leads_to_void(client: TestClient) -> None:
    store = ox.Store()
    store.load(
        client.get("/sparql", headers={"Accept": "text/turtle"}).content, format=ox.RdfFormat.TURTLE
    )
    sd = "http://www.w3.org/ns/sparql-service-description#"
    found = [
        q.object.value
        for q in store.quads_for_pattern(None, ox.NamedNode(sd + "defaultDataset"), None, None)
    ]
    assert found == ["http://testserver/void#dataset"]
    names = [
        q.object.value for q in store.quads_for_pattern(None, ox.NamedNode(sd + "name"), None, None)
    ]
    assert names == ["urn:g"]


# ---------------------------------------------------------------------- clients that go away


def test_work_stops_when_the_client_goes_away() -> None:
    began, messages = (
        threading.Event(),
        iter([{"type": "http.request"}, {"type": "http.disconnect"}]),
    )

    async def receive() -> Any:
        while not began.is_set():
            await asyncio.sleep(0.01)
        return next(messages)

    def work(token: CancelToken) -> None:
        began.set()
        for _ in range(500):
            token.check()
            threading.Event().wait(0.01)

    async def run() -> None:
        await run_watched(Request({"type": "http"}, receive), work)

    with pytest.raises(CancelledError):
        asyncio.run(run())


def test_errors_of_watched_work_reach_the_caller(client: TestClient) -> None:
    answer = ask(client, "SELECT (<urn:unknown>(1) AS ?x) {}")
    assert answer.status_code in (200, 400)
    assert json.loads(answer.content)


@pytest.mark.parametrize("path", ["/sparql?query=ASK%7B%7D", "/sparql", "/void"])
def test_head_is_a_get_without_a_body(client: TestClient, path: str) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_a_query_with_too_many_clauses_is_refused(client: TestClient) -> None:
    answer = ask(client, "SELECT * { " + " ".join(f"BIND({n} AS ?v{n})" for n in range(600)) + " }")
    assert answer.status_code == 413
    assert "clauses" in answer.json()["title"]


@pytest.fixture
def writer(graph: Graph) -> Iterator[TestClient]:
    key = LocalKey()
    with client_of(graph, key=key) as made:
        made.headers["Authorization"] = f"Bearer {key.secret}"
        yield made


TURTLE = {"Content-Type": "text/turtle"}


@pytest.mark.parametrize("path", ["/graphs/a%20b", "/graphs/%C3%A9", "/graphs/%E6%97%A5/x"])
def test_the_iri_of_a_graph_is_its_url_as_it_was_sent(writer: TestClient, path: str) -> None:
    made = writer.put(path, content="<> <urn:p> <y> .", headers=TURTLE)
    assert (made.status_code, made.headers["Location"]) == (201, f"http://testserver{path}")
    assert writer.get(path, headers={"Accept": "text/turtle"}).text.startswith(
        f"<http://testserver{path}> <urn:p> "
    )
    assert ask(writer, f"ASK {{ GRAPH <http://testserver{path}> {{ ?s ?p ?o }} }}").json()[
        "boolean"
    ]


def test_a_new_graph_with_letters_from_anywhere_in_its_iri(writer: TestClient) -> None:
    name = {"graph": "http://example.org/日本?a=1"}
    made = writer.put("/graphs", params=name, content="<urn:a> <urn:p> 1 .", headers=TURTLE)
    location = "http://example.org/%E6%97%A5%E6%9C%AC?a=1"
    assert (made.status_code, made.headers["Location"]) == (201, location)
    assert writer.get("/graphs", params=name).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_all_files_of_a_form_are_taken_each_with_its_own_blank_nodes(
    writer: TestClient, graph: Graph, method: str
) -> None:
    texts = ["_:a <urn:n> 1 .", "_:a <urn:n> 2 ."]
    files = [("file", (f"{n}.ttl", text, "text/turtle")) for n, text in enumerate(texts)]
    assert writer.request(method, "/graphs?graph=urn:form", files=files).status_code == 201
    found = ask(writer, "SELECT (COUNT(DISTINCT ?s) AS ?n) { GRAPH <urn:form> { ?s ?p ?o } }")
    assert found.json()["results"]["bindings"][0]["n"]["value"] == "2"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_graph_takes_no_quads_of_other_graphs(
    writer: TestClient, graph: Graph, method: str
) -> None:
    quads = "<urn:a> <urn:p> 7 <urn:other> .".replace("7", '"7"')
    sent = {"Content-Type": "application/n-quads"}
    refused = writer.request(method, "/graphs?graph=urn:g", content=quads, headers=sent)
    assert (refused.status_code, graph.has_graph("urn:other")) == (400, False)
    taken = writer.request(
        method, "/graphs?graph=urn:g", content="<urn:a> <urn:p> <urn:b> .", headers=sent
    )
    assert taken.status_code == 204


def test_what_is_no_rdf_is_no_supported_media_type(writer: TestClient) -> None:
    sent = {"Content-Type": "application/json"}
    assert writer.put("/graphs?graph=urn:g", content="{}", headers=sent).status_code == 415
    files = {"file": ("a.png", b"", "image/png")}
    assert writer.put("/graphs?graph=urn:g", files=files).status_code == 415


def test_documents_of_the_default_graph_have_the_url_of_the_request_as_base(
    writer: TestClient,
) -> None:
    assert (
        writer.post("/graphs?default", content="<x> <urn:p> 1 .", headers=TURTLE).status_code == 204
    )
    assert ask(writer, "ASK { <http://testserver/x> <urn:p> 1 }").json()["boolean"]


def test_head_of_a_graph_claims_no_length_that_get_does_not_have(client: TestClient) -> None:
    assert int(client.get("/graphs?graph=urn:g").headers["Content-Length"]) > 0
    assert "Content-Length" not in client.head("/graphs?graph=urn:g").headers


def test_every_operation_of_the_description_has_its_own_id(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(ids) == len(set(ids))
    assert set(paths["/graphs"]) == {"get", "put", "post", "delete"}
