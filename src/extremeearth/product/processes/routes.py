"""The routes of OGC API - Processes, Part 1: Core."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from extremeearth.core.errors import NotFoundError
from extremeearth.core.security import Principal, Scope, requires
from extremeearth.core.times import format_instant
from extremeearth.processing.jobs import JobPage, JobQueue
from extremeearth.product.processes.answers import ProcessesRoute
from extremeearth.product.processes.documents import (
    CONFORMANCE,
    all_outputs,
    describe,
    job_list,
    landing_document,
    link,
    status_info,
    summarise,
)
from extremeearth.product.processes.inputs import check_inputs
from extremeearth.product.processes.requests import job_filter, prefers, read_request
from extremeearth.product.processes.results import Results
from extremeearth.product.processors import Processor

if TYPE_CHECKING:
    from extremeearth.data.catalogue import Catalogue

__all__ = ["processes_router"]

Reader = Annotated[Principal, Depends(requires(Scope.JOB_READ))]
Runner = Annotated[Principal, Depends(requires(Scope.JOB_RUN))]
Prefer = Annotated[str | None, Header()]
Limit = Annotated[
    int, Query(ge=1, description="Most entries of a page; more than 1000 counts as 1000.")
]

MAX_PAGE = 1000


def processes_router(
    processors: Mapping[str, Processor],
    queue: JobQueue,
    catalogue: Catalogue,
    *,
    landing: bool = False,
) -> APIRouter:
    """Make the routes ``/conformance``, ``/processes`` and ``/jobs``.

    What can be run is public; jobs are seen by their project alone, another's are answered with 404.
    Every process runs asynchronously, also where a client does not ask for that.

    Parameters
    ----------
    processors
        What can be run, by id.
    queue
        Where jobs go; a `JobRunner` has to serve it.
    catalogue
        Where the items of the results are.
    landing
        Whether to answer ``/`` with the landing page; the platform's own page does that itself.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.data.catalogue import Catalogue
    >>> from extremeearth.infrastructure.objects import open_store
    >>> from extremeearth.processing.jobs import JobQueue
    >>> database = Database("sqlite://")
    >>> router = processes_router(
    ...     {}, JobQueue(database), Catalogue(database, open_store("memory:///"))
    ... )
    >>> "/processes/{process_id}/execution" in {route.path for route in router.routes}
    True
    """
    router = APIRouter(tags=["processes"], route_class=ProcessesRoute)
    _add_common(router, landing=landing)
    _add_processes(router, processors, queue)
    _add_jobs(router, queue)
    _add_logs(router, queue)
    _add_results(router, processors, queue, Results(catalogue))
    return router


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _add_common(router: APIRouter, *, landing: bool) -> None:
    @router.get("/conformance")
    def conformance() -> dict[str, Any]:
        """List the conformance classes of OGC API - Processes that are implemented."""
        return {"conformsTo": [*CONFORMANCE]}

    if landing:

        @router.get("/")
        def landing_page(request: Request) -> dict[str, Any]:
            """Link to everything else."""
            return landing_document(_base(request))


def _processor(processors: Mapping[str, Processor], process_id: str) -> Processor:
    found = processors.get(process_id)
    if found is None:
        raise NotFoundError(
            f"There is no process '{process_id[:64]}'.", hint="See /processes for those there are."
        )
    return found


def _add_processes(router: APIRouter, processors: Mapping[str, Processor], queue: JobQueue) -> None:
    @router.get("/processes")
    def list_processes(
        request: Request, limit: Limit = 100, after: Annotated[str, Query(max_length=64)] = ""
    ) -> dict[str, Any]:
        """List what can be run."""
        base, limit = _base(request), min(limit, MAX_PAGE)
        names = [name for name in sorted(processors) if name > after]
        page = names[:limit]
        links = [link(str(request.url), "self", "This list")]
        if len(names) > limit:
            following = request.url.include_query_params(after=page[-1], limit=limit)
            links.append(link(str(following), "next", "The next page"))
        entries = [summarise(processors[name].description, base) for name in page]
        return {"processes": entries, "links": links}

    @router.get("/processes/{process_id}")
    def read_process(process_id: str, request: Request) -> dict[str, Any]:
        """Describe a process: its inputs and outputs with their JSON Schemas, and its limits."""
        found = _processor(processors, process_id)
        return describe(found.description, _base(request), queue.limits)

    @router.post("/processes/{process_id}/execution", status_code=HTTPStatus.CREATED)
    def run_process(
        process_id: str,
        request: Request,
        caller: Runner,
        body: Annotated[Any, Body()],
        prefer: Prefer = None,
    ) -> Response:
        """Run a process as a job; wrong inputs are refused before there is one."""
        description = _processor(processors, process_id).description
        asked = read_request(body, description)
        values = check_inputs(description, asked.inputs)
        job = queue.submit(process_id, values, principal=caller, options=asked.options)
        headers = {"Location": f"{_base(request)}/jobs/{job.id}"}
        if prefers(prefer, "respond-async"):
            headers["Preference-Applied"] = "respond-async"
        info = status_info(job, _base(request))
        return JSONResponse(info, status_code=HTTPStatus.CREATED, headers=headers)


def _add_jobs(router: APIRouter, queue: JobQueue) -> None:
    @router.get("/jobs")
    def list_jobs(
        request: Request,
        caller: Reader,
        *,
        limit: Limit = 10,
        kinds: Annotated[list[str] | None, Query(alias="type")] = None,
        processes: Annotated[list[str] | None, Query(alias="processID")] = None,
        statuses: Annotated[list[str] | None, Query(alias="status")] = None,
        datetime: str | None = None,
        min_duration: Annotated[float | None, Query(alias="minDuration", ge=0, le=1e9)] = None,
        max_duration: Annotated[float | None, Query(alias="maxDuration", ge=0, le=1e9)] = None,
        token: Annotated[str | None, Query(max_length=200)] = None,
    ) -> dict[str, Any]:
        """List the jobs of the key's project, newest first."""
        wanted = job_filter(
            kinds=kinds or (), processes=processes or (), statuses=statuses or (), datetime=datetime,
            min_duration_s=min_duration, max_duration_s=max_duration,
        )  # fmt: skip
        page = JobPage(jobs=(), matched=0, next_token=None)
        if wanted is not None:
            page = queue.page(wanted, viewer=caller, limit=min(limit, MAX_PAGE), token=token)
        following = None
        if page.next_token is not None:
            following = str(request.url.include_query_params(token=page.next_token))
        return job_list(page, _base(request), here=str(request.url), following=following)

    @router.get("/jobs/{job_id}")
    def read_job(job_id: str, request: Request, caller: Reader) -> dict[str, Any]:
        """Tell the status of a job."""
        return status_info(queue.get(job_id, viewer=caller), _base(request))

    @router.delete("/jobs/{job_id}")
    def dismiss_job(job_id: str, request: Request, caller: Runner) -> dict[str, Any]:
        """Stop a job that waits or runs; remove one that has ended."""
        return status_info(queue.dismiss(job_id, viewer=caller), _base(request))


