"""Resolution of relative IRIs by RFC 3986, for any scheme."""

from __future__ import annotations

import re

__all__ = ["is_absolute", "resolve"]

# RFC 3986, appendix B.
_PARTS = re.compile(
    r"^(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$", re.DOTALL
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def is_absolute(iri: str) -> bool:
    """Tell whether an IRI starts with a scheme.

    Examples
    --------
    >>> is_absolute("urn:a"), is_absolute("a/b")
    (True, False)
    """
    return _SCHEME.match(iri) is not None


def _without_dots(path: str) -> str:
    """RFC 3986, section 5.2.4."""
    if "." not in path:
        return path
    output: list[str] = []
    segments = path.split("/")
    rooted = path.startswith("/")
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment == "..":
            if len(output) > (1 if rooted else 0):
                output.pop()
            if last:
                output.append("")
        elif segment == ".":
            if last:
                output.append("")
        else:
            output.append(segment)
    return "/".join(output)


def resolve(iri: str, base: str) -> str:
    """Resolve `iri` against `base` (RFC 3986, section 5.2.2).

    Examples
    --------
    >>> resolve("../c#x", "http://example.org/a/b/d?q")
    'http://example.org/a/c#x'
    >>> resolve("", "http://example.org/a#b")
    'http://example.org/a'
    """
    scheme, authority, path, query, fragment = _PARTS.match(iri).groups()  # type: ignore[union-attr]  # matches any text
    if scheme is not None and is_absolute(iri):
        path = _without_dots(path) if authority is not None else path
    else:
        b_scheme, b_authority, b_path, b_query, _ = _PARTS.match(base).groups()  # type: ignore[union-attr]  # matches any text
        scheme = b_scheme
        if authority is None:
            authority = b_authority
            if not path:
                path = b_path
                query = b_query if query is None else query
            elif path.startswith("/"):
                path = _without_dots(path)
            elif b_authority is not None and not b_path:
                path = _without_dots("/" + path)
            else:
                path = _without_dots(b_path[: b_path.rfind("/") + 1] + path)
        else:
            path = _without_dots(path)
    return (
        ("" if scheme is None else scheme + ":")
        + ("" if authority is None else "//" + authority)
        + path
        + ("" if query is None else "?" + query)
        + ("" if fragment is None else "#" + fragment)
    )
