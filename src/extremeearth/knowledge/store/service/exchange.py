"""Requests of the SPARQL 1.1 Protocol, read strictly, with the options of this store beside the standard's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from fastapi import Request
from starlette.exceptions import HTTPException

from extremeearth.core.bodies import read_body
from extremeearth.core.errors import InputError
from extremeearth.core.times import as_instant
from extremeearth.knowledge.store.service.answers import answer_response

__all__ = [
    "Options",
    "ProtocolRequest",
    "answer_response",
    "base_of",
    "read_options",
    "read_protocol_request",
]

QUERY_MEDIA, UPDATE_MEDIA = "application/sparql-query", "application/sparql-update"
FORM_MEDIA = "application/x-www-form-urlencoded"
MOST_FIELDS = 1_000
IN_PATHS = "/:@!$&'()*+,;=%"
"""Characters of a path that stay as they are, escapes that were sent among them."""

_GRAPH_FIELDS = {
    "query": ("default-graph-uri", "named-graph-uri"),
    "update": ("using-graph-uri", "using-named-graph-uri"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a request may say beside the standard's parameters.

    Attributes
    ----------
    timeout_s
        ``timeout``: seconds after which the query is stopped; that of the settings is the longest.
    version, as_of
        ``version`` and ``as_of``: the state of the store that is asked.
    format
        ``format``: short name or media type of the answer, in place of the header ``Accept``.
    geometry
        ``geometry``: variable that features of GeoJSON take their geometry from.
    """

    timeout_s: float | None = None
    version: int | None = None
    as_of: datetime | None = None
    format: str | None = None
    geometry: str | None = None

    def timeout_within(self, longest_s: float) -> float:
        """Give the time in force, in seconds.

        Examples
        --------
        >>> Options(timeout_s=5.0).timeout_within(60.0), Options().timeout_within(60.0)
        (5.0, 60.0)
        """
        return longest_s if self.timeout_s is None else min(self.timeout_s, longest_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolRequest:
    """One operation: its text, and the graphs that the request names in place of the text's own.

    Attributes
    ----------
    operation
        ``query``, ``update``, or ``""`` where a GET has neither: the service description is asked for.
    options
        What the request says beside that.
    """

    operation: str
    text: str
    default_graphs: tuple[str, ...] | None
    named_graphs: tuple[str, ...] | None
    options: Options = Options()


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
            return ProtocolRequest(
                operation="",
                text="",
                default_graphs=None,
                named_graphs=None,
                options=read_options(fields),
            )
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
        options=read_options(fields),
    )


def read_options(fields: Sequence[tuple[str, str]]) -> Options:
    """Read what a request says beside the standard's parameters.

    Raises
    ------
    InputError
        A value cannot be right, or is given twice.

    Examples
    --------
    >>> read_options([("query", "ASK {}"), ("version", "3")]).version
    3
    """
    given: dict[str, str] = {}
    for name, value in fields:
        if name in ("timeout", "version", "as_of", "format", "geometry"):
            if name in given:
                raise InputError(f"'{name}' is given twice.", hint="Give it once.")
            given[name] = value
    if "version" in given and "as_of" in given:
        raise InputError("Both 'version' and 'as_of' are given.", hint="Give one of them.")
    timeout_s = _number(given.get("timeout"), "timeout")
    version = given.get("version")
    if version is not None and not (version.isascii() and version.isdigit()):
        raise InputError(f"'{version}' is no version.", hint="Give a whole number, e.g. 12.")
    as_of = given.get("as_of")
    return Options(
        timeout_s=timeout_s,
        version=None if version is None else int(version[:18]),
        as_of=None if as_of is None else as_instant(as_of.replace(" ", "+")),
        format=given.get("format") or None,
        geometry=(given.get("geometry") or "").removeprefix("?") or None,
    )


def _number(text: str | None, name: str) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"'{text}' is no {name}.", hint="Give seconds above zero, e.g. 10.")
    return value


def base_of(request: Request) -> str:
    """Give the IRI that relative ones in a request are resolved against: its URL as it was sent, without the query."""
    sent: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return str(request.url.replace(path=quote(sent, safe=IN_PATHS), query="", fragment=""))
