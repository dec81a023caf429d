"""Reading term maps: what makes a term, and whether such a term may stand where it stands."""

from __future__ import annotations

from typing import Any, Protocol

import pyarrow as pa
import pyoxigraph as ox

from extremeearth.core.errors import InputError, MappingError
from extremeearth.knowledge.mapping.rules import vocabulary as words
from extremeearth.knowledge.mapping.rules.document import (
    Call,
    Constant,
    Expression,
    Nothing,
    Reference,
    Template,
    TermMap,
    TermType,
)
from extremeearth.knowledge.mapping.rules.geotriples import RRX, transformation_of
from extremeearth.knowledge.mapping.rules.templates import parse_template
from extremeearth.knowledge.mapping.rules.vocabulary import RML
from extremeearth.knowledge.rdf import language_terms

__all__ = ["TermMapReader", "constant_of"]

_EXPRESSIONS = ("constant", "reference", "template", "functionExecution")
_LONGEST_LANGUAGE = 3
_FUNCTION_PROPERTIES = tuple(RML[name] for name in ("function", "functionMap", "input"))
_INPUT_PROPERTIES = tuple(
    RML[name] for name in ("parameter", "parameterMap", "inputValue", "inputValueMap")
)


class Lookup(Protocol):
    """What is needed of the document; see :class:`~extremeearth.knowledge.mapping.rules.reader.Document`."""

    def all(self, node: Any, name: str) -> list[Any]:
        """Give every value of an RML property."""

    def one(self, node: Any, name: str) -> Any:
        """Give the only value of an RML property, or `None`."""

    def text(self, node: Any, name: str) -> str | None:
        """Give the only value of an RML property as text, or `None`."""

    def other(self, node: Any, iri: str) -> list[Any]:
        """Give every value of a property of any vocabulary."""

    def allow(self, node: Any, allowed: Any) -> None:
        """Refuse properties of RML that mean nothing here."""


def constant_of(value: Any) -> TermMap:
    """Make a term map that gives the same term in every row.

    Examples
    --------
    >>> constant_of(ox.NamedNode("urn:a")).expression
    Constant(term='<urn:a>', value='urn:a')
    """
    if isinstance(value, ox.NamedNode):
        kind = TermType.IRI
    elif isinstance(value, ox.BlankNode):
        kind = TermType.BLANK
    else:
        kind = TermType.LITERAL
    return TermMap(expression=Constant(str(value), value.value), term_type=kind)


