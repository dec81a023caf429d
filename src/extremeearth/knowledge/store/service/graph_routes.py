"""The SPARQL 1.1 Graph Store HTTP Protocol at ``/graphs``: whole graphs, read, replaced, added to, removed."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from extremeearth.core.bodies import read_body
from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.core.security import Caller, Principal, Scope
from extremeearth.core.settings import Settings
from extremeearth.knowledge.sparql.iris import resolve
from extremeearth.knowledge.store.contract import GraphStore
from extremeearth.knowledge.store.formats import rdf_format
from extremeearth.knowledge.store.loading import read_statements
from extremeearth.knowledge.store.service.answers import answer_response
from extremeearth.knowledge.store.service.caching import fresh, version_headers
from extremeearth.knowledge.store.service.exchange import IN_PATHS, base_of, read_options

__all__ = ["add_graph_routes"]

_Answer = Callable[[Request, Principal, str | None], Awaitable[Response]]

TRIPLES_ONLY = {"text/turtle", "application/n-triples", "application/rdf+xml"}


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
        media, documents = await _documents(request, limits)
        base = name or base_of(request)
        existed = name is None or await run_in_threadpool(graph.has_graph, name)
        if request.method == "PUT":
            await run_in_threadpool(graph.replace_graph, name, documents, media, base=base)
        else:
            await run_in_threadpool(_need_triples, documents, media, base)
            await run_in_threadpool(graph.load, documents, media, graph=name, base=base)
        if existed or name is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        location = quote(name, safe=f"?#[]{IN_PATHS}")
        return Response(status_code=HTTPStatus.CREATED, headers={"Location": location})

    async def delete(request: Request, caller: Principal, direct: str | None) -> Response:
        caller.need(write_scope)
        name = _named(request, direct)
        await run_in_threadpool(present, name)
        await run_in_threadpool(graph.drop_graph, name)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    _add_indirect(router, read, write, delete)
    _add_direct(router, read, write, delete)


def _add_indirect(router: APIRouter, read: _Answer, write: _Answer, delete: _Answer) -> None:
    @router.get("/graphs")
    @router.head("/graphs", include_in_schema=False)
    async def read_graph(request: Request, caller: Caller) -> Response:
        """Give a graph: ``?graph=IRI`` or ``?default``."""
        return await read(request, caller, None)

    @router.put("/graphs")
    async def replace_graph(request: Request, caller: Caller) -> Response:
        """Make a graph hold what is sent and nothing else."""
        return await write(request, caller, None)

    @router.post("/graphs")
    async def extend_graph(request: Request, caller: Caller) -> Response:
        """Add to a graph; without a name, make a new one."""
        return await write(request, caller, None)

    @router.delete("/graphs")
    async def delete_graph(request: Request, caller: Caller) -> Response:
        """Remove a graph."""
        return await delete(request, caller, None)


def _add_direct(router: APIRouter, read: _Answer, write: _Answer, delete: _Answer) -> None:
    @router.get("/graphs/{name:path}")
    @router.head("/graphs/{name:path}", include_in_schema=False)
    async def read_direct(request: Request, name: str, caller: Caller) -> Response:
        """Give the graph whose IRI is this URL."""
        return await read(request, caller, name)

    @router.put("/graphs/{name:path}")
    async def replace_direct(request: Request, name: str, caller: Caller) -> Response:
        """Make the graph whose IRI is this URL hold what is sent and nothing else."""
        return await write(request, caller, name)

    @router.post("/graphs/{name:path}")
    async def extend_direct(request: Request, name: str, caller: Caller) -> Response:
        """Add to the graph whose IRI is this URL."""
        return await write(request, caller, name)

    @router.delete("/graphs/{name:path}")
    async def delete_direct(request: Request, name: str, caller: Caller) -> Response:
        """Remove the graph whose IRI is this URL."""
        return await delete(request, caller, name)


def _media(declared: str) -> str:
    media = declared.partition(";")[0].strip().lower()
    try:
        rdf_format(media)
    except InputError as err:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{err.message} {err.hint}") from err
    return media


def _need_triples(documents: Sequence[bytes], media: str, base: str) -> None:
    """Refuse statements that name graphs of their own: a request is about one graph."""
    if rdf_format(media).media_type in TRIPLES_ONLY:
        return
    for document in documents:
        for batch in read_statements(document, media, base=base):
            if (batch.quads["g"].to_numpy() >= 0).any():
                raise InputError(
                    "A graph takes triples, not quads.", hint="Send Turtle or N-Triples."
                )


async def _documents(request: Request, limits: Settings) -> tuple[str, list[bytes]]:
    """Read the RDF that was sent: one body, or the files of a form, which must share a format."""
    declared = request.headers.get("content-type", "text/turtle")
    if declared.partition(";")[0].strip().lower() != "multipart/form-data":
        media = _media(declared)
        return media, [await read_body(request, limit=limits.request_limit_bytes)]
    pieces: list[bytes] = []
    kinds: set[str] = set()
    async with request.form(max_files=100, max_fields=100) as form:
        for _, value in form.multi_items():
            if not isinstance(value, str):
                pieces.append(await value.read())
                kinds.add(_media(value.content_type or ""))
    if len(kinds) != 1:
        raise InputError(
            "The files of the form have not one format.", hint="Send each format apart."
        )
    return kinds.pop(), pieces
