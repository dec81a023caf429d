"""Bodies of HTTP requests, read within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extremeearth.core.errors import LimitError

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["read_body"]


async def read_body(request: Request, *, limit: int, hint: str = "Send less at once.") -> bytes:
    """Read the body of a request piece by piece, at most `limit` bytes.

    Parameters
    ----------
    request
        What came.
    limit
        Most bytes of the body; no more than these are ever kept.
    hint
        What to do about a larger one.

    Raises
    ------
    LimitError
        It is longer.

    Examples
    --------
    >>> import asyncio
    >>> from starlette.requests import Request
    >>> async def sent():
    ...     return {"type": "http.request", "body": b"abc"}
    >>> asyncio.run(read_body(Request({"type": "http"}, sent), limit=3))
    b'abc'
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise LimitError(f"The request is larger than {limit} bytes.", hint=hint)
        pieces.append(piece)
    return b"".join(pieces)
