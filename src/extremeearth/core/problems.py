"""Errors as ``application/problem+json`` (RFC 9457): one table from error to status."""

from __future__ import annotations

import logging
import uuid
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from extremeearth.core import errors

__all__ = ["STATUS", "install_problem_handlers", "problem", "status_of"]

log = logging.getLogger("extremeearth.http")

STATUS: dict[type[errors.ExtremeEarthError], HTTPStatus] = {
    errors.InputError: HTTPStatus.BAD_REQUEST,
    errors.LimitError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NoDataError: HTTPStatus.NOT_FOUND,
    errors.DataMissingError: HTTPStatus.NOT_FOUND,
    errors.DataError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.KeyInvalidError: HTTPStatus.UNAUTHORIZED,
    errors.KeyExpiredError: HTTPStatus.UNAUTHORIZED,
    errors.AccessError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.StorageError: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.TimeoutExceededError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.RemoteError: HTTPStatus.BAD_GATEWAY,
    errors.CancelledError: HTTPStatus.CONFLICT,
    errors.ExtremeEarthError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Status of each error class; a class that is not named has that of its nearest base."""


def status_of(error: errors.ExtremeEarthError) -> HTTPStatus:
    """Look the status of an error up.

    Examples
    --------
    >>> int(status_of(errors.CrsError("x"))), int(status_of(errors.NotFoundError("x")))
    (400, 404)
    """
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    request: Request, status: int, *, code: str, title: str, **members: Any
) -> JSONResponse:
    """Build one problem document; every error answer of the platform has this shape."""
    request_id = getattr(request.state, "request_id", None) or uuid.uuid4().hex
    body = {
        "type": f"urn:extremeearth:error:{code}",
        "title": title,
        "status": int(status),
        "code": code,
    }
    body |= {key: value for key, value in members.items() if value is not None}
    headers = {"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'ApiKey realm="extremeearth"'
    return JSONResponse(
        body | {"request_id": request_id},
        status_code=int(status),
        media_type="application/problem+json",
        headers=headers,
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Make `app` answer every error as a problem document; a 5xx never shows the exception's text."""

    @app.exception_handler(errors.ExtremeEarthError)
    def _ours(request: Request, error: errors.ExtremeEarthError) -> JSONResponse:
        status = status_of(error)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return _unexpected(request, error)
        return problem(
            request, status, code=error.code, title=error.message, hint=error.hint,
            line=getattr(error, "line", None), column=getattr(error, "column", None),
        )  # fmt: skip

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        places = [
            {"where": ".".join(str(part) for part in e["loc"]), "what": e["msg"]}
            for e in error.errors()
        ]
        return problem(
            request, HTTPStatus.BAD_REQUEST, code=errors.InputError.code, title="The request is not valid.",
            hint="See 'errors' for each place.", errors=places,
        )  # fmt: skip

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> JSONResponse:
        code = (
            errors.NotFoundError.code if error.status_code == HTTPStatus.NOT_FOUND else "http.error"
        )
        return problem(request, error.status_code, code=code, title=str(error.detail))

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> JSONResponse:
        response = problem(
            request, HTTPStatus.INTERNAL_SERVER_ERROR, code="server.bug", title="The server made a mistake.",
            hint="Tell the operator the request id.",
        )  # fmt: skip
        log.error("request %s failed", response.headers["X-Request-Id"], exc_info=error)
        return response
