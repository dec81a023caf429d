"""Answers over HTTP: in the format the client likes best, streamed where they are long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import chain

from fastapi import Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from extremeearth.core.errors import InputError
from extremeearth.knowledge.store.formats import (
    GRAPH_MEDIA,
    RESULT_MEDIA,
    choose_media,
    media_of,
)
from extremeearth.knowledge.store.results.solutions import Solutions, Triples, boolean_text

__all__ = ["answer_response"]

WHOLE_BYTES = 256 * 1024
"""An answer up to this size is sent in one piece, with its length."""
_BOOLEAN_MEDIA = {media: short for media, short in RESULT_MEDIA.items() if short in ("json", "xml")}


def answer_response(
    answer: Solutions | bool | Triples,
    *,
    accept: str | None,
    headers: Mapping[str, str] | None = None,
    format: str | None = None,
    geometry: str | None = None,
    body: bool = True,
) -> Response:
    """Write an answer in the format that ``Accept`` likes best; 406 if it likes none.

    Parameters
    ----------
    answer
        Of a query.
    accept
        Header of the request.
    headers
        Further headers of the answer.
    format
        Short name or media type, in place of `accept`.
    geometry
        Variable that features of GeoJSON take their geometry from.
    body
        Whether the content is sent, or the headers alone.

    Raises
    ------
    InputError
        `format` is none that is offered, or the answer cannot be written in it.

    Examples
    --------
    >>> answer_response(True, accept="application/sparql-results+xml").media_type
    'application/sparql-results+xml'
    """
    if isinstance(answer, bool):
        offered: Mapping[str, str] = _BOOLEAN_MEDIA
    else:
        offered = RESULT_MEDIA if isinstance(answer, Solutions) else GRAPH_MEDIA
    media, short = _chosen(accept, offered, format)
    sent = {"Vary": "Accept", **(headers or {})}
    if not body:
        empty = Response(media_type=media, headers=sent)
        del empty.headers["Content-Length"]  # it would be that of the content, which is not known
        return empty
    if isinstance(answer, bool):
        pieces: Iterator[bytes] = iter((boolean_text(answer, short),))
    elif isinstance(answer, Solutions):
        pieces = answer.stream(short, geometry=geometry)
    else:
        pieces = answer.stream(short)
    # Starlette adds the charset to text types by itself.
    return _sent(pieces, media, sent)


def _sent(pieces: Iterator[bytes], media: str, headers: Mapping[str, str]) -> Response:
    """Read on until it is known whether the answer is long: what fails early can still be told as an error."""
    first: list[bytes] = []
    size = 0
    for piece in pieces:
        first.append(piece)
        size += len(piece)
        if size > WHOLE_BYTES:
            rest: Iterable[bytes] = chain(first, pieces)
            return StreamingResponse(rest, media_type=media, headers=dict(headers))
    return Response(b"".join(first), media_type=media, headers=dict(headers))


def _chosen(accept: str | None, media: Mapping[str, str], format: str | None) -> tuple[str, str]:
    if format is not None:
        named = media_of(format, media)
        if named is None:
            short = ", ".join(dict.fromkeys(media.values()))
            raise InputError(
                f"This answer cannot be written as '{format}'.", hint=f"Choose of {short}."
            )
        return named, media[named]
    found = choose_media(accept, list(media))
    if found is None:
        raise HTTPException(
            HTTPStatus.NOT_ACCEPTABLE,
            "None of the accepted formats is offered: " + ", ".join(media) + ".",
        )
    return found, media[found]