def _add_logs(router: APIRouter, queue: JobQueue) -> None:
    @router.get("/jobs/{job_id}/logs")
    def read_log(
        job_id: str,
        request: Request,
        caller: Reader,
        after: Annotated[
            int, Query(ge=0, le=2**31, description="Number of the last line already read.")
        ] = 0,
        limit: Limit = 1000,
    ) -> dict[str, Any]:
        """Give the lines of a job's log, oldest first."""
        found = queue.logs(job_id, viewer=caller, after=after, limit=min(limit, MAX_PAGE))
        lines = [
            {"number": line.number, "time": format_instant(line.at), "text": line.text}
            for line in found
        ]
        here = f"{_base(request)}/jobs/{job_id}"
        last = found[-1].number if found else after
        links = [
            link(str(request.url), "self", "These lines"),
            link(f"{here}/logs?after={last}", "next", "What comes later"),
            link(here, "up", "The job"),
        ]
        return {"logs": lines, "links": links}


def _add_results(
    router: APIRouter, processors: Mapping[str, Processor], queue: JobQueue, results: Results
) -> None:
    @router.get("/jobs/{job_id}/results")
    def read_results(
        job_id: str,
        request: Request,
        caller: Reader,
        outputs: Annotated[list[str] | None, Query()] = None,
        prefer: Prefer = None,
    ) -> Response:
        """Give the results of a job."""
        job = queue.get(job_id, viewer=caller)
        only = [name for part in outputs or () for name in part.split(",")]
        links = prefers(prefer, "return=minimal")
        return results.document(request, job, viewer=caller, only=only, links=links)

    @router.get("/jobs/{job_id}/results/{output_id}")
    def read_output(job_id: str, output_id: str, request: Request, caller: Reader) -> Response:
        """Give one output of a job, bare."""
        job = queue.get(job_id, viewer=caller)
        processor = processors.get(job.process_id)
        known = (job.results or {}) if processor is None else all_outputs(processor.description)
        return results.output(request, job, output_id, known=known, viewer=caller)
