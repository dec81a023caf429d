"""RDF terms and variables as immutable values, shared by syntax, algebra, store and federation."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = [
    "RDF_LANG_STRING",
    "XSD",
    "XSD_STRING",
    "BlankNode",
    "Iri",
    "Literal",
    "Term",
    "Variable",
]

XSD = "http://www.w3.org/2001/XMLSchema#"
"""Namespace of the XML Schema datatypes."""

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_NEEDS_ESCAPE = re.compile(r'[\\"\n\r\t\x08\f]')


@dataclass(frozen=True, slots=True)
class Iri:
    """An absolute IRI.

    Examples
    --------
    >>> print(Iri("http://example.org/a"))
    <http://example.org/a>
    """

    value: str

    def __str__(self) -> str:
        return f"<{self.value}>"


@dataclass(frozen=True, slots=True)
class BlankNode:
    """A blank node; the label means something only inside its document, store or result.

    Examples
    --------
    >>> print(BlankNode("b0"))
    _:b0
    """

    label: str

    def __str__(self) -> str:
        return f"_:{self.label}"


XSD_STRING = Iri(XSD + "string")
"""Datatype of a plain literal (RDF 1.1)."""
RDF_LANG_STRING = Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#langString")
"""Datatype of a literal with a language."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal by its lexical form; two literals are equal when they are the same term, not the same value.

    Examples
    --------
    >>> print(Literal("5", Iri(XSD + "integer")))
    "5"^^<http://www.w3.org/2001/XMLSchema#integer>
    >>> print(Literal("Ernte", language="de"))
    "Ernte"@de
    """

    lexical: str
    datatype: Iri = XSD_STRING
    language: str | None = None

    def __post_init__(self) -> None:
        if self.language is not None and self.datatype is not RDF_LANG_STRING:
            object.__setattr__(self, "datatype", RDF_LANG_STRING)

    def __str__(self) -> str:
        quoted = f'"{_NEEDS_ESCAPE.sub(lambda m: _ESCAPES[m.group()], self.lexical)}"'
        if self.language is not None:
            return f"{quoted}@{self.language}"
        if self.datatype.value == XSD_STRING.value:
            return quoted
        return f"{quoted}^^{self.datatype}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A query variable, named without its question mark.

    Examples
    --------
    >>> print(Variable("field"))
    ?field
    """

    name: str

    def __str__(self) -> str:
        return f"?{self.name}"


Term = Iri | BlankNode | Literal
"""What a row of a result holds."""
