"""Between our terms and those of pyoxigraph, which reads what endpoints answer."""

from __future__ import annotations

from typing import Any

import pyoxigraph as ox

from extremeearth.core.errors import InputError
from extremeearth.knowledge.sparql.terms import XSD_STRING, BlankNode, Iri, Literal, Term

__all__ = ["from_oxigraph", "to_oxigraph"]


def from_oxigraph(term: Any) -> Term:
    """Turn a pyoxigraph term into ours.

    Raises
    ------
    InputError
        It is a triple term of RDF 1.2, which SPARQL 1.1 does not know.

    Examples
    --------
    >>> str(from_oxigraph(ox.Literal("x", language="en")))
    '"x"@en'
    """
    if isinstance(term, ox.NamedNode):
        return Iri(term.value)
    if isinstance(term, ox.Literal):
        if term.language is not None:
            return Literal(term.value, language=term.language)
        datatype = term.datatype.value
        return Literal(term.value, XSD_STRING if datatype == XSD_STRING.value else Iri(datatype))
    if isinstance(term, ox.BlankNode):
        return BlankNode(term.value)
    raise InputError("A triple as a term is not supported.", hint="Use RDF 1.1 data.")


def to_oxigraph(term: Term) -> Any:
    """Turn one of our terms into pyoxigraph's.

    Raises
    ------
    InputError
        The IRI, language or blank node label is not well-formed.

    Examples
    --------
    >>> to_oxigraph(Iri("urn:a"))
    <NamedNode value=urn:a>
    """
    try:
        if isinstance(term, Iri):
            return ox.NamedNode(term.value)
        if isinstance(term, BlankNode):
            return ox.BlankNode(term.label)
        if term.language is not None:
            return ox.Literal(term.lexical, language=term.language)
        return ox.Literal(term.lexical, datatype=ox.NamedNode(term.datatype.value))
    except ValueError as err:
        raise InputError(
            f"{term} is not a well-formed term: {err}.", hint="Check its spelling."
        ) from err
