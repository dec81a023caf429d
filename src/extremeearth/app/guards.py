"""What every request passes before a route sees it: an id, a size limit, safe headers."""

from __future__ import annotations

import logging
import time
import uuid
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from extremeearth.core.errors import LimitError
from extremeearth.core.problems import problem, status_of

__all__ = ["RequestGuard"]

log = logging.getLogger("extremeearth.http")


class _TooLargeError(Exception):
    pass


class RequestGuard:
    """ASGI middleware: numbers each request, counts its body, adds headers to its answer.

    The body is counted while it arrives, so that a request without a length is bounded too.

    Parameters
    ----------
    app
        The application behind.
    limit_bytes
        Largest body that is passed on.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = uuid.uuid4().hex
        started, status, seen = time.perf_counter(), 0, 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit_bytes:
                raise _TooLargeError
            return message

        async def finished(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Request-Id", request.state.request_id)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        try:
            declared = request.headers.get("content-length", "0")
            if declared.isdigit() and int(declared) > self.limit_bytes:
                raise _TooLargeError
            await self.app(scope, counted, finished)
        except _TooLargeError:
            if status:
                raise
            await self._refuse(request)(scope, receive, finished)
        finally:
            level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.DEBUG
            spent_ms = 1000 * (time.perf_counter() - started)
            # the path only: a query string may carry what must not be logged
            log.log(level, "%s %s: %s in %.0f ms", request.method, scope["path"], status, spent_ms)

    def _refuse(self, request: Request) -> ASGIApp:
        error = LimitError(
            f"The request is larger than {self.limit_bytes} bytes.",
            hint="Send it in parts; the operator can raise EXTREMEEARTH_REQUEST_LIMIT_BYTES.",
        )
        return problem(
            request, status_of(error), code=error.code, title=error.message, hint=error.hint
        )
