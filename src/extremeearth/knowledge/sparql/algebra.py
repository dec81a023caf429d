"""The SPARQL algebra (section 18.2): what a pattern means, for a compiler to work on.

Expressions stay syntax nodes. The pattern of an EXISTS inside one is translated by `translate_pattern` when the
compiler comes to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.terms import Iri, Term, Variable

__all__ = [
    "Algebra",
    "Bgp",
    "Distinct",
    "Extend",
    "FilterOf",
    "GraphOf",
    "GroupBy",
    "Join",
    "LeftJoin",
    "MinusOf",
    "OrderBy",
    "PathMatch",
    "Project",
    "Reduced",
    "ServiceOf",
    "Slice",
    "Table",
    "UnionOf",
    "algebra_text",
]


@dataclass(frozen=True, slots=True)
class Bgp:
    """A basic graph pattern: triples without paths that are matched together."""

    triples: tuple[s.TriplePattern, ...]


@dataclass(frozen=True, slots=True)
class PathMatch:
    """A property path that is more than a sequence of predicates."""

    triple: s.TriplePattern


@dataclass(frozen=True, slots=True)
class Table:
    """Given rows; one row without variables is the unit of joins."""

    variables: tuple[Variable, ...]
    rows: tuple[tuple[Term | None, ...], ...]

    @property
    def is_unit(self) -> bool:
        """Whether joining with it changes nothing."""
        return not self.variables and len(self.rows) == 1


@dataclass(frozen=True, slots=True)
class Join:
    """Compatible solutions of both sides, merged."""

    left: Algebra
    right: Algebra


@dataclass(frozen=True, slots=True)
class LeftJoin:
    """Solutions of the left, with those of the right that are compatible and meet the condition, if any."""

    left: Algebra
    right: Algebra
    condition: s.Expression | None


@dataclass(frozen=True, slots=True)
class FilterOf:
    """Solutions that meet a condition."""

    condition: s.Expression
    pattern: Algebra


@dataclass(frozen=True, slots=True)
class UnionOf:
    """Solutions of every branch."""

    branches: tuple[Algebra, ...]


@dataclass(frozen=True, slots=True)
class GraphOf:
    """The pattern matched in a named graph."""

    name: Variable | Iri
    pattern: Algebra


@dataclass(frozen=True, slots=True)
class ServiceOf:
    """The pattern matched by another endpoint; `group` is the same as it was written, to be sent there."""

    name: Variable | Iri
    pattern: Algebra
    silent: bool
    group: s.GroupPattern


@dataclass(frozen=True, slots=True)
class Extend:
    """Every solution with one more variable."""

    pattern: Algebra
    variable: Variable
    expression: s.Expression


@dataclass(frozen=True, slots=True)
class MinusOf:
    """Solutions of the left that share a variable with no compatible solution of the right."""

    left: Algebra
    right: Algebra


@dataclass(frozen=True, slots=True)
class GroupBy:
    """One solution for each group: its keys, and aggregates, each under a variable."""

    pattern: Algebra
    keys: tuple[tuple[Variable, s.Expression], ...]
    aggregates: tuple[tuple[Variable, s.Aggregate | s.FunctionCall], ...]


@dataclass(frozen=True, slots=True)
class OrderBy:
    """Solutions in an order."""

    pattern: Algebra
    conditions: tuple[s.OrderCondition, ...]


@dataclass(frozen=True, slots=True)
class Project:
    """Solutions cut down to some variables, in their order."""

    pattern: Algebra
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True)
class Distinct:
    """Each solution once."""

    pattern: Algebra


@dataclass(frozen=True, slots=True)
class Reduced:
    """Each solution at least once."""

    pattern: Algebra


@dataclass(frozen=True, slots=True)
class Slice:
    """Solutions from `offset` on, at most `limit`."""

    pattern: Algebra
    offset: int
    limit: int | None


Algebra = (
    Bgp
    | PathMatch
    | Table
    | Join
    | LeftJoin
    | FilterOf
    | UnionOf
    | GraphOf
    | ServiceOf
    | Extend
    | MinusOf
    | GroupBy
    | OrderBy
    | Project
    | Distinct
    | Reduced
    | Slice
)


def algebra_text(node: Algebra) -> str:
    """Write algebra as an indented tree, one operator a line.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query, translate
    >>> print(algebra_text(translate(parse_query("SELECT ?a { ?a <urn:p> ?b FILTER(?b > 1) }"))))
    Project ?a
      FilterOf ?b > 1
        Bgp ?a <urn:p> ?b
    """
    return "\n".join(_lines(node, 0))


def _lines(node: Any, depth: int) -> list[str]:
    head: list[str] = []
    inner: list[str] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, s.GroupPattern):
            continue
        if isinstance(value, Algebra):
            inner += _lines(value, depth + 1)
        elif isinstance(node, UnionOf):
            for branch in node.branches:
                inner += _lines(branch, depth + 1)
        elif value is not None and value != () and value is not False:
            head.append(_short(value))
    return ["  " * depth + " ".join([type(node).__name__, *head]), *inner]


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_short(v) for v in value)
    text = " ".join(str(value).split())
    return text.removesuffix(" .") if isinstance(value, s.TriplePattern) else text
