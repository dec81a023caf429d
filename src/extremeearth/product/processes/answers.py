"""Problems with the types of the standard, and what was asked for of the results."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from extremeearth.core.errors import InputError, NotFoundError
from extremeearth.core.problems import problem
from extremeearth.processing.jobs import Job, JobStatus

__all__ = ["EXCEPTIONS", "ProcessesRoute", "no_such_output", "not_available", "not_successful"]

EXCEPTIONS = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
"""Where the standard's exception types live."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ProcessesRoute(APIRoute):
    """A route that answers what is not there, or not a valid query, with the standard's types."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except NotFoundError as error:
                name = "no-such-job" if "job_id" in request.path_params else "no-such-process"
                return _typed(
                    request,
                    HTTPStatus.NOT_FOUND,
                    name,
                    title=error.message,
                    hint=error.hint,
                    code=error.code,
                )
            except RequestValidationError as error:
                wrong = [e for e in error.errors() if e["loc"][0] == "query"]
                if not wrong:
                    raise
                text = " ".join(f"Parameter '{e['loc'][-1]}': {e['msg']}." for e in wrong)
                return _bad_query(request, text)
            except InputError as error:
                if request.method != "GET":
                    raise
                return _bad_query(request, error.message, error.hint)

        return handler


def _bad_query(request: Request, title: str, hint: str | None = None) -> Response:
    return _typed(
        request,
        HTTPStatus.BAD_REQUEST,
        "invalid-query-parameter-value",
        title=title,
        hint=hint,
        code=InputError.code,
    )


def _typed(
    request: Request, status: int, name: str, *, title: str, hint: str | None, code: str
) -> Response:
    return problem(
        request, status, code=code, title=title, hint=hint, detail=hint, type=EXCEPTIONS + name,
        instance=request.url.path,
    )  # fmt: skip


def not_successful(request: Request, job: Job) -> Response | None:
    """Answer a request for the results of a job that has none; `None` if it has."""
    if job.status is JobStatus.SUCCESSFUL:
        return None
    if job.status is JobStatus.FAILED:
        return _failed(request, job.problem or {})
    if job.status is JobStatus.DISMISSED:
        return not_available(request, "The job was dismissed, so it has no results.")
    return _typed(
        request, HTTPStatus.NOT_FOUND, "result-not-ready", code=NotFoundError.code,
        title=f"The job is {job.status}, not done.", hint="Ask again when its status is 'successful'.",
    )  # fmt: skip


def _failed(request: Request, found: Mapping[str, Any]) -> Response:
    status = int(found.get("status", HTTPStatus.INTERNAL_SERVER_ERROR))
    if status == HTTPStatus.NOT_FOUND:  # 404 would say that there is no such job
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:  # of the job, not of this request
        status = HTTPStatus.CONFLICT
    members = {k: v for k, v in found.items() if k not in {"status", "code", "title", "request_id"}}
    title = str(found.get("title", "The job failed."))
    return problem(request, status, code=str(found.get("code", "job.bug")), title=title, **members)


def not_available(request: Request, title: str) -> Response:
    """Answer a request for an output that this job does not give."""
    return _typed(
        request, HTTPStatus.NOT_FOUND, "result-not-available", title=title, code=NotFoundError.code,
        hint="Name the output in 'outputs' when the process is run, or leave 'outputs' out.",
    )  # fmt: skip


def no_such_output(request: Request, name: str, known: Mapping[str, Any]) -> Response:
    """Answer a request for an output that the process does not have."""
    return _typed(
        request, HTTPStatus.BAD_REQUEST, "no-such-output", title=f"There is no output '{name[:64]}'.",
        hint=f"There are: {', '.join(known)}.", code=InputError.code,
    )  # fmt: skip
