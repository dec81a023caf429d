"""The federation over HTTP: SPARQL 1.1 Protocol at ``/federation/sparql``, for reading only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from extremeearth.core.errors import InputError
from extremeearth.core.security import Caller, Principal, Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.federation.federation import Federation
from extremeearth.knowledge.store.geosparql import FUNCTIONS
from extremeearth.knowledge.store.service.description import service_description
from extremeearth.knowledge.store.service.exchange import (
    answer_response,
    base_of,
    read_protocol_request,
)

__all__ = ["federation_router"]


def federation_router(federation: Federation, *, settings: Settings | None = None) -> APIRouter:
    """Make the routes of a federation.

    ``?partial=true`` goes on without endpoints that fail and names them in the header ``X-Incomplete``;
    ``/federation/explain`` tells which endpoints are asked for what.

    Parameters
    ----------
    federation
        Whom to ask.
    settings
        Limits on time, rows and request size; from the environment by default.

    Examples
    --------
    >>> from extremeearth.knowledge.federation import Endpoint
    >>> from extremeearth.knowledge.store import open_graph
    >>> router = federation_router(Federation([Endpoint(name="a", graph=open_graph())]))
    >>> sorted({route.path for route in router.routes})
    ['/federation/explain', '/federation/sparql']
    """
    limits = settings or Settings()
    router = APIRouter(prefix="/federation", tags=["federation"])

    async def answer(request: Request, partial: bool, caller: Principal) -> Response:
        if limits.graph_read_key:  # the own store is among the endpoints
            caller.need(Scope.GRAPH_READ)
        asked = await read_protocol_request(request, limit=limits.request_limit_bytes)
        base, accept = base_of(request), request.headers.get("accept")
        if asked.operation == "update":
            raise InputError("A federation is read only.", hint="Send the update to one endpoint.")
        if asked.default_graphs is not None or asked.named_graphs is not None:
            raise InputError("Name graphs in the query, by FROM.", hint="Leave the parameters out.")
        if not asked.operation:
            functions = tuple(sorted(FUNCTIONS))
            described = service_description(base, update=False, functions=functions)
            return answer_response(described, accept=accept)
        found = await run_in_threadpool(
            federation.answer, asked.text, timeout_s=limits.query_timeout_s, row_limit=limits.query_row_limit,
            partial=partial, base=base,
        )  # fmt: skip
        headers = {"X-Requests": str(len(found.requests))}
        if not found.complete:
            headers["X-Incomplete"] = ", ".join(name for name, _ in found.failures)
        return await run_in_threadpool(
            answer_response, found.result, accept=accept, headers=headers
        )

    @router.get("/sparql")
    async def federated_query_by_get(
        request: Request, caller: Caller, partial: bool = False
    ) -> Response:
        """Answer a query over all endpoints; without one, describe the service."""
        return await answer(request, partial, caller)

    @router.post("/sparql")
    async def federated_query(request: Request, caller: Caller, partial: bool = False) -> Response:
        """Answer a query over all endpoints."""
        return await answer(request, partial, caller)

    @router.get("/explain")
    def explain(query: Annotated[str, Query(max_length=100_000)], caller: Caller) -> Response:
        """Tell which endpoints are asked for what, and how much comes."""
        if limits.graph_read_key:
            caller.need(Scope.GRAPH_READ)
        text = federation.explain(query, timeout_s=limits.query_timeout_s)
        return PlainTextResponse(text)

    return router
