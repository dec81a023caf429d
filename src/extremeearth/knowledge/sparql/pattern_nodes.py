"""Syntax nodes of graph patterns; import them from `syntax`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extremeearth.knowledge.sparql.expression_nodes import Expression, Path, SyntaxNode
from extremeearth.knowledge.sparql.terms import Iri, Literal, Term, Variable

if TYPE_CHECKING:
    from extremeearth.knowledge.sparql.syntax import SelectQuery

__all__ = [
    "Bind",
    "Filter",
    "Graph",
    "GroupPattern",
    "InlineData",
    "Minus",
    "Node",
    "Optional",
    "Pattern",
    "Service",
    "SubSelect",
    "TriplePattern",
    "TriplesBlock",
    "Union",
]


Node = Variable | Term
"""What may stand as subject or object."""


@dataclass(frozen=True, slots=True)
class TriplePattern(SyntaxNode):
    """Subject, predicate (a variable, an IRI or a path) and object."""

    subject: Node
    predicate: Variable | Path
    object: Node


@dataclass(frozen=True, slots=True)
class TriplesBlock(SyntaxNode):
    """Triple patterns written next to each other."""

    triples: tuple[TriplePattern, ...]


@dataclass(frozen=True, slots=True)
class GroupPattern(SyntaxNode):
    """``{ ... }``: its elements in the order they are written."""

    elements: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Optional(SyntaxNode):
    """``OPTIONAL { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Union(SyntaxNode):
    """``{ ... } UNION { ... }``."""

    branches: tuple[GroupPattern, ...]


@dataclass(frozen=True, slots=True)
class Graph(SyntaxNode):
    """``GRAPH name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Service(SyntaxNode):
    """``SERVICE name { ... }``."""

    name: Variable | Iri
    pattern: GroupPattern
    silent: bool


@dataclass(frozen=True, slots=True)
class Minus(SyntaxNode):
    """``MINUS { ... }``."""

    pattern: GroupPattern


@dataclass(frozen=True, slots=True)
class Filter(SyntaxNode):
    """``FILTER (...)``, over the whole group it stands in."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class Bind(SyntaxNode):
    """``BIND (... AS ?v)``."""

    expression: Expression
    variable: Variable


@dataclass(frozen=True, slots=True)
class InlineData(SyntaxNode):
    """``VALUES``: rows of terms, `None` for UNDEF."""

    variables: tuple[Variable, ...]
    rows: tuple[tuple[Iri | Literal | None, ...], ...]


@dataclass(frozen=True, slots=True)
class SubSelect(SyntaxNode):
    """A SELECT inside braces."""

    query: SelectQuery


Pattern = (
    TriplesBlock
    | GroupPattern
    | Optional
    | Union
    | Graph
    | Service
    | Minus
    | Filter
    | Bind
    | InlineData
    | SubSelect
)
