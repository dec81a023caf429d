"""Routes of the page: ``/``, its files under ``/assets`` and its icon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from extremeearth.product.web.page import BuiltFile, BuiltPage, open_page

__all__ = ["CONTENT_SECURITY_POLICY", "web_router"]

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The page runs its own scripts and styles, talks to its own origin, and to nothing else."""

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
YEAR_S = 365 * 24 * 3600
METHODS = ["GET", "HEAD"]


def web_router(
    page: BuiltPage | None = None, *, landing: Callable[[str], dict[str, Any]] | None = None
) -> APIRouter:
    """Make the router that serves the page at ``/``.

    Parameters
    ----------
    page
        What to serve; the page of this package by default, read on the first request.
    landing
        Makes, from the base URL, the landing document that clients of OGC APIs get at ``/``, as they do not ask for
        HTML; without it everybody gets the page.

    Returns
    -------
    fastapi.APIRouter
        Anyone may read the page: it holds no data, and asks for them with the key that its user enters.

    Examples
    --------
    >>> [route.path for route in web_router().routes]
    ['/', '/favicon.svg', '/assets/{name}']
    """
    router = APIRouter(include_in_schema=False)

    def send(request: Request, name: str) -> Response:
        return _answer(request, (page or open_page()).file(name))

    @router.api_route("/", methods=METHODS)
    def index(request: Request) -> Response:
        """Send the page to browsers, the landing document to programs."""
        if landing is not None and "text/html" not in request.headers.get("accept", ""):
            base = str(request.base_url).rstrip("/")
            return JSONResponse(landing(base), headers={"Vary": "Accept"})
        return send(request, "index.html")

    @router.api_route("/favicon.svg", methods=METHODS)
    def icon(request: Request) -> Response:
        """Send the icon."""
        return send(request, "favicon.svg")

    @router.api_route("/assets/{name}", methods=METHODS)
    def asset(request: Request, name: str) -> Response:
        """Send a script, a style or the base map."""
        return send(request, f"assets/{name}")

    return router


def _answer(request: Request, file: BuiltFile) -> Response:
    packed = _takes_gzip(request.headers.get("accept-encoding", ""))
    # one tag per encoding: a cache must not answer a plain request with packed bytes
    tag = f'"{file.digest[:32]}{"-gzip" if packed else ""}"'
    headers = HEADERS | {
        "ETag": tag,
        "Cache-Control": f"public, max-age={YEAR_S}, immutable" if file.lasting else "no-cache",
        # programs get another document at the page's address
        "Vary": "Accept-Encoding" if file.lasting else "Accept, Accept-Encoding",
    }
    known = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known or f"W/{tag}" in known:
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(
        file.packed if packed else file.content, media_type=file.media_type, headers=headers
    )


def _takes_gzip(accepted: str) -> bool:
    """Tell whether `accepted`, an ``Accept-Encoding`` header, names gzip with a weight above 0."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
