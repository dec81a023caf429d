"""The statements of a triples map, one by one, and what the terms at their places can look like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import pyarrow as pa

from extremeearth.knowledge.mapping.rules import document as doc
from extremeearth.knowledge.mapping.rules.vocabulary import RML
from extremeearth.knowledge.rdf import RDF, TEXT, XSD, blank_terms, is_absolute_iri

__all__ = ["DEFAULT_GRAPH", "Gap", "Maker", "Shape", "Statement", "may_match", "statements_of"]

DEFAULT_GRAPH = f"<{RML.defaultGraph}>"
"""The graph map of statements that are in no named graph."""

_RDF_TYPE = doc.TermMap(
    expression=doc.Constant(f"<{RDF['type']}>", RDF["type"]), term_type=doc.TermType.IRI
)
_NO_SCHEME_CHARACTER = re.compile(r"[^A-Za-z0-9+.\-]")


@dataclass(frozen=True, slots=True)
class Statement:
    """One line per row: term maps of its four places, or a join for the object."""

    predicate: doc.TermMap
    object: doc.TermMap | doc.ReferencingMap
    graphs: tuple[doc.TermMap, ...]


def statements_of(triples_map: doc.TriplesMap) -> Iterator[Statement]:
    """List the statements of a triples map: its classes, and each predicate with each object.

    Examples
    --------
    >>> iri = doc.TermMap(expression=doc.Reference("id"), term_type=doc.TermType.IRI)
    >>> source = doc.LogicalSource(name="t")
    >>> said = doc.TriplesMap(
    ...     name="m", source=source, subject=iri, classes=(iri,), graphs=(), properties=()
    ... )
    >>> [statement.predicate.expression.value for statement in statements_of(said)]
    ['http://www.w3.org/1999/02/22-rdf-syntax-ns#type']
    """
    for class_ in triples_map.classes:
        yield Statement(_RDF_TYPE, class_, triples_map.graphs)
    for said in triples_map.properties:
        graphs = (*triples_map.graphs, *said.graphs)
        for predicate in said.predicates:
            for object_ in said.objects:
                yield Statement(predicate, object_, graphs)


class Gap(Enum):
    """What a value can put into a text: anything, or only what it was encoded to."""

    ANY = "any"
    IRI_PART = "percent-encoded"
    LABEL = "label of a blank node"

    def takes(self, character: str) -> bool:
        """Tell whether a value may have this character.

        Examples
        --------
        >>> Gap.ANY.takes("/"), Gap.IRI_PART.takes("/")
        (True, False)
        """
        if self is Gap.ANY:
            return True
        if self is Gap.LABEL:
            return character.isascii() and (character.isalnum() or character == "-")
        return not character.isascii() or character.isalnum() or character in "-._~%"


Pattern = tuple["str | Gap", ...]
_ANYTHING: Pattern = (Gap.ANY,)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a term can be: `kind` is IRI, blank or literal; the datatype and the language of a literal if known."""

    kind: str
    pattern: Pattern
    datatype: str | None = None
    language: str | None = None

    def may_equal(self, other: Shape) -> bool:
        """Tell whether a term of this shape may be one of another; in doubt it may.

        Examples
        --------
        >>> field = Shape("iri", ("urn:field:", Gap.IRI_PART))
        >>> field.may_equal(Shape("iri", ("urn:", Gap.IRI_PART, ":1")))
        True
        >>> field.may_equal(Shape("iri", ("urn:farm:", Gap.IRI_PART)))
        False
        """
        return (
            self.kind == other.kind
            and (self.datatype is None or other.datatype in {None, self.datatype})
            and (self.language is None or other.language in {None, self.language})
            and may_match(self.pattern, other.pattern)
        )


@lru_cache(maxsize=4096)
def may_match(one: Pattern, other: Pattern) -> bool:
    """Tell whether two patterns have a text in common.

    Examples
    --------
    >>> feature, geometry = ("road/", Gap.IRI_PART), ("road/", Gap.IRI_PART, "/geometry")
    >>> may_match(feature, geometry)
    False
    >>> may_match(("road/", Gap.ANY), geometry)
    True
    """
    first, second = one[:1], other[:1]
    if first and second and isinstance(first[0], str) and isinstance(second[0], str):
        length = min(len(first[0]), len(second[0]))
        if first[0][:length] != second[0][:length]:
            return False  # most are told apart by this
    left, right = _steps(one), _steps(other)
    ends = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if i == len(left) and j == len(right):
            return True
        for place in _next_places(left, right, i, j):
            if place not in ends:
                ends.add(place)
                todo.append(place)
    return False


def _steps(pattern: Pattern) -> list[str | Gap]:
    return [step for part in pattern for step in (part if isinstance(part, str) else (part,))]


