"""The store over HTTP: SPARQL 1.1 Protocol at ``/sparql``, Graph Store Protocol at ``/graphs``, VoID at ``/void``."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from extremeearth.core.progress import CancelToken
from extremeearth.core.security import Caller, Principal, Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.store.contract import GraphStore
from extremeearth.knowledge.store.geosparql import AGGREGATES, FUNCTIONS
from extremeearth.knowledge.store.results.solutions import Solutions, Triples
from extremeearth.knowledge.store.service.answers import answer_response
from extremeearth.knowledge.store.service.caching import fresh, is_repeatable, version_headers
from extremeearth.knowledge.store.service.description import MOST_GRAPHS, service_description
from extremeearth.knowledge.store.service.exchange import (
    ProtocolRequest,
    base_of,
    read_options,
    read_protocol_request,
)
from extremeearth.knowledge.store.service.graph_routes import add_graph_routes
from extremeearth.knowledge.store.service.watching import run_watched
from extremeearth.knowledge.store.summary import void_description

__all__ = ["sparql_router"]


def sparql_router(
    graph: GraphStore, *, settings: Settings | None = None, write_scope: Scope = Scope.GRAPH_WRITE
) -> APIRouter:
    """Make the routes of a store.

    Parameters
    ----------
    graph
        The store.
    settings
        Limits on time, rows and request size, and whether reading needs a key; from the environment by default.
    write_scope
        The scope that updates and changes of graphs need.

    Examples
    --------
    >>> from extremeearth.knowledge.store import open_graph
    >>> sorted({route.path for route in sparql_router(open_graph(), settings=Settings()).routes})
    ['/.well-known/void', '/graphs', '/graphs/{name:path}', '/sparql', '/void']
    """
    limits = settings or Settings()
    router = APIRouter(tags=["graph"])
    _add_sparql(router, graph, limits, write_scope)
    _add_void(router, graph, limits)
    add_graph_routes(router, graph, limits, write_scope)
    return router


def _add_sparql(router: APIRouter, graph: GraphStore, limits: Settings, write_scope: Scope) -> None:
    async def answer(request: Request, caller: Principal) -> Response:
        asked = await read_protocol_request(request, limit=limits.request_limit_bytes)
        base = base_of(request)
        if asked.operation == "update":
            caller.need(write_scope)
            await run_in_threadpool(
                graph.update, asked.text, timeout_s=asked.options.timeout_within(limits.query_timeout_s), base=base,
                default_graphs=asked.default_graphs, named_graphs=asked.named_graphs,
            )  # fmt: skip
            return Response(status_code=HTTPStatus.NO_CONTENT)
        if limits.graph_read_key:
            caller.need(Scope.GRAPH_READ)
        if asked.operation == "query":
            return await _answer_query(request, asked, base)
        graphs = await run_in_threadpool(lambda: sorted(graph.graphs())[:MOST_GRAPHS])
        described = service_description(
            base, functions=tuple(sorted(FUNCTIONS)), aggregates=tuple(sorted(AGGREGATES)),
            dataset=_dataset_iri(request), graphs=tuple(graphs),
        )  # fmt: skip
        return answer_response(
            described, accept=request.headers.get("accept"), format=asked.options.format
        )

    async def _answer_query(request: Request, asked: ProtocolRequest, base: str) -> Response:
        options = asked.options
        version = await run_in_threadpool(
            graph.find_version, version=options.version, as_of=options.as_of
        )
        headers = version_headers(graph, version, private=limits.graph_read_key)
        if not is_repeatable(asked.text):
            headers.pop("ETag", None)
        if fresh(request, headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)

        def query(token: CancelToken) -> Solutions | bool | Triples:
            return graph.query(
                asked.text, timeout_s=options.timeout_within(limits.query_timeout_s),
                row_limit=limits.query_row_limit, default_graphs=asked.default_graphs,
                named_graphs=asked.named_graphs, base=base, version=version, token=token,
            )  # fmt: skip

        found = await run_watched(request, query)
        return await run_in_threadpool(
            answer_response, found, accept=request.headers.get("accept"), headers=headers,
            format=options.format, geometry=options.geometry,
        )  # fmt: skip

    @router.get("/sparql")
    @router.head("/sparql", include_in_schema=False)
    async def query_by_get(request: Request, caller: Caller) -> Response:
        """Answer a SPARQL query; without one, describe the service."""
        return await answer(request, caller)

    @router.post("/sparql")
    async def query_or_update(request: Request, caller: Caller) -> Response:
        """Answer a SPARQL query, or carry out an update, which needs a key that may write."""
        return await answer(request, caller)


def _dataset_iri(request: Request) -> str:
    return str(request.url.replace(path="/void", query="", fragment="dataset"))


def _add_void(router: APIRouter, graph: GraphStore, limits: Settings) -> None:
    @router.get("/void")
    @router.get("/.well-known/void")
    @router.head("/void", include_in_schema=False)
    @router.head("/.well-known/void", include_in_schema=False)
    async def describe_dataset(request: Request, caller: Caller) -> Response:
        """Tell what is in the store: counts by predicate and class, extent in space and time (VoID)."""
        if limits.graph_read_key:
            caller.need(Scope.GRAPH_READ)
        options = read_options(request.query_params.multi_items())
        version = await run_in_threadpool(
            graph.find_version, version=options.version, as_of=options.as_of
        )
        headers = version_headers(graph, version, private=limits.graph_read_key)
        if fresh(request, headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        summary = await run_in_threadpool(graph.summary, version=version)
        dataset = _dataset_iri(request)
        endpoint = str(request.url.replace(path="/sparql", query="", fragment=""))
        described = void_description(summary, dataset=dataset, endpoint=endpoint)
        return answer_response(
            described, accept=request.headers.get("accept"), headers=headers, format=options.format
        )