class TermMapReader:
    """Reads the term maps of one document."""

    def __init__(self, document: Lookup) -> None:
        self._document = document

    def subject(self, node: Any) -> TermMap:
        """Read a subject map."""
        return self._term_map(node, default=TermType.IRI)

    def resource(self, node: Any) -> TermMap:
        """Read a predicate map or a graph map."""
        return self._term_map(node, default=TermType.IRI)

    def object(self, node: Any) -> TermMap:
        """Read an object map: a literal where it has a column, a function, a language or a datatype."""
        said = self._document
        literal = any(
            said.all(node, name)
            for name in ("reference", "functionExecution", "language", "languageMap", "datatype", "datatypeMap")
        )  # fmt: skip
        literal |= any(said.other(node, RRX[name]) for name in ("transformation", "function"))
        return self._term_map(node, default=TermType.LITERAL if literal else TermType.IRI)

    def graphs(self, node: Any) -> tuple[TermMap, ...]:
        """Read the graph maps of a subject map or a predicate-object map."""
        maps = [constant_of(g) for g in self._document.all(node, "graph")]
        maps += [self.resource(g) for g in self._document.all(node, "graphMap")]
        for graph in maps:
            self.check_position(graph, position="graph", node=node)
        return tuple(maps)

    def join_side(self, condition: Any, side: str) -> Expression:
        """Read the child's or the parent's side of a join condition."""
        short = self._document.text(condition, side)
        node = self._document.one(condition, f"{side}Map")
        if (short is None) == (node is None):
            raise MappingError(
                f"A join condition needs either rml:{side} or rml:{side}Map.", hint="Give one."
            )
        return self._expression(node) if short is None else Reference(short)

    def check_position(self, term_map: TermMap, *, position: str, node: Any) -> None:
        """Refuse a kind of term that RDF does not allow there."""
        allowed = term_map.term_type.is_iri or (
            position == "subject" and term_map.term_type is TermType.BLANK
        )
        if not allowed:
            raise MappingError(
                f"The {position} of {node} is a {term_map.term_type.value}, which RDF does not allow there.",
                hint="Make it an IRI.",
            )

    def _term_map(self, node: Any, *, default: TermType) -> TermMap:
        self._document.allow(node, words.TERM_MAP_PROPERTIES)
        expression = self._expression(node)
        kind = self._term_type(node, expression, default=default)
        if isinstance(expression, Nothing) and kind is not TermType.BLANK:
            raise MappingError(
                f"The term map {node} has no expression.",
                hint="Give it an rml:reference, rml:template, rml:constant or rml:functionExecution.",
            )
        datatype = self._annotation(node, "datatype", default=TermType.IRI)
        language = self._annotation(node, "language", default=TermType.LITERAL)
        if datatype is not None and language is not None:
            raise MappingError(
                f"The term map {node} has a datatype and a language.", hint="Keep one."
            )
        if (datatype or language) and kind is not TermType.LITERAL:
            raise MappingError(
                f"The term map {node} makes no literal, so it has no datatype or language.",
                hint="Take it out, or set rml:termType to rml:Literal.",
            )
        if language is not None and isinstance(language.expression, Constant):
            try:
                language_terms(pa.array([""]), language=language.expression.value)
            except InputError as err:
                raise MappingError(err.message, hint=err.hint) from err
            # BCP 47 has room for languages of 5 to 8 letters, but none was ever registered
            if len(language.expression.value.partition("-")[0]) > _LONGEST_LANGUAGE:
                raise MappingError(
                    f"'{language.expression.value}' names no language.",
                    hint="Write its code of 2 or 3 letters, e.g. en or de-AT.",
                )
        return TermMap(expression=expression, term_type=kind, datatype=datatype, language=language)

    def _annotation(self, node: Any, name: str, *, default: TermType) -> TermMap | None:
        short = self._document.one(node, name)
        long = self._document.one(node, f"{name}Map")
        if short is not None and long is not None:
            raise MappingError(f"{node} has both rml:{name} and rml:{name}Map.", hint="Keep one.")
        if short is not None:
            return constant_of(short)
        return None if long is None else self._term_map(long, default=default)

    def _term_type(self, node: Any, expression: Expression, *, default: TermType) -> TermType:
        given = self._document.one(node, "termType")
        if isinstance(expression, Constant):
            natural = {"<": TermType.IRI, "_": TermType.BLANK}.get(
                expression.term[0], TermType.LITERAL
            )
            if given is None:
                return natural
            wanted = self._known_type(given)
            if wanted is not natural and not (wanted.is_iri and natural.is_iri):
                raise MappingError(
                    f"The constant {expression.term} is a {natural.value}, not a {wanted.value}.",
                    hint="Take the rml:termType out.",
                )
            return wanted
        return default if given is None else self._known_type(given)

    @staticmethod
    def _known_type(given: Any) -> TermType:
        try:
            return TermType(given.value.removeprefix(RML))
        except ValueError as err:
            raise MappingError(
                f"{given} is not a term type.", hint="Use rml:IRI, rml:BlankNode or rml:Literal."
            ) from err

    def _expression(self, node: Any) -> Expression:
        transformation = transformation_of(self._document, node, self._expression)
        if transformation is not None:
            return transformation
        given = [name for name in _EXPRESSIONS if self._document.all(node, name)]
        if len(given) > 1:
            raise MappingError(
                f"{node} has both rml:{given[0]} and rml:{given[1]}.", hint="Keep one."
            )
        if not given:
            return Nothing()
        if given[0] == "constant":
            return constant_of(self._document.one(node, "constant")).expression
        if given[0] == "functionExecution":
            return self._call(self._document.one(node, "functionExecution"))
        text = self._document.text(node, given[0]) or ""
        if given[0] == "reference":
            return Reference(text)
        template = parse_template(text)
        return template if template.parts else Template(("",))

    def _call(self, node: Any) -> Call:
        self._document.allow(node, _FUNCTION_PROPERTIES)
        function = self._named(node, "function")
        arguments = []
        for value in self._document.all(node, "input"):
            self._document.allow(value, _INPUT_PROPERTIES)
            parameter = self._named(value, "parameter")
            constant = self._document.one(value, "inputValue")
            inner = self._document.one(value, "inputValueMap")
            if (constant is None) == (inner is None):
                raise MappingError(
                    f"The input {parameter} of {function} needs one value.",
                    hint="Give it either rml:inputValue or rml:inputValueMap.",
                )
            expression = (
                constant_of(constant).expression if inner is None else self._expression(inner)
            )
            arguments.append((parameter, expression))
        return Call(function, tuple(arguments))

    def _named(self, node: Any, name: str) -> str:
        """Read `rml:function` or `rml:parameter`, also where a map wraps it as a constant."""
        value = self._document.one(node, name)
        if value is None and (wrapped := self._document.one(node, f"{name}Map")) is not None:
            value = self._document.one(wrapped, "constant")
        if not isinstance(value, ox.NamedNode):
            raise MappingError(
                f"{node} names no {name}.", hint=f"Give it an rml:{name} with an IRI."
            )
        return value.value
