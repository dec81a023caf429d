"""The SPARQL endpoints that federated tests ask: each answers from its data, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import httpx
import pyoxigraph as ox
from tests.conformance.w3c_evaluation.manifests import Case

from extremeearth.core.http import SafeClient

__all__ = ["client_of"]

ADDRESS = "93.184.215.14"
"""A public address, which every name has here."""


def client_of(case: Case) -> SafeClient:
    """Give a client that finds the endpoints of a test, and nothing else."""
    stores: dict[str, ox.Store] = {}
    for url, data in case.endpoints.items():
        store = stores[urlsplit(url).netloc] = ox.Store()
        for file in data.default:
            form = ox.RdfFormat.from_extension(file.suffix[1:])
            store.load(path=str(file), format=form, base_iri=case.iri(file))

    def answer(request: httpx.Request) -> httpx.Response:
        store = stores.get(request.headers["host"])
        text = _query_of(request)
        if store is None or text is None:
            return httpx.Response(404)
        content = store.query(text).serialize(format=ox.QueryResultsFormat.JSON)
        media = {"content-type": ox.QueryResultsFormat.JSON.media_type}
        return httpx.Response(200, content=content, headers=media)

    return SafeClient(
        allow_hosts=sorted(stores),
        resolve=lambda _host, _port: [ADDRESS],
        transport=httpx.MockTransport(answer),
    )


def _query_of(request: httpx.Request) -> str | None:
    """Read the query from a GET, a form or a direct POST (SPARQL 1.1 Protocol, section 2.1)."""
    media = request.headers.get("content-type", "").partition(";")[0]
    if media == "application/sparql-query":
        return request.content.decode()
    form = request.content.decode() if media == "application/x-www-form-urlencoded" else ""
    fields: Mapping[str, list[str]] = parse_qs(form or request.url.query.decode())
    return fields.get("query", [None])[0]
