"""Which answers may be kept by caches: those of one version of the store, of queries that always say the same."""

from __future__ import annotations

import re
import secrets

from fastapi import Request

from extremeearth.knowledge.store.contract import GraphStore

__all__ = ["fresh", "is_repeatable", "version_headers"]

_CHANGING = re.compile(r"\b(now|rand|uuid|struuid|bnode|service)\b", re.IGNORECASE)
_PROCESS = secrets.token_hex(4)
"""Stores in memory count from zero again in another process."""


def is_repeatable(text: str) -> bool:
    """Tell whether a query gives the same answer each time, for all that its words show.

    Examples
    --------
    >>> is_repeatable("ASK { ?a ?b ?c }"), is_repeatable("SELECT (NOW() AS ?n) {}")
    (True, False)
    """
    return _CHANGING.search(text) is None


def version_headers(
    graph: GraphStore, version: int | None, *, private: bool = False
) -> dict[str, str]:
    """Give the headers that say which version of the store an answer is of.

    The tag is weak (RFC 9110, section 8.8.1): answers in different formats share it.

    Examples
    --------
    >>> from extremeearth.knowledge.store import open_graph
    >>> sorted(version_headers(open_graph(), 3))
    ['Cache-Control', 'ETag', 'X-Graph-Version']
    """
    if version is None:
        return {}
    return {
        "ETag": f'W/"{_PROCESS}-{id(graph):x}-{version}"',
        "Cache-Control": "private, no-cache" if private else "no-cache",
        "X-Graph-Version": str(version),
    }


def fresh(request: Request, headers: dict[str, str]) -> bool:
    """Tell whether what the client has is still right (``If-None-Match``)."""
    tag = headers.get("ETag")
    known = request.headers.get("if-none-match", "")
    if tag is None or not known:
        return False
    given = [part.strip().removeprefix("W/") for part in known.split(",")]
    return "*" in given or tag.removeprefix("W/") in given
