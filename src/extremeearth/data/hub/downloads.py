"""Objects over HTTP: ranges, conditions, HEAD (RFC 9110), for those who may see the item."""

from __future__ import annotations

import hashlib
import re
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from extremeearth.core.errors import NotFoundError
from extremeearth.core.security import ANONYMOUS, Caller, Principal, Scope
from extremeearth.data.catalogue import Catalogue
from extremeearth.infrastructure.objects import ObjectInfo, ObjectStore

__all__ = ["download_router", "media_type_of", "range_of", "viewer_of"]

MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".parquet": "application/vnd.apache.parquet",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".csv": "text/csv",
    ".nt": "application/n-triples",
    ".ttl": "text/turtle",
    ".png": "image/png",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
}
"""What browsers are told; everything else, HTML above all, is plain bytes."""

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def viewer_of(caller: Principal) -> Principal:
    """Give who looks: without the scope ``data:read`` a caller sees what everybody sees."""
    return caller if Scope.DATA_READ in caller.scopes else ANONYMOUS


def media_type_of(key: str) -> str:
    """Tell the media type of an object by its suffix.

    Examples
    --------
    >>> media_type_of("a/b/page.html")
    'application/octet-stream'
    """
    return MEDIA_TYPES.get(PurePosixPath(key).suffix.lower(), "application/octet-stream")


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Read a ``Range`` header: first byte and the one behind the last.

    `None` asks for everything: no range, several, or a text that is none (RFC 9110 section 14.2 has such
    ignored). An empty range, ``(size, size)``, cannot be satisfied.

    Examples
    --------
    >>> range_of("bytes=2-5", 10), range_of("bytes=-3", 10), range_of("bytes=7-", 10)
    ((2, 6), (7, 10), (7, 10))
    >>> range_of("bytes=10-", 10), range_of("lines=1-2", 10)
    ((10, 10), None)
    """
    match = RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first == "":
        return (max(0, size - int(last)), size)
    start, stop = int(first), int(last) + 1 if last else size
    if last and stop <= start:
        return None
    return (min(start, size), min(max(stop, start), size))


def download_router(catalogue: Catalogue, store: ObjectStore) -> APIRouter:
    """Make the routes below ``/download``.

    An object is there for a caller when an item that the caller may see has it as asset, or has an asset that
    it lies below (the chunks of a cube). Everything else answers 404.

    Examples
    --------
    >>> from extremeearth.core.database import Database
    >>> from extremeearth.infrastructure.objects import open_store
    >>> store = open_store("memory:///")
    >>> router = download_router(Catalogue(Database("sqlite://"), store), store)
    >>> {route.path for route in router.routes}
    {'/download/{key:path}'}
    """
    router = APIRouter(tags=["download"])

    @router.get("/download/{key:path}", response_class=StreamingResponse)
    def download(key: str, request: Request, caller: Caller) -> Response:
        """Read an object, or a range of it."""
        public = _is_public(catalogue, key, caller)
        return _answer(store, key, request, public=public, body=True)

    @router.head("/download/{key:path}", include_in_schema=False)
    def look(key: str, request: Request, caller: Caller) -> Response:
        """Tell size, type and tag of an object."""
        public = _is_public(catalogue, key, caller)
        return _answer(store, key, request, public=public, body=False)

    return router


def _is_public(catalogue: Catalogue, key: str, caller: Principal) -> bool:
    """Tell whether everybody may read an object that the caller may read; another one is not there."""
    viewer = viewer_of(caller)
    item = catalogue.owner_of_object(key, viewer=viewer)
    if item is None or item.collection_id is None:
        raise NotFoundError(
            f"There is no object '{key[:300]}'.",
            hint="Take the address from an item, with a key of its project.",
        )
    return catalogue.is_public(item.collection_id, item.id, viewer=viewer)


def _answer(
    store: ObjectStore, key: str, request: Request, *, public: bool, body: bool
) -> Response:
    info = store.head(key)
    headers = _headers(info, public=public)
    if _unchanged(request, info, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = None
    if request.headers.get("if-range", headers["ETag"]) == headers["ETag"]:
        wanted = range_of(request.headers.get("range"), info.size)
    if wanted is not None and wanted[0] >= wanted[1]:
        return Response(
            status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers=headers | {"Content-Range": f"bytes */{info.size}"},
        )
    start, stop = wanted or (0, info.size)
    headers["Content-Length"] = str(stop - start)
    status = HTTPStatus.OK
    if wanted is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{info.size}"
    media_type = media_type_of(key)
    if not body or start == stop:
        return Response(status_code=status, headers=headers, media_type=media_type)
    pieces = store.stream(key, start=start, end=stop)
    return StreamingResponse(pieces, status_code=status, headers=headers, media_type=media_type)


def _headers(info: ObjectInfo, *, public: bool) -> dict[str, str]:
    tag = info.etag or f"{info.modified.timestamp()}-{info.size}"
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{hashlib.sha256(tag.encode()).hexdigest()[:32]}"',
        "Last-Modified": format_datetime(info.modified, usegmt=True),
        "Cache-Control": "public, no-cache" if public else "private, no-cache",
        "Vary": "Authorization",
        # what users store is data: it never runs in the origin of the platform
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _unchanged(request: Request, info: ObjectInfo, tag: str) -> bool:
    """Tell whether the caller has this version; the tag goes before the date (RFC 9110 section 13.2.2)."""
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        tags = [part.strip().removeprefix("W/") for part in wanted.split(",")]
        return "*" in tags or tag in tags
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return info.modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False
