"""The SPARQL 1.1 Graph Store HTTP Protocol at ``/graphs``: whole graphs, read, replaced, added to, removed."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.core.security import Caller, Principal, Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.sparql.iris import resolve
from extremeearth.knowledge.store.contract import GraphStore
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.service.answers import answer_response
from extremeearth.knowledge.store.service.caching import fresh, version_headers
from extremeearth.knowledge.store.service.exchange import base_of, read_body, read_options

__all__ = ["add_graph_routes"]


def _named(request: Request, direct: str | None) -> str | None:
    """Find the graph a request is about: ``?graph=IRI``, ``?default``, or the URL itself. `None` is the default."""
    wanted = request.query_params.getlist("graph")
    default = "default" in request.query_params
    if direct is not None:
        if wanted or default:
            raise InputError(
                "The graph is named twice.", hint="Name it in the path or as a parameter."
            )
        return base_of(request)
    if len(wanted) + default != 1 or wanted == [""]:
        raise InputError("The request names not one graph.", hint="Add ?graph=IRI or ?default.")
    return None if default else resolve(wanted[0], base_of(request))


def add_graph_routes(
    router: APIRouter, graph: GraphStore, limits: Settings, write_scope: Scope
) -> None:
    """Add the routes of the Graph Store Protocol to a router.

    Examples
    --------
    >>> from extremeearth.knowledge.store import open_graph
    >>> router = APIRouter()
    >>> add_graph_routes(router, open_graph(), Settings(), Scope.GRAPH_WRITE)
    >>> sorted({route.path for route in router.routes})
    ['/graphs', '/graphs/{name:path}']
    """

    def present(name: str | None) -> None:
        if name is not None and not graph.has_graph(name):
            raise NotFoundError(f"There is no graph <{name}>.", hint="Check its IRI.")

    async def read(request: Request, caller: Principal, direct: str | None) -> Response:
        if limits.graph_read_key:
            caller.need(Scope.GRAPH_READ)
        options = read_options(request.query_params.multi_items())
        name = _named(request, direct)
        version = await run_in_threadpool(
            graph.find_version, version=options.version, as_of=options.as_of
        )
        headers = version_headers(graph, version, private=limits.graph_read_key)
        if options.version is None and options.as_of is None:
            await run_in_threadpool(present, name)
        if fresh(request, headers):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        found = await run_in_threadpool(graph.read_graph, name, version=version)
        if name is not None and not len(found) and (options.version or options.as_of):
            raise NotFoundError(
                f"There was no graph <{name}> in version {version}.", hint="Check its IRI."
            )
        return await run_in_threadpool(
            answer_response, found, accept=request.headers.get("accept"), headers=headers,
            format=options.format, body=request.method != "HEAD",
        )  # fmt: skip

    async def write(request: Request, caller: Principal, direct: str | None) -> Response:
        caller.need(write_scope)
        made_here = request.method == "POST" and direct is None and not request.query_params
        name = f"{base_of(request)}/{uuid.uuid4().hex}" if made_here else _named(request, direct)
        media, document = await _document(request, limits)
        existed = name is None or await run_in_threadpool(graph.has_graph, name)
        if request.method == "PUT":
            await run_in_threadpool(graph.replace_graph, name, document, media, base=name)
        else:
            await run_in_threadpool(graph.load, document, media, graph=name, base=name)
        if existed:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return Response(status_code=HTTPStatus.CREATED, headers={"Location": str(name)})

    async def delete(request: Request, caller: Principal, direct: str | None) -> Response:
        caller.need(write_scope)
        name = _named(request, direct)
        await run_in_threadpool(present, name)
        await run_in_threadpool(graph.drop_graph, name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.api_route("/graphs", methods=["GET", "HEAD"])
    async def read_graph(request: Request, caller: Caller) -> Response:
        """Give a graph: ``?graph=IRI`` or ``?default``."""
        return await read(request, caller, None)

    @router.api_route("/graphs", methods=["PUT", "POST"])
    async def write_graph(request: Request, caller: Caller) -> Response:
        """Replace a graph (PUT) or add to it (POST); POST without a name makes a new one."""
        return await write(request, caller, None)

    @router.delete("/graphs")
    async def delete_graph(request: Request, caller: Caller) -> Response:
        """Remove a graph."""
        return await delete(request, caller, None)

    @router.api_route("/graphs/{name:path}", methods=["GET", "HEAD"])
    async def read_direct(request: Request, name: str, caller: Caller) -> Response:
        """Give the graph whose IRI is this URL."""
        return await read(request, caller, name)

    @router.api_route("/graphs/{name:path}", methods=["PUT", "POST"])
    async def write_direct(request: Request, name: str, caller: Caller) -> Response:
        """Replace (PUT) or add to (POST) the graph whose IRI is this URL."""
        return await write(request, caller, name)

    @router.delete("/graphs/{name:path}")
    async def delete_direct(request: Request, name: str, caller: Caller) -> Response:
        """Remove the graph whose IRI is this URL."""
        return await delete(request, caller, name)


async def _document(request: Request, limits: Settings) -> tuple[str, bytes]:
    """Read the RDF that was sent: one body, or the files of a form, which must share a format."""
    declared = request.headers.get("content-type", "text/turtle").partition(";")[0].strip().lower()
    if declared != "multipart/form-data":
        rdf_format(declared)
        return declared, await read_body(request, limit=limits.request_limit_bytes)
    pieces: list[bytes] = []
    kinds: set[str] = set()
    async with request.form(max_files=100, max_fields=100) as form:
        for value in form.values():
            if not isinstance(value, str):
                pieces.append(await value.read())
                kinds.add((value.content_type or "").partition(";")[0].strip().lower())
    if len(kinds) != 1:
        raise InputError(
            "The files of the form have not one format.", hint="Send each format apart."
        )
    media = kinds.pop()
    found = rdf_format(media)
    if len(pieces) > 1 and found.media_type not in ("text/turtle", "application/n-triples"):
        raise InputError(
            "Only Turtle and N-Triples can be sent as several files.", hint="Send one file."
        )
    return media, b"\n".join(pieces)