def _next_places(
    left: list[str | Gap], right: list[str | Gap], i: int, j: int
) -> Iterator[tuple[int, int]]:
    """Give the places that two patterns can be at after one step; a gap ends, or takes a character of the other."""
    a = left[i] if i < len(left) else None
    b = right[j] if j < len(right) else None
    if isinstance(a, Gap):
        yield i + 1, j
        if isinstance(b, str) and a.takes(b):
            yield i, j + 1
    if isinstance(b, Gap):
        yield i, j + 1
        if isinstance(a, str) and b.takes(a):
            yield i + 1, j
    if isinstance(a, str) and a == b:
        yield i + 1, j + 1


@dataclass(frozen=True, slots=True)
class Maker:
    """What terms of one triples map look like; `label` is in the names of its blank nodes without an expression.

    Examples
    --------
    >>> iri = doc.TermMap(
    ...     expression=doc.Template(("f/", doc.Reference("id"))), term_type=doc.TermType.IRI
    ... )
    >>> Maker("http://example.org/", "0").shape(iri).pattern
    ('http://example.org/f/', <Gap.IRI_PART: 'percent-encoded'>)
    """

    base_iri: str
    label: str

    def shape(self, term_map: doc.TermMap) -> Shape:
        """Tell what the terms of a term map can be."""
        if term_map.term_type.is_iri:
            return Shape("iri", _joined(self._iri(term_map)))
        if term_map.term_type is doc.TermType.BLANK:
            return Shape("blank", _joined(self._blank(term_map.expression)))
        return _literal(term_map)

    def _iri(self, term_map: doc.TermMap) -> Pattern:
        expression = term_map.expression
        if isinstance(expression, doc.Constant):
            is_whole = is_absolute_iri(expression.value)
            return (expression.value,) if is_whole else (self.base_iri, expression.value)
        if not isinstance(expression, doc.Template):
            return _ANYTHING
        if term_map.term_type not in {doc.TermType.IRI, doc.TermType.URI}:
            return _ANYTHING
        pattern = _filled(expression, Gap.IRI_PART)
        begins = _begins_with_a_scheme(expression)
        if begins is None:
            return _ANYTHING
        return pattern if begins else (self.base_iri, *pattern)

    def _blank(self, expression: doc.Expression) -> Pattern:
        if isinstance(expression, doc.Nothing):
            return (f"_:r{self.label}x", Gap.LABEL)
        if isinstance(expression, doc.Constant):
            return (expression.term,)
        if isinstance(expression, doc.Template):
            parts = (p if isinstance(p, doc.Reference) else _label(p) for p in expression.parts)
            return ("_:b", *_filled(doc.Template(tuple(parts)), Gap.LABEL))
        return ("_:b", Gap.LABEL)


def _joined(pattern: Pattern) -> Pattern:
    """Put texts that stand together into one, and leave empty ones out."""
    joined: list[str | Gap] = []
    for part in pattern:
        if isinstance(part, str) and joined and isinstance(last := joined[-1], str):
            joined[-1] = last + part
        elif part:
            joined.append(part)
    return tuple(joined)


def _filled(template: doc.Template, gap: Gap) -> Pattern:
    return tuple(part if isinstance(part, str) else gap for part in template.parts)


def _label(text: str) -> str:
    return str(blank_terms(pa.array([text], TEXT))[0].as_py()).removeprefix("_:b")


def _begins_with_a_scheme(template: doc.Template) -> bool | None:
    """Tell whether what a template makes is absolute, whatever the values are; `None` if that is not sure."""
    texts = [part for part in template.parts if isinstance(part, str)]
    if not any(":" in text for text in texts):
        return False  # values have no colon once they are encoded
    first = template.parts[0]
    if not isinstance(first, str):
        return None
    ends = _NO_SCHEME_CHARACTER.search(first)
    if ends is None:
        return None
    if ends[0] != ":":
        return False
    return True if is_absolute_iri("".join(texts)) else None


def _literal(term_map: doc.TermMap) -> Shape:
    expression = term_map.expression
    pattern = _ANYTHING
    if isinstance(expression, doc.Constant):
        pattern = _joined((expression.value,))
    elif isinstance(expression, doc.Template):
        pattern = _joined(_filled(expression, Gap.ANY))
    if term_map.language is not None:
        tag = term_map.language.expression
        language = tag.value.casefold() if isinstance(tag, doc.Constant) else None
        return Shape("text in a language", pattern, language=language)
    if term_map.datatype is not None:
        given = term_map.datatype.expression
        return Shape("literal", pattern, given.value if isinstance(given, doc.Constant) else None)
    if isinstance(expression, doc.Constant):
        return _as_written(expression, pattern)
    # a column has the datatype of its values, and a function says which it gives
    return Shape("literal", pattern, XSD.string if isinstance(expression, doc.Template) else None)


def _as_written(constant: doc.Constant, pattern: Pattern) -> Shape:
    """Read the datatype or the language of a literal that stands in the mapping."""
    end = constant.term[constant.term.rindex('"') + 1 :]
    if end.startswith("@"):
        return Shape("text in a language", pattern, language=end[1:].casefold())
    return Shape("literal", pattern, end[3:-1] if end else XSD.string)
