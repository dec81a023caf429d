"""Which variables a pattern can bind, and the rules of the recommendation that rest on it (section 18.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from extremeearth.knowledge.sparql.syntax import (
    Aggregate,
    Arithmetic,
    Bind,
    BuiltIn,
    Comparison,
    Exists,
    Expression,
    FunctionCall,
    Graph,
    GroupPattern,
    InlineData,
    Logical,
    Membership,
    Negation,
    Optional,
    Pattern,
    SelectQuery,
    Service,
    SubSelect,
    TriplesBlock,
    Union,
)
from extremeearth.knowledge.sparql.terms import Variable

__all__ = [
    "aggregates_of", "check_select", "is_aggregate", "is_grouped", "operands", "variables_of", "visible",
]  # fmt: skip

SPATIAL_AGGREGATES = frozenset(
    f"http://www.opengis.net/def/function/geosparql/agg{name}"
    for name in ("BoundingBox", "BoundingCircle", "Centroid", "ConcaveHull", "ConvexHull", "Union")
)
"""IRIs of the aggregates of GeoSPARQL 1.1."""


def visible(pattern: Pattern) -> frozenset[Variable]:  # noqa: PLR0911 - one branch for each kind of node
    """Give the variables that are in scope after a pattern.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("SELECT * { ?s <urn:p> ?o MINUS { ?s <urn:q> ?z } }")
    >>> sorted(v.name for v in visible(query.where))
    ['o', 's']
    """
    if isinstance(pattern, TriplesBlock):
        return frozenset(
            node
            for triple in pattern.triples
            for node in (triple.subject, triple.predicate, triple.object)
            if isinstance(node, Variable)
        )
    if isinstance(pattern, GroupPattern):
        return _union(visible(element) for element in pattern.elements)
    if isinstance(pattern, Optional):
        return visible(pattern.pattern)
    if isinstance(pattern, Union):
        return _union(visible(branch) for branch in pattern.branches)
    if isinstance(pattern, Graph | Service):
        inner = visible(pattern.pattern)
        return inner | {pattern.name} if isinstance(pattern.name, Variable) else inner
    if isinstance(pattern, Bind):
        return frozenset({pattern.variable})
    if isinstance(pattern, InlineData):
        return frozenset(pattern.variables)
    if isinstance(pattern, SubSelect):
        return selected(pattern.query)
    return frozenset()  # FILTER and MINUS bind nothing


def selected(query: SelectQuery) -> frozenset[Variable]:
    """Give the variables that a SELECT lets out."""
    if query.projection is not None:
        return frozenset(item.variable for item in query.projection)
    after = visible(query.values) if query.values is not None else frozenset()
    return visible(query.where) | after


def _union(sets: Iterable[frozenset[Variable]]) -> frozenset[Variable]:
    return frozenset().union(*sets)


def operands(expression: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 - one branch for each kind of node
    """Give the expressions directly inside another; those of EXISTS patterns are not looked at."""
    if isinstance(expression, Logical):
        return expression.operands
    if isinstance(expression, Comparison):
        return (expression.left, expression.right)
    if isinstance(expression, Membership):
        return (expression.operand, *expression.items)
    if isinstance(expression, Arithmetic):
        return (expression.first, *(operand for _, operand in expression.rest))
    if isinstance(expression, Negation):
        return (expression.operand,)
    if isinstance(expression, BuiltIn | FunctionCall):
        return expression.arguments
    if isinstance(expression, Aggregate):
        return () if expression.operand is None else (expression.operand,)
    return ()


def _walk(expression: Expression, *, into: Callable[[Expression], bool]) -> Iterator[Expression]:
    yield expression
    if into(expression):
        for operand in operands(expression):
            yield from _walk(operand, into=into)


def is_aggregate(expression: Expression) -> bool:
    """Tell whether an expression is an aggregate: a built-in one, one of GeoSPARQL, or any call with DISTINCT.

    The grammar cannot tell a call of an aggregate from that of a function, so those of GeoSPARQL 1.1 (clause 8.9) are
    known by name.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql.terms import Iri, Variable
    >>> union = Iri("http://www.opengis.net/def/function/geosparql/aggUnion")
    >>> is_aggregate(FunctionCall(union, (Variable("w"),)))
    True
    """
    if isinstance(expression, FunctionCall):
        return expression.distinct or expression.function.value in SPATIAL_AGGREGATES
    return isinstance(expression, Aggregate)


def aggregates_of(expression: Expression) -> list[Expression]:
    """Give the aggregates in an expression, in order; none is inside another."""
    return [e for e in _walk(expression, into=lambda e: not is_aggregate(e)) if is_aggregate(e)]


def variables_of(expression: Expression, *, outside_aggregates: bool = False) -> set[Variable]:
    """Give the variables an expression reads, with those that its EXISTS patterns can share.

    Examples
    --------
    >>> from extremeearth.knowledge.sparql import parse_query
    >>> query = parse_query("SELECT (SUM(?a) + ?b AS ?c) { ?x <urn:p> ?a, ?b } GROUP BY ?b")
    >>> sorted(v.name for v in variables_of(query.projection[0].expression))
    ['a', 'b']
    """
    found: set[Variable] = set()
    for e in _walk(expression, into=lambda e: not (outside_aggregates and is_aggregate(e))):
        if isinstance(e, Variable):
            found.add(e)
        elif isinstance(e, Exists):
            found |= visible(e.pattern)
    return found


def is_grouped(query: SelectQuery) -> bool:
    """Tell whether a query has groups: by GROUP BY, or by an aggregate anywhere."""
    modifier = query.modifier
    expressions = [
        item.expression for item in query.projection or () if item.expression is not None
    ]
    expressions += [*modifier.having, *(condition.expression for condition in modifier.order_by)]
    return bool(modifier.group_by or modifier.having or any(aggregates_of(e) for e in expressions))


def check_select(query: SelectQuery, refuse: Callable[[str], None]) -> None:  # noqa: PLR0912 - one branch for each rule
    """Check the rules on SELECT expressions and groups (notes 12 and 13 of the grammar, section 18.2.4).

    Parameters
    ----------
    query
        The query as read.
    refuse
        Called with the reason when a rule is broken; raises.
    """
    grouped = is_grouped(query)
    if query.projection is None:
        if grouped:
            refuse("SELECT * cannot be used with groups.")
        return
    in_scope = visible(query.where)
    keys: set[Variable] = set()
    for condition in query.modifier.group_by:
        if condition.variable is not None:
            if condition.variable in in_scope or condition.variable in keys:
                refuse(f"GROUP BY gives a value to {condition.variable}, which is already used.")
            keys.add(condition.variable)
        elif isinstance(condition.expression, Variable):
            keys.add(condition.expression)
    seen: set[Variable] = set()
    for item in query.projection:
        if item.expression is None:
            if grouped and item.variable not in keys:
                refuse(f"{item.variable} is neither grouped by nor aggregated.")
        else:
            if item.variable in in_scope or item.variable in seen or item.variable in keys:
                refuse(f"SELECT gives a value to {item.variable}, which is already used.")
            if grouped:
                loose = variables_of(item.expression, outside_aggregates=True) - keys - seen
                loose = {v for v in loose if v in in_scope}
                if loose and not _only_exists(item.expression, loose):
                    name = min(v.name for v in loose)
                    refuse(f"?{name} is neither grouped by nor aggregated.")
        seen.add(item.variable)


def _only_exists(expression: Expression, loose: set[Variable]) -> bool:
    """Variables that occur only in the pattern of an EXISTS may be free there."""
    direct = {
        e
        for e in _walk(expression, into=lambda e: not isinstance(e, Aggregate))
        if isinstance(e, Variable)
    }
    return not direct & loose
