"""Requests and answers of the SPARQL 1.1 Protocol: read strictly, written in the format the client likes best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from extremeearth.core.errors import InputError, LimitError
from extremeearth.knowledge.store.formats import GRAPH_MEDIA, RESULT_MEDIA, choose_media
from extremeearth.knowledge.store.results import Solutions, Triples, boolean_text

__all__ = ["ProtocolRequest", "answer_response", "base_of", "read_body", "read_protocol_request"]

QUERY_MEDIA, UPDATE_MEDIA = "application/sparql-query", "application/sparql-update"
FORM_MEDIA = "application/x-www-form-urlencoded"
MOST_FIELDS = 1_000

_GRAPH_FIELDS = {
    "query": ("default-graph-uri", "named-graph-uri"),
    "update": ("using-graph-uri", "using-named-graph-uri"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRequest:
    """One operation: its text, and the graphs that the request names in place of the text's own.

    Attributes
    ----------
    operation
        ``query``, ``update``, or ``""`` where a GET has neither: the service description is asked for.
    """

    operation: str
    text: str
    default_graphs: tuple[str, ...] | None
    named_graphs: tuple[str, ...] | None


def _fail(status: HTTPStatus, message: str) -> HTTPException:
    return HTTPException(status, message)


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as err:
        raise InputError(
            "The parameters cannot be read.", hint="Send them URL-encoded in UTF-8."
        ) from err


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as err:
        raise InputError("The body is not UTF-8.", hint="Encode it in UTF-8.") from err


async def read_body(request: Request, *, limit: int) -> bytes:
    """Read the body piece by piece, at most `limit` bytes.

    Raises
    ------
    LimitError
        It is longer.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise LimitError(
                f"The request is larger than {limit} bytes.", hint="Send less at once."
            )
        pieces.append(piece)
    return b"".join(pieces)


async def read_protocol_request(request: Request, *, limit: int) -> ProtocolRequest:
    """Read an operation from GET, a form, or a direct POST (SPARQL 1.1 Protocol, section 2).

    Raises
    ------
    InputError
        The operation is missing, given twice, or not UTF-8.
    HTTPException
        415 for a body of another media type, 400 for an update by GET.
    """
    fields = _pairs(request.scope["query_string"].decode("ascii", "replace"))
    if request.method in ("GET", "HEAD"):
        if any(name == "update" for name, _ in fields):
            raise InputError("An update cannot be sent by GET.", hint="Send it by POST.")
        if not any(name == "query" for name, _ in fields):
            return ProtocolRequest(operation="", text="", default_graphs=None, named_graphs=None)
        return _operation("query", fields)
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, limit=limit)
    if declared == FORM_MEDIA:
        fields += _pairs(body.decode("ascii", "replace"))
        names = {name for name, _ in fields} & {"query", "update"}
        if len(names) != 1:
            raise InputError(
                "The form holds not one operation.", hint="Send either 'query' or 'update'."
            )
        return _operation(names.pop(), fields)
    if declared not in (QUERY_MEDIA, UPDATE_MEDIA):
        raise _fail(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"The body must be {QUERY_MEDIA}, {UPDATE_MEDIA} or {FORM_MEDIA}.",
        )
    kind = "query" if declared == QUERY_MEDIA else "update"
    if any(name in ("query", "update") for name, _ in fields):
        raise InputError("The operation is both in the URL and in the body.", hint="Send it once.")
    return _operation(kind, [*fields, (kind, _decode(body))])


def _operation(kind: str, fields: Sequence[tuple[str, str]]) -> ProtocolRequest:
    texts = [value for name, value in fields if name == kind]
    if len(texts) != 1:
        raise InputError(
            f"There must be exactly one '{kind}', not {len(texts)}.", hint="Send one at a time."
        )
    default, named = (
        tuple(value for name, value in fields if name == wanted) for wanted in _GRAPH_FIELDS[kind]
    )
    chosen = bool(default or named)
    return ProtocolRequest(
        operation=kind,
        text=texts[0],
        default_graphs=default if chosen else None,
        named_graphs=named if chosen else None,
    )


def base_of(request: Request) -> str:
    """Give the IRI that relative ones in a request are resolved against: its URL without the query."""
    return str(request.url.replace(query="", fragment=""))


def _chosen(accept: str | None, media: Mapping[str, str]) -> tuple[str, str]:
    found = choose_media(accept, list(media))
    if found is None:
        raise _fail(
            HTTPStatus.NOT_ACCEPTABLE,
            "None of the accepted formats is offered: " + ", ".join(media) + ".",
        )
    return found, media[found]


def answer_response(
    answer: Solutions | bool | Triples,
    *,
    accept: str | None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write an answer in the format that ``Accept`` likes best; 406 if it likes none.

    Examples
    --------
    >>> answer_response(True, accept="application/sparql-results+xml").media_type
    'application/sparql-results+xml'
    """
    if isinstance(answer, bool):
        pairs = {m: f for m, f in RESULT_MEDIA.items() if f in ("json", "xml")}
        media, short = _chosen(accept, pairs)
        content = boolean_text(answer, short)
    elif isinstance(answer, Solutions):
        media, short = _chosen(accept, RESULT_MEDIA)
        content = answer.serialize(short)
    else:
        media, short = _chosen(accept, GRAPH_MEDIA)
        content = answer.serialize(short)
    # Starlette adds the charset to text types by itself.
    return Response(content, media_type=media, headers={"Vary": "Accept", **(headers or {})})
