"""Term maps in the words of people: templates and references as they were written, IRIs by their last part."""

from __future__ import annotations

import re

from extremeearth.knowledge.mapping.rules import document as doc

__all__ = ["local_name", "shown", "shown_map"]

_LAST = re.compile(r"[^/#:]+$")


def local_name(iri: str) -> str:
    """Give the last part of an IRI.

    Examples
    --------
    >>> local_name("http://www.opengis.net/ont/geosparql#asWKT")
    'asWKT'
    """
    found = _LAST.search(iri.strip("<>"))
    return found[0] if found else iri


def shown(expression: doc.Expression) -> str:
    """Write an expression: ``{column}``, a template, a constant, ``function(arguments)``.

    Examples
    --------
    >>> shown(doc.Template(("field/", doc.Reference("id"))))
    'field/{id}'
    """
    if isinstance(expression, doc.Reference):
        return f"{{{expression.name}}}"
    if isinstance(expression, doc.Template):
        return "".join(p if isinstance(p, str) else f"{{{p.name}}}" for p in expression.parts)
    if isinstance(expression, doc.Constant):
        return expression.value
    if isinstance(expression, doc.Call):
        given = ", ".join(shown(argument) for _, argument in expression.arguments)
        return f"{local_name(expression.function)}({given})"
    return "a new blank node"


def shown_map(term_map: doc.TermMap) -> str:
    """Write a term map without its datatype and language.

    Examples
    --------
    >>> shown_map(doc.TermMap(expression=doc.Nothing(), term_type=doc.TermType.BLANK))
    'a new blank node'
    """
    return shown(term_map.expression)
