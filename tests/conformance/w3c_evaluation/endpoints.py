"""The SPARQL endpoints that federated tests ask: each answers from its data, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
from tests.conformance.w3c_evaluation.manifests import Case

from extremeearth.core.http import SafeClient
from extremeearth.knowledge.store import Graph, Solutions

__all__ = ["client_of"]

ADDRESS = "93.184.215.14"
"""A public address, which every name has here."""


def client_of(case: Case) -> SafeClient:
    """Give a client that finds the endpoints of a test, and nothing else; they may ask each other."""
    stores: dict[str, Graph] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        store, text = stores.get(request.headers["host"]), _query_of(request)
        if store is None or text is None:
            return httpx.Response(404)
        found = store.query(text)
        assert isinstance(found, Solutions)
        media = {"content-type": "application/sparql-results+json"}
        content = httpx.ByteStream(found.serialize("json"))
        return httpx.Response(200, stream=content, headers=media)

    client = SafeClient(
        allow_hosts=[urlsplit(url).netloc for url in case.endpoints],
        resolve=lambda _host, _port: [ADDRESS],
        transport=httpx.MockTransport(answer),
    )
    for url, data in case.endpoints.items():
        store = stores[urlsplit(url).netloc] = Graph.open(client=client)
        for file in data.default:
            store.load(file, base=case.iri(file))
    return client


def _query_of(request: httpx.Request) -> str | None:
    """Read the query from a GET, a form or a direct POST (SPARQL 1.1 Protocol, section 2.1)."""
    media = request.headers.get("content-type", "").partition(";")[0]
    if media == "application/sparql-query":
        return request.content.decode()
    form = request.content.decode() if media == "application/x-www-form-urlencoded" else ""
    fields: Mapping[str, list[str]] = parse_qs(form or request.url.query.decode())
    return fields.get("query", [None])[0]
