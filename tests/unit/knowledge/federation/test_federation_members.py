"""Endpoints over HTTP: few requests, blank nodes, failures that are told, and the routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from extremeearth.core.errors import (
    InputError,
    LimitError,
    QuerySyntaxError,
    RemoteError,
    TimeoutExceededError,
)
from extremeearth.core.http import SafeClient
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.settings import Settings
from extremeearth.knowledge.federation import Endpoint, Federation, federation_router
from extremeearth.knowledge.store import (
    Graph,
    Solutions,
    Triples,
    open_graph,
    sparql_router,
)

FIELDS = """
PREFIX : <http://example.org/> PREFIX geo: <http://www.opengis.net/ont/geosparql#>
INSERT DATA {
  :f1 :crop :wheat ; :area 2.5 ; geo:hasGeometry [
    geo:asWKT "POLYGON((11 48,11.1 48,11.1 48.1,11 48.1,11 48))"^^geo:wktLiteral ] .
  :f2 :crop :maize ; :area 4 ; geo:hasGeometry [
    geo:asWKT "POLYGON((12 48,12.1 48,12.1 48.1,12 48.1,12 48))"^^geo:wktLiteral ] .
  :f3 :crop :wheat ; :area 1 ; geo:hasGeometry [
    geo:asWKT "POLYGON((30 60,30.1 60,30.1 60.1,30 60.1,30 60))"^^geo:wktLiteral ] .
}"""  # fmt: skip
CROPS = """
PREFIX : <http://example.org/> PREFIX geo: <http://www.opengis.net/ont/geosparql#>
INSERT DATA {
  :wheat :name "Wheat" ; :group :cereals . :maize :name "Maize" ; :group :cereals . :oats :name "Oats" .
  :bavaria :name "Bavaria" ; :border "POLYGON((10 47,13 47,13 50,10 50,10 47))"^^geo:wktLiteral .
}"""
PREFIX = """PREFIX : <http://example.org/> PREFIX geo: <http://www.opengis.net/ont/geosparql#>
PREFIX geof: <http://www.opengis.net/def/function/geosparql/> PREFIX uom: <http://www.opengis.net/def/uom/OGC/1.0/>
"""
CASE = (
    PREFIX
    + """SELECT ?g (COUNT(?f) AS ?n) (SUM(geof:metricArea(?w)) AS ?m) {
    ?r :name "Bavaria" ; :border ?b . ?f :crop ?c ; geo:hasGeometry/geo:asWKT ?w . ?c :group ?g
    FILTER(geof:sfWithin(?w, ?b)) } GROUP BY ?g"""
)
Handler = Callable[[httpx.Request], httpx.Response]


class Network(httpx.BaseTransport):
    """Hosts that are applications in this process; counts requests."""

    def __init__(self) -> None:
        self.hosts: dict[str, Handler] = {}
        self.requests: Counter[str] = Counter()
        self.keys: dict[str, str | None] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.headers["host"]
        self.requests[host] += 1
        self.keys[host] = request.headers.get("authorization")
        answer = self.hosts[host](request)
        headers = {"content-type": answer.headers.get("content-type", "")}
        return httpx.Response(
            answer.status_code, headers=headers, stream=httpx.ByteStream(answer.content)
        )

    def add(self, host: str, graph: Graph, *, relabel: bool = False) -> None:
        """Serve a graph; with `relabel`, blank nodes have other labels in every answer."""
        app = FastAPI()
        install_problem_handlers(app)
        app.include_router(sparql_router(graph, settings=Settings()))
        client = TestClient(app, base_url=f"https://{host}")
        counter = iter(range(1_000_000))

        def handle(request: httpx.Request) -> httpx.Response:
            headers = {k: v for k, v in request.headers.items() if k in ("content-type", "accept")}
            answer = client.request(
                request.method, request.url.path, content=request.content, headers=headers
            )
            content = answer.content
            if relabel:
                content = content.replace(b"_:", b"_:n%dx" % next(counter))
            return httpx.Response(
                answer.status_code,
                headers={"content-type": answer.headers["content-type"]},
                content=content,
            )

        self.hosts[host] = handle

    def client(self) -> SafeClient:
        return SafeClient(transport=self, resolve=lambda host, port: ["93.184.216.34"])


def graph_of(text: str) -> Graph:
    graph = open_graph()
    graph.update(text)
    return graph


def rows(answer: object) -> list[tuple[str, ...]]:
    assert isinstance(answer, Solutions)
    return sorted(tuple(map(str, row)) for row in answer)


@pytest.fixture
def network() -> Network:
    made = Network()
    made.add("fields.example", graph_of(FIELDS))
    made.add("crops.example", graph_of(CROPS))
    return made


def federation(network: Network, **options: Any) -> Federation:
    endpoints = [
        Endpoint(name="fields", url="https://fields.example/sparql", stable_blank_nodes=True),
        Endpoint(name="crops", url="https://crops.example/sparql", key="p.s"),
    ]
    return Federation(endpoints, client=network.client(), **options)


def union() -> Graph:
    graph = graph_of(FIELDS)
    graph.update(CROPS)
    return graph


def test_rows_over_http_equal_those_over_the_union(network: Network) -> None:
    found = federation(network).query(CASE)
    assert rows(found) == rows(union().query(CASE))
    assert rows(found)[0][1].startswith('"2"')


def test_few_requests_and_only_what_is_needed(network: Network) -> None:
    answer = federation(network).answer(CASE)
    assert len(answer.requests) <= 8
    fetched = {r.purpose for r in answer.requests if r.triples}
    assert sum(r.triples for r in answer.requests) <= 12
    assert any("border" in purpose for purpose in fetched)
    # the field far from Bavaria is not sent: a box around the border went with the request
    assert "POLYGON((30" not in "".join(str(t) for t in answer.requests)
    assert any("sfIntersects" in r.text and "asWKT" in r.text for r in answer.requests)


def test_a_constant_narrows_what_is_fetched(network: Network) -> None:
    answer = federation(network).answer(PREFIX + 'SELECT ?f { ?c :name "Maize" . ?f :crop ?c }')
    assert rows(answer.result) == [("<http://example.org/f2>",)]
    assert sum(r.triples for r in answer.requests) == 2
    assert any("VALUES" in r.text and "maize" in r.text for r in answer.requests)


def test_explain_names_sources_requests_and_triples(network: Network) -> None:
    text = federation(network).explain(CASE)
    assert "?f <http://example.org/crop> ?c  <- fields" in text
    assert '?r <http://example.org/name> "Bavaria"  <- crops' in text
    assert "CONSTRUCT" in text
    assert "p.s" not in text


def test_the_key_goes_to_its_endpoint_only(network: Network) -> None:
    federation(network).query(PREFIX + "ASK { ?f :crop/:name ?n }")
    assert network.keys == {"fields.example": None, "crops.example": "Bearer p.s"}


def test_blank_nodes_keep_together_although_labels_change(network: Network) -> None:
    network.add("fields.example", graph_of(FIELDS), relabel=True)
    members = [
        Endpoint(name="fields", url="https://fields.example/sparql"),
        Endpoint(name="crops", url="https://crops.example/sparql"),
    ]
    asked = Federation(members, client=network.client())
    for text in (
        "SELECT ?f ?w { ?f geo:hasGeometry ?g OPTIONAL { ?g geo:asWKT ?w } }",
        "SELECT ?f (COUNT(*) AS ?n) { { ?f geo:hasGeometry ?g } UNION { ?f geo:hasGeometry ?g } ?g ?p ?o } GROUP BY ?f",
        "SELECT (COUNT(DISTINCT ?o) AS ?n) { ?s ?p ?o . ?s geo:hasGeometry ?o }",
    ):
        assert rows(asked.query(PREFIX + text)) == rows(union().query(PREFIX + text))


def test_blank_nodes_of_different_endpoints_are_different(network: Network) -> None:
    same = "INSERT DATA { <urn:a> <urn:p> [ <urn:q> 1 ] }"
    network.add("one.example", graph_of(same))
    network.add("two.example", graph_of(same))
    asked = Federation(
        [Endpoint(name=n, url=f"https://{n}.example/sparql") for n in ("one", "two")],
        client=network.client(),
    )
    assert rows(asked.query("SELECT (COUNT(DISTINCT ?b) AS ?n) { <urn:a> <urn:p> ?b }"))[0][
        0
    ].startswith('"2"')


def saying(status: int, media: str, text: str) -> Handler:
    return lambda request: httpx.Response(status, headers={"content-type": media}, text=text)


JSON = "application/sparql-results+json"
FAILURES: Mapping[str, tuple[Handler, str]] = {
    "status": (saying(500, "text/plain", "boom"), "status 500"),
    "html": (saying(200, "text/html", "<html>"), "cannot be read"),
    "cut": (saying(200, JSON, '{"head"'), "cannot be read"),
    "boolean": (saying(200, JSON, '{"head":{},"boolean":true}'), "no rows"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_an_endpoint_that_fails_is_named(network: Network, kind: str) -> None:
    handler, reason = FAILURES[kind]
    network.hosts["crops.example"] = handler
    with pytest.raises(RemoteError, match=rf"'crops' failed.*{reason}"):
        federation(network).query(CASE)
    answer = federation(network).answer(
        PREFIX + "SELECT ?f { ?f :crop ?c OPTIONAL { ?c :name ?n } }", partial=True
    )
    assert len(rows(answer.result)) == 3
    assert not answer.complete
    assert answer.failures[0][0] == "crops"
    assert "failed: crops" in answer.explained()


def test_an_endpoint_out_of_reach_is_named(network: Network) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    network.hosts["crops.example"] = dead
    with pytest.raises(RemoteError, match="'crops' failed"):
        federation(network).query(CASE)


def test_a_late_endpoint_is_a_timeout(network: Network) -> None:
    def late(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    network.hosts["crops.example"] = late
    with pytest.raises(TimeoutExceededError, match="'crops' failed"):
        federation(network).query(CASE)


def test_when_all_fail_there_is_no_partial_answer(network: Network) -> None:
    for host in network.hosts:
        network.hosts[host] = lambda r: httpx.Response(503)
    with pytest.raises(RemoteError, match="Every endpoint"):
        federation(network).answer(CASE, partial=True)


def test_limits(network: Network) -> None:
    with pytest.raises(LimitError, match="more than 3 triples"):
        federation(network, most_triples=3).query("SELECT * { ?s ?p ?o }")
    with pytest.raises(LimitError, match="more than 2 rows"):
        federation(network, row_limit=2).query("SELECT * { ?s ?p ?o }")


def test_an_endpoint_without_geosparql_is_not_asked_to_filter(network: Network) -> None:
    """Functions it lacks would lose rows in silence; our own engine decides then."""
    fields = network.hosts["fields.example"]

    def plain(request: httpx.Request) -> httpx.Response:
        assert b"metricArea" not in request.content
        if b"sfIntersects" in request.content:
            assert b"80+10" in request.content, "only the question whether it is known"
            text = '{"head":{"vars":["yes"]},"results":{"bindings":[{}]}}'
            return httpx.Response(
                200, headers={"content-type": "application/sparql-results+json"}, text=text
            )
        return fields(request)

    network.hosts["fields.example"] = plain
    assert rows(federation(network).query(CASE)) == rows(union().query(CASE))


def test_many_values_go_in_batches(network: Network) -> None:
    many = open_graph()
    many.load(b"".join(b"<urn:c%d> <urn:name> <urn:n%d> .\n" % (i, i) for i in range(6000)), "nt")
    few = open_graph()
    few.load(b"".join(b"<urn:f%d> <urn:crop> <urn:c%d> .\n" % (i, i * 3) for i in range(450)), "nt")
    network.add("many.example", many)
    network.add("few.example", few)
    asked = Federation(
        [Endpoint(name=n, url=f"https://{n}.example/sparql") for n in ("few", "many")],
        client=network.client(),
    )
    answer = asked.answer("SELECT ?f ?n { ?f <urn:crop> ?c . ?c <urn:name> ?n . ?f <urn:crop> ?d }")
    assert isinstance(answer.result, Solutions)
    assert len(answer.result) == 450
    sent = [r for r in answer.requests if r.endpoint == "many" and "CONSTRUCT" in r.text]
    assert len(sent) == 3
    assert sum(r.triples for r in sent) == 450


def test_what_is_refused(network: Network) -> None:
    asked = federation(network)
    with pytest.raises(InputError, match="SERVICE"):
        asked.query("ASK { SERVICE <https://crops.example/sparql> { ?s ?p ?o } }")
    with pytest.raises(QuerySyntaxError, match="Line 1, column 7"):
        asked.query("ASK { oops }")
    with pytest.raises(InputError, match="names"):
        Federation([Endpoint(name="a", graph=open_graph()), Endpoint(name="a", graph=open_graph())])
    with pytest.raises(InputError, match="names"):
        Federation([])
    with pytest.raises(InputError, match="either"):
        Endpoint(name="a")
    with pytest.raises(InputError, match="client"):
        Federation([Endpoint(name="a", url="https://a.example/sparql")])


def test_describe_puts_together_what_each_says(network: Network) -> None:
    answer = federation(network).query(PREFIX + 'DESCRIBE ?c :f1 { ?c :name "Wheat" }')
    assert isinstance(answer, Triples)
    assert {str(s) for s, _, _ in answer} >= {
        "<http://example.org/wheat>",
        "<http://example.org/f1>",
    }
    assert len(answer) == 6
    empty = federation(network).query(PREFIX + "DESCRIBE ?c { ?c :name 'None' }")
    assert isinstance(empty, Triples)
    assert len(empty) == 0


# ------------------------------------------------------------------------------- routes


@pytest.fixture
def web(network: Network) -> TestClient:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(federation_router(federation(network), settings=Settings()))
    return TestClient(app, base_url="http://testserver")


def test_routes_answer_queries(web: TestClient) -> None:
    found = web.get("/federation/sparql", params={"query": CASE}, headers={"Accept": "text/csv"})
    assert found.text.splitlines()[1].startswith("http://example.org/cereals,2,")
    posted = web.post(
        "/federation/sparql", content=CASE, headers={"Content-Type": "application/sparql-query"}
    )
    assert posted.json()["results"]["bindings"][0]["n"]["value"] == "2"
    assert int(posted.headers["x-requests"]) > 2
    assert "sources" in web.get("/federation/explain", params={"query": CASE}).text
    assert "sparql-service-description" in web.get("/federation/sparql").text


def test_routes_refuse_updates_and_graph_parameters(web: TestClient) -> None:
    refused = web.post("/federation/sparql", data={"update": "CLEAR ALL"})
    assert (refused.status_code, refused.headers["content-type"]) == (
        400,
        "application/problem+json",
    )
    assert (
        web.get(
            "/federation/sparql", params={"query": "ASK {}", "default-graph-uri": "urn:a"}
        ).status_code
        == 400
    )
    assert web.get("/federation/sparql", params={"query": "oops"}).json()["code"] == "sparql.syntax"


def test_routes_tell_what_is_missing(web: TestClient, network: Network) -> None:
    network.hosts["crops.example"] = lambda r: httpx.Response(500)
    text = PREFIX + "SELECT ?f { ?f :crop ?c }"
    strict = web.get("/federation/sparql", params={"query": text})
    assert (strict.status_code, strict.json()["code"]) == (502, "remote.failed")
    partial = web.get("/federation/sparql", params={"query": text, "partial": "true"})
    assert partial.status_code == 200
    assert partial.headers["x-incomplete"] == "crops"
    assert len(partial.json()["results"]["bindings"]) == 3
