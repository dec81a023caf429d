"""Walks over syntax nodes: every pattern of a query or update, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from extremeearth.knowledge.sparql import syntax as s
from extremeearth.knowledge.sparql.scope import operands
from extremeearth.knowledge.sparql.terms import Iri, Variable

__all__ = [
    "count_triple_patterns", "exists_in", "functions_of", "mentioned", "patterns_of", "services_of",
]  # fmt: skip


def exists_in(expression: s.Expression) -> Iterator[s.Exists]:
    """Give every EXISTS inside an expression, outermost only."""
    if isinstance(expression, s.Exists):
        yield expression
    for inner in operands(expression):
        yield from exists_in(inner)


def _own_expressions(pattern: s.Pattern) -> tuple[s.Expression, ...]:
    if isinstance(pattern, s.Filter | s.Bind):
        return (pattern.expression,)
    return ()


def _expressions_of_query(query: s.Query) -> Iterator[s.Expression]:
    if isinstance(query, s.SelectQuery):
        for item in query.projection or ():
            if item.expression is not None:
                yield item.expression
    yield from (condition.expression for condition in query.modifier.group_by)
    yield from query.modifier.having
    yield from (condition.expression for condition in query.modifier.order_by)


def _in_pattern(pattern: s.Pattern) -> Iterator[s.Pattern]:
    yield pattern
    if isinstance(pattern, s.GroupPattern):
        inner: tuple[s.Pattern, ...] = pattern.elements
    elif isinstance(pattern, s.Optional | s.Minus | s.Graph | s.Service):
        inner = (pattern.pattern,)
    elif isinstance(pattern, s.Union):
        inner = pattern.branches
    elif isinstance(pattern, s.SubSelect):
        yield from patterns_of(pattern.query)
        return
    else:
        inner = ()
        for expression in _own_expressions(pattern):
            for exists in exists_in(expression):
                yield from _in_pattern(exists.pattern)
    for element in inner:
        yield from _in_pattern(element)


def patterns_of(node: s.Query | s.Update | s.Pattern) -> Iterator[s.Pattern]:
    """Give every pattern of a query, an update or a pattern, also those inside EXISTS and sub-queries.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("ASK { FILTER NOT EXISTS { ?a ?b ?c } }")
    >>> [type(p).__name__ for p in patterns_of(query)]
    ['GroupPattern', 'Filter', 'GroupPattern', 'TriplesBlock']
    """
    if isinstance(node, s.Update):
        for operation in node.operations:
            if isinstance(operation, s.Modify):
                yield from _in_pattern(operation.where)
    elif isinstance(node, s.SelectQuery | s.ConstructQuery | s.DescribeQuery | s.AskQuery):
        if node.where is not None:
            yield from _in_pattern(node.where)
        for expression in _expressions_of_query(node):
            for exists in exists_in(expression):
                yield from _in_pattern(exists.pattern)
    else:
        yield from _in_pattern(node)


def services_of(node: s.Query | s.Update) -> list[s.Service]:
    """Give every SERVICE of a query or update."""
    return [p for p in patterns_of(node) if isinstance(p, s.Service)]


def _steps(path: object) -> int:
    if isinstance(path, s.PathSequence | s.PathAlternative):
        return sum(map(_steps, path.parts))
    if isinstance(path, s.PathInverse | s.PathRepeat):
        return _steps(path.path)
    return 1


def count_triple_patterns(node: s.Query | s.Update) -> int:
    """Count the triple patterns to be matched; each step of a path counts.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> count_triple_patterns(parse_query("ASK { ?a <urn:p>/<urn:q> ?c ; ?p ?o }"))
    3
    """
    total = 0
    for pattern in patterns_of(node):
        if isinstance(pattern, s.TriplesBlock):
            total += sum(_steps(triple.predicate) for triple in pattern.triples)
    return total


def functions_of(expression: s.Expression) -> set[Iri]:
    """Give the IRIs of the functions that an expression calls."""
    found = {expression.function} if isinstance(expression, s.FunctionCall) else set()
    for inner in operands(expression):
        found |= functions_of(inner)
    return found


def mentioned(node: object) -> Iterator[Variable]:
    """Give every variable of syntax as it is written, from left to right, each time it is.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> [v.name for v in mentioned(parse_query("ASK { ?b ?p ?a FILTER(?a > 1) }").where)]
    ['b', 'p', 'a', 'a']
    """
    if isinstance(node, Variable):
        yield node
    elif isinstance(node, tuple):
        for part in node:
            yield from mentioned(part)
    elif is_dataclass(node):
        for field in fields(node):
            yield from mentioned(getattr(node, field.name))
