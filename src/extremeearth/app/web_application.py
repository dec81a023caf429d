"""The one HTTP application: the routers of the layers behind the guards that every request passes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from extremeearth import __version__
from extremeearth.app.guards import RequestGuard
from extremeearth.app.platform import Platform, environment_of, worker_command
from extremeearth.core.errors import InputError
from extremeearth.core.http import SafeClient
from extremeearth.core.problems import install_problem_handlers
from extremeearth.core.security import Verifier
from extremeearth.core.settings import Settings
from extremeearth.data.hub import hub_router
from extremeearth.knowledge.federation import Endpoint, Federation, federation_router
from extremeearth.knowledge.store import GraphStore, sparql_router
from extremeearth.processing.accounts import accounts_router
from extremeearth.processing.jobs import JobRunner
from extremeearth.processing.serving import serving_router
from extremeearth.product.processes import landing_document, processes_router
from extremeearth.product.web import web_router

__all__ = ["LAYERS", "create_app", "create_graph_app"]

LAYERS = ("hub", "processing", "knowledge", "product")
"""What `--only` can name."""


def create_app(
    platform: Platform, *, only: Iterable[str] = LAYERS, run_jobs: bool = True
) -> FastAPI:
    """Assemble the application.

    Parameters
    ----------
    platform
        What the routes work on; the caller opened it and closes it.
    only
        Layers to serve, of `LAYERS`.
    run_jobs
        Whether this process also starts the jobs of the queue.

    Raises
    ------
    InputError
        A layer is not known.

    Examples
    --------
    >>> import tempfile
    >>> with Platform.open(Settings(home=tempfile.mkdtemp())) as platform:
    ...     create_app(platform, only=["hub"], run_jobs=False).title
    'extremeearth'
    """
    layers = tuple(only)
    for layer in layers:
        if layer not in LAYERS:
            raise InputError(
                f"There is no layer '{layer}'.", hint=f"Choose of {', '.join(LAYERS)}."
            )
    settings = platform.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with _running_jobs(platform) if run_jobs and "product" in layers else nullcontext():
            yield

    app = FastAPI(
        title="extremeearth",
        version=__version__,
        description="Copernicus data from the archive to knowledge that people can question.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api",
    )
    app.state.verifier = platform.accounts
    install_problem_handlers(app)
    _install_guards(app, settings)
    app.include_router(_operations(platform))
    if "hub" in layers:
        app.include_router(hub_router(platform.catalogue, platform.store))
    if "processing" in layers:
        app.include_router(accounts_router(platform.accounts))
        app.include_router(serving_router(platform.registry))
    if "knowledge" in layers:
        _include_knowledge(app, platform)
    if "product" in layers:
        processors = platform.processors(serving_url=f"http://{settings.host}:{settings.port}")
        app.include_router(processes_router(processors, platform.queue, platform.catalogue))
        # last: it answers `/` and the files of the page
        app.include_router(web_router(landing=landing_document))
    return app


@contextmanager
def _running_jobs(platform: Platform) -> Iterator[None]:
    """Start the jobs of the queue, as many at once as the settings say, until the application ends."""
    runner = JobRunner(
        platform.queue,
        command=worker_command,
        slots=platform.settings.workers,
        environment=environment_of(platform.settings),
    )
    runner.start()
    try:
        yield
    finally:
        runner.stop()


def _include_knowledge(app: FastAPI, platform: Platform) -> None:
    settings = platform.settings
    app.include_router(sparql_router(platform.graph, settings=settings))
    client = SafeClient(
        allow_hosts=(*settings.allow_hosts, *(_host_of(url) for url in settings.endpoints.values()))
    )
    endpoints = [Endpoint(name=name, url=url) for name, url in settings.endpoints.items()]
    own = Endpoint(name="store", graph=platform.graph)
    federation = Federation([own, *endpoints], client=client)
    app.include_router(federation_router(federation, settings=settings))


def _host_of(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0]


def _operations(platform: Platform) -> APIRouter:
    router = APIRouter(prefix="/health", tags=["operations"])

    @router.get("/live")
    def live() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "live", "version": __version__}

    @router.get("/ready")
    def ready() -> dict[str, str]:
        """Tell that the database answers."""
        with platform.database.session() as session:
            session.execute(text("select 1"))
        return {"status": "ready", "version": __version__}

    return router


def _install_guards(app: FastAPI, settings: Settings) -> None:
    app.add_middleware(RequestGuard, limit_bytes=settings.request_limit_bytes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            allow_headers=("authorization", "content-type"),
            expose_headers=("location", "link", "etag"),
        )
    # added last, so it runs first: a wrong Host never reaches a route
    names = sorted({*settings.trusted_hosts, settings.host})
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)


def create_graph_app(
    graph: GraphStore, *, settings: Settings, verifier: Verifier | None = None
) -> FastAPI:
    """Assemble the application that serves one graph alone: for reading, and for writing with a key of `verifier`."""
    app = FastAPI(title="extremeearth graph", version=__version__, docs_url=None, redoc_url=None)
    app.state.verifier = verifier
    install_problem_handlers(app)
    _install_guards(app, settings)
    app.include_router(sparql_router(graph, settings=settings))
    return app
